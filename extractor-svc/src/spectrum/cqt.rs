//! Magnitudes of the constant-Q transform, octave by octave from the highest down, by the method
//! of Schörkhuber and Klapuri (2010) as `librosa.cqt` has it: the signal is halved from octave to
//! octave, and one set of sparse filters in the frequency domain serves each.

use super::frame::frame_count;
use super::octaves::{BINS_PER_OCTAVE, OctavePlan};
use super::stft::{Group, Stft};
use super::wavelet::Tap;
use crate::peak::PeakMap;
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

/// Computes the magnitudes of all octaves and hands them to `sink`, group by group; `y` is used up.
pub(crate) fn cqt(
    mut y: Vec<f32>,
    plan: &OctavePlan,
    halving: &Halving,
    level: Level,
    proceed: &dyn Fn() -> bool,
    sink: &mut impl OctaveSink,
) -> Result<(), Stopped> {
    let frames = cqt_frames(plan, y.len());
    let mut halver = Halver::new(halving, level);
    match plan.early_halvings {
        0 => {}
        1 => halver.halve(&mut y, proceed)?,
        halvings => y = decimate(y, halvings, level, proceed)?,
    }
    let mut stfts: Vec<Stft> = plan
        .bases
        .iter()
        .map(|basis| Stft::new(basis.transform.clone(), None, basis.bins.clone(), level))
        .collect();
    sink.lap("cqt: halving");
    let (mut re, mut im, mut peaks) = (Vec::new(), Vec::new(), PeakMap::default());
    let mut magnitudes = [ZERO; BINS_PER_OCTAVE];
    for (index, octave) in plan.octaves.iter().enumerate() {
        let (stft, basis) = (&mut stfts[octave.basis], &plan.bases[octave.basis]);
        peaks.fill(&y, level);
        for first in (0..frames).step_by(LANES) {
            if !proceed() {
                return Err(Stopped);
            }
            let count = LANES.min(frames - first);
            let group = Group { y: &y, peaks: &peaks, hop_length: octave.hop_length, first, count };
            let scale = stft.complex(group, &mut re, &mut im);
            sink.lap("cqt: stft");
            let filters = &basis.filters;
            level.run(Respond { filters, re: &re, im: &im, scale, into: &mut magnitudes });
            sink.octave(OctaveGroup { octave: index, first, count, magnitudes: &magnitudes });
            sink.lap("cqt: filters");
        }
        if octave.halve {
            halver.halve(&mut y, proceed)?;
            sink.lap("cqt: halving");
        }
    }
    Ok(())
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

/// Magnitudes of the filters' responses for a group of spectra.
struct Respond<'a> {
    filters: &'a [Vec<Tap>],
    re: &'a [Lanes],
    im: &'a [Lanes],
    scale: Lanes,
    into: &'a mut [Lanes],
}

impl Kernel for Respond<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let scale = self.scale;
        for (filter, into) in self.filters.iter().zip(self.into) {
            let (mut re, mut im) = (ZERO, ZERO);
            for tap in filter {
                let (x, y) = (&self.re[tap.bin], &self.im[tap.bin]);
                re = scale_add::<FMA>(-tap.im, y, &scale_add::<FMA>(tap.re, x, &re));
                im = scale_add::<FMA>(tap.im, x, &scale_add::<FMA>(tap.re, y, &im));
            }
            *into =
                each_lane(|lane| (re[lane] * re[lane] + im[lane] * im[lane]).sqrt() * scale[lane]);
        }
    }
}
