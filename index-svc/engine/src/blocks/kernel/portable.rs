//! Floating-point loops over fixed lanes, in plain Rust.
//!
//! Always inlined, so that each instruction set's file compiles them with its own vectors. The order of additions is
//! fixed by the lanes and nothing is fused: the bits do not depend on the instruction set.

use super::super::bounds::Decisions;
use super::{ABREAST, LANES, QueryCode, Residual};

/// Adding this to an f32 below 2^22 in magnitude rounds it to an integer (ties to even), found in the low bits.
pub(super) const ROUNDING: f32 = 12_582_912.0;

#[inline(always)]
fn tree_sum(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    tree_sum(sums)
}

#[inline(always)]
pub(super) fn residual(query: &[f32], centroid: &[f32], out: &mut [f32]) -> Residual {
    let mut sums = [0.0f32; LANES];
    // The bits of non-negative floats order as the floats do, and integers have a vector maximum without cases.
    let mut largest = [0u32; LANES];
    let lanes = query.as_chunks::<LANES>().0.iter().zip(centroid.as_chunks::<LANES>().0);
    for ((q, c), out) in lanes.zip(out.as_chunks_mut::<LANES>().0) {
        for i in 0..LANES {
            let r = q[i] - c[i];
            out[i] = r;
            sums[i] += r * r;
            largest[i] = largest[i].max(r.to_bits() & 0x7fff_ffff);
        }
    }
    let mut max_bits = 0;
    for bits in largest {
        max_bits = max_bits.max(bits);
    }
    Residual { squared_norm: tree_sum(sums), max_abs: f32::from_bits(max_bits) }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "bytes and words are cut from the code")]
pub(super) fn encode(residual: &[f32], inverse_scale: f32, code: &mut QueryCode) {
    let mut sums = [0i32; LANES];
    let mut squares = [0.0f64; LANES];
    let mut highs = [0i32; LANES];
    let lanes = residual.as_chunks::<LANES>().0.iter().zip(code.wide.as_chunks_mut::<LANES>().0);
    let bytes =
        code.high.as_chunks_mut::<LANES>().0.iter_mut().zip(code.low.as_chunks_mut::<LANES>().0);
    for ((r, wide), (high, low)) in lanes.zip(bytes) {
        for i in 0..LANES {
            let rounded = r[i] * inverse_scale + ROUNDING;
            let value = (rounded.to_bits() as i32).wrapping_sub(ROUNDING.to_bits() as i32);
            let low_byte = (value << 24) >> 24;
            // Wraps for what a forged image can hold; sound residuals are far from it.
            let high_byte = value.wrapping_sub(low_byte) >> 8;
            wide[i] = value as i16;
            low[i] = low_byte as i8;
            high[i] = high_byte as i8;
            sums[i] = sums[i].wrapping_add(value);
            highs[i] |= high_byte;
            let exact = f64::from(rounded - ROUNDING);
            squares[i] += exact * exact;
        }
    }
    code.sum = sums.iter().fold(0, |all, sum| all.wrapping_add(*sum));
    // Sums of integers below 2^53: exact in any order.
    code.squares = squares.iter().sum();
    code.narrow = highs.iter().all(|&high| high == 0);
}

#[inline(always)]
pub(super) fn decide(
    decisions: &Decisions,
    scales: &[f32],
    errors: &[f32],
    slopes: &mut [f32],
    floors: &mut [f32],
) {
    const WIDE: usize = 8;
    let groups = scales.as_chunks::<WIDE>().0.iter().zip(errors.as_chunks::<WIDE>().0);
    let out = slopes.as_chunks_mut::<WIDE>().0.iter_mut().zip(floors.as_chunks_mut::<WIDE>().0);
    for ((scales, errors), (slopes, floors)) in groups.zip(out) {
        for i in 0..WIDE {
            (slopes[i], floors[i]) = decisions.group(scales[i], errors[i]);
        }
    }
}

#[inline(always)]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    const WIDE: usize = 8;
    let mut sums = [0.0f64; WIDE];
    let (a, a_rest) = a.as_chunks::<WIDE>();
    let (b, b_rest) = b.as_chunks::<WIDE>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..WIDE {
            let difference = f64::from(a[i]) - f64::from(b[i]);
            sums[i] += difference * difference;
        }
    }
    for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        let difference = f64::from(*a) - f64::from(*b);
        sums[i] += difference * difference;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

#[inline(always)]
pub(super) fn abreast(
    columns: &[[f32; ABREAST]],
    point: &[f32],
    limit: f32,
    out: &mut [f32; ABREAST],
) -> bool {
    let mut sums = [0.0f32; ABREAST];
    for (column, value) in columns.iter().zip(point) {
        for i in 0..ABREAST {
            let difference = column[i] - value;
            sums[i] += difference * difference;
        }
    }
    let mut within = false;
    for i in 0..ABREAST {
        out[i] = sums[i].min(f32::MAX);
        within |= out[i] <= limit;
    }
    within
}
