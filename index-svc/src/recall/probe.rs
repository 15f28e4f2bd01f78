//! Queries that recall is measured with.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::index};

use crate::{
    error::Error,
    list::Rules,
    recommend::{Strategy, Weighted, target},
    searcher::Searcher,
    target::Target,
};

/// Fewest and most wanted tracks of a sampled centroid.
const CENTROID_TRACKS: (usize, usize) = (2, 10);
/// Most unwanted tracks of a sampled centroid.
const UNWANTED_TRACKS: usize = 2;
/// The range of weights that are not 1.
const WEIGHTS: (f64, f64) = (0.2, 5.0);

/// A query of a recall measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A row of the index.
    Row(u32),
    /// A raw vector that is not in the index.
    Raw(Vec<f64>),
    /// The centre of rows with weights; negative is unwanted, and at least one is positive.
    Centroid(Vec<(u32, f64)>),
}

impl Probe {
    /// The row, if it is one of the index.
    #[must_use]
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::Row(row) => Some(*row),
            Self::Raw(_) | Self::Centroid(_) => None,
        }
    }
}

/// Up to `count` different rows, seeded.
#[must_use]
pub fn sample_rows(rows: u32, count: usize, seed: u64) -> Vec<Probe> {
    let count = count.min(rows as usize);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sample = index::sample(&mut rng, rows as usize, count).into_vec();
    sample.sort_unstable();
    sample.into_iter().map(|row| Probe::Row(row as u32)).collect()
}

/// `count` centroids of 2 to 10 different rows, seeded: every second one of equal weights, every second of the
/// others with one or two unwanted rows.
#[must_use]
pub fn sample_centroids(rows: u32, count: usize, seed: u64) -> Vec<Probe> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (fewest, most) = CENTROID_TRACKS;
    let centroid = |number: usize| {
        let wanted = rng.random_range(fewest..=most);
        let unwanted = if number % 4 == 3 { rng.random_range(1..=UNWANTED_TRACKS) } else { 0 };
        let tracks = (wanted + unwanted).min(rows as usize);
        let sample = index::sample(&mut rng, rows as usize, tracks).into_vec();
        let tracks = sample.into_iter().enumerate().map(|(place, row)| {
            let weight =
                if number.is_multiple_of(2) { 1.0 } else { rng.random_range(WEIGHTS.0..WEIGHTS.1) };
            // An index of a row or two has too few for both.
            let is_unwanted = place >= wanted && place > 0;
            (row as u32, if is_unwanted { -weight } else { weight })
        });
        Probe::Centroid(tracks.collect())
    };
    (0..count).map(centroid).collect()
}

/// A probe as it is asked: what it ranks by, and what is left out of its answer.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) target: Target,
    pub(super) row: Option<u32>,
    seed_rows: Vec<u32>,
    seed_vectors: Vec<Vec<f64>>,
}

impl Question {
    pub(super) fn of(index: &Searcher, probe: &Probe) -> Result<Self, Error> {
        let mut question = Self {
            target: Target::point(Vec::new()),
            row: None,
            seed_rows: Vec::new(),
            seed_vectors: Vec::new(),
        };
        match probe {
            Probe::Row(row) => {
                let scaled = index.scaled(*row)?;
                question.target = Target::point(scaled.clone());
                question.row = Some(*row);
                question.seed_rows.push(*row);
                question.seed_vectors.push(scaled);
            }
            Probe::Raw(raw) => {
                let scaled = index.scaler().transform(raw);
                question.target = Target::point(scaled.clone());
                question.seed_vectors.push(scaled);
            }
            Probe::Centroid(tracks) => {
                let mut examples = Vec::with_capacity(tracks.len());
                for (row, weight) in tracks {
                    let scaled = index.scaled(*row)?;
                    question.seed_rows.push(*row);
                    question.seed_vectors.push(scaled.clone());
                    examples.push(Weighted { scaled, weight: *weight });
                }
                question.target = target(examples, Strategy::Centroid, None);
            }
        }
        Ok(question)
    }

    /// Seeds and rows equal to one are left out, as in queries; duplicates are kept.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            seed_rows: &self.seed_rows,
            seed_vectors: &self.seed_vectors,
            include_duplicates: true,
            ..Rules::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_seeded_without_repeats_and_within_the_index() {
        let sample = sample_rows(50, 20, 3);
        assert_eq!(sample, sample_rows(50, 20, 3));
        assert_ne!(sample, sample_rows(50, 20, 4));
        let rows: Vec<u32> = sample.iter().filter_map(Probe::row).collect();
        assert_eq!(rows.len(), 20);
        assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|row| *row < 50));
        assert_eq!(sample_rows(5, 20, 3).len(), 5);
    }

    #[test]
    fn sampled_centroids_are_of_different_rows_and_want_one_at_least() {
        for rows in [1, 2, 5, 9000] {
            let sample = sample_centroids(rows, 40, 3);
            assert_eq!(sample, sample_centroids(rows, 40, 3));
            assert_eq!(sample.len(), 40);
            for probe in sample {
                let Probe::Centroid(mut tracks) = probe else { panic!("{probe:?}") };
                assert!(tracks.iter().any(|(_, weight)| *weight > 0.0), "{tracks:?}");
                tracks.sort_by_key(|(row, _)| *row);
                assert!(tracks.is_sorted_by(|a, b| a.0 < b.0), "{tracks:?}");
                assert!(tracks.iter().all(|(row, _)| *row < rows), "{tracks:?}");
            }
        }
        let unwanted = |probe: &Probe| matches!(probe, Probe::Centroid(tracks) if tracks.iter().any(|(_, weight)| *weight < 0.0));
        assert_eq!(
            sample_centroids(9000, 40, 3).iter().filter(|probe| unwanted(probe)).count(),
            10
        );
    }
}
