//! Discrete cosine transform, type II, orthonormal: `scipy.fft.dct(x, type=2, norm="ortho")`.

use std::f64::consts::PI;

use crate::dsp::simd::{Isa, Kernel, Lanes, Level, ZERO, scale_add};

/// Coefficients computed side by side.
const COLUMNS: usize = 4;

/// The first rows of the transform of one length.
#[derive(Clone, Debug)]
pub(crate) struct Dct {
    /// `[row block][input][row]`.
    blocks: Vec<Vec<[f32; COLUMNS]>>,
    rows: usize,
}

impl Dct {
    /// The first `rows` coefficients of the transform of `len` values.
    pub(crate) fn new(rows: usize, len: usize) -> Self {
        let coefficient = |row: usize, i: usize| {
            let norm = if row == 0 { 1.0 } else { 2.0 } / len as f64;
            let angle = PI * row as f64 * (2 * i + 1) as f64 / (2 * len) as f64;
            (norm.sqrt() * angle.cos()) as f32
        };
        let blocks = (0..rows.div_ceil(COLUMNS)).map(|block| {
            (0..len)
                .map(|i| std::array::from_fn(|column| coefficient(COLUMNS * block + column, i)))
                .collect()
        });
        Self { blocks: blocks.collect(), rows }
    }

    /// Number of coefficients.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Transforms the columns of a group.
    pub(crate) fn apply(&self, input: &[Lanes], out: &mut Vec<Lanes>, level: Level) {
        out.resize(self.blocks.len() * COLUMNS, ZERO);
        level.run(Apply { blocks: &self.blocks, input, out });
        out.truncate(self.rows);
    }
}

struct Apply<'a> {
    blocks: &'a [Vec<[f32; COLUMNS]>],
    input: &'a [Lanes],
    out: &'a mut [Lanes],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let out = self.out.as_chunks_mut::<COLUMNS>().0;
        for (block, out) in self.blocks.iter().zip(out) {
            let mut sums = [ZERO; COLUMNS];
            for (coefficients, input) in block.iter().zip(self.input) {
                sums = std::array::from_fn(|column| {
                    scale_add::<I>(coefficients[column], input, &sums[column])
                });
            }
            *out = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::simd::LANES;

    #[test]
    fn rows_are_orthonormal() {
        // The transform of a row is a unit vector.
        let dct = Dct::new(6, 16);
        for row in 0..6 {
            let input: Vec<Lanes> =
                (0..16).map(|i| [dct.blocks[row / COLUMNS][i][row % COLUMNS]; LANES]).collect();
            for level in Level::all() {
                let mut out = Vec::new();
                dct.apply(&input, &mut out, level);
                assert_eq!(out.len(), 6);
                for (k, value) in out.iter().enumerate() {
                    let expected = if k == row { 1.0 } else { 0.0 };
                    assert!((value[0] - expected).abs() < 1e-6, "row {row}, coefficient {k}");
                }
            }
        }
    }
}
