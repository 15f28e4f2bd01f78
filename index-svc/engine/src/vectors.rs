//! The scaled vectors of all rows, by row: those of the blocks engine's image where it is open, so
//! that memory holds them once, else those of the mapped file.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::blocks::Blocks;

/// Vectors that somebody else holds row after row, such as a mapped file.
pub trait RowMajor: fmt::Debug + Send + Sync {
    /// All values: the same ones at every call.
    fn values(&self) -> &[f32];

    /// Number of values in a row.
    fn dims(&self) -> usize;
}

/// Scaled vectors by row.
#[derive(Clone, Debug)]
pub struct ScaledVectors {
    source: Source,
    dims: usize,
}

#[derive(Clone, Debug)]
enum Source {
    /// Row after row.
    Memory(Vec<f32>),
    /// Row after row.
    Held(Arc<dyn RowMajor>),
    /// Leaf after leaf.
    Image(Arc<Blocks>),
}

impl ScaledVectors {
    /// Vectors of `dims` values each; `None` when `values` is not whole rows.
    #[must_use]
    pub fn new(values: Vec<f32>, dims: usize) -> Option<Self> {
        (dims > 0 && values.len().is_multiple_of(dims))
            .then_some(Self { source: Source::Memory(values), dims })
    }

    /// The vectors that `held` holds.
    #[must_use]
    pub fn of_rows(held: impl RowMajor + 'static) -> Self {
        let dims = held.dims();
        Self { source: Source::Held(Arc::new(held)), dims }
    }

    /// The vectors an image was built from.
    #[must_use]
    pub fn of_image(blocks: Arc<Blocks>) -> Self {
        let dims = blocks.dims();
        Self { source: Source::Image(blocks), dims }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.source {
            Source::Memory(values) => values.len() / self.dims,
            Source::Held(held) => held.values().len() / self.dims,
            Source::Image(blocks) => blocks.rows(),
        }
    }

    /// Number of values in a row.
    #[inline]
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The vector at `row`.
    ///
    /// # Panics
    /// When `row` is past the end; callers hold rows of this index only.
    #[inline]
    #[must_use]
    pub fn row(&self, row: u32) -> &[f32] {
        match &self.source {
            Source::Memory(values) => self.row_of(values, row),
            Source::Held(held) => self.row_of(held.values(), row),
            Source::Image(blocks) => blocks.row(row).expect("callers hold rows of this index only"),
        }
    }

    #[inline]
    fn row_of<'v>(&self, values: &'v [f32], row: u32) -> &'v [f32] {
        let start = row as usize * self.dims;
        &values[start..start + self.dims]
    }

    /// All values, `[rows, dims]`; a copy where they lie leaf after leaf.
    #[must_use]
    pub fn values(&self) -> Cow<'_, [f32]> {
        match &self.source {
            Source::Memory(values) => Cow::Borrowed(values),
            Source::Held(held) => Cow::Borrowed(held.values()),
            Source::Image(_) => self.iter().flatten().copied().collect::<Vec<_>>().into(),
        }
    }

    /// All rows with their vectors, in the order in which they are stored: what is read together lies
    /// together.
    pub fn stored(&self) -> Box<dyn Iterator<Item = (u32, &[f32])> + '_> {
        match &self.source {
            Source::Memory(values) => Box::new((0..).zip(values.chunks_exact(self.dims))),
            Source::Held(held) => Box::new((0..).zip(held.values().chunks_exact(self.dims))),
            Source::Image(blocks) => Box::new(blocks.stored()),
        }
    }

    /// All vectors in row order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.rows() as u32).map(|row| self.row(row))
    }
}

/// Squared Euclidean distance in `f32`, sixteen sums side by side so that it vectorises.
#[inline]
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += (a - b) * (a - b);
    }
    sums.iter().sum()
}

/// Euclidean distance in `f64`: the distance that ranks and that replies carry.
#[inline]
#[must_use]
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// A scaled vector as engines take it.
#[must_use]
pub fn to_f32(scaled: &[f64]) -> Vec<f32> {
    scaled.iter().map(|value| *value as f32).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_rows_are_vectors() {
        assert!(ScaledVectors::new(vec![0.0; 7], 2).is_none());
        assert!(ScaledVectors::new(Vec::new(), 0).is_none());
        let vectors = ScaledVectors::new(vec![1.0, 2.0, 3.0, 4.0], 2).expect("two rows");
        assert_eq!((vectors.rows(), vectors.row(1)), (2, [3.0, 4.0].as_slice()));
    }

    proptest! {
        /// The fast sum against the plain one: f32 rounding of at most 80 terms.
        #[test]
        fn fast_distance_is_the_distance(
            pairs in prop::collection::vec((-50.0_f32..50.0, -50.0_f32..50.0), 1..80),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let exact = distance(&wide(&a), &wide(&b));
            let fast = f64::from(squared_distance(&a, &b)).sqrt();
            prop_assert!((fast - exact).abs() <= 1e-6 * exact, "{fast} {exact}");
        }
    }
}
