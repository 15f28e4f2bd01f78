//! The story of a query: scale, find candidates, rank them exactly, leave out the seeds, join the
//! metadata. One read transaction, so that all parts come from one state.

use crate::{
    engine::{Candidates, Engine as _},
    error::Error,
    index::Index,
    metadata::TrackMetadata,
    query::{Options, Query, Seed},
    store::ReadTxn,
    vectors::{distance, to_f32},
};

/// Candidates ranked in `f64` beyond the results asked for.
const RERANK_SLACK: usize = 32;
/// A query feature farther than this from the mean, in standard deviations, is reported.
const OUT_OF_RANGE_DEVIATIONS: f64 = 6.0;

/// Results and how they came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Nearest first, ties by row.
    pub neighbors: Vec<Neighbor>,
    /// The seed's row and metadata, for a query by row.
    pub seed: Option<(u32, TrackMetadata)>,
    /// Whether all vectors were scanned.
    pub exact: bool,
    /// Distinct vectors whose distance was computed.
    pub candidate_count: usize,
    /// Results left out because they are the seed or exactly equal to it.
    pub suppressed_seed_count: usize,
    /// Query features more than six standard deviations from the mean.
    pub out_of_range_features: Vec<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbor {
    /// Row of the index.
    pub row: u32,
    /// What is known about it.
    pub metadata: TrackMetadata,
    /// Euclidean distance in scaled space.
    pub distance: f64,
    /// Share of random pairs of tracks that are farther apart.
    pub similarity_percentile: f64,
}

/// A row and its exact distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Row of the index.
    pub row: u32,
    /// Euclidean distance in scaled space.
    pub distance: f64,
}

/// A ranked list before metadata is joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Nearest first, ties by row.
    pub rows: Vec<Ranked>,
    /// Whether all vectors were scanned.
    pub exact: bool,
    /// Distinct vectors whose distance was computed.
    pub candidate_count: usize,
    /// Rows left out as seeds.
    pub suppressed_seed_count: usize,
}

impl Index {
    /// Answers a query.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, query: &Query) -> Result<Answer, Error> {
        let txn = self.store.read()?;
        let (raw, seed_row) = match &query.seed {
            Seed::Vector(raw) => (raw.clone(), None),
            Seed::Row(row) => (self.store.raw(&txn, *row, self.scaler.dims())?, Some(*row)),
        };
        let scaled = self.scaler.transform(&raw);
        let ranking = self.rank(&txn, &scaled, seed_row, query.options)?;
        let neighbors = self.join(&txn, &ranking.rows)?;
        let seed = match seed_row {
            Some(row) => Some((row, self.metadata_in(&txn, row)?)),
            None => None,
        };
        Ok(Answer {
            neighbors,
            seed,
            exact: ranking.exact,
            candidate_count: ranking.candidate_count,
            suppressed_seed_count: ranking.suppressed_seed_count,
            out_of_range_features: self.out_of_range(&scaled),
        })
    }

    /// Ranks rows by distance to a scaled vector, without metadata. `seed_row` is left out with the
    /// rows exactly equal to the vector, unless the options say otherwise.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn rank(
        &self,
        txn: &ReadTxn<'_>,
        scaled: &[f64],
        seed_row: Option<u32>,
        options: Options,
    ) -> Result<Ranking, Error> {
        let query = to_f32(scaled);
        let mut fetch = options.k + RERANK_SLACK;
        let mut exact = options.exact;
        loop {
            let found = if exact {
                self.scan.nearest(&query, fetch, None, 0)?
            } else {
                let effort =
                    options.search_k.unwrap_or_else(|| self.forest.default_effort(options.k));
                self.forest.nearest(&query, fetch, None, effort.max(fetch))?
            };
            let exhausted = found.hits.len() < fetch;
            let rest = unseen_from(&found, &query);
            let mut rows = self.exact_distances(txn, scaled, &found)?;
            let before = rows.len();
            if !options.include_seeds {
                // A distance of zero is equality in every feature: the same recording, indexed twice.
                rows.retain(|ranked| ranked.distance > 0.0 && Some(ranked.row) != seed_row);
            }
            let suppressed_seed_count = before - rows.len();
            rows.truncate(options.k);
            let full = rows.len() == options.k;
            let settled = rows.last().is_some_and(|last| last.distance <= rest);
            if exhausted && !full && !exact {
                // The trees led to too few rows; all of them will do.
                exact = true;
            } else if exhausted || (full && settled) {
                let candidate_count = found.scored;
                return Ok(Ranking { rows, exact, candidate_count, suppressed_seed_count });
            } else {
                fetch = fetch.saturating_mul(4);
            }
        }
    }

    fn exact_distances(
        &self,
        txn: &ReadTxn<'_>,
        scaled: &[f64],
        found: &Candidates,
    ) -> Result<Vec<Ranked>, Error> {
        let mut rows = Vec::with_capacity(found.hits.len());
        for hit in &found.hits {
            let raw = self.store.raw(txn, hit.row, self.scaler.dims())?;
            let distance = distance(scaled, &self.scaler.transform(&raw));
            rows.push(Ranked { row: hit.row, distance });
        }
        rows.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
        Ok(rows)
    }

    fn join(&self, txn: &ReadTxn<'_>, rows: &[Ranked]) -> Result<Vec<Neighbor>, Error> {
        rows.iter()
            .map(|ranked| {
                Ok(Neighbor {
                    row: ranked.row,
                    metadata: self.metadata_in(txn, ranked.row)?,
                    distance: ranked.distance,
                    similarity_percentile: self.pairs.share_farther(ranked.distance),
                })
            })
            .collect()
    }

    fn out_of_range(&self, scaled: &[f64]) -> Vec<String> {
        let names = self.schema.names().iter().zip(scaled);
        names
            .filter(|(_, value)| value.abs() > OUT_OF_RANGE_DEVIATIONS)
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// A distance that every candidate the engine looked at and did not return is at least away.
///
/// Engines rank in `f32`. A coordinate is rounded by at most 2⁻²⁴ of its size and the sum of 74
/// squares by far less than 1e-5 of itself, so the distance is off by at most
/// `1e-5 d + 2e-7 |query|`; the factors are several times what the bound needs.
fn unseen_from(found: &Candidates, query: &[f32]) -> f64 {
    let norm = query.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    found.hits.last().map_or(f64::INFINITY, |last| {
        let distance = f64::from(last.squared_distance).sqrt();
        distance * (1.0 - 1e-5) - 2e-7 * norm
    })
}
