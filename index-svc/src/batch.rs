//! A batch of queries, cut into turns: a worker answers one turn and goes to whoever waits next, so that no
//! caller waits for a whole batch of another.
//!
//! Heavy queries have a turn each. Light ones share one: they cost less than to change hands, and plain ones
//! share passes over the rows.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use engine::Stop;

use crate::{
    error::Error,
    filter::Filter,
    query::{Query, QueryError},
    searcher::Searcher,
    status,
    work::comparisons,
};

/// Work of the queries that share a turn, in the units of [`crate::work`]: some milliseconds.
const TURN_WORK: u64 = 1 << 22;

/// Ids that are looked up in one turn: less than a millisecond.
pub(crate) const TURN_LOOKUPS: usize = 50;

/// A query of a batch.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its place in the batch.
    pub(crate) place: usize,
    /// The version that answers it.
    pub(crate) index: Arc<Searcher>,
    pub(crate) query: Query,
    /// What it will take.
    work: u64,
}

impl Item {
    /// # Errors
    /// When it takes more work than it may.
    pub(crate) fn new(
        place: usize,
        index: Arc<Searcher>,
        query: Query,
        max_work: u64,
    ) -> Result<Self, QueryError> {
        index.check_work(&query, max_work)?;
        let rows = index.rows() as usize;
        // Roughly, for nobody knows yet how many texts the filter is about.
        let filter = query.options.filter.as_ref().map_or(0, Filter::values);
        let work = index.foreseen(&query, rows).saturating_add(comparisons(rows, filter));
        Ok(Self { place, index, query, work })
    }
}

/// Queries to one version that are answered in one go.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) index: Arc<Searcher>,
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

/// The answers to many queries, in passes that they share; where one cannot be answered, each by itself,
/// so that the error is its own and no other's.
///
/// # Errors
/// When nobody waits any more.
pub(crate) fn all_or_each<Q, A>(
    queries: &[Q],
    all: impl FnOnce(&[Q]) -> Result<Vec<Result<A, Error>>, Error>,
    alone: impl Fn(&Q) -> Result<A, Error>,
) -> Result<Vec<Result<A, Error>>, Error> {
    match caught(|| all(queries)) {
        Err(Error::Stopped) => Err(Error::Stopped),
        Err(_) => {
            let alone = |query| match caught(|| alone(query)) {
                Err(Error::Stopped) => Err(Error::Stopped),
                answer => Ok(answer),
            };
            queries.iter().map(alone).collect()
        }
        found => found,
    }
}

/// Answers each item of a batch; one that is refused, or whose answer panics, has a status of its own and
/// stops no other.
///
/// # Errors
/// When nobody waits any more.
pub(crate) fn each<I, T, R>(
    items: impl IntoIterator<Item = I>,
    stop: Stop<'_>,
    mut answer: impl FnMut(I) -> Result<T, QueryError>,
    wire: impl Fn(Result<T, Vec<u8>>) -> R,
) -> Result<Vec<R>, QueryError> {
    let mut results = Vec::new();
    for item in items {
        stop.check().map_err(Error::from)?;
        results.push(wire(match caught(|| answer(item)) {
            Ok(found) => Ok(found),
            Err(QueryError::Index(Error::Stopped)) => return Err(Error::Stopped.into()),
            Err(error) => {
                note(&error);
                Err(status::encoded(error))
            }
        }));
    }
    Ok(results)
}

/// What an answer comes to, also where it panics. What it read is not used any more then, and nothing was
/// changed.
fn caught<T, E: From<Error>>(answer: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| Err(Error::Panicked.into()))
}

/// Logs what the caller is not told.
pub(crate) fn note(error: &QueryError) {
    match error {
        QueryError::In { source, .. } => note(source),
        QueryError::Index(Error::Stopped) => {}
        QueryError::Index(error) => tracing::error!(%error, "the index could not be read"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tonic::Code;

    use super::*;

    fn code(status: &[u8]) -> i32 {
        tonic_types::pb::Status::decode(status).expect("a status").code
    }

    #[test]
    fn an_item_that_panics_stops_no_other() {
        let items = [1, 0, 3];
        let divide = |by: i32| Ok(12 / by);
        let answers = each(items, Stop::never(), divide, |outcome| outcome).expect("waited for");
        let internal = |outcome: &Result<i32, Vec<u8>>| {
            outcome.as_ref().err().map(|status| code(status) == Code::Internal as i32)
        };
        assert_eq!(answers.iter().map(internal).collect::<Vec<_>>(), [None, Some(true), None]);
        assert_eq!((answers[0].as_ref(), answers[2].as_ref()), (Ok(&12), Ok(&4)));
    }

    #[test]
    fn what_panics_in_a_shared_pass_is_found_alone() {
        let alone = |by: &i32| Ok(12 / by);
        let all = |items: &[i32]| Ok(items.iter().map(alone).collect());
        let answers = all_or_each(&[1, 0, 3], all, alone).expect("waited for");
        assert!(matches!(answers[..], [Ok(12), Err(Error::Panicked), Ok(4)]), "{answers:?}");
        let stopped = |_: &[i32]| Err(Error::Stopped);
        assert!(matches!(all_or_each(&[1], stopped, alone), Err(Error::Stopped)));
    }
}
