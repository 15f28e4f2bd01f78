//! Hubness: in many dimensions some rows are near to everything and crowd the answers, and others
//! are in nobody's.
//!
//! The k-occurrence of a row is the number of rows that have it among their k nearest. Its skewness
//! is the measure of Radovanović, Nanopoulos and Ivanović, «Hubs in space» (JMLR 11, 2010,
//! equation 1). It grows a little with the number of rows, so it is measured within a catalogue of at
//! most [`HUB_ROWS`] rows drawn at random: figures of large and small indexes compare, and the cost
//! is bounded. Rows that repeat another are left out: they are [`index::card::Duplicates`].

use engine::{
    Effort, EngineError,
    blocks::{self, Blocks, BlocksError, BlocksOptions},
};
use index::card::Hubness;
use rayon::prelude::*;

use super::NEIGHBORS;
use crate::{
    error::Error,
    recall::{Neighborhood, Probe, sample_rows},
    searcher::Searcher,
};

/// Most rows that k-occurrences are counted over.
pub const HUB_ROWS: usize = 10_000;
/// Queries a thread asks at a time.
const BATCH: usize = 512;

/// Measures it; `repeats` are the rows to leave out, ascending.
pub(super) fn measure(
    index: &Searcher,
    repeats: &[u32],
    lists: &[Neighborhood<'_>],
) -> Result<Hubness, Error> {
    let probes = sample_rows(index.rows(), HUB_ROWS, index.manifest().forest.seed);
    let rows: Vec<u32> = probes
        .iter()
        .filter_map(Probe::row)
        .filter(|row| repeats.binary_search(row).is_err())
        .collect();
    let values: Vec<f32> = rows.iter().flat_map(|row| index.vectors().row(*row)).copied().collect();
    let counts = occurrences(&values, index.vectors().dims()).map_err(EngineError::from)?;
    let orphans = counts.iter().filter(|count| **count == 0).count();
    let (largest_hub_row, largest_hub_share) = largest_hub(lists);
    Ok(Hubness {
        k: NEIGHBORS as u32,
        rows: rows.len() as u32,
        skewness: skewness(&counts),
        orphan_share: orphans as f64 / counts.len().max(1) as f64,
        largest_hub_row,
        largest_hub_share,
    })
}

/// How often each of the rows of `values`, `[rows, dims]`, is among the nearest of another one.
fn occurrences(values: &[f32], dims: usize) -> Result<Vec<u32>, BlocksError> {
    let rows = values.len() / dims;
    if rows == 0 {
        return Ok(Vec::new());
    }
    let blocks = Blocks::open(blocks::build(values, dims, &BlocksOptions::default())?)?;
    let lists: Vec<Vec<u32>> = values
        .par_chunks(BATCH * dims)
        .enumerate()
        .map(|(batch, queries)| {
            // One more than is needed: the row itself is in its own answer.
            let answers = blocks.nearest_batch(queries, NEIGHBORS + 1, None, Effort::Exact)?;
            let own = (batch * BATCH) as u32..;
            let near = own.zip(answers).flat_map(|(own, answer)| {
                let others = answer.hits.into_iter().map(|hit| hit.row);
                others.filter(move |row| *row != own).take(NEIGHBORS)
            });
            Ok(near.collect())
        })
        .collect::<Result<_, BlocksError>>()?;
    let mut counts = vec![0; rows];
    lists.into_iter().flatten().for_each(|row| counts[row as usize] += 1);
    Ok(counts)
}

/// Third central moment over the cubed standard deviation (population); 0 where all are equal.
fn skewness(counts: &[u32]) -> f64 {
    let n = counts.len().max(1) as f64;
    let values = || counts.iter().map(|count| f64::from(*count));
    let mean = values().sum::<f64>() / n;
    let moment = |power| values().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance > 0.0 { moment(3) / variance.powf(1.5) } else { 0.0 }
}

fn largest_hub(lists: &[Neighborhood<'_>]) -> (Option<u32>, f64) {
    let mut rows: Vec<u32> =
        lists.iter().flat_map(|(_, near)| near.iter().map(|near| near.row)).collect();
    rows.sort_unstable();
    // `max_by_key` takes the last of equals, so the rows go backwards.
    let largest = rows.chunk_by(|a, b| a == b).rev().max_by_key(|same| same.len());
    largest
        .map_or((None, 0.0), |same| (Some(same[0]), same.len() as f64 / lists.len().max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Ranked;

    #[test]
    fn skewness_is_that_of_the_population() {
        // scipy.stats.skew([0, 0, 0, 4]) and of its mirror image.
        assert!((skewness(&[0, 0, 0, 4]) - 1.154_700_538_379_251_7).abs() < 1e-12);
        assert!((skewness(&[4, 4, 4, 0]) + 1.154_700_538_379_251_7).abs() < 1e-12);
        assert!(skewness(&[7, 7, 7]).abs() < 1e-12 && skewness(&[]).abs() < 1e-12);
    }

    /// A row in the middle of a shell is nearer to all of it than they are to each other.
    #[test]
    fn a_row_in_the_middle_of_a_shell_is_a_hub() {
        let dims = 64;
        let mut values: Vec<f32> = vec![0.0; dims];
        for axis in 0..dims {
            let mut row = vec![0.0; dims];
            row[axis] = 1.0;
            values.extend(row);
        }
        let counts = occurrences(&values, dims).expect("in range");
        assert_eq!(counts[0], 64, "every other row has the middle among its nearest");
        assert_eq!(counts.iter().sum::<u32>(), 65 * NEIGHBORS as u32);
        assert!(skewness(&counts) > 1.5, "{counts:?}");
    }

    #[test]
    fn fewer_rows_than_neighbours_are_all_each_others() {
        assert_eq!(occurrences(&[0.0, 1.0, 5.0], 1).expect("in range"), [2, 2, 2]);
        assert_eq!(occurrences(&[3.0], 1).expect("in range"), [0]);
        assert!(occurrences(&[], 1).expect("in range").is_empty());
    }

    #[test]
    fn the_largest_hub_is_the_first_of_the_most_frequent() {
        let near = |rows: &[u32]| -> Vec<Ranked> {
            rows.iter().map(|row| Ranked { row: *row, distance: 1.0 }).collect()
        };
        let (a, b) = (near(&[5, 9]), near(&[9, 5]));
        assert_eq!(largest_hub(&[(0, &a), (1, &b), (2, &[])]), (Some(5), 2.0 / 3.0));
        assert_eq!(largest_hub(&[]), (None, 0.0));
    }
}
