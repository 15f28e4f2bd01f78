//! Short-time Fourier transform, a group of frames at a time, two frames per complex transform.
//!
//! Every frame is scaled by its own power of two before its transform, which is exact: partners
//! then leak nothing but rounding into each other, and no frame over- or underflows. Results carry
//! the scale along, because most spectral features do not depend on it. Frames of exact zeros give
//! exact zeros.

use std::ops::Range;

use super::frame::{frame, frame_range};
use crate::dsp::fft::radix4::{QUARTERS, RealFft, place};
use crate::dsp::fft::{Complex32, PowerOfTwo};
use crate::dsp::peak::PeakMap;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO, each_lane};

/// Frames that share one transform.
const PAIR: usize = 2;

/// Bins that are untangled at a time: as many as a pair's values fill the lanes with.
const BINS: usize = LANES / PAIR;

/// A short-time Fourier transform for frames of one length, and its buffers.
#[derive(Clone, Debug)]
pub(crate) struct Stft {
    n_fft: usize,
    window: Option<Vec<f32>>,
    /// Bins that are computed.
    bins: Range<usize>,
    transform: RealFft,
    /// Spectra of the pairs, in quarters, each followed by its first bin again.
    spectra: Vec<Complex32>,
    scratch: Vec<Complex32>,
    edges: [Vec<f32>; PAIR],
    level: Level,
}

/// Which frames to transform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group<'a> {
    /// The signal.
    pub(crate) y: &'a [f32],
    /// Its peaks.
    pub(crate) peaks: &'a PeakMap,
    /// Samples from one frame to the next.
    pub(crate) hop_length: usize,
    /// First frame.
    pub(crate) first: usize,
    /// Number of frames, at most [`LANES`].
    pub(crate) count: usize,
}

impl Stft {
    /// Frames as long as `transform` under `window` (all ones if `None`), of which `bins` are
    /// wanted.
    pub(crate) fn new(
        transform: RealFft,
        window: Option<Vec<f32>>,
        bins: Range<usize>,
        level: Level,
    ) -> Self {
        let n_fft = transform.len();
        debug_assert!(n_fft >= QUARTERS * LANES, "bins are untangled with some beyond them");
        debug_assert!(bins.end <= n_fft / 2 + 1, "bins beyond the Nyquist frequency");
        Self {
            n_fft,
            window,
            bins,
            spectra: vec![Complex32::default(); LANES / PAIR * (n_fft + 1)],
            scratch: vec![Complex32::default(); transform.scratch_len()],
            transform,
            edges: Default::default(),
            level,
        }
    }

    /// Power spectra of a group, `power[bin][lane]`, and the factor per lane that turns the root of
    /// a value into a magnitude. Lanes without a frame are zero.
    pub(crate) fn power(&mut self, group: Group<'_>, power: &mut Rows) -> Lanes {
        let scales = self.transform_pairs(group);
        power.resize(self.bins.len());
        self.level.narrow().run(UntanglePower {
            spectra: &self.spectra,
            n_fft: self.n_fft,
            bins: self.bins.clone(),
            power,
        });
        finish(scales, [power])
    }

    /// Complex spectra of a group, as [`Stft::power`]: values times the factor are librosa's.
    pub(crate) fn complex(&mut self, group: Group<'_>, re: &mut Rows, im: &mut Rows) -> Lanes {
        let scales = self.transform_pairs(group);
        re.resize(self.bins.len());
        im.resize(self.bins.len());
        self.level.narrow().run(UntangleComplex {
            spectra: &self.spectra,
            n_fft: self.n_fft,
            bins: self.bins.clone(),
            re,
            im,
        });
        finish(scales, [re, im])
    }

    fn transform_pairs(&mut self, group: Group<'_>) -> [Option<PowerOfTwo>; LANES] {
        let mut scales = [None; LANES];
        let spectra = self.spectra.chunks_exact_mut(self.n_fft + 1);
        for (pair, spectrum) in spectra.enumerate() {
            let lane = PAIR * pair;
            if lane >= group.count {
                break;
            }
            let [edge, other_edge] = &mut self.edges;
            let y = if lane + 1 < group.count { group.y } else { &[] };
            let t = group.first + lane;
            let frames = [
                frame(group.y, t, group.hop_length, self.n_fft, edge),
                frame(y, t + 1, group.hop_length, self.n_fft, other_edge),
            ];
            for (offset, scale) in
                scales[lane..].iter_mut().take(PAIR.min(group.count - lane)).enumerate()
            {
                let range = frame_range(group.y.len(), t + offset, group.hop_length, self.n_fft);
                let peak = group.peaks.bound(group.y, range);
                *scale = (peak > 0.0).then(|| PowerOfTwo::equalising(peak));
            }
            let [a, b] = [scales[lane], scales[lane + 1]];
            if a.is_none() && b.is_none() {
                spectrum.fill(Complex32::default());
                continue;
            }
            let scales = [a, b].map(|scale| scale.map_or(0.0, |scale| scale.down));
            let (buffer, again) = spectrum.split_at_mut(self.n_fft);
            let (window, scratch) = (self.window.as_deref(), &mut self.scratch);
            self.transform.process(frames, scales, window, buffer, scratch, self.level);
            again[0] = buffer[place(0) * self.n_fft / QUARTERS];
        }
        scales
    }
}

/// Zeroes silent lanes; returns the factors, with the half that untangling left out.
fn finish<const N: usize>(scales: [Option<PowerOfTwo>; LANES], spectra: [&mut Rows; N]) -> Lanes {
    for spectrum in spectra {
        for lane in (0..LANES).filter(|&lane| scales[lane].is_none()) {
            spectrum.iter_mut().for_each(|bin| bin[lane] = 0.0);
        }
    }
    scales.map(|scale| scale.map_or(0.0, |scale| 0.5 * scale.up))
}

/// Splits the spectra of pairs into 4 times the power spectra of their frames.
///
/// With `s = Z[k] + Z[n-k]` and `d = Z[k] - Z[n-k]` the first frame's spectrum is
/// `(Re s + i Im d) / 2`, the second's `(Im s - i Re d) / 2`.
struct UntanglePower<'a> {
    spectra: &'a [Complex32],
    n_fft: usize,
    bins: Range<usize>,
    power: &'a mut [Lanes],
}

impl Kernel for UntanglePower<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { spectra, n_fft, bins, power } = self;
        for remainder in 0..QUARTERS {
            for (k, into) in blocks(&bins, remainder) {
                let mut values = [ZERO; BINS];
                for (values, z) in values.iter_mut().zip(spectra.chunks_exact(n_fft + 1)) {
                    let (s, d) = sum_and_difference(z, remainder, k);
                    let squares = each_lane(|i| d[i] * d[i]);
                    *values = each_lane(|i| s[i] * s[i] + squares[i ^ 1]);
                }
                turn(&values, &mut power[into]);
            }
        }
    }
}

/// Splits the spectra of pairs into twice the complex spectra of their frames.
struct UntangleComplex<'a> {
    spectra: &'a [Complex32],
    n_fft: usize,
    bins: Range<usize>,
    re: &'a mut [Lanes],
    im: &'a mut [Lanes],
}

impl Kernel for UntangleComplex<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { spectra, n_fft, bins, re, im } = self;
        for remainder in 0..QUARTERS {
            for (k, into) in blocks(&bins, remainder) {
                let (mut real, mut imaginary) = ([ZERO; BINS], [ZERO; BINS]);
                let values = real.iter_mut().zip(&mut imaginary);
                for ((real, imaginary), z) in values.zip(spectra.chunks_exact(n_fft + 1)) {
                    let (s, d) = sum_and_difference(z, remainder, k);
                    *real = s;
                    *imaginary = each_lane(|i| if i % PAIR == 0 { d[i + 1] } else { -d[i - 1] });
                }
                turn(&real, &mut re[into.clone()]);
                turn(&imaginary, &mut im[into]);
            }
        }
    }
}

/// The bins of a quarter, [`BINS`] at a time: the first one's place in the quarter, and the rows from
/// it on, of which every fourth is meant.
#[inline(always)]
fn blocks(
    bins: &Range<usize>,
    remainder: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
    let Range { start, end } = *bins;
    let first = start.saturating_sub(remainder).div_ceil(QUARTERS);
    let last = end.saturating_sub(remainder).div_ceil(QUARTERS);
    (first..last).step_by(BINS).map(move |k| {
        let row = QUARTERS * k + remainder - start;
        (k, row..(row + QUARTERS * (BINS - 1) + 1).min(end - start))
    })
}

/// `Z[m] + Z[n-m]` and `Z[m] - Z[n-m]`, real and imaginary parts in turn, of the [`BINS`] bins
/// `m = 4k + remainder` from `k` on. `z` is a spectrum in quarters followed by its first bin. Some of
/// the bins may lie beyond those that are wanted; none lies beyond the spectrum.
#[inline(always)]
fn sum_and_difference(z: &[Complex32], remainder: usize, k: usize) -> (Lanes, Lanes) {
    let quarter = z.len() / QUARTERS;
    let first = place(remainder) * quarter + k;
    // Mirrored, the bins 4k are among themselves, from the one behind the last on.
    let end = match remainder {
        0 => z.len() - k,
        remainder => (place(QUARTERS - remainder) + 1) * quarter - k,
    };
    let (a, b) = (z[first..].first_chunk::<BINS>(), z[..end].last_chunk::<BINS>());
    let (Some(a), Some(b)) = (a, b) else { return (ZERO, ZERO) };
    let parts = |z: &Complex32, i: usize| [z.re, z.im][i % PAIR];
    let a = each_lane(|i| parts(&a[i / PAIR], i));
    let b = each_lane(|i| parts(&b[BINS - 1 - i / PAIR], i));
    (each_lane(|i| a[i] + b[i]), each_lane(|i| a[i] - b[i]))
}

/// Turns the values of the pairs, `[pair][bin][frame of the pair]`, into rows of bins, every fourth
/// of `into`.
#[inline(always)]
fn turn(values: &[Lanes; BINS], into: &mut [Lanes]) {
    let row = |bin: usize| each_lane(|i| values[i / PAIR][PAIR * bin + i % PAIR]);
    if let Some(into) = into.first_chunk_mut::<{ QUARTERS * (BINS - 1) + 1 }>() {
        for bin in 0..BINS {
            into[QUARTERS * bin] = row(bin);
        }
    } else {
        for (bin, into) in into.iter_mut().step_by(QUARTERS).enumerate() {
            *into = row(bin);
        }
    }
}
