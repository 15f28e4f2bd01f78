//! What may be in a list: rows are walked in exact order, and each is taken or left out for a reason
//! that is counted.

use std::collections::HashMap;

use engine::Stop;
use twox_hash::XxHash3_64;

use super::stream::{Candidate, Next, Stream};
use crate::{error::Error, searcher::Searcher};

/// Rows walked between two looks at whether anybody still waits.
const STOP_ROWS: usize = 1 << 10;

/// The rules of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules<'a> {
    /// Rows of examples; unless they are included.
    pub(crate) seed_rows: &'a [u32],
    /// Scaled vectors of examples; unless they are included.
    pub(crate) seed_vectors: &'a [Vec<f64>],
    pub(crate) include_duplicates: bool,
    /// Results per artist; 0 is no limit.
    pub(crate) max_per_artist: usize,
    pub(crate) max_distance: Option<f64>,
    /// Rows that an earlier page has had, ascending.
    pub(crate) taken: &'a [u32],
}

/// A row of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) row: u32,
    /// What it is ordered by.
    pub(crate) score: f64,
    /// Euclidean distance in scaled space.
    pub(crate) distance: f64,
    /// What was left out before it.
    pub(crate) before: LeftOut,
}

/// How many rows were left out, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Seeds, and rows exactly equal to one.
    pub seeds: usize,
    /// Rows exactly equal to a better one.
    pub duplicates: usize,
    /// Rows of an artist who has had enough.
    pub artists: usize,
}

impl LeftOut {
    /// What was left out since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            seeds: self.seeds - earlier.seeds,
            duplicates: self.duplicates - earlier.duplicates,
            artists: self.artists - earlier.artists,
        }
    }
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The list is as long as was asked for.
    Full,
    /// There is nothing more that may be in the list.
    Exhausted,
    /// More candidates are needed.
    Unsettled,
}

/// What a walk has taken, and why it ended.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) chosen: Vec<Chosen>,
    pub(super) left_out: LeftOut,
    pub(super) end: End,
    /// Rows walked that are not too far.
    pub(super) within: usize,
}

impl Walk {
    /// Walks until `need` rows are taken or no more come.
    pub(super) fn run(
        index: &Searcher,
        mut stream: Stream<'_>,
        rules: &Rules<'_>,
        need: usize,
        stop: Stop<'_>,
    ) -> Result<Self, Error> {
        let mut taken = Taken { index, rules, artists: HashMap::new(), vectors: HashMap::new() };
        for row in rules.taken {
            let candidate = stream.look_at(*row)?;
            taken.count_artist(candidate.row)?;
            taken.remember(&candidate);
        }
        // Rounding of score and distance is far below the last factor.
        let far = rules.max_distance.map(|most| most * stream.target().reach() * (1.0 + 1e-9));
        let (mut chosen, mut left_out, mut within) = (Vec::new(), LeftOut::default(), 0);
        let mut walked = 0_usize;
        let end = loop {
            if chosen.len() == need {
                break End::Full;
            }
            walked += 1;
            if walked.is_multiple_of(STOP_ROWS) {
                stop.check()?;
            }
            let candidate = match stream.next()? {
                Next::Row(candidate) => candidate,
                Next::Exhausted => break End::Exhausted,
                Next::Unsettled => break End::Unsettled,
            };
            if far.is_some_and(|far| candidate.score > far) {
                break End::Exhausted;
            }
            if rules.max_distance.is_some_and(|most| candidate.distance > most) {
                continue;
            }
            within += 1;
            if rules.taken.binary_search(&candidate.row).is_ok() {
                continue;
            }
            if rules.is_seed(&candidate) {
                left_out.seeds += 1;
            } else if taken.has_equal(&candidate)? {
                left_out.duplicates += 1;
            } else if !taken.count_artist(candidate.row)? {
                left_out.artists += 1;
            } else {
                taken.remember(&candidate);
                let Candidate { score, distance, row, .. } = candidate;
                chosen.push(Chosen { row, score, distance, before: left_out });
            }
        };
        Ok(Self { chosen, left_out, end, within })
    }
}

impl Rules<'_> {
    /// The row of an example, or a row exactly equal to one: the same recording, indexed twice.
    fn is_seed(&self, candidate: &Candidate) -> bool {
        self.seed_rows.contains(&candidate.row) || self.seed_vectors.contains(&candidate.scaled)
    }
}

/// Equal vectors have equal ones.
fn digest(scaled: &[f64]) -> u64 {
    // A zero is equal to the other one.
    let bits: Vec<u64> = scaled.iter().map(|value| (value + 0.0).to_bits()).collect();
    XxHash3_64::oneshot(bytemuck::cast_slice(&bits))
}

/// What is in the list already.
struct Taken<'a> {
    index: &'a Searcher,
    rules: &'a Rules<'a>,
    artists: HashMap<String, usize>,
    /// Rows by the digest of their vector. By their score there may be any number of them: to a query beyond the
    /// last digit of its distances all rows are equally far.
    vectors: HashMap<u64, Vec<u32>>,
}

impl Taken<'_> {
    fn has_equal(&self, candidate: &Candidate) -> Result<bool, Error> {
        for row in self.vectors.get(&digest(&candidate.scaled)).into_iter().flatten() {
            if self.index.scaled(*row)? == candidate.scaled {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remember(&mut self, candidate: &Candidate) {
        if !self.rules.include_duplicates {
            self.vectors.entry(digest(&candidate.scaled)).or_default().push(candidate.row);
        }
    }

    /// Counts one more of a row's artist, unless that is one too many.
    fn count_artist(&mut self, row: u32) -> Result<bool, Error> {
        if self.rules.max_per_artist == 0 {
            return Ok(true);
        }
        let artist = self.index.artist(row)?;
        // Tracks of nobody are not all by one artist.
        if artist.is_empty() {
            return Ok(true);
        }
        if let Some(count) = self.artists.get_mut(&artist) {
            let room = *count < self.rules.max_per_artist;
            *count += usize::from(room);
            return Ok(room);
        }
        self.artists.insert(artist, 1);
        Ok(true)
    }
}
