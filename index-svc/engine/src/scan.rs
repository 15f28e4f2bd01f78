//! The exact engine: looks at every row. It is the reference the others are measured against.

use std::sync::Arc;

use crate::{
    error::EngineError,
    nearest::{Candidates, Effort, Engine, Hit, keep_nearest},
    row_set::RowSet,
    vectors::{ScaledVectors, squared_distance},
};

/// Full scan over the scaled vectors.
#[derive(Clone, Debug)]
pub struct Scan {
    vectors: Arc<ScaledVectors>,
}

impl Scan {
    /// A scan over `vectors`.
    #[must_use]
    pub fn new(vectors: Arc<ScaledVectors>) -> Self {
        Self { vectors }
    }

    /// Values of a row.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.vectors.dims()
    }
}

impl Engine for Scan {
    fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        _effort: Effort,
    ) -> Result<Candidates, EngineError> {
        let expected = self.vectors.dims();
        if query.len() != expected {
            return Err(EngineError::Width { got: query.len(), expected });
        }
        let mut nearest = Nearest::new(k);
        let scored = match allowed {
            None => {
                for (vector, row) in self.vectors.iter().zip(0_u32..) {
                    nearest.offer(hit(query, row, vector));
                }
                self.vectors.rows()
            }
            Some(allowed) => {
                for row in allowed.iter() {
                    nearest.offer(hit(query, row, self.vectors.row(row)));
                }
                allowed.len()
            }
        };
        Ok(Candidates { hits: nearest.finish(), scored })
    }
}

/// A row scored in `f32`.
pub(crate) fn hit(query: &[f32], row: u32, vector: &[f32]) -> Hit {
    Hit { row, squared_distance: f64::from(squared_distance(query, vector)) }
}

/// Keeps the `k` nearest of a stream of hits: a buffer of `2 k`, cut back when it is full.
struct Nearest {
    hits: Vec<Hit>,
    k: usize,
    bound: f64,
}

impl Nearest {
    fn new(k: usize) -> Self {
        Self { hits: Vec::with_capacity(2 * k.min(1 << 16)), k, bound: f64::INFINITY }
    }

    fn offer(&mut self, hit: Hit) {
        // Rows come in ascending order, so of equal distances the first seen is kept.
        if hit.squared_distance < self.bound {
            self.hits.push(hit);
            if self.hits.len() >= 2 * self.k.max(1) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        self.hits = keep_nearest(std::mem::take(&mut self.hits), self.k);
        if self.hits.len() == self.k {
            self.bound = self.hits.last().map_or(f64::INFINITY, |hit| hit.squared_distance);
        }
    }

    fn finish(mut self) -> Vec<Hit> {
        self.cut();
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against sorting everything; values on a small grid, so that ties are common.
        #[test]
        fn a_scan_is_a_sort(
            values in prop::collection::vec(0_i8..4, 2..120),
            query in (0_i8..4, 0_i8..4),
            k in 0_usize..20,
        ) {
            let mut values: Vec<f32> = values.into_iter().map(f32::from).collect();
            values.truncate(values.len() / 2 * 2);
            let vectors = Arc::new(ScaledVectors::new(values, 2).expect("pairs"));
            let query = [f32::from(query.0), f32::from(query.1)];
            let score = |row: u32| hit(&query, row, vectors.row(row));
            let mut all: Vec<Hit> = (0..vectors.rows() as u32).map(score).collect();
            all.sort_by(Hit::rank);
            let scan = Scan::new(Arc::clone(&vectors));
            let found = scan.nearest(&query, k, None, Effort::Exact).expect("two values");
            prop_assert_eq!(found.scored, vectors.rows());
            prop_assert_eq!(&found.hits[..], &all[..k.min(all.len())]);

            let even = RowSet::from_members(vectors.rows(), (0..vectors.rows() as u32).step_by(2));
            all.retain(|hit| hit.row % 2 == 0);
            let found = scan.nearest(&query, k, Some(&even), Effort::Exact).expect("two values");
            prop_assert_eq!(&found.hits[..], &all[..k.min(all.len())]);
        }
    }

    #[test]
    fn another_width_is_refused() {
        let vectors = Arc::new(ScaledVectors::new(vec![0.0; 4], 2).expect("pairs"));
        let error =
            Scan::new(vectors).nearest(&[0.0], 1, None, Effort::Exact).expect_err("one value");
        assert!(matches!(error, EngineError::Width { got: 1, expected: 2 }), "{error}");
    }
}
