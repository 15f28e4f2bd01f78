//! The story of a query: scale, find candidates, rank them exactly, leave out the seeds, join the
//! metadata. One read transaction, so that all parts come from one state.

use crate::{
    engine::{Candidates, blocks::MAX_MAGNITUDE},
    error::Error,
    index::Index,
    metadata::TrackMetadata,
    planner::{Plan, Planner, Wanted},
    query::{Query, Seed},
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
    /// How it was answered in the end.
    pub plan: Plan,
    /// Distinct vectors whose distance was computed or bounded.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Nearest first, ties by row.
    pub rows: Vec<Ranked>,
    /// How it was answered in the end.
    pub plan: Plan,
    /// Distinct vectors whose distance was computed or bounded.
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
        let options = query.options;
        let plan = self.plan(options.wanted, options.k);
        let ranking = self.rank(&txn, &scaled, seed_row, options.k, options.include_seeds, plan)?;
        let neighbors = self.join(&txn, &ranking.rows)?;
        let seed = match seed_row {
            Some(row) => Some((row, self.metadata_in(&txn, row)?)),
            None => None,
        };
        Ok(Answer {
            neighbors,
            seed,
            plan: ranking.plan,
            candidate_count: ranking.candidate_count,
            suppressed_seed_count: ranking.suppressed_seed_count,
            out_of_range_features: self.out_of_range(&scaled),
        })
    }

    /// The distance of the row nearest to `row`, which is that of itself if all is well.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn nearest_distance(&self, row: u32, wanted: Wanted) -> Result<Option<f64>, Error> {
        let txn = self.store.read()?;
        let raw = self.store.raw(&txn, row, self.scaler.dims())?;
        let scaled = self.scaler.transform(&raw);
        let ranking = self.rank(&txn, &scaled, None, 1, true, self.plan(wanted, 1))?;
        let neighbors = self.join(&txn, &ranking.rows)?;
        Ok(neighbors.first().map(|nearest| nearest.distance))
    }

    /// How `k` results are found.
    #[must_use]
    pub fn plan(&self, wanted: Wanted, k: usize) -> Plan {
        self.planner().plan(wanted, k, self.manifest.rows as usize)
    }

    /// The plan whose answers are the true neighbours.
    #[must_use]
    pub fn exact_plan(&self) -> Plan {
        self.planner().exact()
    }

    fn planner(&self) -> Planner<'_> {
        Planner {
            curve: &self.manifest.recall_curve,
            blocks: self.engines.blocks.is_some(),
            trees: self.engines.forest.as_ref().map(|forest| forest.trees()),
        }
    }

    /// Ranks the `k` nearest rows to a scaled vector, without metadata. Unless seeds are included,
    /// `seed_row` is left out with the rows exactly equal to the vector.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn rank(
        &self,
        txn: &ReadTxn<'_>,
        scaled: &[f64],
        seed_row: Option<u32>,
        k: usize,
        include_seeds: bool,
        mut plan: Plan,
    ) -> Result<Ranking, Error> {
        let query = within_reach(scaled);
        let mut fetch = k + RERANK_SLACK;
        loop {
            let found = self.engines.nearest(plan.engine, &query, fetch, None, plan.effort)?;
            let exhausted = found.hits.len() < fetch;
            let rest = unseen_from(&found, &query);
            let mut rows = self.exact_distances(txn, scaled, &found)?;
            let before = rows.len();
            if !include_seeds {
                // A distance of zero is equality in every feature: the same recording, indexed twice.
                rows.retain(|ranked| ranked.distance > 0.0 && Some(ranked.row) != seed_row);
            }
            let suppressed_seed_count = before - rows.len();
            rows.truncate(k);
            let full = rows.len() == k;
            let settled = rows.last().is_some_and(|last| last.distance <= rest);
            if exhausted && !full && !plan.is_exact() {
                // The trees led to too few rows; all of them will do.
                plan = self.exact_plan();
            } else if exhausted || (full && settled) {
                let candidate_count = found.scored;
                return Ok(Ranking { rows, plan, candidate_count, suppressed_seed_count });
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

/// A scaled query as engines take it. What lies beyond the largest value they take is put there:
/// farther from every row than any row is from another, so that no bound below is too large.
fn within_reach(scaled: &[f64]) -> Vec<f32> {
    let mut query = to_f32(scaled);
    query.iter_mut().for_each(|value| *value = value.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE));
    query
}

/// A distance that every candidate the engine looked at and did not return is at least away.
///
/// Engines rank `f32` rows, the roughest of them in `f32`. A coordinate is rounded by at most 2⁻²⁴ of its size and the sum of 74
/// squares by far less than 1e-5 of itself, so the distance is off by at most
/// `1e-5 d + 2e-7 |query|`; the factors are several times what the bound needs.
fn unseen_from(found: &Candidates, query: &[f32]) -> f64 {
    let norm = query.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    found.hits.last().map_or(f64::INFINITY, |last| {
        let distance = last.squared_distance.sqrt();
        distance * (1.0 - 1e-5) - 2e-7 * norm
    })
}
