//! The story of a query: scale, find candidates, rank them exactly, leave out the seeds, join the
//! metadata. One read transaction, so that all parts come from one state.

use crate::{
    engine::{Candidates, Hit, blocks::MAX_MAGNITUDE},
    error::Error,
    index::Index,
    metadata::TrackMetadata,
    planner::{Plan, Planner, Wanted},
    query::{Query, Seed},
    store::ReadTxn,
    vectors::to_f32,
};

/// Candidates asked for beyond the results: a seed, and one that shows the list to be settled.
const FETCH_SLACK: usize = 2;
/// Most results of [`Index::search_here`]: each is joined with its metadata.
const MAX_HERE: usize = 64;
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

impl Ranked {
    /// Nearest first, ties by row.
    fn before(&self, other: &Self) -> bool {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row)).is_lt()
    }
}

/// What is left out as a seed, besides rows exactly equal to the query.
#[derive(Clone, Copy, Debug)]
struct Seeds {
    row: Option<u32>,
    included: bool,
}

/// A query, ready to be searched.
#[derive(Debug)]
struct Asked {
    scaled: Vec<f64>,
    seeds: Seeds,
    k: usize,
    plan: Plan,
}

impl Index {
    /// Answers a query.
    ///
    /// # Errors
    /// When the index cannot be read.
    ///
    /// # Panics
    /// Never: a query without a limit has an answer.
    pub fn search(&self, query: &Query) -> Result<Answer, Error> {
        let answer = self.search_within(query, usize::MAX)?;
        Ok(answer.expect("no index has that many rows"))
    }

    /// Answers many queries, in their order: those that are planned alike share passes over the
    /// blocks engine's leaves.
    ///
    /// # Errors
    /// When the index cannot be read.
    ///
    /// # Panics
    /// Never: a query without a limit has an answer.
    pub fn search_many(&self, queries: &[Query]) -> Result<Vec<Answer>, Error> {
        let txn = self.store.read()?;
        let asked: Vec<Asked> =
            queries.iter().map(|query| self.ask(&txn, query)).collect::<Result<_, Error>>()?;
        let mut found = self.first_looks(&asked)?;
        let mut answers = Vec::with_capacity(asked.len());
        for (asked, first) in asked.into_iter().zip(&mut found) {
            let ranking = self.rank_from(&txn, &asked, first.take(), usize::MAX)?;
            answers.push(self.answer(
                &txn,
                &asked,
                ranking.expect("no index has that many rows"),
            )?);
        }
        Ok(answers)
    }

    /// What the engine finds first for each of many queries; `None` where nothing is gained.
    fn first_looks(&self, asked: &[Asked]) -> Result<Vec<Option<Candidates>>, Error> {
        let mut found: Vec<Option<Candidates>> = asked.iter().map(|_| None).collect();
        let mut rest: Vec<usize> = (0..asked.len()).collect();
        while let Some(&first) = rest.first() {
            let Asked { k, plan, .. } = asked[first];
            let (alike, others): (Vec<usize>, Vec<usize>) =
                rest.into_iter().partition(|&at| (asked[at].k, asked[at].plan) == (k, plan));
            rest = others;
            let queries: Vec<f32> =
                alike.iter().flat_map(|number| within_reach(&asked[*number].scaled)).collect();
            let engines = &self.engines;
            let batch =
                engines.nearest_many(plan.engine, &queries, k + FETCH_SLACK, plan.effort)?;
            for (number, candidates) in alike.into_iter().zip(batch) {
                found[number] = Some(candidates);
            }
        }
        Ok(found)
    }

    /// Answers a query that is a matter of microseconds, for callers who must not compute for long;
    /// `None` for others, and until [`Self::warm`] has found what this machine does in that time.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search_here(&self, query: &Query) -> Result<Option<Answer>, Error> {
        match self.here.get() {
            Some(rows) if query.options.k <= MAX_HERE => self.search_within(query, *rows),
            _ => Ok(None),
        }
    }

    /// Answers a query unless that takes a look at more than `most` rows.
    fn search_within(&self, query: &Query, most: usize) -> Result<Option<Answer>, Error> {
        let txn = self.store.read()?;
        let asked = self.ask(&txn, query)?;
        let ranking = self.rank_from(&txn, &asked, None, most)?;
        ranking.map(|ranking| self.answer(&txn, &asked, ranking)).transpose()
    }

    fn ask(&self, txn: &ReadTxn<'_>, query: &Query) -> Result<Asked, Error> {
        let options = query.options;
        let (scaled, row) = match &query.seed {
            Seed::Vector(raw) => (self.scaler.transform(raw), None),
            Seed::Row(row) => {
                let raw = self.store.raw(txn, *row, self.scaler.dims())?;
                (self.scaler.transform(&raw), Some(*row))
            }
        };
        let seeds = Seeds { row, included: options.include_seeds };
        let plan = self.plan(options.wanted, options.k);
        Ok(Asked { scaled, seeds, k: options.k, plan })
    }

    fn answer(&self, txn: &ReadTxn<'_>, asked: &Asked, ranking: Ranking) -> Result<Answer, Error> {
        let neighbors = self.join(txn, &ranking.rows)?;
        let seed = match asked.seeds.row {
            Some(row) => Some((row, self.metadata_in(txn, row)?)),
            None => None,
        };
        Ok(Answer {
            neighbors,
            seed,
            plan: ranking.plan,
            candidate_count: ranking.candidate_count,
            suppressed_seed_count: ranking.suppressed_seed_count,
            out_of_range_features: self.out_of_range(&asked.scaled),
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
        plan: Plan,
    ) -> Result<Ranking, Error> {
        let seeds = Seeds { row: seed_row, included: include_seeds };
        let asked = Asked { scaled: scaled.to_vec(), seeds, k, plan };
        let ranked = self.rank_from(txn, &asked, None, usize::MAX)?;
        Ok(ranked.expect("no index has that many rows"))
    }

    /// As [`Self::rank`]; `None` where it would have to look at more than `most` rows. `first` is
    /// what the engine has found already.
    fn rank_from(
        &self,
        txn: &ReadTxn<'_>,
        asked: &Asked,
        mut first: Option<Candidates>,
        most: usize,
    ) -> Result<Option<Ranking>, Error> {
        let Asked { scaled, seeds, k, plan } = asked;
        let (seeds, k, mut plan) = (*seeds, *k, *plan);
        let query = within_reach(scaled);
        let norm = query.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        let mut fetch = k + FETCH_SLACK;
        loop {
            let (engine, effort) = (plan.engine, plan.effort);
            let look = || self.engines.nearest_within(engine, &query, fetch, None, effort, most);
            let found = first.take().map_or_else(look, |found| Ok(Some(found)))?;
            let Some(found) = found else { return Ok(None) };
            let exhausted = found.hits.len() < fetch;
            // What was looked at and not returned is at least as far as the last that was.
            let rest = found.hits.last().map_or(f64::INFINITY, |last| at_least(last, norm));
            let (rows, suppressed_seed_count) =
                self.exactly(txn, scaled, norm, &found, seeds, k)?;
            let full = rows.len() == k;
            let settled = rows.last().is_some_and(|last| last.distance <= rest);
            if exhausted && !full && !plan.is_exact() {
                // The trees led to too few rows; all of them will do.
                plan = self.exact_plan();
            } else if exhausted || (full && settled) {
                let candidate_count = found.scored;
                return Ok(Some(Ranking { rows, plan, candidate_count, suppressed_seed_count }));
            } else {
                fetch = fetch.saturating_mul(4);
            }
        }
    }

    /// The first `k` of the hits that are no seeds, by their distance in `f64`, and the number of
    /// seeds. Hits come nearly in that order, so few beyond the `k` need to be read.
    fn exactly(
        &self,
        txn: &ReadTxn<'_>,
        scaled: &[f64],
        norm: f64,
        found: &Candidates,
        seeds: Seeds,
        k: usize,
    ) -> Result<(Vec<Ranked>, usize), Error> {
        let mut rows: Vec<Ranked> = Vec::with_capacity(k.min(found.hits.len()) + 1);
        let mut left_out = 0;
        for hit in &found.hits {
            if rows.len() == k && rows.last().is_none_or(|last| last.distance < at_least(hit, norm))
            {
                break;
            }
            let raw = self.store.raw(txn, hit.row, self.scaler.dims())?;
            let ranked = Ranked { row: hit.row, distance: self.scaler.distance(scaled, &raw) };
            // A distance of zero is equality in every feature: the same recording, indexed twice.
            if !seeds.included && (ranked.distance <= 0.0 || Some(ranked.row) == seeds.row) {
                left_out += 1;
                continue;
            }
            let at = rows.partition_point(|other| other.before(&ranked));
            rows.insert(at, ranked);
            rows.truncate(k);
        }
        Ok((rows, left_out))
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

/// A distance that a hit, or any row ranked behind it, is at least away from a query of this norm.
///
/// Engines rank `f32` rows, the roughest of them in `f32`. A coordinate is rounded by at most 2⁻²⁴
/// of its size and the sum of 74 squares by far less than 1e-5 of itself, so the distance is off by
/// at most `1e-5 d + 2e-7 |query|`; the factors are several times what the bound needs.
fn at_least(hit: &Hit, norm: f64) -> f64 {
    hit.squared_distance.sqrt() * (1.0 - 1e-5) - 2e-7 * norm
}
