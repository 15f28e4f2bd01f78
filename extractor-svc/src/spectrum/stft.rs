//! Short-time Fourier transform, a group of frames at a time, two frames per complex transform.
//!
//! Every frame is scaled by its own power of two before its transform, which is exact: partners
//! then leak nothing but rounding into each other, and no frame over- or underflows. Results carry
//! the scale along, because most spectral features do not depend on it. Frames of exact zeros give
//! exact zeros.

use std::ops::Range;

use super::frame::{frame, frame_range};
use crate::fft::{Complex32, PowerOfTwo, Transform};
use crate::peak::PeakMap;
use crate::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO};

/// Frames that share one transform.
const PAIR: usize = 2;

/// Bins untangled before the next pair's turn: keeps the output of a group in the first cache.
const BIN_CHUNK: usize = 64;

/// A short-time Fourier transform for frames of one length, and its buffers.
#[derive(Clone, Debug)]
pub(crate) struct Stft {
    n_fft: usize,
    window: Option<Vec<f32>>,
    /// Bins that are computed.
    bins: Range<usize>,
    transform: Transform,
    /// Spectra of the pairs, each followed by its first bin again.
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
        transform: Transform,
        window: Option<Vec<f32>>,
        bins: Range<usize>,
        level: Level,
    ) -> Self {
        let n_fft = transform.len();
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
    pub(crate) fn power(&mut self, group: Group<'_>, power: &mut Vec<Lanes>) -> Lanes {
        let scales = self.transform_pairs(group);
        power.resize(self.bins.len(), ZERO);
        self.level.run(UntanglePower {
            spectra: &self.spectra,
            n_fft: self.n_fft,
            first_bin: self.bins.start,
            power,
        });
        finish(scales, [power])
    }

    /// Complex spectra of a group, as [`Stft::power`]: values times the factor are librosa's.
    pub(crate) fn complex(
        &mut self,
        group: Group<'_>,
        re: &mut Vec<Lanes>,
        im: &mut Vec<Lanes>,
    ) -> Lanes {
        let scales = self.transform_pairs(group);
        re.resize(self.bins.len(), ZERO);
        im.resize(self.bins.len(), ZERO);
        self.level.run(UntangleComplex {
            spectra: &self.spectra,
            n_fft: self.n_fft,
            first_bin: self.bins.start,
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
            let (buffer, mirror) = spectrum.split_at_mut(self.n_fft);
            match &self.window {
                Some(window) => self.level.run(Windowed { frames, scales, window, into: buffer }),
                None => self.level.run(Plain { frames, scales, into: buffer }),
            }
            self.transform.process(buffer, &mut self.scratch);
            mirror[0] = buffer[0];
        }
        scales
    }
}

/// Zeroes silent lanes; returns the factors, with the half that untangling left out.
fn finish<const N: usize>(
    scales: [Option<PowerOfTwo>; LANES],
    spectra: [&mut Vec<Lanes>; N],
) -> Lanes {
    for spectrum in spectra {
        for lane in (0..LANES).filter(|&lane| scales[lane].is_none()) {
            spectrum.iter_mut().for_each(|bin| bin[lane] = 0.0);
        }
    }
    scales.map(|scale| scale.map_or(0.0, |scale| 0.5 * scale.up))
}

/// Two scaled and windowed frames as real and imaginary parts.
struct Windowed<'a> {
    frames: [&'a [f32]; PAIR],
    scales: [f32; PAIR],
    window: &'a [f32],
    into: &'a mut [Complex32],
}

impl Kernel for Windowed<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let [a, b] = self.scales;
        let frames = self.frames[0].iter().zip(self.frames[1]).zip(self.window);
        for (into, ((&x, &y), &w)) in self.into.iter_mut().zip(frames) {
            *into = Complex32::new(x * a * w, y * b * w);
        }
    }
}

/// [`Windowed`] under a window of ones.
struct Plain<'a> {
    frames: [&'a [f32]; PAIR],
    scales: [f32; PAIR],
    into: &'a mut [Complex32],
}

impl Kernel for Plain<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let [a, b] = self.scales;
        let frames = self.frames[0].iter().zip(self.frames[1]);
        for (into, (&x, &y)) in self.into.iter_mut().zip(frames) {
            *into = Complex32::new(x * a, y * b);
        }
    }
}

/// Splits the spectra of pairs into 4 times the power spectra of their frames.
///
/// With `s = Z[k] + Z[n-k]` and `d = Z[k] - Z[n-k]` the first frame's spectrum is
/// `(Re s + i Im d) / 2`, the second's `(Im s - i Re d) / 2`.
struct UntanglePower<'a> {
    spectra: &'a [Complex32],
    n_fft: usize,
    first_bin: usize,
    power: &'a mut [Lanes],
}

impl Kernel for UntanglePower<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let mut start = self.first_bin;
        for power in self.power.chunks_mut(BIN_CHUNK) {
            for (pair, z) in self.spectra.chunks_exact(self.n_fft + 1).enumerate() {
                let mut values = [[0.0_f32; PAIR]; BIN_CHUNK];
                let values = &mut values[..power.len()];
                let (z, mirrored) = both_sides(z, start, power.len());
                for ((value, a), b) in values.iter_mut().zip(z).zip(mirrored.iter().rev()) {
                    let (s_re, s_im) = (a.re + b.re, a.im + b.im);
                    let (d_re, d_im) = (a.re - b.re, a.im - b.im);
                    *value = [s_re * s_re + d_im * d_im, s_im * s_im + d_re * d_re];
                }
                scatter(values, pair, power);
            }
            start += power.len();
        }
    }
}

/// Splits the spectra of pairs into twice the complex spectra of their frames.
struct UntangleComplex<'a> {
    spectra: &'a [Complex32],
    n_fft: usize,
    first_bin: usize,
    re: &'a mut [Lanes],
    im: &'a mut [Lanes],
}

impl Kernel for UntangleComplex<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let mut start = self.first_bin;
        for (re, im) in self.re.chunks_mut(BIN_CHUNK).zip(self.im.chunks_mut(BIN_CHUNK)) {
            for (pair, z) in self.spectra.chunks_exact(self.n_fft + 1).enumerate() {
                let mut real = [[0.0_f32; PAIR]; BIN_CHUNK];
                let mut imaginary = [[0.0_f32; PAIR]; BIN_CHUNK];
                let (real, imaginary) = (&mut real[..re.len()], &mut imaginary[..re.len()]);
                let (z, mirrored) = both_sides(z, start, re.len());
                let values = real.iter_mut().zip(imaginary.iter_mut());
                for ((value, a), b) in values.zip(z).zip(mirrored.iter().rev()) {
                    *value.0 = [a.re + b.re, a.im + b.im];
                    *value.1 = [a.im - b.im, b.re - a.re];
                }
                scatter(real, pair, re);
                scatter(imaginary, pair, im);
            }
            start += re.len();
        }
    }
}

/// Bins `start..start + len` and, in reverse, their mirrored partners.
#[inline(always)]
fn both_sides(z: &[Complex32], start: usize, len: usize) -> (&[Complex32], &[Complex32]) {
    let last = z.len() - 1 - start;
    (&z[start..start + len], &z[last + 1 - len..=last])
}

/// Writes a pair's values into its two lanes.
#[inline(always)]
fn scatter(values: &[[f32; PAIR]], pair: usize, into: &mut [Lanes]) {
    for (into, value) in into.iter_mut().zip(values) {
        into[PAIR * pair..PAIR * pair + PAIR].copy_from_slice(value);
    }
}
