//! Sets of rows: the filter of a search.

use std::sync::{Arc, OnceLock};

use super::blocks::LeafOrder;

/// A set of row numbers below a fixed count, as a bitmap.
///
/// The blocks engine takes a set in the order of its leaves, and keeps that form with the set: at a
/// million rows it takes a few milliseconds to make, so a filter that is asked with more than once
/// is better kept than made anew.
#[derive(Debug, Clone)]
pub struct RowSet {
    words: Vec<u64>,
    rows: usize,
    len: usize,
    /// The form for the image of a digest; none once the set has changed.
    pub(super) leaf_order: OnceLock<(u128, Arc<LeafOrder>)>,
}

impl PartialEq for RowSet {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.rows == other.rows
    }
}

impl Eq for RowSet {}

impl RowSet {
    /// The empty set over rows `0..rows`.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], rows, len: 0, leaf_order: OnceLock::new() }
    }

    /// The set of those of `members` that are below `rows`.
    #[must_use]
    pub fn from_members(rows: usize, members: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new(rows);
        for row in members {
            set.insert(row);
        }
        set
    }

    /// Adds a row; `false` when it was there or is past the end.
    pub fn insert(&mut self, row: u32) -> bool {
        let bit = 1u64 << (row % 64);
        if row as usize >= self.rows {
            return false;
        }
        let word = &mut self.words[row as usize / 64];
        let added = *word & bit == 0;
        *word |= bit;
        self.len += usize::from(added);
        self.leaf_order.take();
        added
    }

    /// Removes a row; `false` when it was not there.
    pub fn remove(&mut self, row: u32) -> bool {
        let there = self.contains(row);
        if there {
            self.words[row as usize / 64] &= !(1u64 << (row % 64));
            self.len -= 1;
            self.leaf_order.take();
        }
        there
    }

    /// Whether the row is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Number of rows in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The count of rows the set is over.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows in the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    index as u32 * 64 + bit
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_an_ordered_set(rows in 0usize..300, steps in prop::collection::vec((any::<bool>(), 0u32..330), 0..200)) {
            let mut set = RowSet::new(rows);
            let mut model = BTreeSet::new();
            for (add, row) in steps {
                if add {
                    prop_assert_eq!(set.insert(row), (row as usize) < rows && model.insert(row));
                } else {
                    prop_assert_eq!(set.remove(row), model.remove(&row));
                }
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.is_empty(), model.is_empty());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert!((0..400).all(|row| set.contains(row) == model.contains(&row)));
            prop_assert_eq!(RowSet::from_members(rows, model.iter().copied()), set);
        }
    }
}
