//! A filter in the order of the leaves: which positions it allows, and how many in each leaf.
//!
//! A set of rows is made once and asked with often, so its form for an image is kept with it
//! ([`RowSet::leaf_order`]): a leaf's part is then a slice, and a leaf without allowed rows is known
//! without looking.

use std::sync::Arc;

use super::RowSet;
use super::view::View;

/// A filter that allows at most this many rows is answered by computing every allowed row's distance.
const FEW_ROWS: usize = 2000;

/// The rows a filter allows, by position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeafOrder {
    /// Number of rows.
    len: usize,
    /// All positions, ascending, where they are few; then the rest is empty.
    few: Vec<u32>,
    /// A bit per position.
    words: Vec<u64>,
    /// Allowed rows of each leaf.
    counts: Vec<u32>,
}

impl LeafOrder {
    fn new(view: &View<'_>, rows: &RowSet) -> Self {
        let len = rows.len();
        if len <= FEW_ROWS {
            let mut few: Vec<u32> = rows.iter().map(|row| view.positions[row as usize]).collect();
            few.sort_unstable();
            return Self { len, few, words: Vec::new(), counts: Vec::new() };
        }
        let mut words = vec![0u64; view.counts.rows.div_ceil(64)];
        for row in rows.iter() {
            let position = view.positions[row as usize] as usize;
            words[position / 64] |= 1 << (position % 64);
        }
        let counts = view
            .leaves
            .iter()
            .map(|&[first, rows, ..]| ones(&words, first as usize, rows as usize).count() as u32)
            .collect();
        Self { len, few: Vec::new(), words, counts }
    }

    /// Number of allowed rows.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All allowed positions, ascending, where they are so few that each is best computed.
    pub(super) fn few(&self) -> Option<&[u32]> {
        (self.len <= FEW_ROWS).then_some(&self.few)
    }

    pub(super) fn allows(&self, position: usize) -> bool {
        self.words.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    /// Number of allowed rows of a leaf.
    pub(super) fn count(&self, leaf: usize) -> usize {
        self.counts.get(leaf).map_or(0, |&count| count as usize)
    }

    /// The allowed ones of `rows` positions from `first` on, ascending.
    pub(super) fn positions(&self, first: usize, rows: usize) -> impl Iterator<Item = usize> + '_ {
        ones(&self.words, first, rows)
    }
}

/// The bits set among `count` bits from `first` on, ascending.
fn ones(words: &[u64], first: usize, count: usize) -> impl Iterator<Item = usize> + '_ {
    let end = first + count;
    let range = first / 64..end.div_ceil(64).min(words.len());
    range.flat_map(move |index| {
        let start = index * 64;
        let mut left = words[index];
        if start < first {
            left &= u64::MAX << (first - start);
        }
        if end - start < 64 {
            left &= (1 << (end - start)) - 1;
        }
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                start + bit
            })
        })
    })
}

/// The form of `rows` for an image of this digest: the one kept with it, or, where that is another
/// image's, a new one.
pub(super) fn leaf_order(view: &View<'_>, digest: u128, rows: &RowSet) -> Arc<LeafOrder> {
    let made = || Arc::new(LeafOrder::new(view, rows));
    let (of, kept) = rows.leaf_order.get_or_init(|| (digest, made()));
    if *of == digest { Arc::clone(kept) } else { made() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slices_of_bits_are_those_of_the_whole(
            words in prop::collection::vec(any::<u64>(), 0..5),
            first in 0usize..320,
            count in 0usize..320,
        ) {
            let bits = words.len() * 64;
            let (first, count) = (first.min(bits), count.min(bits - first.min(bits)));
            let expected: Vec<usize> =
                (first..first + count).filter(|bit| words[bit / 64] >> (bit % 64) & 1 == 1).collect();
            prop_assert_eq!(ones(&words, first, count).collect::<Vec<_>>(), expected);
        }
    }
}
