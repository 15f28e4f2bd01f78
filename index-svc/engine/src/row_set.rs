//! Sets of rows: the filter of a search.

use std::sync::{Arc, OnceLock};

use crate::blocks::LeafOrder;

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
    pub(crate) leaf_order: OnceLock<(u128, Arc<LeafOrder>)>,
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

    /// The set whose members are the bits set in `words`, 64 rows each; bits past the end are dropped.
    #[must_use]
    pub fn from_words(rows: usize, mut words: Vec<u64>) -> Self {
        words.resize(rows.div_ceil(64), 0);
        let past_the_end = words.len() * 64 - rows;
        if let Some(last) = words.last_mut() {
            *last &= u64::MAX >> past_the_end;
        }
        let len = words.iter().map(|word| word.count_ones() as usize).sum();
        Self { words, rows, len, leaf_order: OnceLock::new() }
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

    /// Keeps the rows that are in both sets.
    ///
    /// # Panics
    /// When the sets are over different numbers of rows.
    pub fn intersect(&mut self, other: &Self) {
        self.combine(other, |a, b| a & b);
    }

    /// Adds the rows of another set.
    ///
    /// # Panics
    /// When the sets are over different numbers of rows.
    pub fn unite(&mut self, other: &Self) {
        self.combine(other, |a, b| a | b);
    }

    /// Turns into the set of the rows that are not in it.
    pub fn complement(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        let past_the_end = self.words.len() * 64 - self.rows;
        if let Some(last) = self.words.last_mut() {
            *last &= u64::MAX >> past_the_end;
        }
        self.len = self.rows - self.len;
        self.leaf_order.take();
    }

    fn combine(&mut self, other: &Self, join: impl Fn(u64, u64) -> u64) {
        assert_eq!(self.rows, other.rows, "both are sets of rows of one index");
        let mut len = 0;
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word = join(*word, *other);
            len += word.count_ones() as usize;
        }
        self.len = len;
        self.leaf_order.take();
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
            prop_assert_eq!(&RowSet::from_members(rows, model.iter().copied()), &set);
            let mut words = set.words.clone();
            words.push(u64::MAX);
            words.iter_mut().skip(rows / 64).for_each(|word| *word |= !(u64::MAX >> (63 - rows % 64)) << 1);
            prop_assert_eq!(RowSet::from_words(rows, words), set);
        }

        #[test]
        fn combines_as_sets_do(rows in 0usize..200, a in prop::collection::btree_set(0u32..200, 0..80), b in prop::collection::btree_set(0u32..200, 0..80)) {
            let set = |members: &mut dyn Iterator<Item = u32>| RowSet::from_members(rows, members);
            let (first, second) = (set(&mut a.iter().copied()), set(&mut b.iter().copied()));
            let mut combined = first.clone();
            combined.intersect(&second);
            prop_assert_eq!(&combined, &set(&mut a.intersection(&b).copied()));
            let mut combined = first.clone();
            combined.unite(&second);
            prop_assert_eq!(&combined, &set(&mut a.union(&b).copied()));
            let mut combined = first;
            combined.complement();
            prop_assert_eq!(&combined, &set(&mut (0..200).filter(|row| !a.contains(row))));
        }
    }
}
