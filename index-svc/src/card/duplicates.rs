//! Rows whose scaled vectors are equal in every feature: one recording, indexed twice. The rule of lists, which
//! leave such rows out (`list/rules.rs`): equal is what has no distance.

use index::card::Duplicates;
use twox_hash::XxHash3_128;

use crate::{error::Error, searcher::Searcher};

/// Duplicates of an index, and the rows that repeat an earlier one, ascending.
pub(super) fn find(index: &Searcher) -> Result<(Duplicates, Vec<u32>), Error> {
    let dims = index.scaler().dims();
    let mut keyed = Vec::with_capacity(index.rows() as usize);
    let mut stored = index.store().in_order();
    for row in 0..index.rows() {
        let scaled = index.scaler().transform_in_place(stored.raw(row, dims)?);
        keyed.push((key(&scaled), row));
    }
    keyed.sort_unstable();
    let (mut found, mut repeats) = (Duplicates::default(), Vec::new());
    for same_key in keyed.chunk_by(|a, b| a.0 == b.0).filter(|same_key| same_key.len() > 1) {
        // Equal keys are equal vectors but for one chance in 2^100; the vectors decide.
        let first_row = same_key[0].1;
        let first = index.scaled(first_row)?;
        let before = repeats.len();
        for (_, row) in &same_key[1..] {
            if is_equal(&first, &index.scaled(*row)?) {
                repeats.push(*row);
            }
        }
        let size = (repeats.len() - before) as u64 + 1;
        if size == 1 {
            continue;
        }
        found.groups += 1;
        found.rows += size;
        let earlier = found.largest_group_row.is_none_or(|row| first_row < row);
        if size > found.largest_group || (size == found.largest_group && earlier) {
            found.largest_group = size;
            found.largest_group_row = Some(first_row);
        }
    }
    repeats.sort_unstable();
    Ok((found, repeats))
}

fn is_equal(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| positive_zero(*a).to_bits() == positive_zero(*b).to_bits())
}

fn key(scaled: &[f64]) -> u128 {
    let bytes: Vec<u8> =
        scaled.iter().flat_map(|value| positive_zero(*value).to_le_bytes()).collect();
    XxHash3_128::oneshot(&bytes)
}

/// Zeros of both signs are one number.
fn positive_zero(value: f64) -> f64 {
    value + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_of_both_signs_are_equal_and_neighbouring_numbers_are_not() {
        assert!(is_equal(&[0.0, 1.0], &[-0.0, 1.0]));
        assert_eq!(key(&[0.0, 1.0]), key(&[-0.0, 1.0]));
        let next = 1.0_f64.next_up();
        assert!(!is_equal(&[0.0, 1.0], &[0.0, next]));
        assert_ne!(key(&[0.0, 1.0]), key(&[0.0, next]));
        assert_ne!(key(&[0.0, 1.0]), key(&[1.0, 0.0]));
    }
}
