//! Recall: the share of the true neighbours that the forest finds.
//!
//! Measured against the exact scan, ties by row. Rows of the index are asked with themselves and
//! their exact duplicates left out, as `QueryByTrackIndex` does; held-out vectors are asked as they
//! are.

use rand::{SeedableRng, rngs::StdRng, seq::index};

use crate::{error::Error, index::Index, query::Options, search::Ranking};

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
) -> Result<Vec<f64>, Error> {
    let mut sums = vec![0.0; ks.len()];
    let largest = ks.iter().copied().max().unwrap_or(0);
    for probe in probes {
        let exact =
            ask(index, probe, Options { k: largest, exact: true, search_k, include_seeds: false })?;
        for (sum, k) in sums.iter_mut().zip(ks) {
            let options = Options { k: *k, exact: false, search_k, include_seeds: false };
            let found = ask(index, probe, options)?;
            let truth = &exact.rows[..(*k).min(exact.rows.len())];
            let hits = truth
                .iter()
                .filter(|row| found.rows.iter().any(|other| other.row == row.row))
                .count();
            *sum += if truth.is_empty() { 1.0 } else { hits as f64 / truth.len() as f64 };
        }
    }
    let count = probes.len().max(1) as f64;
    Ok(sums.into_iter().map(|sum| sum / count).collect())
}

fn ask(index: &Index, probe: &Probe, options: Options) -> Result<Ranking, Error> {
    let txn = index.store.read()?;
    let (raw, row) = match probe {
        Probe::Row(row) => (index.store.raw(&txn, *row, index.scaler.dims())?, Some(*row)),
        Probe::Raw(raw) => (raw.clone(), None),
    };
    index.rank(&txn, &index.scaler.transform(&raw), row, options)
}
