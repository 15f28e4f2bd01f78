//! NEON: codes widened to 16 bits, `smlal` with the query's whole code; exact, as nothing saturates.

use std::arch::aarch64::{
    int32x4_t, vaddvq_s32, vdupq_n_s32, vget_high_s16, vget_low_s16, vget_low_u8, vld1_s16,
    vld1q_u8, vmlal_s16, vmovl_high_u8, vmovl_u8, vreinterpretq_s16_u16,
};

use super::super::bounds::Decisions;
use super::{
    ABREAST, CHUNK_BYTES, CHUNK_COLUMNS, CODE_BIAS, GROUP_ROWS, Groups, QueryCode, Residual,
    Survivors, portable,
};

#[target_feature(enable = "neon")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    portable::dot(a, b)
}

#[target_feature(enable = "neon")]
pub(super) fn residual(query: &[f32], centroid: &[f32], out: &mut [f32]) -> Residual {
    portable::residual(query, centroid, out)
}

#[target_feature(enable = "neon")]
pub(super) fn encode(residual: &[f32], inverse_scale: f32, code: &mut QueryCode) {
    portable::encode(residual, inverse_scale, code);
}

#[target_feature(enable = "neon")]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    portable::squared_distance(a, b)
}

#[target_feature(enable = "neon")]
pub(super) fn abreast(
    columns: &[[f32; ABREAST]],
    point: &[f32],
    limit: f32,
    out: &mut [f32; ABREAST],
) -> bool {
    portable::abreast(columns, point, limit, out)
}

#[target_feature(enable = "neon")]
pub(super) fn decide(
    decisions: &Decisions,
    scales: &[f32],
    errors: &[f32],
    slopes: &mut [f32],
    floors: &mut [f32],
) {
    portable::decide(decisions, scales, errors, slopes, floors);
}

#[target_feature(enable = "neon")]
pub(super) fn scan(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    let columns = &query.wide.as_chunks::<CHUNK_COLUMNS>().0[..chunks];
    let bias = query.sum.wrapping_mul(CODE_BIAS);
    for (group, codes) in groups.codes.chunks_exact(chunks * CHUNK_BYTES).enumerate() {
        // One accumulator per row, four partial sums each.
        let mut sums: [int32x4_t; GROUP_ROWS] = [vdupq_n_s32(0); GROUP_ROWS];
        for (chunk, columns) in codes.as_chunks::<CHUNK_BYTES>().0.iter().zip(columns) {
            // SAFETY: `columns` holds 4 half words.
            let columns = unsafe { vld1_s16(columns.as_ptr()) };
            for (rows, sums) in chunk.as_chunks::<16>().0.iter().zip(sums.as_chunks_mut::<4>().0) {
                // SAFETY: `rows` holds 16 bytes.
                let rows = unsafe { vld1q_u8(rows.as_ptr()) };
                let first = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(rows)));
                let second = vreinterpretq_s16_u16(vmovl_high_u8(rows));
                sums[0] = vmlal_s16(sums[0], vget_low_s16(first), columns);
                sums[1] = vmlal_s16(sums[1], vget_high_s16(first), columns);
                sums[2] = vmlal_s16(sums[2], vget_low_s16(second), columns);
                sums[3] = vmlal_s16(sums[3], vget_high_s16(second), columns);
            }
        }
        let norms = &groups.norms[group * GROUP_ROWS..][..GROUP_ROWS];
        for (row, (sum, norm)) in sums.iter().zip(norms).enumerate() {
            let dot = vaddvq_s32(*sum).wrapping_sub(bias);
            if dot as f32 - groups.slopes[group] * norm >= groups.floors[group] {
                survivors.rows[survivors.len] = (group * GROUP_ROWS + row) as u32;
                survivors.dots[survivors.len] = dot;
                survivors.len += 1;
            }
        }
    }
}
