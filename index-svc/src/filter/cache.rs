//! Columns and row sets that filters needed lately. Columns are read from the store the first time a
//! filter names them; both are dropped, the longest unused first, when they outgrow their budget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{RowSet, Stop};
use index::{metadata, store::Store};

use super::{
    Filter,
    column::{Column, Texts},
    evaluate::evaluate,
};
use crate::{error::Error, work::Work};

/// Memory that columns may hold, in bytes; one that is larger is read for each new filter.
const COLUMN_BYTES: usize = 64 << 20;
/// Memory that row sets may hold, in bytes: 400 filters over 106,574 rows.
const SET_BYTES: usize = 16 << 20;
/// Work of reading a field of a row, in the units of [`crate::work`].
const FIELD_READ: u64 = 64;
/// Rows read between two looks at whether anybody still waits.
const STOP_ROWS: u32 = 1 << 14;

/// What filters over one index have needed lately.
#[derive(Debug)]
pub(crate) struct Filters {
    columns: Mutex<Recent<usize, Column>>,
    sets: Mutex<Recent<String, RowSet>>,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            columns: Mutex::new(Recent::new(COLUMN_BYTES)),
            sets: Mutex::new(Recent::new(SET_BYTES)),
        }
    }
}

impl Filters {
    /// The rows of an index of `rows` rows that a filter allows; what it takes to find them is counted in
    /// `work`, unless they are known.
    pub(crate) fn allowed(
        &self,
        store: &Store,
        rows: u32,
        filter: &Filter,
        work: &Work,
        stop: Stop<'_>,
    ) -> Result<Arc<RowSet>, Error> {
        if let Some(set) = lock(&self.sets).find(&filter.text) {
            return Ok(set);
        }
        let mut column = |field| self.column(store, rows, field, work, stop);
        let set = evaluate(&filter.expression, rows as usize, &mut column, work, stop)?;
        // The engine keeps the set in the order of its leaves too, in as much again and the leaves' counts.
        let bytes = 3 * set.rows().div_ceil(8) + filter.text.len();
        Ok(lock(&self.sets).keep(filter.text.clone(), set, bytes))
    }

    fn column(
        &self,
        store: &Store,
        rows: u32,
        field: usize,
        work: &Work,
        stop: Stop<'_>,
    ) -> Result<Arc<Column>, Error> {
        if let Some(column) = lock(&self.columns).find(&field) {
            return Ok(column);
        }
        let mut stored = store.in_order();
        let mut texts = Texts::default();
        for row in 0..rows {
            if row.is_multiple_of(STOP_ROWS) {
                stop.check()?;
            }
            texts.push(metadata::field(&stored.track(row)?, field)?);
        }
        let column = texts.finish();
        let bytes = column.bytes();
        if bytes > COLUMN_BYTES {
            // Other columns are read for one filter and kept for many.
            work.did(u64::from(rows).saturating_mul(FIELD_READ))?;
        }
        Ok(lock(&self.columns).keep(field, column, bytes))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by key, the last used last, within a budget of bytes.
#[derive(Debug)]
struct Recent<K, V> {
    entries: Vec<(K, Arc<V>, usize)>,
    bytes: usize,
    budget: usize,
}

impl<K: PartialEq, V> Recent<K, V> {
    fn new(budget: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, budget }
    }

    fn find<Q: ?Sized + PartialEq>(&mut self, key: &Q) -> Option<Arc<V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        let at = self.entries.iter().position(|(other, _, _)| other.borrow() == key)?;
        self.entries[at..].rotate_left(1);
        self.entries.last().map(|(_, value, _)| Arc::clone(value))
    }

    /// Keeps a value, unless it is larger than the budget; another caller's under that key goes first.
    fn keep(&mut self, key: K, value: V, bytes: usize) -> Arc<V> {
        if let Some(there) = self.find(&key) {
            return there;
        }
        let value = Arc::new(value);
        if bytes > self.budget {
            return value;
        }
        self.bytes += bytes;
        self.entries.push((key, Arc::clone(&value), bytes));
        while self.bytes > self.budget {
            let (_, _, freed) = self.entries.remove(0);
            self.bytes -= freed;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first_and_the_budget_holds() {
        let mut recent = Recent::new(10);
        recent.keep("a", 1, 4);
        recent.keep("b", 2, 4);
        assert_eq!(recent.find("a").as_deref(), Some(&1));
        recent.keep("c", 3, 4);
        assert_eq!((recent.find("b"), recent.bytes), (None, 8), "a was used after b");
        assert_eq!(*recent.keep("c", 9, 4), 3, "the first one stays");
        assert_eq!(*recent.keep("d", 4, 11), 4);
        assert_eq!((recent.find("d"), recent.entries.len()), (None, 2), "larger than the budget");
        recent.keep("e", 5, 10);
        assert_eq!((recent.entries.len(), recent.bytes), (1, 10));
    }
}
