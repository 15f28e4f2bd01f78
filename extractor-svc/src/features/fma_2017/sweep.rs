//! The passes over the frames: what comes from one spectrum at a time.

use super::cepstrum::Cepstrum;
use super::chroma::{Norm, normalise, weights};
use super::contrast::Contrast;
use super::facts::{Fma2017Error, HOP_LENGTH};
use super::pitches::Pitches;
use super::spectrum::{Spectrum, magnitudes};
use crate::dsp::simd::Level;
use crate::dsp::sums::dot;
use crate::dsp::window::hann;

/// Length of the frames, in samples.
const N_FFT: usize = 2048;

/// Bins of a spectrum.
const BINS: usize = N_FFT / 2 + 1;

/// The rate that spectra are taken to be at, in Hz.
const ASSUMED_RATE: f64 = 22_050.0;

/// Share of the summed magnitude that lies below the roll-off.
const ROLL_OFF: f32 = 0.85;

/// Cepstral coefficients.
const N_MFCC: usize = 20;

/// What the pass yields: features over time, in Hz where they are frequencies.
#[derive(Debug)]
pub(super) struct Swept {
    /// Of magnitudes at the signal's own rate, and of powers at the assumed one; in semitones.
    pub(super) tunings: [f64; 2],
    pub(super) mfcc: Vec<Vec<f64>>,
    pub(super) rmse: Vec<f64>,
    pub(super) bandwidth: Vec<f64>,
    pub(super) centroid: Vec<f64>,
    pub(super) contrast: Vec<Vec<f64>>,
    pub(super) rolloff: Vec<f64>,
}

/// Calls `each` with the magnitudes of every frame.
fn for_each_frame(
    y: &[f32],
    cancel: &dyn Fn() -> bool,
    mut each: impl FnMut(&[f32]),
) -> Result<(), Fma2017Error> {
    let mut spectrum = Spectrum::new(N_FFT, HOP_LENGTH, Some(hann(N_FFT).collect()));
    let (mut pair, mut values) = (Default::default(), Vec::new());
    for t in (0..spectrum.frames(y.len())).step_by(2) {
        if cancel() {
            return Err(Fma2017Error::Cancelled);
        }
        let count = spectrum.pair(y, t, &mut pair);
        for spectrum in &pair[..count] {
            magnitudes(spectrum, &mut values);
            each(&values);
        }
    }
    Ok(())
}

/// The first pass, over `y` at `rate` Hz.
pub(super) fn sweep(
    y: &[f32],
    rate: f64,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<Swept, Fma2017Error> {
    let nyquist = ASSUMED_RATE / 2.0;
    let hertz: Vec<f64> = (0..BINS).map(|bin| bin as f64 * (nyquist / (BINS - 1) as f64)).collect();
    let (ones, mut squares, mut power) = (vec![1.0; BINS], vec![0.0; BINS], vec![0.0; BINS]);
    let mut pitches = [Pitches::new(rate, N_FFT), Pitches::new(ASSUMED_RATE, N_FFT)];
    let mut contrast = Contrast::new(BINS, nyquist);
    let mut cepstrum = Cepstrum::new(rate, N_FFT, level);
    let [mut rmse, mut bandwidth, mut centroid, mut rolloff] = [const { Vec::new() }; 4];
    for_each_frame(y, cancel, |magnitudes| {
        let squared = power.iter_mut().zip(magnitudes);
        squared.for_each(|(power, magnitude)| *power = magnitude * magnitude);
        pitches[0].add(magnitudes);
        pitches[1].add(&power);
        contrast.add(magnitudes);
        cepstrum.add(&power);
        // Over the bins of one side, with no correction for the other or the window.
        rmse.push(f64::from((dot(&ones, &power, level) / BINS as f64).sqrt() as f32));
        let sum = dot(&ones, magnitudes, level);
        let sum = if sum >= f64::from(f32::MIN_POSITIVE) { sum } else { 1.0 };
        let centre = dot(&hertz, magnitudes, level) / sum;
        let apart = squares.iter_mut().zip(&hertz);
        apart.for_each(|(square, hertz)| *square = (hertz - centre) * (hertz - centre));
        centroid.push(centre);
        bandwidth.push((dot(&squares, magnitudes, level) / sum).sqrt());
        rolloff.push(hertz[reaching(magnitudes)]);
    })?;
    let [Some(own), Some(assumed)] = pitches.map(|pitches| pitches.estimate()) else {
        return Err(Fma2017Error::NoPitch);
    };
    let (mfcc, contrast) = (cepstrum.finish(N_MFCC), contrast.finish());
    let tunings = [own, assumed];
    Ok(Swept { tunings, mfcc, rmse, bandwidth, centroid, contrast, rolloff })
}

/// The first bin at which the running sum reaches its share, in single precision as numpy has it.
fn reaching(magnitudes: &[f32]) -> usize {
    let least = ROLL_OFF * magnitudes.iter().fold(0.0, |sum, magnitude| sum + magnitude);
    let mut sum = 0.0;
    let reaches = |magnitude: &f32| {
        sum += magnitude;
        sum >= least
    };
    magnitudes.iter().position(reaches).unwrap_or(0)
}

/// `chroma_stft`, `[12][t]`, of powers at the assumed rate. A second pass, as its filters lie at the
/// tuning of the whole.
pub(super) fn chroma_stft(
    y: &[f32],
    tuning: f64,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<Vec<f64>>, Fma2017Error> {
    let weights = weights(ASSUMED_RATE, N_FFT, tuning);
    let (mut rows, mut power) = (vec![Vec::new(); weights.len()], Vec::new());
    for_each_frame(y, cancel, |magnitudes| {
        power.clear();
        power.extend(magnitudes.iter().map(|magnitude| magnitude * magnitude));
        for (row, weights) in rows.iter_mut().zip(&weights) {
            row.push(dot(weights, &power, level));
        }
    })?;
    normalise(&mut rows, Norm::Largest);
    Ok(rows)
}
