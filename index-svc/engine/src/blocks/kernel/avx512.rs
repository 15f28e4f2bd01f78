//! AVX-512 with VNNI: one `vpdpbusd` multiplies a chunk, 16 rows of 4 columns, with 4 columns of the query.

use std::arch::x86_64::{
    __m512i, _CMP_GE_OQ, _MM_HINT_T0, _mm_prefetch, _mm_storeu_si128, _mm512_add_epi32,
    _mm512_add_pd, _mm512_add_ps, _mm512_castps_si512, _mm512_castsi512_si256, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_pd, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_extracti64x4_epi64, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_compress_epi32,
    _mm512_mul_pd, _mm512_mul_ps, _mm512_or_si512, _mm512_reduce_add_epi32, _mm512_reduce_add_pd,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_pd, _mm512_setzero_si512,
    _mm512_slli_epi32, _mm512_srai_epi32, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_sub_ps,
    _mm512_test_epi32_mask,
};

use super::super::bounds::Decisions;
use super::{
    ABREAST, CHUNK_BYTES, CHUNK_COLUMNS, CODE_BIAS, GROUP_ROWS, Groups, LANES, QueryCode, Residual,
    Survivors, portable,
};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    portable::dot(a, b)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn residual(query: &[f32], centroid: &[f32], out: &mut [f32]) -> Residual {
    portable::residual(query, centroid, out)
}

/// As [`portable::encode`], but leaves out [`QueryCode::wide`], which this file's scan does not read.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn encode(residual: &[f32], inverse_scale: f32, code: &mut QueryCode) {
    let scale = _mm512_set1_ps(inverse_scale);
    let rounding = _mm512_set1_ps(portable::ROUNDING);
    let mut sums = _mm512_setzero_si512();
    let mut highs = _mm512_setzero_si512();
    let mut squares = [_mm512_setzero_pd(); 2];
    let lanes = residual.as_chunks::<LANES>().0.iter();
    let bytes =
        code.high.as_chunks_mut::<LANES>().0.iter_mut().zip(code.low.as_chunks_mut::<LANES>().0);
    for (r, (high_out, low_out)) in lanes.zip(bytes) {
        // SAFETY: `r` holds 16 floats.
        let r = unsafe { _mm512_loadu_ps(r.as_ptr()) };
        let rounded = _mm512_add_ps(_mm512_mul_ps(r, scale), rounding);
        let value = _mm512_sub_epi32(_mm512_castps_si512(rounded), _mm512_castps_si512(rounding));
        let low = _mm512_srai_epi32::<24>(_mm512_slli_epi32::<24>(value));
        let high = _mm512_srai_epi32::<8>(_mm512_sub_epi32(value, low));
        // SAFETY: `low_out` holds 16 bytes.
        unsafe { _mm_storeu_si128(low_out.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(value)) };
        // SAFETY: `high_out` holds 16 bytes.
        unsafe { _mm_storeu_si128(high_out.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(high)) };
        sums = _mm512_add_epi32(sums, value);
        highs = _mm512_or_si512(highs, high);
        let halves = [_mm512_castsi512_si256(value), _mm512_extracti64x4_epi64::<1>(value)];
        for (square, half) in squares.iter_mut().zip(halves) {
            let exact = _mm512_cvtepi32_pd(half);
            *square = _mm512_add_pd(*square, _mm512_mul_pd(exact, exact));
        }
    }
    code.sum = _mm512_reduce_add_epi32(sums);
    code.squares = _mm512_reduce_add_pd(_mm512_add_pd(squares[0], squares[1]));
    code.narrow = _mm512_test_epi32_mask(highs, highs) == 0;
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    portable::squared_distance(a, b)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn abreast(
    columns: &[[f32; ABREAST]],
    point: &[f32],
    limit: f32,
    out: &mut [f32; ABREAST],
) -> bool {
    portable::abreast(columns, point, limit, out)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn decide(
    decisions: &Decisions,
    scales: &[f32],
    errors: &[f32],
    slopes: &mut [f32],
    floors: &mut [f32],
) {
    portable::decide(decisions, scales, errors, slopes, floors);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) fn scan(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    match (query.narrow, groups.next.is_empty()) {
        (false, true) => scan_planes::<true, false>(groups, chunks, query, survivors),
        (false, false) => scan_planes::<true, true>(groups, chunks, query, survivors),
        (true, true) => scan_planes::<false, false>(groups, chunks, query, survivors),
        (true, false) => scan_planes::<false, true>(groups, chunks, query, survivors),
    }
}

/// `WIDE` adds the query's high bytes, `FETCH` fetches [`Groups::next`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn scan_planes<const WIDE: bool, const FETCH: bool>(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    survivors: &mut Survivors,
) {
    let count = groups.slopes.len();
    let mut group = 0;
    // Several groups at once hide the latency of the multiplications and share the query's broadcasts.
    while group + 4 <= count {
        scan_step::<WIDE, FETCH, 4>(groups, chunks, query, group, survivors);
        group += 4;
    }
    if group + 2 <= count {
        scan_step::<WIDE, FETCH, 2>(groups, chunks, query, group, survivors);
        group += 2;
    }
    if group < count {
        scan_step::<WIDE, FETCH, 1>(groups, chunks, query, group, survivors);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
fn scan_step<const WIDE: bool, const FETCH: bool, const STEP: usize>(
    groups: Groups<'_>,
    chunks: usize,
    query: &QueryCode,
    first: usize,
    survivors: &mut Survivors,
) {
    let group_bytes = chunks * CHUNK_BYTES;
    let codes = &groups.codes[first * group_bytes..][..STEP * group_bytes];
    let high = &query.high.as_chunks::<CHUNK_COLUMNS>().0[..chunks];
    let low = &query.low.as_chunks::<CHUNK_COLUMNS>().0[..chunks];
    // May point past the end, where a prefetch does no harm.
    let next = groups.next.as_ptr().wrapping_add(first * group_bytes);

    let mut high_sums = [_mm512_setzero_si512(); STEP];
    let mut low_sums = [_mm512_setzero_si512(); STEP];
    for chunk in 0..chunks {
        let low = _mm512_set1_epi32(i32::from_ne_bytes(low[chunk].map(i8::cast_unsigned)));
        let high = _mm512_set1_epi32(i32::from_ne_bytes(high[chunk].map(i8::cast_unsigned)));
        for step in 0..STEP {
            let offset = step * group_bytes + chunk * CHUNK_BYTES;
            if FETCH {
                _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(offset).cast());
            }
            // SAFETY: `offset + 64 <= STEP * group_bytes = codes.len()`.
            let rows: __m512i = unsafe { _mm512_loadu_si512(codes.as_ptr().add(offset).cast()) };
            low_sums[step] = _mm512_dpbusd_epi32(low_sums[step], rows, low);
            if WIDE {
                high_sums[step] = _mm512_dpbusd_epi32(high_sums[step], rows, high);
            }
        }
    }

    let bias = _mm512_set1_epi32(query.sum.wrapping_mul(CODE_BIAS));
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for step in 0..STEP {
        let group = first + step;
        let mut dots = _mm512_sub_epi32(low_sums[step], bias);
        if WIDE {
            dots = _mm512_add_epi32(dots, _mm512_slli_epi32::<8>(high_sums[step]));
        }
        let norms = &groups.norms[group * GROUP_ROWS..][..GROUP_ROWS];
        // SAFETY: `norms` holds 16 floats.
        let norms = unsafe { _mm512_loadu_ps(norms.as_ptr()) };
        let falls = _mm512_mul_ps(_mm512_set1_ps(groups.slopes[group]), norms);
        let scores = _mm512_sub_ps(_mm512_cvtepi32_ps(dots), falls);
        let kept = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(scores, _mm512_set1_ps(groups.floors[group]));
        if kept != 0 {
            let rows = _mm512_add_epi32(lanes, _mm512_set1_epi32((group * GROUP_ROWS) as i32));
            // Compressing in registers: the compressing store is microcode on some processors.
            let kept_rows = _mm512_mask_compress_epi32(rows, kept, rows);
            let kept_dots = _mm512_mask_compress_epi32(dots, kept, dots);
            let rows_out = &mut survivors.rows[survivors.len..][..GROUP_ROWS];
            // SAFETY: `rows_out` holds 16 words.
            unsafe { _mm512_storeu_si512(rows_out.as_mut_ptr().cast(), kept_rows) };
            let dots_out = &mut survivors.dots[survivors.len..][..GROUP_ROWS];
            // SAFETY: `dots_out` holds 16 words.
            unsafe { _mm512_storeu_si512(dots_out.as_mut_ptr().cast(), kept_dots) };
            survivors.len += kept.count_ones() as usize;
        }
    }
}
