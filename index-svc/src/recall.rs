//! Recall: the share of the true neighbours that the forest finds.
//!
//! Measured against the exact scan, ties by row. Rows of the index are asked with themselves and
//! their exact duplicates left out, as `QueryByTrackIndex` does; held-out vectors are asked as they
//! are.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng, seq::index};

use crate::{
    error::Error,
    index::Index,
    query::Options,
    search::{Ranked, Ranking},
};

/// A query of a recall measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A row of the index.
    Row(u32),
    /// A raw vector that is not in the index.
    Raw(Vec<f64>),
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

/// What a measurement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Mean recall at each `k`, in the order asked for.
    pub recall: Vec<f64>,
    /// Median time of the forest's answer at the first `k`, ranking included.
    pub forest_p50: Duration,
    /// Median time of an exact answer.
    pub exact_p50: Duration,
}

/// Mean recall at each of `ks` over the probes, with `search_k` candidates (the default if `None`).
/// An index exhausted before `k` counts what there is.
///
/// # Errors
/// When the index cannot be read.
pub fn measure(
    index: &Index,
    probes: &[Probe],
    ks: &[usize],
    search_k: Option<usize>,
) -> Result<Measured, Error> {
    let mut sums = vec![0.0; ks.len()];
    let (mut forest_times, mut exact_times) = (Vec::new(), Vec::new());
    let largest = ks.iter().copied().max().unwrap_or(0);
    for probe in probes {
        let options = |k, exact| Options { k, exact, search_k, include_seeds: false };
        let start = Instant::now();
        let exact = ask(index, probe, options(largest, true))?;
        exact_times.push(start.elapsed());
        for (position, k) in ks.iter().enumerate() {
            let start = Instant::now();
            let found = ask(index, probe, options(*k, false))?;
            if position == 0 {
                forest_times.push(start.elapsed());
            }
            sums[position] += recalled(&exact, &found, *k);
        }
    }
    let count = probes.len().max(1) as f64;
    Ok(Measured {
        recall: sums.into_iter().map(|sum| sum / count).collect(),
        forest_p50: median(forest_times),
        exact_p50: median(exact_times),
    })
}

/// Share of the first `k` true rows that were found.
fn recalled(exact: &Ranking, found: &Ranking, k: usize) -> f64 {
    let truth = &exact.rows[..k.min(exact.rows.len())];
    if truth.is_empty() {
        return 1.0;
    }
    let is_found = |row: &&Ranked| found.rows.iter().any(|other| other.row == row.row);
    truth.iter().filter(is_found).count() as f64 / truth.len() as f64
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ask(index: &Index, probe: &Probe, options: Options) -> Result<Ranking, Error> {
    let txn = index.store.read()?;
    let (raw, row) = match probe {
        Probe::Row(row) => (index.store.raw(&txn, *row, index.scaler.dims())?, Some(*row)),
        Probe::Raw(raw) => (raw.clone(), None),
    };
    index.rank(&txn, &index.scaler.transform(&raw), row, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_is_the_share_of_true_rows() {
        let ranking = |rows: &[u32]| Ranking {
            rows: rows.iter().map(|row| Ranked { row: *row, distance: 1.0 }).collect(),
            ..Ranking::default()
        };
        let check = |exact: &[u32], found: &[u32], k, expected: f64| {
            let got = recalled(&ranking(exact), &ranking(found), k);
            assert!((got - expected).abs() < 1e-12, "{got}, expected {expected}");
        };
        check(&[1, 2, 3, 4], &[4, 9, 1], 4, 0.5);
        check(&[1, 2, 3, 4], &[4, 9, 1], 2, 0.5);
        check(&[1, 2], &[2, 1], 10, 1.0);
        check(&[], &[], 10, 1.0);
    }

    #[test]
    fn a_sample_is_seeded_without_repeats_and_within_the_index() {
        let sample = sample_rows(50, 20, 3);
        assert_eq!(sample, sample_rows(50, 20, 3));
        assert_ne!(sample, sample_rows(50, 20, 4));
        let rows: Vec<u32> = sample
            .iter()
            .map(|probe| match probe {
                Probe::Row(row) => *row,
                Probe::Raw(_) => panic!("rows were asked for"),
            })
            .collect();
        assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|row| *row < 50));
        assert_eq!(sample_rows(5, 20, 3).len(), 5);
    }
}
