//! The story of a query: examples into a target, a filter into rows, rows into a list, a page of it,
//! metadata and explanations. One read transaction, so that all parts come from one state.

use std::sync::Arc;

use engine::{Candidates, RowSet, Stop, distance};

use crate::{
    error::Error,
    explain::{explain, out_of_range},
    groups::FeatureGroups,
    list::{Chosen, Rules, Span, Way, Wish, within_reach},
    pages,
    planner::{Plan, Wanted},
    query::{Comparison, Query, Seed},
    recommend::{self, Weighted},
    searcher::Searcher,
    target::Target,
    work::Work,
};

pub use crate::{
    answer::{Answer, Compared, Neighbor, Ranked, Ranking},
    list::LeftOut,
};

/// Most results of [`Searcher::search_here`]: each is joined with its metadata.
const MAX_HERE: usize = 64;

impl Searcher {
    /// Answers a query.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, query: &Query) -> Result<Answer, Error> {
        self.search_until(query, Stop::never())
    }

    /// Answers a query, unless nobody waits any more.
    ///
    /// # Errors
    /// When the index cannot be read, or on [`Error::Stopped`].
    ///
    /// # Panics
    /// Never: a query without a limit has an answer.
    pub fn search_until(&self, query: &Query, stop: Stop<'_>) -> Result<Answer, Error> {
        self.search_within(query, u64::MAX, stop)
    }

    /// As [`Self::search_until`], with a limit of the query's work, in the units of [`crate::work`].
    ///
    /// # Errors
    /// As [`Self::search_until`], or on [`Error::WorkTooLarge`].
    ///
    /// # Panics
    /// Never: a query without a limit of rows has an answer.
    pub fn search_within(
        &self,
        query: &Query,
        max_work: u64,
        stop: Stop<'_>,
    ) -> Result<Answer, Error> {
        let asked = self.ask(query, max_work, stop)?;
        let answer = self.answer(&asked, (usize::MAX, None), stop)?;
        Ok(answer.expect("no index has that many rows"))
    }

    /// Answers many queries, in their order, each with a limit of its work: plain ones that are planned alike
    /// share passes over the blocks engine's leaves. What is wrong with one is its own answer.
    ///
    /// # Errors
    /// When the index cannot be read at all, or on [`Error::Stopped`].
    ///
    /// # Panics
    /// Never: a query without a limit of rows has an answer.
    pub fn search_many(
        &self,
        queries: &[Query],
        max_work: u64,
        stop: Stop<'_>,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        let asked: Vec<Result<Asked<'_>, Error>> = queries
            .iter()
            .map(|query| still_waited(self.ask(query, max_work, stop)))
            .collect::<Result<_, Error>>()?;
        let (places, sound): (Vec<usize>, Vec<&Asked<'_>>) = asked
            .iter()
            .enumerate()
            .filter_map(|(place, asked)| asked.as_ref().ok().map(|asked| (place, asked)))
            .unzip();
        let mut found: Vec<Option<Candidates>> = asked.iter().map(|_| None).collect();
        for (place, first) in places.into_iter().zip(self.first_looks(&sound, stop)?) {
            found[place] = first;
        }
        let answers = asked.into_iter().zip(found).map(|(asked, first)| {
            let answer = asked.and_then(|asked| {
                let answer = self.answer(&asked, (usize::MAX, first), stop)?;
                Ok(answer.expect("no index has that many rows"))
            });
            still_waited(answer)
        });
        answers.collect()
    }

    /// Answers a query that is a matter of microseconds, for callers who must not compute for long;
    /// `None` for others, and until [`Self::warm`] has found what this machine does in that time.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search_here(&self, query: &Query) -> Result<Option<Answer>, Error> {
        let short = query.examples.len() == 1
            && query.place.is_first()
            && query.options.is_short()
            && query.options.k <= MAX_HERE;
        match self.here.get() {
            Some(rows) if short => {
                let asked = self.ask(query, u64::MAX, Stop::never())?;
                self.answer(&asked, (*rows, None), Stop::never())
            }
            _ => Ok(None),
        }
    }

    fn ask<'q>(&self, query: &'q Query, max_work: u64, stop: Stop<'_>) -> Result<Asked<'q>, Error> {
        let work = Work::within(max_work);
        let allowed = self.allowed(query, &work, stop)?;
        let matched_count = allowed.as_ref().map_or(self.rows() as usize, |set| set.len());
        work.foresee(self.foreseen(query, matched_count))?;
        let seeds = self.seeds(query)?;
        let target = self.target(query, &seeds);
        let plan = self.plan_for(query, matched_count);
        Ok(Asked { query, seeds, target, allowed, matched_count, plan, work })
    }

    /// What the engine finds first for each of many queries; `None` where nothing is gained.
    fn first_looks(
        &self,
        asked: &[&Asked<'_>],
        stop: Stop<'_>,
    ) -> Result<Vec<Option<Candidates>>, Error> {
        let mut found: Vec<Option<Candidates>> = asked.iter().map(|_| None).collect();
        let mut rest: Vec<usize> =
            (0..asked.len()).filter(|at| asked[*at].shares_passes()).collect();
        while let Some(&first) = rest.first() {
            stop.check()?;
            let key = |at: usize| (asked[at].fetch(), asked[at].plan);
            let (fetch, plan) = key(first);
            let (alike, others): (Vec<usize>, Vec<usize>) =
                rest.into_iter().partition(|at| key(*at) == (fetch, plan));
            rest = others;
            let points = alike.iter().map(|at| &asked[*at].target.wanted[0].scaled);
            let queries: Vec<f32> = points.flat_map(|scaled| within_reach(scaled)).collect();
            let Plan { engine, effort, .. } = plan;
            let batch = self.engines().nearest_many(engine, &queries, fetch, None, effort, stop)?;
            let batch = batch.ok_or(Error::Stopped)?;
            for (at, candidates) in alike.into_iter().zip(batch) {
                found[at] = Some(candidates);
            }
        }
        Ok(found)
    }

    /// The answer; `None` where an engine would have to look at more than `most` rows. `first` is what
    /// it has found already.
    fn answer(
        &self,
        asked: &Asked<'_>,
        (most, first): (usize, Option<Candidates>),
        stop: Stop<'_>,
    ) -> Result<Option<Answer>, Error> {
        let Asked { query, seeds, target, allowed, matched_count, plan, work } = asked;
        let span = Span::of(query);
        let rules = rules(query, seeds);
        let allowed = allowed.as_deref();
        let wish = Wish { target, rules: &rules, allowed, need: span.need() };
        let demand = Some(self.demand(query, *matched_count));
        let way = Way { plan: *plan, demand, most, first, work };
        let Some(list) = self.list(wish, way, stop)? else { return Ok(None) };
        let chosen = self.page(query, &span, &list, stop)?;
        let next = span.next(query, &list, &chosen);
        let far = list.ended && next.is_none() && query.options.max_distance.is_some();
        let names = self.schema().names();
        let seed = self.named(query)?;
        let seed_track_ids = match &seed {
            Some((_, track)) => vec![track.track_id.clone()],
            None => {
                let ids = query.examples.iter().map(|example| self.id_of(&example.seed));
                ids.collect::<Result<_, _>>()?
            }
        };
        Ok(Some(Answer {
            neighbors: self.join(target, &chosen, query.options.explained)?,
            seed,
            seed_track_ids,
            next_page_token: next.as_ref().map_or_else(String::new, |place| {
                pages::encode(self.version(), query.digest(), place)
            }),
            plan: list.plan,
            candidate_count: list.scored,
            work: work.done(),
            left_out: span.left_out(&list),
            matched_count: *matched_count,
            too_far_count: if far { matched_count - list.within } else { 0 },
            out_of_range_features: out_of_range(names, seeds.vectors.iter().map(Vec::as_slice)),
        }))
    }

    /// Explains the distance of two vectors.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn compare(&self, comparison: &Comparison) -> Result<Compared, Error> {
        let left = self.scaled_seed(&comparison.left)?;
        let right = self.scaled_seed(&comparison.right)?;
        let distance = distance(&left, &right);
        let names = self.schema().names();
        Ok(Compared {
            track: self.track_of(&comparison.right)?,
            track_ids: [self.id_of(&comparison.left)?, self.id_of(&comparison.right)?],
            distance,
            similarity_percentile: self.pairs().share_farther(distance),
            explanation: explain(names, &left, &right),
            out_of_range_features: out_of_range(names, [&*left, &*right].into_iter()),
        })
    }

    /// The distance of the row nearest to `row`, which is that of itself if all is well.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn nearest_distance(&self, row: u32, wanted: Wanted) -> Result<Option<f64>, Error> {
        let raw = self.store().raw(row, self.scaler().dims())?;
        let scaled = self.scaler().transform(&raw);
        let rules = Rules { include_duplicates: true, ..Rules::default() };
        let ranking = self.rank(&Target::point(scaled), &rules, 1, self.plan(wanted, 1))?;
        let Some(nearest) = ranking.rows.first() else { return Ok(None) };
        self.metadata(nearest.row)?;
        Ok(Some(nearest.distance))
    }

    /// The feature groups of its schema.
    #[must_use]
    pub fn groups(&self) -> FeatureGroups {
        FeatureGroups::of(self.schema().names())
    }

    /// Ranks the `k` rows that are best by a target and a list's rules, without metadata, by one plan however
    /// far it has to look.
    ///
    /// # Errors
    /// When the index cannot be read.
    ///
    /// # Panics
    /// Never: a search without a limit has an end.
    pub(crate) fn rank(
        &self,
        target: &Target,
        rules: &Rules<'_>,
        k: usize,
        plan: Plan,
    ) -> Result<Ranking, Error> {
        self.rank_from(Wish { target, rules, allowed: None, need: k }, plan, None)
    }

    /// As [`Self::rank`] by the exact plan, for many wishes of plain targets of one point: what an engine shares between
    /// queries it does once.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(crate) fn rank_exactly(&self, wishes: &[Wish<'_>]) -> Result<Vec<Ranking>, Error> {
        let plan = self.exact_plan();
        let queries = wishes.iter().flat_map(|wish| within_reach(&wish.target.wanted[0].scaled));
        let queries: Vec<f32> = queries.collect();
        let fetch = wishes.iter().map(|wish| wish.fetch(plan)).max().unwrap_or_default();
        let Plan { engine, effort, .. } = plan;
        let stop = Stop::never();
        let found = self.engines().nearest_many(engine, &queries, fetch, None, effort, stop)?;
        let found = found.unwrap_or_default().into_iter();
        found.zip(wishes).map(|(first, wish)| self.rank_from(*wish, plan, Some(first))).collect()
    }

    fn rank_from(
        &self,
        wish: Wish<'_>,
        plan: Plan,
        first: Option<Candidates>,
    ) -> Result<Ranking, Error> {
        let work = Work::unlimited();
        let way = Way { first, ..Way::by(plan, &work) };
        let list = self.list(wish, way, Stop::never())?;
        let list = list.expect("no index has that many rows");
        let ranked = |chosen: &Chosen| Ranked { row: chosen.row, distance: chosen.distance };
        Ok(Ranking {
            rows: list.chosen.iter().map(ranked).collect(),
            plan: list.plan,
            candidate_count: list.scored,
            suppressed_seed_count: list.left_out.seeds,
            seeds_before: list.chosen.iter().map(|chosen| chosen.before.seeds).collect(),
        })
    }

    fn seeds(&self, query: &Query) -> Result<Seeds, Error> {
        let mut seeds = Seeds::default();
        for example in &query.examples {
            if let Seed::Row(row) = example.seed {
                seeds.rows.push(row);
            }
            seeds.vectors.push(self.scaled_seed(&example.seed)?);
        }
        Ok(seeds)
    }

    fn scaled_seed(&self, seed: &Seed) -> Result<Vec<f64>, Error> {
        match seed {
            Seed::Vector(raw) => Ok(self.scaler().transform(raw)),
            Seed::Row(row) => Ok(self.scaled(*row)?),
        }
    }

    fn target(&self, query: &Query, seeds: &Seeds) -> Target {
        let weigh =
            |(scaled, weight): (&Vec<f64>, f64)| Weighted { scaled: scaled.clone(), weight };
        let weights = query.examples.iter().map(|example| example.weight);
        let examples = seeds.vectors.iter().zip(weights).map(weigh).collect();
        let of_groups = query.options.group_weights.as_ref();
        let weights = of_groups.map(|weights| self.groups().spread(weights));
        recommend::target(examples, query.strategy, weights)
    }

    fn allowed(
        &self,
        query: &Query,
        work: &Work,
        stop: Stop<'_>,
    ) -> Result<Option<Arc<RowSet>>, Error> {
        let filter = query.options.filter.as_ref();
        let rows = |filter| self.filters.allowed(self.store(), self.rows(), filter, work, stop);
        filter.map(rows).transpose()
    }
}

/// What went wrong with one query, unless that is that nobody waits for any.
fn still_waited<T>(one: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match one {
        Err(Error::Stopped) => Err(Error::Stopped),
        one => Ok(one),
    }
}

/// A query, ready to be searched.
#[derive(Debug)]
struct Asked<'q> {
    query: &'q Query,
    seeds: Seeds,
    target: Target,
    allowed: Option<Arc<RowSet>>,
    matched_count: usize,
    plan: Plan,
    work: Work,
}

impl Asked<'_> {
    /// Whether the engine may look for it together with others.
    fn shares_passes(&self) -> bool {
        self.target.is_plain() && self.target.wanted.len() == 1 && self.allowed.is_none()
    }

    fn fetch(&self) -> usize {
        let rules = rules(self.query, &self.seeds);
        let need = Span::of(self.query).need();
        Wish { target: &self.target, rules: &rules, allowed: None, need }.fetch(self.plan)
    }
}

/// The examples of a query: rows where they are rows, and all scaled vectors.
#[derive(Debug, Default)]
struct Seeds {
    rows: Vec<u32>,
    vectors: Vec<Vec<f64>>,
}

fn rules<'a>(query: &'a Query, seeds: &'a Seeds) -> Rules<'a> {
    let options = &query.options;
    let (seed_rows, seed_vectors): (&[_], &[_]) = match options.include_seeds {
        true => (&[], &[]),
        false => (&seeds.rows, &seeds.vectors),
    };
    Rules {
        seed_rows,
        seed_vectors,
        include_duplicates: options.include_duplicates,
        max_per_artist: options.max_per_artist,
        max_distance: options.max_distance,
        taken: &query.place.first,
    }
}
