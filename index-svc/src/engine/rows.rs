//! A set of rows, as filters give it: one bit per row.

/// Rows that may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// The set of `rows`, of an index with `total` rows; rows past the end are left out.
    #[must_use]
    pub fn new(total: usize, rows: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self { words: vec![0; total.div_ceil(64)], len: 0 };
        for row in rows.into_iter().filter(|row| (*row as usize) < total) {
            let (word, bit) = (row as usize / 64, 1_u64 << (row % 64));
            if set.words[word] & bit == 0 {
                set.words[word] |= bit;
                set.len += 1;
            }
        }
        set
    }

    /// Whether `row` is in the set.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// Number of rows in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no row is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, index)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| index * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_once_and_come_back_in_order() {
        let set = RowSet::new(130, [129, 0, 64, 64, 130, 5000]);
        assert_eq!((set.len(), set.is_empty()), (3, false));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 64, 129]);
        assert!(set.contains(64) && !set.contains(65) && !set.contains(5000));
    }
}
