//! Work space for values of [`LANES`] frames side by side, each row in one line of the cache.

use std::ops::{Deref, DerefMut};

use crate::dsp::simd::{LANES, Lanes};

/// Rows that begin where a cache line does: a row of 16 `f32` is as long as a line, and one that
/// lies across two costs twice as much to read and more to write. A plain vector begins anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Rows {
    /// Makes room for `len` rows, whose values are of no meaning.
    pub(crate) fn resize(&mut self, len: usize) {
        let spare = LANES - 1;
        let needed = len * LANES + spare;
        if self.values.len() < needed {
            self.values = vec![0.0; needed];
            self.start = self.values.as_ptr().align_offset(size_of::<Lanes>()).min(spare);
        }
        self.len = len;
    }
}

impl Deref for Rows {
    type Target = [Lanes];

    fn deref(&self) -> &[Lanes] {
        self.values[self.start..].as_chunks().0.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [Lanes] {
        self.values[self.start..].as_chunks_mut().0.get_mut(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_many_as_asked_for_and_begin_with_a_line() {
        let mut rows = Rows::default();
        assert_eq!(rows.len(), 0);
        for len in [3, 1000, 7, 0, 1001] {
            rows.resize(len);
            assert_eq!(rows.len(), len);
            assert_eq!(rows.as_ptr().align_offset(size_of::<Lanes>()), 0);
            rows.iter_mut().for_each(|row| row[LANES - 1] = 1.0);
            assert_eq!(rows.clone().len(), len);
        }
    }
}
