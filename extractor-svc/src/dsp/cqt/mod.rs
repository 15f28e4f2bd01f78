//! Magnitudes of the constant-Q transform, octave by octave from the highest down, by the method
//! of Schörkhuber and Klapuri (2010) as `librosa.cqt` has it: the signal is halved from octave to
//! octave, and one set of sparse filters in the frequency domain serves each.

pub(crate) mod octaves;
mod segments;
mod wavelet;

pub use self::octaves::CqtShape;

use super::frame::frame_count;
use super::stft::{Group, Stft};
use crate::dsp::cqt::octaves::OctavePlan;
use crate::dsp::cqt::segments::{SegmentSpectra, SegmentTable, TILE};
use crate::dsp::cqt::wavelet::{Filter, WaveletBasis};
use crate::dsp::fft::PowerOfTwo;
use crate::dsp::observer::Observer;
use crate::dsp::peak::{PeakMap, larger};
use crate::dsp::resample::{Halver, Halving, Resampler, ResamplerKind, Stopped};
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO, each_lane, mul_add, scale_add};

/// Samples resampled between two looks at whether to go on.
const POLL: usize = 1 << 18;

/// Magnitudes of one octave for a group of frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OctaveGroup<'a> {
    /// 0 is the highest octave.
    pub(crate) octave: usize,
    /// First frame.
    pub(crate) first: usize,
    /// Number of frames in use.
    pub(crate) count: usize,
    /// `[bin][lane]`, lowest bin first.
    pub(crate) magnitudes: &'a [Lanes],
}

/// Takes the transform's results, and hears how it goes.
pub(crate) trait OctaveSink {
    /// The magnitudes of one octave for a group of frames.
    fn octave(&mut self, group: OctaveGroup<'_>);

    /// Who watches the transform.
    fn observer(&mut self) -> &mut dyn Observer;
}

/// Number of frames that all octaves have, for a signal of `len` samples.
pub(crate) fn cqt_frames(plan: &OctavePlan, len: usize) -> usize {
    let mut len = len.div_ceil(1 << plan.early_halvings);
    let frames = plan.octaves.iter().map(|octave| {
        let frames = frame_count(len, octave.hop_length);
        if octave.halve {
            len = len.div_ceil(2);
        }
        frames
    });
    frames.min().unwrap_or(0)
}

/// A signal and its peaks.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) y: Vec<f32>,
    pub(crate) peaks: PeakMap,
}

/// Computes the magnitudes of all octaves and hands them to `sink`, group by group; the signal is
/// used up.
pub(crate) fn cqt(
    Signal { mut y, mut peaks }: Signal,
    plan: &OctavePlan,
    halving: &Halving,
    level: Level,
    proceed: &dyn Fn() -> bool,
    sink: &mut impl OctaveSink,
) -> Result<(), Stopped> {
    let frames = cqt_frames(plan, y.len());
    let mut halver = Halver::new(halving, level);
    let mut has_peaks = plan.early_halvings == 0;
    match plan.early_halvings {
        0 => {}
        1 => halver.halve(&mut y, proceed)?,
        halvings => y = decimate(y, halvings, level, proceed)?,
    }
    sink.observer().lap("cqt: halving");
    let mut buffers = Buffers::new(plan, level);
    for (index, octave) in plan.octaves.iter().enumerate() {
        let basis = &plan.bases[octave.basis];
        let octave_of = Octave { index, hop_length: octave.hop_length, basis, y: &y, frames };
        match &plan.segments[index] {
            Some(table) => buffers.by_segments(table, octave_of, level, proceed, sink)?,
            None => {
                if !has_peaks {
                    peaks.fill(&y, level);
                    has_peaks = true;
                }
                buffers.by_transforms(octave.basis, &peaks, octave_of, level, proceed, sink)?;
            }
        }
        if octave.halve {
            halver.halve(&mut y, proceed)?;
            has_peaks = false;
            sink.observer().lap("cqt: halving");
        }
    }
    Ok(())
}

/// One octave's work.
#[derive(Clone, Copy)]
struct Octave<'a> {
    index: usize,
    hop_length: usize,
    basis: &'a WaveletBasis,
    y: &'a [f32],
    frames: usize,
}

/// What octaves use one after the other.
struct Buffers {
    /// By basis.
    stfts: Vec<Stft>,
    re: Rows,
    im: Rows,
    spectra: SegmentSpectra,
    /// Real and imaginary parts, in turn.
    turned: Rows,
    magnitudes: Rows,
}

impl Buffers {
    fn new(plan: &OctavePlan, level: Level) -> Self {
        let stft = |basis: &WaveletBasis| {
            Stft::new(basis.transform.clone(), None, basis.bins.clone(), level)
        };
        let mut magnitudes = Rows::default();
        magnitudes.resize(plan.shape.bins_per_octave);
        Self {
            stfts: plan.bases.iter().map(stft).collect(),
            re: Rows::default(),
            im: Rows::default(),
            spectra: SegmentSpectra::default(),
            turned: Rows::default(),
            magnitudes,
        }
    }

    /// An octave by a Fourier transform for every two frames.
    fn by_transforms(
        &mut self,
        stft: usize,
        peaks: &PeakMap,
        octave: Octave<'_>,
        level: Level,
        proceed: &dyn Fn() -> bool,
        sink: &mut impl OctaveSink,
    ) -> Result<(), Stopped> {
        let Octave { index, hop_length, basis, y, frames } = octave;
        let stft = &mut self.stfts[stft];
        for first in (0..frames).step_by(LANES) {
            if !proceed() {
                return Err(Stopped);
            }
            let count = LANES.min(frames - first);
            let group = Group { y, peaks, hop_length, first, count };
            let scale = stft.complex(group, &mut self.re, &mut self.im);
            sink.observer().lap("cqt: stft");
            let rows = Spectra { re: &self.re, im: &self.im, stride: 1 };
            let (turned, into) = (&mut self.turned, &mut self.magnitudes);
            respond(basis, &basis.turns, rows, level, turned, into);
            for magnitudes in self.magnitudes.iter_mut() {
                *magnitudes = each_lane(|lane| magnitudes[lane] * scale[lane]);
            }
            sink.octave(OctaveGroup { octave: index, first, count, magnitudes: &self.magnitudes });
            sink.observer().lap("cqt: filters");
        }
        Ok(())
    }

    /// An octave whose frames overlap enough to be put together from segments.
    fn by_segments(
        &mut self,
        table: &SegmentTable,
        octave: Octave<'_>,
        level: Level,
        proceed: &dyn Fn() -> bool,
        sink: &mut impl OctaveSink,
    ) -> Result<(), Stopped> {
        let Octave { index, basis, y, frames, .. } = octave;
        let skipped = basis.bins.start - table.bins().start;
        let turns = &table.turns()[skipped..];
        for tile in (0..frames).step_by(TILE) {
            if !proceed() {
                return Err(Stopped);
            }
            let end = frames.min(tile + TILE);
            self.spectra.fill(table, y, tile, end - tile, level);
            sink.observer().lap("cqt: segments");
            for first in (tile..end).step_by(LANES) {
                let SegmentSpectra { re, im, stride, .. } = &self.spectra;
                let at = skipped * stride + (first - tile) / LANES;
                let rows = Spectra { re: &re[at..], im: &im[at..], stride: *stride };
                let (turned, into) = (&mut self.turned, &mut self.magnitudes);
                respond(basis, turns, rows, level, turned, into);
                let (count, magnitudes) = (LANES.min(end - first), &self.magnitudes);
                sink.octave(OctaveGroup { octave: index, first, count, magnitudes });
            }
            sink.observer().lap("cqt: filters");
        }
        Ok(())
    }
}

/// Early downsampling by more than 2: `librosa.resample(y, orig_sr=2**halvings, target_sr=1,
/// res_type="soxr_hq", scale=True)`.
fn decimate(
    y: Vec<f32>,
    halvings: u32,
    level: Level,
    proceed: &dyn Fn() -> bool,
) -> Result<Vec<f32>, Stopped> {
    let factor = 1 << halvings;
    let gain = f64::from(factor).sqrt() as f32;
    let mut resampler = Resampler::with_level(ResamplerKind::SoxrHq, factor, 1, level);
    let mut out = Vec::with_capacity(Resampler::output_len(factor, 1, y.len()));
    for block in y.chunks(POLL) {
        if !proceed() {
            return Err(Stopped);
        }
        resampler.push(block, &mut out);
    }
    resampler.finish(&mut out);
    out.iter_mut().for_each(|x| *x *= gain);
    Ok(out)
}

/// Spectra of a group of frames: bin `k` is at `k * stride`.
#[derive(Clone, Copy)]
struct Spectra<'a> {
    re: &'a [Lanes],
    im: &'a [Lanes],
    stride: usize,
}

/// Magnitudes of the filters' responses for a group of frames, whose spectra are brought into
/// `turned` by `turns`.
fn respond(
    basis: &WaveletBasis,
    turns: &[[f32; 2]],
    rows: Spectra<'_>,
    level: Level,
    turned: &mut Rows,
    into: &mut [Lanes],
) {
    turned.resize(2 * basis.bins.len());
    let turned = turned.as_chunks_mut().0;
    level.run(Turn { turns, rows, into: turned });
    level.run(Respond { filters: &basis.filters, spectra: turned, into });
}

/// Multiplies the bins of a group by a complex factor each.
struct Turn<'a> {
    turns: &'a [[f32; 2]],
    rows: Spectra<'a>,
    into: &'a mut [[Lanes; 2]],
}

impl Kernel for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Spectra { re, im, stride } = self.rows;
        let rows = re.iter().step_by(stride).zip(im.iter().step_by(stride));
        for ((into, &[c, s]), (x, y)) in self.into.iter_mut().zip(self.turns).zip(rows) {
            *into = [
                each_lane(|lane| mul_add::<I>(-s, y[lane], c * x[lane])),
                each_lane(|lane| mul_add::<I>(s, x[lane], c * y[lane])),
            ];
        }
    }
}

/// Magnitudes of the filters' responses for a group of spectra, bin by bin.
struct Respond<'a> {
    filters: &'a [Filter],
    spectra: &'a [[Lanes; 2]],
    into: &'a mut [Lanes],
}

impl Kernel for Respond<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (filter, into) in self.filters.iter().zip(self.into) {
            let spectra = &self.spectra[filter.first..];
            let (re, im) = if filter.im.is_empty() {
                response::<I>(&filter.re, spectra)
            } else {
                let (re_re, re_im) = response::<I>(&filter.re, spectra);
                let (im_re, im_im) = response::<I>(&filter.im, spectra);
                let re = each_lane(|lane| re_re[lane] - im_im[lane]);
                (re, each_lane(|lane| re_im[lane] + im_re[lane]))
            };
            // Squares must neither over- nor underflow where the values themselves do not.
            let scale =
                |lane: usize| PowerOfTwo::equalising(larger(re[lane].abs(), im[lane].abs()));
            let (down, up) = (each_lane(|lane| scale(lane).down), each_lane(|lane| scale(lane).up));
            let re = each_lane(|lane| re[lane] * down[lane]);
            let im = each_lane(|lane| im[lane] * down[lane]);
            *into = each_lane(|lane| (re[lane] * re[lane] + im[lane] * im[lane]).sqrt() * up[lane]);
        }
    }
}

/// `Σ taps[k] spectra[k]`, real and imaginary part; in two sums, because one is waited for.
#[inline(always)]
fn response<I: Isa>(taps: &[f32], spectra: &[[Lanes; 2]]) -> (Lanes, Lanes) {
    let (mut a_re, mut a_im, mut b_re, mut b_im) = (ZERO, ZERO, ZERO, ZERO);
    let (taps, last_tap) = taps.as_chunks();
    let (pairs, rest) = spectra.as_chunks();
    for ([a, b], [of_a, of_b]) in taps.iter().zip(pairs) {
        a_re = scale_add::<I>(*a, &of_a[0], &a_re);
        a_im = scale_add::<I>(*a, &of_a[1], &a_im);
        b_re = scale_add::<I>(*b, &of_b[0], &b_re);
        b_im = scale_add::<I>(*b, &of_b[1], &b_im);
    }
    if let [a] = last_tap
        && let Some(of_a) = pairs.get(taps.len()).map(|pair| &pair[0]).or(rest.first())
    {
        a_re = scale_add::<I>(*a, &of_a[0], &a_re);
        a_im = scale_add::<I>(*a, &of_a[1], &a_im);
    }
    (each_lane(|lane| a_re[lane] + b_re[lane]), each_lane(|lane| a_im[lane] + b_im[lane]))
}
