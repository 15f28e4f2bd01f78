//! Magnitudes of the constant-Q transform, octave by octave from the highest down, by the method
//! of Schörkhuber and Klapuri (2010) as `librosa.cqt` has it: the signal is halved from octave to
//! octave, and one set of sparse filters in the frequency domain serves each.

use super::frame::frame_count;
use super::octaves::{BINS_PER_OCTAVE, OctavePlan};
use super::stft::{Group, Stft};
use super::wavelet::Tap;
use crate::resample::{Halver, Resampler, Stopped};
use crate::simd::{Kernel, LANES, Lanes, Level, ZERO};

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

/// Computes the magnitudes of all octaves and hands them to `take`, group by group; `y` is used up.
pub(crate) fn cqt(
    mut y: Vec<f32>,
    plan: &OctavePlan,
    level: Level,
    proceed: &dyn Fn() -> bool,
    mut take: impl FnMut(OctaveGroup<'_>),
) -> Result<(), Stopped> {
    let frames = cqt_frames(plan, y.len());
    let mut halver = Halver::new(level);
    match plan.early_halvings {
        0 => {}
        1 => halver.halve(&mut y, proceed)?,
        halvings => y = decimate(y, halvings, level, proceed)?,
    }
    let mut stfts: Vec<Stft> = plan
        .bases
        .iter()
        .map(|basis| Stft::new(basis.n_fft, None, basis.bins.clone(), level))
        .collect();
    let (mut re, mut im) = (Vec::new(), Vec::new());
    let mut magnitudes = [ZERO; BINS_PER_OCTAVE];
    for (index, octave) in plan.octaves.iter().enumerate() {
        let (stft, basis) = (&mut stfts[octave.basis], &plan.bases[octave.basis]);
        for first in (0..frames).step_by(LANES) {
            if !proceed() {
                return Err(Stopped);
            }
            let count = LANES.min(frames - first);
            let group = Group { y: &y, hop_length: octave.hop_length, first, count };
            let scale = stft.complex(group, &mut re, &mut im);
            let filters = &basis.filters;
            level.run(Respond { filters, re: &re, im: &im, scale, into: &mut magnitudes });
            take(OctaveGroup { octave: index, first, count, magnitudes: &magnitudes });
        }
        if octave.halve {
            halver.halve(&mut y, proceed)?;
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
        for (filter, into) in self.filters.iter().zip(self.into) {
            let (mut re, mut im) = (ZERO, ZERO);
            for tap in filter {
                let (x, y) = (&self.re[tap.bin], &self.im[tap.bin]);
                for lane in 0..LANES {
                    if FMA {
                        re[lane] = tap.re.mul_add(x[lane], (-tap.im).mul_add(y[lane], re[lane]));
                        im[lane] = tap.re.mul_add(y[lane], tap.im.mul_add(x[lane], im[lane]));
                    } else {
                        re[lane] += tap.re * x[lane] - tap.im * y[lane];
                        im[lane] += tap.re * y[lane] + tap.im * x[lane];
                    }
                }
            }
            for lane in 0..LANES {
                let power = re[lane] * re[lane] + im[lane] * im[lane];
                into[lane] = power.sqrt() * self.scale[lane];
            }
        }
    }
}
