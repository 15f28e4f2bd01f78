//! Rows that have one and the same vector. No plane parts them, so the forest deals them out to its leaves by chance, and
//! a search meets some of them: which ones, and whether the lowest row is among them, would be chance too. With this
//! list it takes the lowest ones of a group that it meets, as the other engines do.

use heed::{RoTxn, RwTxn, WithoutTls};
use twox_hash::XxHash3_64;

use super::store::ForestStore;
use crate::{error::ForestError, vectors::ScaledVectors};

/// Fact of the store: for each group, how many rows it has, then the rows, ascending.
const COPIES_FACT: &str = "rows_of_equal_vectors";

/// Groups of two or more rows with one vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Copies {
    groups: Vec<Vec<u32>>,
    /// Rows with the number of their group, by row.
    group_of: Vec<(u32, u32)>,
}

impl Copies {
    /// Finds them.
    pub(super) fn find(vectors: &ScaledVectors) -> Self {
        let key = |vector: &[f32]| {
            let bytes: Vec<u8> = bits(vector).flat_map(u32::to_le_bytes).collect();
            XxHash3_64::oneshot(&bytes)
        };
        let mut keyed: Vec<(u64, u32)> =
            vectors.iter().zip(0..).map(|(vector, row)| (key(vector), row)).collect();
        keyed.sort_unstable();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for same_key in keyed.chunk_by(|a, b| a.0 == b.0).filter(|same_key| same_key.len() > 1) {
            // The vectors decide, not their keys.
            let mut left: Vec<u32> = same_key.iter().map(|(_, row)| *row).collect();
            while let Some(&first) = left.first() {
                let is_equal = |row: &u32| bits(vectors.row(*row)).eq(bits(vectors.row(first)));
                let (equal, others): (Vec<u32>, Vec<u32>) = left.into_iter().partition(is_equal);
                left = others;
                if equal.len() > 1 {
                    groups.push(equal);
                }
            }
        }
        groups.sort_unstable();
        Self::of(groups)
    }

    fn of(groups: Vec<Vec<u32>>) -> Self {
        let numbered = groups.iter().zip(0..);
        let mut group_of: Vec<(u32, u32)> =
            numbered.flat_map(|(rows, group)| rows.iter().map(move |row| (*row, group))).collect();
        group_of.sort_unstable();
        Self { groups, group_of }
    }

    /// Writes the fact of the store that [`Self::read`] reads.
    pub(super) fn write(
        &self,
        store: &ForestStore,
        txn: &mut RwTxn<'_>,
    ) -> Result<(), ForestError> {
        let numbers = self.groups.iter().flat_map(|rows| {
            std::iter::once(rows.len() as f64).chain(rows.iter().map(|row| f64::from(*row)))
        });
        store.put_fact(txn, COPIES_FACT, &numbers.collect::<Vec<_>>())
    }

    /// The stored groups of an index of `rows` rows. Older stores have none.
    pub(super) fn read(
        store: &ForestStore,
        txn: &RoTxn<'_, WithoutTls>,
        rows: usize,
    ) -> Result<Self, ForestError> {
        match store.fact(txn, COPIES_FACT) {
            Err(ForestError::Missing { .. }) => Ok(Self::default()),
            Err(error) => Err(error),
            Ok(numbers) => Self::from_stored(&numbers, rows).ok_or_else(|| ForestError::Missing {
                what: "a sound list",
                key: COPIES_FACT.to_owned(),
            }),
        }
    }

    /// `None` unless every group has rows of the index, ascending, and no row is in two.
    fn from_stored(mut numbers: &[f64], rows: usize) -> Option<Self> {
        let whole = |number: f64| {
            (number >= 0.0 && number < rows as f64 + 1.0 && number.fract() == 0.0)
                .then_some(number as usize)
        };
        let mut groups = Vec::new();
        while let Some((count, rest)) = numbers.split_first() {
            let (group, rest) = rest.split_at_checked(whole(*count)?)?;
            let row = |number: &f64| whole(*number).filter(|row| *row < rows);
            let group: Vec<u32> =
                group.iter().map(|number| Some(row(number)? as u32)).collect::<Option<_>>()?;
            groups.push(group);
            numbers = rest;
        }
        let ascend = groups.iter().all(|group: &Vec<u32>| group.is_sorted_by(|a, b| a < b));
        let copies = Self::of(groups);
        let once = copies.group_of.is_sorted_by(|a, b| a.0 < b.0);
        (ascend && once).then_some(copies)
    }

    /// The rows of the groups that any of `rows` is in, each group's ascending.
    pub(super) fn of_rows(&self, rows: impl Iterator<Item = u32>) -> impl Iterator<Item = &[u32]> {
        let group = |row: u32| {
            let place = self.group_of.binary_search_by_key(&row, |(row, _)| *row).ok()?;
            Some(self.group_of[place].1)
        };
        let mut groups: Vec<u32> = match self.groups.is_empty() {
            true => Vec::new(),
            false => rows.filter_map(group).collect(),
        };
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().map(|group| self.groups[group as usize].as_slice())
    }
}

/// Zeros of both signs are one number.
fn bits(vector: &[f32]) -> impl Iterator<Item = u32> {
    vector.iter().map(|value| (value + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies() -> Copies {
        let values = [1.0, 2.0, 0.0, 5.0, 1.0, 2.0, -0.0, 5.0, 7.0, 7.0, 1.0, 2.0];
        Copies::find(&ScaledVectors::new(values.to_vec(), 2).expect("whole rows"))
    }

    #[test]
    fn equal_rows_are_found_and_zeros_of_both_signs_are_equal() {
        assert_eq!(copies().groups, [vec![0, 2, 5], vec![1, 3]]);
        let of_rows = |rows: &[u32]| -> Vec<Vec<u32>> {
            copies().of_rows(rows.iter().copied()).map(<[u32]>::to_vec).collect()
        };
        assert_eq!(of_rows(&[5, 4, 2]), [vec![0, 2, 5]]);
        assert!(of_rows(&[4, 99]).is_empty());
    }

    #[test]
    fn stored_numbers_are_groups_or_refused() {
        let good = [3.0, 0.0, 2.0, 5.0, 2.0, 1.0, 3.0];
        assert_eq!(Copies::from_stored(&good, 6), Some(copies()));
        assert_eq!(Copies::from_stored(&[], 6), Some(Copies::default()));
        for (place, wrong) in
            [(0, 4.0), (0, -1.0), (1, 0.5), (2, 5.0), (3, 6.0), (4, f64::NAN), (5, 0.0)]
        {
            let mut numbers = good;
            numbers[place] = wrong;
            assert_eq!(Copies::from_stored(&numbers, 6), None, "{wrong} at {place}");
        }
    }
}
