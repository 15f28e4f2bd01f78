//! Magnitudes of the constant-Q transform, octave by octave from the highest down, by the method
//! of Schörkhuber and Klapuri (2010) as `librosa.cqt` has it: the signal is halved from octave to
//! octave, and one set of sparse filters in the frequency domain serves each.

use super::frame::frame_count;
use super::octaves::{BINS_PER_OCTAVE, OctavePlan};
use super::segments::{SegmentSpectra, SegmentTable, TILE};
use super::stft::{Group, Stft};
use super::wavelet::{Tap, WaveletBasis};
use crate::fft::PowerOfTwo;
use crate::peak::{PeakMap, larger};
use crate::resample::{Halver, Halving, Resampler, Stopped};
use crate::simd::{Kernel, LANES, Lanes, Level, ZERO, each_lane, scale_add};
use crate::stopwatch::Laps;

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

/// Takes the transform's results.
pub(crate) trait OctaveSink: Laps {
    /// The magnitudes of one octave for a group of frames.
    fn octave(&mut self, group: OctaveGroup<'_>);
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
    sink.lap("cqt: halving");
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
            sink.lap("cqt: halving");
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
    re: Vec<Lanes>,
    im: Vec<Lanes>,
    spectra: SegmentSpectra,
    magnitudes: [Lanes; BINS_PER_OCTAVE],
}

impl Buffers {
    fn new(plan: &OctavePlan, level: Level) -> Self {
        let stft = |basis: &WaveletBasis| {
            Stft::new(basis.transform.clone(), None, basis.bins.clone(), level)
        };
        Self {
            stfts: plan.bases.iter().map(stft).collect(),
            re: Vec::new(),
            im: Vec::new(),
            spectra: SegmentSpectra::default(),
            magnitudes: [ZERO; BINS_PER_OCTAVE],
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
            sink.lap("cqt: stft");
            let spectra = Rows { re: &self.re, im: &self.im, stride: 1 };
            let into = &mut self.magnitudes;
            level.run(Respond { filters: &basis.filters, spectra, scale: Some(scale), into });
            sink.octave(OctaveGroup { octave: index, first, count, magnitudes: &self.magnitudes });
            sink.lap("cqt: filters");
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
        for tile in (0..frames).step_by(TILE) {
            if !proceed() {
                return Err(Stopped);
            }
            let end = frames.min(tile + TILE);
            self.spectra.fill(table, y, tile, end - tile, level);
            sink.lap("cqt: segments");
            let SegmentSpectra { re, im, stride, .. } = &self.spectra;
            for first in (tile..end).step_by(LANES) {
                let at = skipped * stride + (first - tile) / LANES;
                let spectra = Rows { re: &re[at..], im: &im[at..], stride: *stride };
                let into = &mut self.magnitudes;
                level.run(Respond { filters: &basis.filters, spectra, scale: None, into });
                let (count, magnitudes) = (LANES.min(end - first), &self.magnitudes);
                sink.octave(OctaveGroup { octave: index, first, count, magnitudes });
            }
            sink.lap("cqt: filters");
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
    let mut resampler = Resampler::with_level(factor, 1, level);
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
struct Rows<'a> {
    re: &'a [Lanes],
    im: &'a [Lanes],
    stride: usize,
}

/// Magnitudes of the filters' responses for a group of spectra.
struct Respond<'a> {
    filters: &'a [Vec<Tap>],
    spectra: Rows<'a>,
    /// What the spectra are to be multiplied by, if they were equalised.
    scale: Option<Lanes>,
    into: &'a mut [Lanes; BINS_PER_OCTAVE],
}

impl Kernel for Respond<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Rows { re: spectra_re, im: spectra_im, stride } = self.spectra;
        let mut imaginary = [ZERO; BINS_PER_OCTAVE];
        let mut largest = ZERO;
        for ((filter, real), imaginary) in
            self.filters.iter().zip(self.into.iter_mut()).zip(&mut imaginary)
        {
            // Four sums, because one that is added to twice a tap is waited for.
            let (mut re_re, mut im_im, mut re_im, mut im_re) = (ZERO, ZERO, ZERO, ZERO);
            for tap in filter {
                let at = tap.bin * stride;
                let (x, y) = (&spectra_re[at], &spectra_im[at]);
                re_re = scale_add::<FMA>(tap.re, x, &re_re);
                im_im = scale_add::<FMA>(tap.im, y, &im_im);
                re_im = scale_add::<FMA>(tap.re, y, &re_im);
                im_re = scale_add::<FMA>(tap.im, x, &im_re);
            }
            let re = each_lane(|lane| re_re[lane] - im_im[lane]);
            let im = each_lane(|lane| re_im[lane] + im_re[lane]);
            largest =
                each_lane(|lane| larger(largest[lane], larger(re[lane].abs(), im[lane].abs())));
            (*real, *imaginary) = (re, im);
        }
        // Squares must neither over- nor underflow where the values themselves do not.
        let (down, up) = match self.scale {
            Some(scale) => ([1.0; LANES], scale),
            None => {
                let scale = |lane: usize| PowerOfTwo::equalising(largest[lane]);
                (each_lane(|lane| scale(lane).down), each_lane(|lane| scale(lane).up))
            }
        };
        for (into, imaginary) in self.into.iter_mut().zip(&imaginary) {
            let re = each_lane(|lane| into[lane] * down[lane]);
            let im = each_lane(|lane| imaginary[lane] * down[lane]);
            *into = each_lane(|lane| (re[lane] * re[lane] + im[lane] * im[lane]).sqrt() * up[lane]);
        }
    }
}
