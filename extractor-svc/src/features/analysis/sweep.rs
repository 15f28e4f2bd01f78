//! The one pass over the frames of a signal: a short-time Fourier transform that all features share.

use std::array;
use std::sync::Arc;

use super::error::AnalysisError;
use super::tables::Tables;
use crate::dsp::frame::frame_count;
use crate::dsp::moments::Moments;
use crate::dsp::observer::{Intermediate, Observer, Seen};
use crate::dsp::peak::PeakMap;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{LANES, Level};
use crate::dsp::stft::{Group, Stft};
use crate::features::feature::{Feature, Frames};
use crate::features::mfcc::Mfcc;
use crate::features::rms::Rms;
use crate::features::spectral_bandwidth::SpectralBandwidth;
use crate::features::spectral_centroid::SpectralCentroid;
use crate::features::spectral_rolloff::SpectralRolloff;
use crate::features::tuning::Pitches;
use crate::features::zero_crossing_rate::ZeroCrossingRate;
use crate::recipe::FeatureKind;

/// A pass over the frames of a signal that may still be growing.
///
/// Groups of frames begin at multiples of [`LANES`], and one is treated only once all samples it
/// reads are there, so the result does not depend on how the signal came.
#[derive(Debug)]
pub(super) struct Sweep {
    tables: Arc<Tables>,
    level: Level,
    stft: Stft,
    peaks: PeakMap,
    power: Rows,
    moments: Moments,
    /// Frames so far.
    frames: usize,
    pitches: Pitches,
    features: Features,
}

/// The features of a recipe that are computed frame by frame.
type Features = Vec<(FeatureKind, Box<dyn Feature>)>;

/// What the pass yields.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) features: Features,
    pub(super) pitches: Pitches,
    pub(super) peaks: PeakMap,
}

/// The object that computes a feature frame by frame; `None` if it needs the whole signal first.
fn feature(kind: FeatureKind, tables: &Arc<Tables>, level: Level) -> Option<Box<dyn Feature>> {
    let recipe = tables.recipe;
    Some(match kind {
        FeatureKind::Mfcc => Box::new(Mfcc::new(Arc::clone(tables), level)),
        FeatureKind::SpectralCentroid => Box::new(SpectralCentroid::default()),
        FeatureKind::SpectralBandwidth => Box::new(SpectralBandwidth::default()),
        FeatureKind::SpectralRolloff => Box::new(SpectralRolloff::new(recipe.roll_percent)),
        FeatureKind::Rms => Box::new(Rms::new(recipe.n_fft)),
        FeatureKind::ZeroCrossingRate => Box::new(ZeroCrossingRate::new(recipe.n_fft, level)),
        // Its filters lie at the tuning of the whole signal.
        FeatureKind::ChromaCqt => return None,
    })
}

impl Sweep {
    pub(super) fn new(tables: Arc<Tables>, level: Level) -> Self {
        let (window, recipe) = (Some(tables.window.clone()), tables.recipe);
        let bins = recipe.n_fft / 2 + 1;
        let kinds = recipe.families.iter().map(|family| family.feature);
        let features = kinds.filter_map(|kind| Some((kind, feature(kind, &tables, level)?)));
        Self {
            level,
            stft: Stft::new(tables.transform.clone(), window, 0..bins, level),
            peaks: PeakMap::default(),
            power: Rows::default(),
            moments: Moments::default(),
            frames: 0,
            pitches: Pitches::new(recipe.tuning, tables.bin_hz(), bins),
            features: features.collect(),
            tables,
        }
    }

    /// Treats the groups of frames for which `y`, so far, is long enough.
    pub(super) fn advance(
        &mut self,
        y: &[f32],
        cancel: &dyn Fn() -> bool,
        observer: &mut dyn Observer,
    ) -> Result<(), AnalysisError> {
        let complete = PeakMap::complete(y.len());
        loop {
            let last = self.frames + LANES - 1;
            if last * self.tables.hop_length + self.tables.recipe.n_fft / 2 > complete {
                return Ok(());
            }
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            self.peaks.extend(&y[..complete], self.level);
            self.group(y, LANES, observer);
        }
    }

    /// Treats the frames that are left, now that `y` is whole.
    pub(super) fn finish(
        mut self,
        y: &[f32],
        cancel: &dyn Fn() -> bool,
        observer: &mut dyn Observer,
    ) -> Result<Swept, AnalysisError> {
        self.peaks.extend(y, self.level);
        let frames = frame_count(y.len(), self.tables.hop_length);
        while self.frames < frames {
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            self.group(y, LANES.min(frames - self.frames), observer);
        }
        if self.tables.hop_length != self.tables.recipe.tuning.hop_length {
            self.sweep_pitches(y, cancel)?;
        }
        let Self { features, pitches, peaks, .. } = self;
        Ok(Swept { features, pitches, peaks })
    }

    /// Bytes that grow with the signal.
    pub(super) fn bytes(&self) -> usize {
        let features: usize = self.features.iter().map(|(_, feature)| feature.bytes()).sum();
        self.pitches.bytes() + features
    }

    /// The next `count` frames.
    fn group(&mut self, y: &[f32], count: usize, observer: &mut dyn Observer) {
        let Self { tables, level, stft, peaks, power, moments, .. } = self;
        let (level, first, hop_length) = (*level, self.frames, tables.hop_length);
        let scale = stft.power(Group { y, peaks, hop_length, first, count }, power);
        observer.lap("stft");
        moments.sweep(power, level);
        let (weights, sums) = (moments.weights(&scale, level), moments.first(level));
        observer.lap("moments");
        let (matrix, values) = (Intermediate::StftMagnitude, &*moments.magnitudes);
        observer.see(Seen { matrix, row: 0, count, values, scale: Some(&scale) });
        if hop_length == tables.recipe.tuning.hop_length {
            self.pitches.add(moments, &scale, count, level);
        }
        observer.lap("pitches");
        let frames = Frames {
            y,
            hop_length,
            first,
            count,
            power,
            moments,
            scale: &scale,
            weights,
            centroid: array::from_fn(|lane| sums[lane] * weights[lane]),
            bin_hz: tables.bin_hz(),
            level,
        };
        for (_, feature) in &mut self.features {
            feature.add(&frames, observer);
        }
        self.frames += count;
    }

    /// The pass for pitches alone, where the profile's hop is not theirs.
    fn sweep_pitches(&mut self, y: &[f32], cancel: &dyn Fn() -> bool) -> Result<(), AnalysisError> {
        let hop_length = self.tables.recipe.tuning.hop_length;
        let frames = frame_count(y.len(), hop_length);
        for first in (0..frames).step_by(LANES) {
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            let count = LANES.min(frames - first);
            let group = Group { y, peaks: &self.peaks, hop_length, first, count };
            let scale = self.stft.power(group, &mut self.power);
            self.moments.sweep(&self.power, self.level);
            self.pitches.add(&self.moments, &scale, count, self.level);
        }
        Ok(())
    }
}
