//! A batch of queries, cut into turns: a worker answers one turn and goes to whoever waits next, so that no
//! caller waits for a whole batch of another.
//!
//! Heavy queries have a turn each. Light ones share one: they cost less than to change hands, and plain ones
//! share passes over the rows.

use std::sync::Arc;

use crate::{
    index::Index,
    query::{Query, QueryError},
};

/// Work of the queries that share a turn, in the units of [`crate::work`]: some milliseconds.
const TURN_WORK: u64 = 1 << 22;

/// A query of a batch.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its place in the batch.
    pub(crate) place: usize,
    /// The version that answers it.
    pub(crate) index: Arc<Index>,
    pub(crate) query: Query,
    /// What it will take.
    work: u64,
}

impl Item {
    /// # Errors
    /// When it takes more work than it may.
    pub(crate) fn new(
        place: usize,
        index: Arc<Index>,
        query: Query,
        max_work: u64,
    ) -> Result<Self, QueryError> {
        index.check_work(&query, max_work)?;
        let work = index.foreseen(&query, index.rows() as usize);
        Ok(Self { place, index, query, work })
    }
}

/// Queries to one version that are answered in one go.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) index: Arc<Index>,
    /// The place of each query in the batch.
    pub(crate) places: Vec<usize>,
    pub(crate) queries: Vec<Query>,
}

/// Cuts a batch into turns; of each version the order stays.
pub(crate) fn turns(items: Vec<Item>) -> Vec<Turn> {
    // What each turn takes stands beside it.
    let mut turns: Vec<(u64, Turn)> = Vec::new();
    for Item { place, index, query, work } in items {
        // A version's last turn is the one that may have room.
        let last = turns.iter_mut().rev().find(|(_, turn)| Arc::ptr_eq(&turn.index, &index));
        match last {
            Some((taken, turn)) if taken.saturating_add(work) <= TURN_WORK => {
                *taken += work;
                turn.places.push(place);
                turn.queries.push(query);
            }
            _ => {
                turns.push((work, Turn { index, places: vec![place], queries: vec![query] }));
            }
        }
    }
    turns.into_iter().map(|(_, turn)| turn).collect()
}
