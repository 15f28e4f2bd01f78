//! Spectra of frames that overlap by a half or more, of which only some neighbouring bins are
//! wanted: sums over segments in place of Fourier transforms.
//!
//! A frame of `n_fft` samples is a run of segments of one hop each, and a segment belongs to
//! `n_fft / hop` frames. So every segment is correlated once with every wanted bin, and runs of 2,
//! 4, 8, … segments are built from two shorter ones, `X[t] + w X[t + s]`, until they are as long as
//! a frame. For a hop of a quarter of a frame and less this takes fewer operations than a transform
//! per frame; no two frames share rounding, and frames of exact zeros give exact zeros.
//!
//! The correlation runs over half a segment: sums of samples mirrored about its middle meet the
//! cosine, differences the sine.
//!
//! The spectra are left with time 0 in the middle of a frame's first segment.

use std::array;
use std::f64::consts::TAU;
use std::ops::Range;

use super::wavelet::turn_back;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO, each_lane, scale_add};

/// Bins that are correlated side by side.
const COLUMNS: usize = 4;

/// Groups of segments that are correlated side by side, where there are registers for their sums.
const SIDE_BY_SIDE: usize = 4;

/// Most frames that are computed at once; the fewer, the more segments are computed twice.
pub(crate) const TILE: usize = 256;

/// Longest hop, as a share of a frame, for which segments are worth their while.
const MOST_OF_A_FRAME: usize = 4;

/// Everything that depends on frame, hop and bins alone.
#[derive(Clone, Debug)]
pub(crate) struct SegmentTable {
    n_fft: usize,
    hop_length: usize,
    /// Bins that are computed: a multiple of [`COLUMNS`], from a multiple of it on.
    bins: Range<usize>,
    /// `cos` and `-sin` at half a segment's samples, `[block of bins][sample][bin]`.
    cosines: Vec<[f32; COLUMNS]>,
    sines: Vec<[f32; COLUMNS]>,
    /// The factors of two runs when they are joined, `[bin][joint]`.
    joints: Vec<Joint>,
    /// What each bin is to be multiplied by, as [`super::wavelet`] has it: the spectra have time 0
    /// in the middle of a frame's first segment.
    turns: Vec<[f32; 2]>,
}

/// The factor `w` of `X[t] + w X[t + s]`, as real and imaginary part.
type Joint = [f32; 2];

impl SegmentTable {
    /// Whether [`SegmentTable::new`] is of use for such frames.
    pub(crate) fn suits(n_fft: usize, hop_length: usize) -> bool {
        hop_length.is_multiple_of(2)
            && n_fft.is_multiple_of(hop_length)
            && (n_fft / hop_length).is_power_of_two()
            && n_fft / hop_length >= MOST_OF_A_FRAME
    }

    /// The bins that a table for `bins` computes.
    pub(crate) fn covering(bins: &Range<usize>) -> Range<usize> {
        bins.start / COLUMNS * COLUMNS..bins.end.next_multiple_of(COLUMNS)
    }

    /// A table for frames of `n_fft` samples, `hop_length` apart, that [suit](Self::suits).
    pub(crate) fn new(n_fft: usize, hop_length: usize, bins: &Range<usize>) -> Self {
        debug_assert!(Self::suits(n_fft, hop_length), "{n_fft} samples, hop {hop_length}");
        let bins = Self::covering(bins);
        // The angle of `bin` after a number of half samples, from exact integers.
        let angle = |bin: usize, halves: usize| {
            TAU * ((bin * halves) % (2 * n_fft)) as f64 / (2 * n_fft) as f64
        };
        let table = |value: fn(f64) -> f64| {
            let mut rows = Vec::with_capacity(bins.len() / COLUMNS * hop_length / 2);
            for bin in bins.clone().step_by(COLUMNS) {
                for n in 0..hop_length / 2 {
                    let at = |column| value(angle(bin + column, 2 * n + 1)) as f32;
                    rows.push(array::from_fn(at));
                }
            }
            rows
        };
        let (cosines, sines) = (table(f64::cos), table(|angle| -angle.sin()));
        let joint = |bin: usize, index: u32| turn_back(bin, 2 * (hop_length << index), n_fft);
        let count = (n_fft / hop_length).ilog2();
        let joints = bins
            .clone()
            .flat_map(|bin| (0..count).map(move |index| joint(bin, index)).collect::<Vec<_>>());
        let joints = joints.collect();
        let start = hop_length - 1 + n_fft - 1;
        let turns = bins.clone().map(|bin| turn_back(bin, start, n_fft)).collect();
        Self { n_fft, hop_length, cosines, sines, joints, turns, bins }
    }

    /// What the bins of [`SegmentTable::bins`] are to be multiplied by, real and imaginary part.
    pub(crate) fn turns(&self) -> &[[f32; 2]] {
        &self.turns
    }

    /// Frame length, in samples.
    pub(crate) fn n_fft(&self) -> usize {
        self.n_fft
    }

    /// Samples from frame to frame.
    pub(crate) fn hop_length(&self) -> usize {
        self.hop_length
    }

    /// The bins that are computed.
    pub(crate) fn bins(&self) -> &Range<usize> {
        &self.bins
    }
}

/// Spectra of a tile of frames, `[bin][frame]`, and the buffers to compute them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentSpectra {
    /// Real parts; the rows are [`SegmentSpectra::stride`] groups long.
    pub(crate) re: Rows,
    /// Imaginary parts.
    pub(crate) im: Rows,
    /// Groups of frames in a row. Those beyond the tile hold nothing of meaning.
    pub(crate) stride: usize,
    even: Rows,
    odd: Rows,
    edge: Vec<f32>,
}

impl SegmentSpectra {
    /// Computes the frames `first..first + count` of `y`; `count` is [`TILE`] at most.
    pub(crate) fn fill(
        &mut self,
        table: &SegmentTable,
        y: &[f32],
        first: usize,
        count: usize,
        level: Level,
    ) {
        let (hop, per_frame) = (table.hop_length, table.n_fft / table.hop_length);
        let (half, bins) = (hop / 2, table.bins.len());
        let frames = count.next_multiple_of(LANES);
        let groups = (frames + per_frame - 1).div_ceil(LANES);
        // One group more, because joints read beyond what they need.
        self.stride = (frames + per_frame).div_ceil(LANES) + 1;
        self.re.resize(bins * self.stride);
        self.im.resize(bins * self.stride);
        self.even.resize(groups * half);
        self.odd.resize(groups * half);
        for group in 0..groups {
            self.mirror(y, (first + LANES * group, per_frame), hop, group, level);
        }
        // Whichever is smaller stays in the first cache: the segments or the coefficients.
        let all = (0..groups, 0..bins / COLUMNS);
        if half < LANES {
            for block in all.1 {
                self.correlate(table, all.0.clone(), block..block + 1, level);
                let rows = COLUMNS * block..COLUMNS * (block + 1);
                self.join(table, rows, frames, level);
            }
        } else {
            for group in all.0.step_by(SIDE_BY_SIDE) {
                let some = group..groups.min(group + SIDE_BY_SIDE);
                self.correlate(table, some, all.1.clone(), level);
            }
            self.join(table, 0..bins, frames, level);
        }
    }

    fn correlate(
        &mut self,
        table: &SegmentTable,
        groups: Range<usize>,
        blocks: Range<usize>,
        level: Level,
    ) {
        let (half, stride) = (table.hop_length / 2, self.stride);
        for (coefficients, rows, into) in
            [(&table.cosines, &self.even, &mut self.re), (&table.sines, &self.odd, &mut self.im)]
        {
            level.run(Correlate {
                coefficients: &coefficients[blocks.start * half..blocks.end * half],
                rows: &rows[groups.start * half..groups.end * half],
                half,
                into: &mut into[blocks.start * COLUMNS * stride..blocks.end * COLUMNS * stride],
                stride,
                first_group: groups.start,
            });
        }
    }

    fn join(&mut self, table: &SegmentTable, bins: Range<usize>, frames: usize, level: Level) {
        let (stride, count) = (self.stride, (table.n_fft / table.hop_length).ilog2() as usize);
        let rows = bins.start * stride..bins.end * stride;
        let rows = self.re[rows.clone()].chunks_mut(stride).zip(self.im[rows].chunks_mut(stride));
        let joints = table.joints[bins.start * count..].chunks_exact(count);
        for ((re, im), joints) in rows.zip(joints) {
            let (re, im) = (re.as_flattened_mut(), im.as_flattened_mut());
            level.run(Join { re, im, joints, frames });
        }
    }

    /// Sums and differences about the middles of the segments `first..first + LANES`; segment
    /// `per_frame / 2` begins with the signal.
    fn mirror(
        &mut self,
        y: &[f32],
        (first, per_frame): (usize, usize),
        hop: usize,
        group: usize,
        level: Level,
    ) {
        let before = per_frame / 2 * hop;
        let start = first * hop;
        let segments = if start >= before && start - before + LANES * hop <= y.len() {
            &y[start - before..start - before + LANES * hop]
        } else {
            self.edge.clear();
            self.edge.resize(before.saturating_sub(start).min(LANES * hop), 0.0);
            let from = start.saturating_sub(before).min(y.len());
            let to = (start + LANES * hop).saturating_sub(before).clamp(from, y.len());
            self.edge.extend_from_slice(&y[from..to]);
            self.edge.resize(LANES * hop, 0.0);
            &self.edge
        };
        let rows = group * hop / 2..(group + 1) * hop / 2;
        let (even, odd) = (&mut self.even[rows.clone()], &mut self.odd[rows]);
        level.narrow().run(Mirror { segments, hop, even, odd });
    }
}

/// `even[n][lane] = x[middle + n] + x[middle - 1 - n]` of the segment `x` of each lane, `odd` the
/// difference.
struct Mirror<'a> {
    segments: &'a [f32],
    hop: usize,
    even: &'a mut [Lanes],
    odd: &'a mut [Lanes],
}

impl Kernel for Mirror<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { segments, hop, even, odd } = self;
        let half = hop / 2;
        let (even_blocks, even) = even.as_chunks_mut::<LANES>();
        let (odd_blocks, odd) = odd.as_chunks_mut::<LANES>();
        // Along the segments first, and turned when that is done.
        for (block, (even, odd)) in even_blocks.iter_mut().zip(odd_blocks).enumerate() {
            let n = LANES * block;
            let (mut sums, mut differences) = ([ZERO; LANES], [ZERO; LANES]);
            for lane in 0..LANES {
                let (before, after) = segments[lane * hop..][..hop].split_at(half);
                let (before, after) = (lanes(before, half - LANES - n), lanes(after, n));
                sums[lane] = each_lane(|i| after[i] + before[LANES - 1 - i]);
                differences[lane] = each_lane(|i| after[i] - before[LANES - 1 - i]);
            }
            for (i, (even, odd)) in even.iter_mut().zip(odd).enumerate() {
                *even = each_lane(|lane| sums[lane][i]);
                *odd = each_lane(|lane| differences[lane][i]);
            }
        }
        let done = half / LANES * LANES;
        for (n, (even, odd)) in (done..).zip(even.iter_mut().zip(odd)) {
            let after = each_lane(|lane| segments[lane * hop + half + n]);
            let before = each_lane(|lane| segments[lane * hop + half - 1 - n]);
            *even = each_lane(|lane| after[lane] + before[lane]);
            *odd = each_lane(|lane| after[lane] - before[lane]);
        }
    }
}

/// `into[bin][group] = Σ coefficients[n][bin] rows[group][n]`.
struct Correlate<'a> {
    coefficients: &'a [[f32; COLUMNS]],
    rows: &'a [Lanes],
    half: usize,
    into: &'a mut [Lanes],
    stride: usize,
    first_group: usize,
}

impl Kernel for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { half, stride, .. } = self;
        let blocks = self.coefficients.chunks_exact(half);
        for (block, into) in blocks.zip(self.into.chunks_exact_mut(COLUMNS * stride)) {
            let mut write = |group: usize, sums: [Lanes; COLUMNS]| {
                for (column, sum) in sums.into_iter().enumerate() {
                    into[column * stride + self.first_group + group] = sum;
                }
            };
            let mut group = 0;
            let mut rest = self.rows;
            if I::WIDE {
                let mut fours = self.rows.chunks_exact(SIDE_BY_SIDE * half);
                for rows in fours.by_ref() {
                    for sums in sums::<I, SIDE_BY_SIDE>(block, rows) {
                        write(group, sums);
                        group += 1;
                    }
                }
                rest = fours.remainder();
            }
            for rows in rest.chunks_exact(half) {
                let [sums] = sums::<I, 1>(block, rows);
                write(group, sums);
                group += 1;
            }
        }
    }
}

/// `Σ coefficients[n][column] rows[group][n]` of `GROUPS` groups.
#[inline(always)]
fn sums<I: Isa, const GROUPS: usize>(
    coefficients: &[[f32; COLUMNS]],
    rows: &[Lanes],
) -> [[Lanes; COLUMNS]; GROUPS] {
    let half = coefficients.len();
    let rows: [&[Lanes]; GROUPS] = array::from_fn(|group| &rows[group * half..][..half]);
    let mut sums = [[ZERO; COLUMNS]; GROUPS];
    for (n, coefficients) in coefficients.iter().enumerate() {
        sums = array::from_fn(|group| {
            array::from_fn(|column| {
                scale_add::<I>(coefficients[column], &rows[group][n], &sums[group][column])
            })
        });
    }
    sums
}

/// Joins the segments of one bin to frames, in place.
struct Join<'a> {
    re: &'a mut [f32],
    im: &'a mut [f32],
    joints: &'a [Joint],
    frames: usize,
}

impl Kernel for Join<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { re: all_re, im: all_im, joints, frames } = self;
        let per_frame = 1 << joints.len();
        for (index, &[c, d]) in joints.iter().enumerate() {
            let shift = 1 << index;
            for start in (0..frames + per_frame - 2 * shift).step_by(LANES) {
                let (re, im) = (lanes(all_re, start), lanes(all_im, start));
                let (next_re, next_im) =
                    (lanes(all_re, start + shift), lanes(all_im, start + shift));
                let joined_re = scale_add::<I>(-d, &next_im, &scale_add::<I>(c, &next_re, &re));
                let joined_im = scale_add::<I>(d, &next_re, &scale_add::<I>(c, &next_im, &im));
                all_re[start..start + LANES].copy_from_slice(&joined_re);
                all_im[start..start + LANES].copy_from_slice(&joined_im);
            }
        }
    }
}

#[inline(always)]
fn lanes(values: &[f32], start: usize) -> Lanes {
    *values[start..].first_chunk().expect("a whole group is asked for where there is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bins of a frame by the definition, in double precision.
    fn definition(y: &[f32], t: usize, n_fft: usize, hop: usize, bin: usize) -> [f64; 2] {
        let (mut re, mut im) = (0.0, 0.0);
        for n in 0..n_fft {
            let at = (t * hop + n).checked_sub(n_fft / 2);
            let x = at.and_then(|at| y.get(at)).copied().map_or(0.0, f64::from);
            // Time 0 is in the middle of the first segment.
            let angle = TAU * bin as f64 * (n as f64 - (hop - 1) as f64 / 2.0) / n_fft as f64;
            re += x * angle.cos();
            im -= x * angle.sin();
        }
        [re, im]
    }

    #[test]
    fn spectra_are_those_of_the_definition() {
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7 & 0xffff) as f32 / 65536.0 - 0.5;
        for (n_fft, hop, len) in
            [(64, 2, 75), (64, 16, 700), (128, 4, 1000), (64, 8, 3), (64, 2, 0)]
        {
            let y: Vec<f32> = (0..len).map(noise).collect();
            let table = SegmentTable::new(n_fft, hop, &(5..11));
            assert_eq!(table.bins(), &(4..12));
            let frames = 1 + len / hop;
            for level in Level::all() {
                let mut spectra = SegmentSpectra::default();
                for first in (0..frames).step_by(48) {
                    let count = 48.min(frames - first);
                    spectra.fill(&table, &y, first, count, level);
                    for (t, bin) in (0..count).flat_map(|t| (0..8).map(move |bin| (t, bin))) {
                        let at = |values: &[Lanes]| {
                            f64::from(values[bin * spectra.stride + t / LANES][t % LANES])
                        };
                        let [re, im] = definition(&y, first + t, n_fft, hop, 4 + bin);
                        let error = (at(&spectra.re) - re).hypot(at(&spectra.im) - im);
                        // 60 roundings of values up to 10.
                        assert!(error < 4e-6, "{n_fft}/{hop}, frame {t}, bin {bin}: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn silent_frames_are_zero_beside_loud_ones() {
        let mut y = vec![0.0; 2000];
        y[..500].fill(1e9);
        let (n_fft, hop) = (64, 8);
        let table = SegmentTable::new(n_fft, hop, &(4..8));
        let mut spectra = SegmentSpectra::default();
        spectra.fill(&table, &y, 0, 200, Level::detect());
        let first_silent = (500 + n_fft / 2) / hop + 1;
        for t in first_silent..200 {
            for bin in 0..4 {
                let at = bin * spectra.stride + t / LANES;
                let (re, im) = (spectra.re[at][t % LANES], spectra.im[at][t % LANES]);
                assert!(re.abs() + im.abs() <= 0.0, "frame {t}");
            }
        }
    }
}
