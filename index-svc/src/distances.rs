//! The distribution of distances between random pairs of tracks, which turns a distance into a
//! number people can read: the share of random pairs that are farther apart.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::vectors::{ScaledVectors, squared_distance};

/// Pairs that are drawn.
const PAIRS: usize = 100_000;
/// Quantiles that are kept: 0, 0.001, …, 1.
const QUANTILES: usize = 1001;

/// Evenly spaced quantiles of the distance between random pairs of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct PairDistances {
    quantiles: Vec<f64>,
}

impl PairDistances {
    /// Draws pairs of different rows, seeded. An index of fewer than two rows has none.
    #[must_use]
    pub fn sample(vectors: &ScaledVectors, seed: u64) -> Self {
        let rows = vectors.rows() as u32;
        if rows < 2 {
            return Self { quantiles: Vec::new() };
        }
        let mut rng = StdRng::seed_from_u64(seed);
        let mut distances: Vec<f64> = (0..PAIRS)
            .map(|_| {
                let first = rng.random_range(0..rows);
                let step = rng.random_range(1..rows);
                let second = ((u64::from(first) + u64::from(step)) % u64::from(rows)) as u32;
                f64::from(squared_distance(vectors.row(first), vectors.row(second))).sqrt()
            })
            .collect();
        distances.sort_unstable_by(f64::total_cmp);
        let last = distances.len() - 1;
        let quantiles = (0..QUANTILES).map(|i| distances[i * last / (QUANTILES - 1)]).collect();
        Self { quantiles }
    }

    /// The distribution of stored quantiles; `None` unless they ascend and are finite.
    #[must_use]
    pub fn from_quantiles(quantiles: Vec<f64>) -> Option<Self> {
        let sound = quantiles.is_sorted() && quantiles.iter().all(|value| value.is_finite());
        sound.then_some(Self { quantiles })
    }

    /// The quantiles, ascending.
    #[must_use]
    pub fn quantiles(&self) -> &[f64] {
        &self.quantiles
    }

    /// Share of random pairs that are farther apart than `distance`, 0 to 1, interpolated.
    #[must_use]
    pub fn share_farther(&self, distance: f64) -> f64 {
        let above = self.quantiles.partition_point(|quantile| *quantile <= distance);
        if above == 0 {
            return 1.0;
        }
        if above == self.quantiles.len() {
            return 0.0;
        }
        let (low, high) = (self.quantiles[above - 1], self.quantiles[above]);
        let share_below = ((above - 1) as f64 + (distance - low) / (high - low))
            / (self.quantiles.len() - 1) as f64;
        1.0 - share_below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_interpolate_between_quantiles() {
        let pairs =
            PairDistances::from_quantiles(vec![1.0, 2.0, 2.0, 4.0, 8.0]).expect("ascending");
        let check = |distance, share: f64| {
            let got = pairs.share_farther(distance);
            assert!((got - share).abs() < 1e-12, "{distance}: {got}, expected {share}");
        };
        check(0.5, 1.0);
        check(1.5, 0.875);
        check(2.0, 0.5);
        check(3.0, 0.375);
        check(8.0, 0.0);
        check(99.0, 0.0);
        assert_eq!(PairDistances::from_quantiles(vec![2.0, 1.0]), None);
        assert_eq!(PairDistances::from_quantiles(vec![0.0, f64::NAN]), None);
    }

    #[test]
    fn a_sample_is_seeded_and_matches_the_data() {
        // On a line of evenly spaced points the mean share of farther pairs is a half.
        let vectors = ScaledVectors::new((0..500_u16).map(f32::from).collect(), 1).expect("rows");
        let pairs = PairDistances::sample(&vectors, 7);
        assert_eq!(pairs, PairDistances::sample(&vectors, 7));
        assert_ne!(pairs, PairDistances::sample(&vectors, 8));
        // P(|x - y| > 1/2) = 1/4 for uniform x, y; 1 % is ten times the sampling error.
        let share = pairs.share_farther(250.0);
        assert!((share - 0.25).abs() < 0.01, "{share}");
        // No pair is a row with itself.
        assert!(pairs.quantiles()[0] >= 1.0);
    }
}
