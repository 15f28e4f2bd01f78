//! AVX2: codes widened to 16 bits, `vpmaddwd` with the query's whole code; or, for a coarse query, `vpmaddubsw` with its low bytes.
//! Both are exact, as nothing saturates.

use std::arch::x86_64::{
    __m256i, _CMP_GE_OQ, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_add_epi32,
    _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi16, _mm256_hadd_epi32, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_ps, _mm256_mul_ps,
    _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_sub_ps,
};

use std::ops::RangeInclusive;

use super::super::bounds::Decisions;
use super::{
    ABREAST, CHUNK_BYTES, CHUNK_COLUMNS, CODE_BIAS, GROUP_ROWS, Groups, QueryCode, Residual,
    Survivors, portable,
};

/// Two products of a biased code and one of these add up to at most 2 * 255 * 64, which fits 16 bits.
const SLIM_CODES: RangeInclusive<i8> = -64..=63;

#[target_feature(enable = "avx2")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    portable::dot(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn residual(query: &[f32], centroid: &[f32], out: &mut [f32]) -> Residual {
    portable::residual(query, centroid, out)
}

#[target_feature(enable = "avx2")]
pub(super) fn encode(residual: &[f32], inverse_scale: f32, code: &mut QueryCode) {
    portable::encode(residual, inverse_scale, code);
}

#[target_feature(enable = "avx2")]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    portable::squared_distance(a, b)
}

#[target_feature(enable = "avx2")]
pub(super) fn abreast(
    columns: &[[f32; ABREAST]],
    point: &[f32],
    limit: f32,
    out: &mut [f32; ABREAST],
) -> bool {
    portable::abreast(columns, point, limit, out)
}

#[target_feature(enable = "avx2")]
pub(super) fn decide(
    decisions: &Decisions,
    scales: &[f32],
    errors: &[f32],
    slopes: &mut [f32],
    floors: &mut [f32],
) {
    portable::decide(decisions, scales, errors, slopes, floors);
}

#[target_feature(enable = "avx2")]
pub(super) fn scan(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    let low = &query.low[..chunks * CHUNK_COLUMNS];
    let slim = query.narrow && low.iter().all(|code| SLIM_CODES.contains(code));
    match (slim, groups.next.is_empty()) {
        (false, true) => scan_codes::<false, false>(groups, chunks, query, survivors),
        (false, false) => scan_codes::<false, true>(groups, chunks, query, survivors),
        (true, true) => scan_codes::<true, false>(groups, chunks, query, survivors),
        (true, false) => scan_codes::<true, true>(groups, chunks, query, survivors),
    }
}

/// `SLIM` takes a query of [`SLIM_CODES`], `FETCH` fetches [`Groups::next`].
#[target_feature(enable = "avx2")]
fn scan_codes<const SLIM: bool, const FETCH: bool>(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    let low = &query.low.as_chunks::<CHUNK_COLUMNS>().0[..chunks];
    let wide = &query.wide.as_chunks::<CHUNK_COLUMNS>().0[..chunks];
    let bias = _mm256_set1_epi32(query.sum.wrapping_mul(CODE_BIAS));
    for (group, codes) in groups.codes.chunks_exact(chunks * CHUNK_BYTES).enumerate() {
        if FETCH {
            // May point past the end, where a prefetch does no harm.
            let next = groups.next.as_ptr().wrapping_add(group * chunks * CHUNK_BYTES);
            for chunk in 0..chunks {
                _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(chunk * CHUNK_BYTES).cast());
            }
        }
        let codes = codes.as_chunks::<CHUNK_BYTES>().0;
        let halves = if SLIM { slim_dots(codes, low) } else { wide_dots(codes, wide) };
        for (half, dots) in halves.into_iter().enumerate() {
            let dots = _mm256_sub_epi32(dots, bias);
            let norms = &groups.norms[group * GROUP_ROWS + half * 8..][..8];
            // SAFETY: `norms` holds 8 floats.
            let norms = unsafe { _mm256_loadu_ps(norms.as_ptr()) };
            let falls = _mm256_mul_ps(_mm256_set1_ps(groups.slopes[group]), norms);
            let scores = _mm256_sub_ps(_mm256_cvtepi32_ps(dots), falls);
            let kept = _mm256_cmp_ps::<_CMP_GE_OQ>(scores, _mm256_set1_ps(groups.floors[group]));
            let kept = _mm256_movemask_ps(kept);
            if kept != 0 {
                push(group * GROUP_ROWS + half * 8, dots, kept, survivors);
            }
        }
    }
}

/// Dot products of a group's 16 biased rows, for queries of any code.
#[target_feature(enable = "avx2")]
#[inline]
fn wide_dots(codes: &[[u8; CHUNK_BYTES]], columns: &[[i16; CHUNK_COLUMNS]]) -> [__m256i; 2] {
    // Accumulator i holds rows 4i..4i+4, two partial sums each.
    let mut sums = [_mm256_setzero_si256(); 4];
    for (chunk, columns) in codes.iter().zip(columns) {
        let [a, b, c, d] = columns.map(|q| u64::from(q.cast_unsigned()));
        let columns = _mm256_set1_epi64x((a | b << 16 | c << 32 | d << 48).cast_signed());
        for (sum, rows) in sums.iter_mut().zip(chunk.as_chunks::<16>().0) {
            // SAFETY: `rows` holds 16 bytes.
            let rows = unsafe { _mm_loadu_si128(rows.as_ptr().cast()) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(rows), columns));
        }
    }
    // Adding neighbours gives rows 0 1 4 5 2 3 6 7 of a half.
    let pairs = [_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3])];
    pairs.map(|pairs| _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs))
}

/// As [`wide_dots`], for queries of [`SLIM_CODES`]: twice as many products an instruction.
#[target_feature(enable = "avx2")]
#[inline]
fn slim_dots(codes: &[[u8; CHUNK_BYTES]], columns: &[[i8; CHUNK_COLUMNS]]) -> [__m256i; 2] {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_si256(); 2];
    for (chunk, columns) in codes.iter().zip(columns) {
        let columns = _mm256_set1_epi32(i32::from_ne_bytes(columns.map(i8::cast_unsigned)));
        for (sum, rows) in sums.iter_mut().zip(chunk.as_chunks::<32>().0) {
            // SAFETY: `rows` holds 32 bytes.
            let rows = unsafe { _mm256_loadu_si256(rows.as_ptr().cast()) };
            let pairs = _mm256_maddubs_epi16(rows, columns);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    sums
}

#[target_feature(enable = "avx2")]
fn push(first: usize, dots: __m256i, mut kept: i32, survivors: &mut Survivors) {
    let mut values = [0i32; 8];
    // SAFETY: `values` holds 8 words.
    unsafe { _mm256_storeu_si256(values.as_mut_ptr().cast(), dots) };
    while kept != 0 {
        let lane = kept.trailing_zeros() as usize;
        survivors.rows[survivors.len] = (first + lane) as u32;
        survivors.dots[survivors.len] = values[lane];
        survivors.len += 1;
        kept &= kept - 1;
    }
}
