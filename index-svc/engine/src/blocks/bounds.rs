//! How far a distance between integer codes can be from the distance between rows, with the proof that exact search
//! is exact.
//!
//! # Codes
//! Take a leaf with centroid `c`, a row `x`, a query `q`. A group of 16 rows shares a scale `s`; the row's code is the
//! integer vector `u = round((x - c) / s)`, which stands for `x' = c + s u`. The query's code, made anew for each leaf,
//! is `v = round((q - c) / t)`, which stands for `q' = c + t v`. In real arithmetic
//!
//! ```text
//! |q' - x'|^2 = t^2 |v|^2 + s^2 |u|^2 - 2 s t (u . v)                         (1)
//! ```
//!
//! and `|v|^2`, `|u|^2`, `u . v` are integers that the engine computes exactly: the codes of rows lie in -127..=127, those of
//! queries are limited so that `u . v` fits 31 bits ([`query_code_limit`]), `|u|^2 < 2^24` is exact in f32 for up to
//! [`super::MAX_DIMS`] columns, `|v|^2 < 2^53` in f64.
//!
//! # Errors
//! The build stores for each group `e_x >= |x - x'|`, measured in f64 and rounded up ([`round_up`]); so a row with an
//! outlier widens only the bound of its own group, and rows are sorted into groups by their largest residual.
//! For the query, with `r = fl(q - c)`, each column errs by at most half a step for rounding to an integer, `2^-22 * |v| <
//! 0.01` steps for the two roundings of `r * fl(1/t)`, and `2^-24 |r|` for the subtraction, hence
//! `|q - q'| <= e_q = 0.51 t sqrt(d) + 2^-23 |r|` ([`query_error`]).
//! The triangle inequality gives
//!
//! ```text
//! |q' - x'| - e <= |q - x| <= |q' - x'| + e,     e = e_q + e_x                    (2)
//! ```
//!
//! # Why nothing is lost
//! Let `T` be the k-th smallest upper bound of (2) among rows seen. At least k rows lie within `T`, so a row whose lower bound
//! exceeds `T` is not among the k nearest, and `T` only falls. A row is dropped
//! 1. by a scan, when `|q' - x'| > T + e`, rewritten through (1) as `u.v - (s/2t) |u|^2 < (t^2 |v|^2 - (T+e)^2) / 2st`.
//!    The scan works in f32: `u.v` and the slope are rounded once, product and difference once, so it errs by at most
//!    `2^-22 (|u.v| + (s/2t) |u|^2)`, with `|u.v| <= 127 sqrt(d) |v|` and `|u|^2 <= 127^2 d`. [`Decisions::group`]
//!    lowers the floor by that much, and lets every row pass where a number leaves f32's range;
//! 2. with its leaf, when `|q - c| - radius > T`: every row of the leaf is farther than `T` ([`beyond`]);
//! 3. with its group, when `|q - c|` less the group's reach exceeds `T`: by the triangle inequality no row of the group is
//!    farther from `c` than `s |u| + e_x` ([`reach`], [`beyond`]);
//! 4. with all rows on the other side of a plane `n . x = o`. The build put a row above the plane where `fl(n . x) >= o`, and
//!    below it else, and `fl(n . x)` errs by at most `g |n| |x|`, `g = (d + 8) 2^-24`; for a query with `m = fl(n . q) - o`
//!    hence `|n| |q - x| >= |m| (1 - 2^-22) - g |n| (|q| + |x|)`, and `|x|` is at most a centroid's norm plus its leaf's radius
//!    ([`PlaneBound`]);
//! 5. before re-ranking, when its lower bound exceeds the k-th smallest distance computed so far.
//!
//! All other rows get their distance in f64. That distance, a sum of rounded non-negative terms, errs by less than `(d + 3)
//! 2^-52` of itself; [`SLACK`] covers it for every `d` allowed, along with the f64 roundings in (1) and (2), whose cancellation is
//! bounded by [`SLACK`] times the sum of (1)'s positive terms. Hence, when all leaves are scanned or dropped by 2., the hits are
//! the k first rows in the order (computed distance, row): the exact answer.

use super::view::Extent;

/// Relative rounding of the f32 scan.
const ROUNDING: f64 = 1.0 / (1u64 << 22) as f64;
/// Relative slack for f64 arithmetic: more than `4 * (1024 + 3) * 2^-52`.
pub(super) const SLACK: f64 = 1e-12;
/// Largest magnitude of a row's code.
pub(super) const ROW_CODE_LIMIT: f64 = 127.0;
/// Scales are not smaller than this, so that their inverses are finite in f32.
pub(super) const SCALE_FLOOR: f32 = 1e-30;

/// Largest magnitude of the query's code in an index of `dims` columns: `127 * dims * limit < 2^31`, and two signed bytes.
pub(super) fn query_code_limit(dims: usize) -> f32 {
    (f64::from(i32::MAX) / (ROW_CODE_LIMIT * dims as f64)).floor().min(32_512.0) as f32
}

/// Bound on `|q - q'|`.
pub(super) fn query_error(query_scale: f64, dims: usize, residual_norm: f64) -> f64 {
    0.51 * query_scale * (dims as f64).sqrt() + residual_norm * 2f64.powi(-23)
}

/// The distance to a point, as its f32 squared norm `|fl(q - c)|^2` tells it, is at least this.
///
/// Each column's difference, square, and the sums err by `2^-24` relatively, at most `d + 4` times.
pub(super) fn distance_at_least(squared_norm: f32, dims: usize) -> f64 {
    f64::from(squared_norm).sqrt() * (1.0 - (dims + 8) as f64 * 2f64.powi(-24))
}

/// Whether every row within `radius` of a point is farther than `limit`.
pub(super) fn beyond(distance_at_least: f64, radius: f32, limit: f64) -> bool {
    distance_at_least - f64::from(radius) > limit * (1.0 + SLACK)
}

/// Bound on the distance of a group's rows from their leaf's centroid.
pub(super) fn reach(largest_norm: f32, scale: f32, error: f32) -> f32 {
    round_up(f64::from(largest_norm).sqrt() * f64::from(scale) + f64::from(error))
}

/// What a margin tells of the rows on the other side of a plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneBound {
    rounding: f64,
    inverse: f64,
}

impl PlaneBound {
    pub(super) fn new(query: &[f32], dims: usize, extent: &Extent) -> Self {
        let norm = query.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        let longest = extent.longest.max(1.0);
        let share = (dims + 8) as f64 * 2f64.powi(-24) * (1.0 + SLACK);
        // The last term is for products that are too small for f32.
        let rounding = share * longest * (norm + extent.farthest) * (1.0 + SLACK) + 1e-30;
        Self { rounding, inverse: (1.0 - SLACK) / longest }
    }

    /// The rows on the other side are at least this far; NaN where the margin is.
    pub(super) fn at_least(&self, margin: f32) -> f64 {
        let margin = f64::from(margin.abs()) * (1.0 - 2f64.powi(-22));
        (margin - self.rounding) * self.inverse
    }

    /// Whether rows that are at least so far are all farther than `limit`.
    pub(super) fn beyond(at_least: f64, limit: f64) -> bool {
        at_least > limit * (1.0 + SLACK)
    }
}

/// The least f32 that is not below `value`, with room for `value`'s own rounding.
pub(super) fn round_up(value: f64) -> f32 {
    let value = value * (1.0 + SLACK);
    let rounded = value as f32;
    if f64::from(rounded) < value { rounded.next_up() } else { rounded }
}

/// What (1) and (2) need of a query in one leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryTerms {
    /// `t`.
    pub(super) scale: f64,
    /// `t^2 |v|^2`.
    pub(super) squared_norm: f64,
    /// `e_q`.
    pub(super) error: f64,
    /// Bound on `|u . v|` in the f32 scan's error.
    pub(super) dot_limit: f64,
}

impl QueryTerms {
    pub(super) fn new(scale: f32, squares: f64, residual_norm: f64, dims: usize) -> Self {
        let scale = f64::from(scale);
        Self {
            scale,
            squared_norm: scale * scale * squares,
            error: query_error(scale, dims, residual_norm),
            dot_limit: ROW_CODE_LIMIT * (dims as f64 * squares).sqrt(),
        }
    }
}

/// When a row of a group survives the scan, `dot - slope * norm >= floor`, for a query in a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decisions {
    /// Half the inverse of `t`.
    half_inverse: f64,
    squared_norm: f64,
    reach: f64,
    dot_rounding: f64,
    norm_rounding: f64,
}

impl Decisions {
    /// Drops only rows farther than `limit`; `norm_limit` is the largest possible `|u|^2`.
    pub(super) fn new(query: &QueryTerms, limit: f64, norm_limit: f64) -> Self {
        let half_inverse = 0.5 / query.scale;
        Self {
            half_inverse,
            squared_norm: query.squared_norm * (1.0 - SLACK),
            reach: (limit + query.error) * (1.0 + SLACK),
            dot_rounding: query.dot_limit * ROUNDING + 1.0,
            norm_rounding: norm_limit * ROUNDING,
        }
    }

    /// Slope and floor of a group of scale `s` and error `e_x`.
    #[inline(always)]
    pub(super) fn group(&self, scale: f32, error: f32) -> (f32, f32) {
        let scale = f64::from(scale);
        let reach = self.reach + f64::from(error) * (1.0 + SLACK);
        let slope = scale * self.half_inverse;
        let rounding = self.dot_rounding + slope * self.norm_rounding;
        let floor = (self.squared_norm - reach * reach) * (self.half_inverse / scale) - rounding;
        // Beyond this f32 products could overflow; also catches NaN.
        let sound = (slope < 1e25) & (floor < 1e35);
        let floor = if floor > f64::from(f32::MIN) { floor } else { f64::from(f32::MIN) };
        (if sound { slope as f32 } else { 0.0 }, if sound { floor as f32 } else { f32::MIN })
    }
}

/// Bounds on the true distance of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Interval {
    /// Bounds on a distance whose square was computed.
    pub(super) fn around(squared_distance: f64) -> Self {
        let distance = squared_distance.sqrt();
        Self { lower: distance * (1.0 - SLACK), upper: distance * (1.0 + SLACK) }
    }

    #[inline(always)]
    pub(super) fn new(query: &QueryTerms, scale: f32, error: f32, norm: f32, dot: i32) -> Self {
        let scale = f64::from(scale);
        let positive = query.squared_norm + scale * scale * f64::from(norm);
        let between = (positive - 2.0 * scale * query.scale * f64::from(dot)).max(0.0);
        let slack = positive * SLACK;
        let error = (query.error + f64::from(error)) * (1.0 + SLACK);
        let lower = (between - slack).max(0.0).sqrt() - error;
        let upper = (between + slack).sqrt() + error;
        Self { lower: lower * (1.0 - SLACK), upper: upper * (1.0 + SLACK) }
    }
}
