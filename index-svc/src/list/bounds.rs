//! What an engine's distance to a point tells of the exact one.
//!
//! Engines know a row `x` and a query `q` in `f32`, as `x'` and `q'`; a query beyond what they take is put
//! at the edge of it. Let `d = |q' - x'|`, `e = q - q'` and `X` a bound on the norm of every row.
//! All below is about exact numbers; the factor [`ROUNDING`] covers those of `f64`, and what is too small
//! for `f32` is covered by [`TINY`].
//!
//! The `blocks` engine computes `d` in `f64`. A norm lies above its tangents, so
//!
//! ```text
//! |q - x'| >= d + e.(q' - x') / d >= d + c / d,      c = e.q' - |e| X           (1)
//! |q - x'| >= d - |e|                                                           (2)
//! |q - x| >= |q - x'| - 2⁻²⁴ X                                                  (3)
//! ```
//!
//! (2) is for rows near the query, (1) for a query that is far from everything: its rounding is longer then
//! than rows are apart, but it is much the same for all of them. Either holds for a row that is at least
//! `d` away as well, where `d + c / d` is replaced by its least value from there on: `2 sqrt(c)` where `c > d²`.
//!
//! The others compute `d` in `f32`: a coordinate is rounded by at most 2⁻²⁴ of its size and the sum of 74
//! squares by far less than 1e-5 of itself, so the distance is off by at most `1e-5 d + 2e-7 |q'|`.

use engine::{EngineName, blocks::Blocks};

/// Far more than what sums of 74 products in `f64` err by, relatively.
const ROUNDING: f64 = 1e-12;
/// More than all that is too small for `f32` adds up to.
const TINY: f64 = 1e-15;
/// Half the distance from 1 to the next `f32`, and a little.
const HALF_STEP: f64 = 1.0 / (1_u64 << 24) as f64 * (1.0 + 1e-6);

/// Bounds on exact distances from a point, by an engine's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bounds {
    /// By distances in `f64`.
    Wide {
        /// `|e|`.
        moved: f64,
        /// `c`.
        tangent: f64,
        /// `X`.
        farthest: f64,
    },
    /// By distances in `f32`.
    Narrow {
        /// `|q'|`.
        norm: f64,
    },
}

impl Bounds {
    /// For a point at `scaled` that an engine was asked for as `query`.
    pub(super) fn new(
        scaled: &[f64],
        query: &[f32],
        engine: EngineName,
        blocks: Option<&Blocks>,
    ) -> Self {
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
        let query = || query.iter().map(|x| f64::from(*x));
        let length = norm(&mut query());
        match (engine, blocks) {
            (EngineName::Blocks, Some(blocks)) => {
                let farthest = blocks.farthest();
                let moved = || scaled.iter().zip(query()).map(|(exact, given)| exact - given);
                let along: f64 = moved().zip(query()).map(|(moved, given)| moved * given).sum();
                let moved = norm(&mut moved());
                // What `along` was rounded by is at most this.
                let tangent = along - moved * (farthest + ROUNDING * length);
                Self::Wide { moved, tangent, farthest }
            }
            _ => Self::Narrow { norm: length },
        }
    }

    /// What the exact distance of a row is not below where the engine's is `distance` or more.
    pub(super) fn lower(self, distance: f64) -> f64 {
        match self {
            Self::Wide { moved, tangent, farthest } => {
                let by_tangent = if tangent > distance * distance {
                    2.0 * tangent.sqrt()
                } else if distance > 0.0 {
                    distance + tangent / distance
                } else {
                    0.0
                };
                let nearest = by_tangent.max(distance - moved);
                nearest * (1.0 - ROUNDING) - farthest * HALF_STEP - TINY
            }
            Self::Narrow { norm } => distance * (1.0 - 1e-5) - 2e-7 * norm - TINY,
        }
    }

    /// What the exact distance of a row is not above where the engine's is `distance`.
    pub(super) fn upper(self, distance: f64) -> f64 {
        match self {
            Self::Wide { moved, farthest, .. } => {
                (distance + moved) * (1.0 + ROUNDING) + farthest * HALF_STEP + TINY
            }
            Self::Narrow { norm } => distance * (1.0 + 1e-5) + 2e-7 * norm + TINY,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{
        Effort,
        blocks::{BlocksOptions, build},
        distance, to_f32,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::list::within_reach;

    const DIMS: usize = 5;

    proptest! {
        /// Queries among the rows, far from them, and beyond what an engine takes.
        #[test]
        fn exact_distances_lie_within_their_bounds(
            rows in prop::collection::vec(prop::collection::vec(-9.0_f64..9.0, DIMS), 2..40),
            mut query in prop::collection::vec(-9.0_f64..9.0, DIMS),
            (column, far) in (0..DIMS, 0_i32..19),
        ) {
            query[column] *= 10_f64.powi(far);
            let values: Vec<f32> = rows.iter().flat_map(|row| to_f32(row)).collect();
            let image = build(&values, DIMS, &BlocksOptions::default()).expect("finite");
            let blocks = Blocks::open(image).expect("sound");
            let taken = within_reach(&query);
            let found = blocks.nearest(&taken, rows.len(), None, Effort::Exact);
            let bounds = Bounds::new(&query, &taken, EngineName::Blocks, Some(&blocks));
            let hits = found.expect("as wide").hits;
            let mut before = f64::NEG_INFINITY;
            for hit in &hits {
                let exact = distance(&query, &rows[hit.row as usize]);
                let found = hit.squared_distance.sqrt();
                let (lower, upper) = (bounds.lower(found), bounds.upper(found));
                prop_assert!(lower <= exact && exact <= upper, "{lower} {exact} {upper}");
                prop_assert!(lower >= before, "in order");
                before = lower;
                // A query that is taken as it is, or nearly, is told of sharply wherever it is.
                if far < 6 {
                    prop_assert!(exact - lower <= 1e-5, "{lower} {exact}");
                }
            }
        }
    }
}
