//! The scan as its definition, for processors without vectors and as the twin every other kernel is tested against.

pub(super) use super::portable::{abreast, decide, dot, encode, residual, squared_distance};
use super::{CHUNK_BYTES, CHUNK_COLUMNS, CODE_BIAS, GROUP_ROWS, Groups, QueryCode, Survivors};

#[expect(
    clippy::cast_precision_loss,
    reason = "the rounding is part of the definition, the floors allow for it"
)]
pub(super) fn scan(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    let decisions =
        groups.slopes.iter().zip(groups.floors).zip(groups.norms.as_chunks::<GROUP_ROWS>().0);
    for (group, ((slope, floor), norms)) in decisions.enumerate() {
        let codes = &groups.codes[group * chunks * CHUNK_BYTES..][..chunks * CHUNK_BYTES];
        let mut dots = [0i32; GROUP_ROWS];
        for (chunk, columns) in
            codes.as_chunks::<CHUNK_BYTES>().0.iter().zip(query.wide.as_chunks::<CHUNK_COLUMNS>().0)
        {
            for (dot, row) in dots.iter_mut().zip(chunk.as_chunks::<CHUNK_COLUMNS>().0) {
                for (code, q) in row.iter().zip(columns) {
                    *dot = dot.wrapping_add((i32::from(*code) - CODE_BIAS) * i32::from(*q));
                }
            }
        }
        for (row, (dot, norm)) in dots.iter().zip(norms).enumerate() {
            if *dot as f32 - slope * norm >= *floor {
                survivors.rows[survivors.len] = (group * GROUP_ROWS + row) as u32;
                survivors.dots[survivors.len] = *dot;
                survivors.len += 1;
            }
        }
    }
}
