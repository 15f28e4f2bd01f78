//! The questions of a trial asked with one effort after the other. What a smaller effort finds is what a larger one
//! had found on its way, so nothing is searched twice: each question keeps its walk through the blocks engine, and
//! what the forest inspected serves lists of every length.

use std::collections::{BTreeMap, btree_map::Entry};

use engine::{
    Effort, EngineError, EngineName,
    blocks::{Blocks, Trail},
};

use super::trial::{Figures, Known, Trial, each};
use crate::{
    error::Error,
    list::{WIDEN, Wish, within_reach},
    planner::Plan,
    searcher::Searcher,
};

/// Most questions that the forest is asked, which takes a hundred times as long as the blocks engine.
pub(super) const FOREST_QUESTIONS: usize = 250;

/// A trial, and how far its questions were searched.
#[derive(Debug)]
pub struct Climb<'i> {
    trial: Trial<'i>,
    /// The walks for lists of one length; those for another begin anew.
    walks: Option<(usize, Vec<Walked>)>,
    /// What the forest inspected of so many rows, for each question it is asked.
    inspected: BTreeMap<usize, Vec<Inspected>>,
}

#[derive(Debug)]
struct Walked {
    trail: Trail,
    sought: usize,
}

#[derive(Debug)]
struct Inspected {
    /// Whether each true neighbour is among them, nearest first.
    found: Vec<bool>,
    scored: usize,
}

/// What one question met: how many of its true neighbours, of how many, among how many rows.
type Outcome = (usize, usize, usize);

impl<'i> Climb<'i> {
    /// Begins with a trial.
    #[must_use]
    pub fn new(trial: Trial<'i>) -> Self {
        Self { trial, walks: None, inspected: BTreeMap::new() }
    }

    /// What the first `k` results would be by an effort of an engine; the exact answer's figures without one.
    /// Without times.
    ///
    /// # Errors
    /// When the index cannot be read, or the engine is not open.
    pub fn figures(
        &mut self,
        k: usize,
        engine: EngineName,
        effort: Option<Effort>,
    ) -> Result<Figures, Error> {
        let outcomes = match effort {
            Some(Effort::Margin(margin)) => self.by_walks(k, margin)?,
            Some(Effort::Rows(rows)) if engine == EngineName::Forest => {
                self.by_inspection(k, rows)?
            }
            Some(effort) => return self.trial.figures(k, Plan::unmeasured(engine, effort)),
            None => return Ok(self.trial.exact_figures(k)),
        };
        let recalls = outcomes.into_iter().map(|(found, sought, scored)| {
            let recall = if sought == 0 { 1.0 } else { found as f64 / sought as f64 };
            (recall, scored as f64)
        });
        Ok(Figures::of(&recalls.collect::<Vec<_>>()))
    }

    /// Distance within which all but a hundredth of the questions have their first `k` true neighbours.
    #[must_use]
    pub fn reach(&self, k: usize) -> f64 {
        self.trial.reach(k)
    }

    fn by_walks(&mut self, k: usize, margin: f32) -> Result<Vec<Outcome>, Error> {
        let blocks = self.trial.index.engines().blocks();
        let blocks = blocks.ok_or(EngineError::NotBuilt { name: EngineName::Blocks })?;
        let walks = match self.walks.take() {
            Some((length, walks)) if length == k => walks,
            _ => {
                let known = self.trial.of_depth(k);
                each(self.trial.threads, known, |known| begin(blocks, known, k))?
            }
        };
        let (_, walks) = self.walks.insert((k, walks));
        let walks = walks.iter_mut().collect();
        each(self.trial.threads, walks, |walked| {
            let met = walked.trail.at(blocks, margin).map_err(EngineError::from)?;
            Ok((met.found, walked.sought, met.scanned))
        })
    }

    fn by_inspection(&mut self, k: usize, rows: usize) -> Result<Vec<Outcome>, Error> {
        let Trial { index, threads, .. } = &self.trial;
        let asked = self.trial.of_depth(1);
        let step = asked.len().div_ceil(FOREST_QUESTIONS).max(1);
        let asked: Vec<&Known> = asked.into_iter().step_by(step).collect();
        // The forest inspects as many rows as it shall find, at least.
        let least = asked.iter().map(|known| first_fetch(known, k)).max();
        let rows = rows.max(least.unwrap_or_default());
        let inspected: &Vec<Inspected> = match self.inspected.entry(rows) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let asked = asked.clone();
                place.insert(each(*threads, asked, |known| inspect(index, known, rows))?)
            }
        };
        let outcomes = asked.into_iter().zip(inspected).filter(|(known, _)| known.depth >= k);
        let outcome = |(known, inspected): (&Known, &Inspected)| match fetch(known, k) {
            // Copies of what was asked with are left out, and take the place of results.
            more if more > rows => Ok(inspect(index, known, more)?.outcome(k)),
            _ => Ok(inspected.outcome(k)),
        };
        outcomes.map(outcome).collect()
    }
}

impl Inspected {
    fn outcome(&self, k: usize) -> Outcome {
        let sought = k.min(self.found.len());
        let found = self.found[..sought].iter().filter(|found| **found).count();
        (found, sought, self.scored)
    }
}

/// What the forest finds of a question's true neighbours among so many rows.
fn inspect(index: &Searcher, known: &Known, rows: usize) -> Result<Inspected, Error> {
    let query = within_reach(&known.question.target.wanted[0].scaled);
    let effort = Effort::Rows(rows);
    let met = index.engines().nearest(EngineName::Forest, &query, rows, None, effort)?;
    let mut met_rows: Vec<u32> = met.hits.iter().map(|hit| hit.row).collect();
    met_rows.sort_unstable();
    let near = known.truth.rows.iter();
    let found = near.map(|near| met_rows.binary_search(&near.row).is_ok()).collect();
    Ok(Inspected { found, scored: met.scored })
}

fn begin(blocks: &Blocks, known: &Known, k: usize) -> Result<Walked, Error> {
    let near = &known.truth.rows[..k.min(known.truth.rows.len())];
    let sought: Vec<u32> = near.iter().map(|near| near.row).collect();
    let query = within_reach(&known.question.target.wanted[0].scaled);
    let trail = blocks.trail(&query, fetch(known, k), &sought).map_err(EngineError::from)?;
    Ok(Walked { trail, sought: sought.len() })
}

/// How many candidates an engine is asked for in the round that fills the list.
fn fetch(known: &Known, k: usize) -> usize {
    let mut fetch = first_fetch(known, k);
    // Of a longer list that is known, seeds behind the first `k` are in nobody's way.
    let seeds = known.truth.seeds_before.get(k.saturating_sub(1)).copied();
    while fetch < k + seeds.unwrap_or(known.truth.suppressed_seed_count) {
        fetch = fetch.saturating_mul(WIDEN);
    }
    fetch
}

/// How many it is asked for first, by any effort but the exact one.
fn first_fetch(known: &Known, k: usize) -> usize {
    let question = &known.question;
    let wish = Wish { target: &question.target, rules: &question.rules(), allowed: None, need: k };
    wish.fetch(Plan::unmeasured(EngineName::Blocks, Effort::Rows(k)))
}
