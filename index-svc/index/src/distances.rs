//! The distribution of distances between random pairs of tracks, which turns a distance into a
//! number people can read: the share of random pairs that are farther apart.
//!
//! Neighbours are nearer than nearly all pairs, so the nearest thousandth of the sample is kept as it is and
//! counted; quantiles, between which shares are interpolated, do for the rest.

use engine::{ScaledVectors, squared_distance};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    error::IndexError,
    store::{ReadTxn, Store, StoreError, WriteTxn},
};

/// Pairs that are drawn; where there are no more, each is taken once. A thousandth of them are a thousand.
const PAIRS: usize = 1_000_000;
/// Quantiles that are kept: 0, 0.001, …, 1.
const QUANTILES: usize = 1001;
/// Fact of the store: the quantiles.
const QUANTILES_FACT: &str = "distance_quantiles";
/// Fact of the store: how many pairs were measured, then the distances of the nearest thousandth, ascending.
const NEAREST_FACT: &str = "nearest_pairs";

/// Evenly spaced quantiles of the distance between random pairs of an index, and the nearest pairs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairDistances {
    quantiles: Vec<f64>,
    /// Pairs of the sample; 0 where the nearest were not kept.
    pairs: f64,
    /// All distances of the sample below the first quantile after 0, ascending.
    nearest: Vec<f64>,
}

impl PairDistances {
    /// Draws pairs of different rows, seeded, or takes all where these are fewer. An index of fewer than two rows
    /// has none.
    #[must_use]
    pub fn sample(vectors: &ScaledVectors, seed: u64) -> Self {
        let rows = vectors.rows() as u32;
        if rows < 2 {
            return Self::default();
        }
        let distance = |first: u32, second: u32| {
            f64::from(squared_distance(vectors.row(first), vectors.row(second))).sqrt()
        };
        let all = u64::from(rows) * u64::from(rows - 1) / 2;
        let mut distances: Vec<f64> = if all <= PAIRS as u64 {
            (1..rows)
                .flat_map(|first| (0..first).map(move |second| (first, second)))
                .map(|(first, second)| distance(first, second))
                .collect()
        } else {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut draw = || {
                let first = rng.random_range(0..rows);
                let step = rng.random_range(1..rows);
                let second = ((u64::from(first) + u64::from(step)) % u64::from(rows)) as u32;
                distance(first, second)
            };
            (0..PAIRS).map(|_| draw()).collect()
        };
        distances.sort_unstable_by(f64::total_cmp);
        let last = distances.len() - 1;
        let quantiles: Vec<f64> =
            (0..QUANTILES).map(|i| distances[i * last / (QUANTILES - 1)]).collect();
        let pairs = distances.len() as f64;
        let below = distances.partition_point(|distance| *distance < quantiles[1]);
        distances.truncate(below);
        Self { quantiles, pairs, nearest: distances }
    }

    /// Writes the facts of the store that [`Self::read`] reads.
    ///
    /// # Errors
    /// When the store refuses them.
    pub fn write(&self, store: &Store, txn: &mut WriteTxn<'_>) -> Result<(), StoreError> {
        store.put_fact(txn, QUANTILES_FACT, &self.quantiles)?;
        let nearest: Vec<f64> =
            std::iter::once(self.pairs).chain(self.nearest.iter().copied()).collect();
        store.put_fact(txn, NEAREST_FACT, &nearest)
    }

    /// The stored distribution. Older stores have quantiles alone.
    ///
    /// # Errors
    /// When they are missing or do not ascend.
    pub fn read(store: &Store, txn: &ReadTxn<'_>) -> Result<Self, IndexError> {
        let quantiles = store.fact(txn, QUANTILES_FACT)?;
        let nearest = match store.fact(txn, NEAREST_FACT) {
            Err(StoreError::Missing { .. }) => Vec::new(),
            nearest => nearest?,
        };
        Self::from_stored(quantiles, nearest).ok_or_else(|| IndexError::Mismatch {
            what: "a distribution of distances".to_owned(),
            got: "numbers that do not ascend".to_owned(),
            expected: "ascending ones".to_owned(),
        })
    }

    /// The distribution of stored quantiles and nearest pairs, the number of pairs first; `None` unless they
    /// ascend and are finite.
    fn from_stored(quantiles: Vec<f64>, mut nearest: Vec<f64>) -> Option<Self> {
        let pairs = if nearest.is_empty() { 0.0 } else { nearest.remove(0) };
        let ascend = |values: &[f64]| values.is_sorted() && values.iter().all(|v| v.is_finite());
        let counted = nearest.is_empty() || nearest.len() as f64 <= pairs;
        (ascend(&quantiles) && ascend(&nearest) && counted && pairs.is_finite()).then_some(Self {
            quantiles,
            pairs,
            nearest,
        })
    }

    /// The quantiles, ascending.
    #[must_use]
    pub fn quantiles(&self) -> &[f64] {
        &self.quantiles
    }

    /// Share of random pairs that are farther apart than `distance`, 0 to 1: counted among the nearest
    /// thousandth, interpolated beyond.
    #[must_use]
    pub fn share_farther(&self, distance: f64) -> f64 {
        let above = self.quantiles.partition_point(|quantile| *quantile <= distance);
        if above <= 1 && self.pairs > 0.0 {
            let nearer = self.nearest.partition_point(|other| *other <= distance);
            return 1.0 - nearer as f64 / self.pairs;
        }
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
        let pairs = PairDistances::from_stored(vec![1.0, 2.0, 2.0, 4.0, 8.0], Vec::new())
            .expect("ascending");
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
        let refused = |quantiles: &[f64], nearest: &[f64]| {
            PairDistances::from_stored(quantiles.to_vec(), nearest.to_vec()).is_none()
        };
        assert!(refused(&[2.0, 1.0], &[]) && refused(&[0.0, f64::NAN], &[]));
        assert!(refused(&[1.0, 2.0], &[9.0, 2.0, 1.0]) && refused(&[1.0, 2.0], &[1.0, 1.0, 1.5]));
        assert!(refused(&[1.0, 2.0], &[f64::INFINITY, 1.0]) && !refused(&[1.0, 2.0], &[9.0, 1.0]));
    }

    /// The tail against a count over the sample itself: a line of 1,400 points has 979,300 pairs, all taken.
    #[test]
    fn the_nearest_pairs_are_counted() {
        let place = |row: u32| f64::from(row * row) as f32;
        let vectors = ScaledVectors::new((0..1400).map(place).collect(), 1).expect("rows");
        let pairs = PairDistances::sample(&vectors, 7);
        let mut all: Vec<f64> =
            (1..1400).flat_map(|a| (0..a).map(move |b| f64::from(place(a) - place(b)))).collect();
        all.sort_by(f64::total_cmp);
        let share = |distance: f64| {
            all.iter().filter(|other| **other > distance).count() as f64 / all.len() as f64
        };
        assert!(pairs.nearest.len() > 900 && pairs.nearest.len() <= all.len() / 1000);
        for at in [0, 1, 2, 10, 500, 970] {
            let distance = all[at];
            for asked in [distance.next_down(), distance, distance + 0.25] {
                let got = pairs.share_farther(asked);
                assert!((got - share(asked)).abs() < 1e-15, "{at}: {got} {}", share(asked));
            }
        }
        // Beyond, by interpolation: within the step between two quantiles, and never rising.
        let shares = all.iter().step_by(997).map(|distance| pairs.share_farther(*distance));
        let shares: Vec<f64> = shares.collect();
        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
        for (distance, got) in all.iter().step_by(997).zip(shares) {
            assert!((got - share(*distance)).abs() < 1.5e-3, "{distance}: {got}");
        }
    }

    #[test]
    fn a_sample_is_seeded_and_matches_the_data() {
        // On a line of evenly spaced points the mean share of farther pairs is a half.
        let vectors = ScaledVectors::new((0..2000_u16).map(f32::from).collect(), 1).expect("rows");
        let pairs = PairDistances::sample(&vectors, 7);
        assert_eq!(pairs, PairDistances::sample(&vectors, 7));
        assert_ne!(pairs, PairDistances::sample(&vectors, 8));
        // P(|x - y| > 1/2) = 1/4 for uniform x, y; 1 % is ten times the sampling error.
        let share = pairs.share_farther(1000.0);
        assert!((share - 0.25).abs() < 0.01, "{share}");
        // No pair is a row with itself.
        assert!(pairs.quantiles()[0] >= 1.0);
    }
}
