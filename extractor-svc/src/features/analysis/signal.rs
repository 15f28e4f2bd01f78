//! The analysis of one signal, whole or while it grows.

use std::time::Duration;

use ndarray::Array2;
use proto::features::{DIMS, FeatureSchema};

use super::error::AnalysisError;
use super::inspection::{Inspection, Recorder, Unobserved};
use super::matrices::{FeatureSet, Matrices, Stages};
use super::sweep::Sweep;
use super::tables::Tables;
use crate::dsp::cqt::Signal;
use crate::dsp::frame::frame_count;
use crate::dsp::simd::Level;
use crate::dsp::stopwatch::{Laps, Stopwatch};
use crate::features::chroma;
use crate::features::tuning::Estimate;
use crate::recipe::Profile;

/// Seconds of a recording for which there is room from the start: the clips of catalogues have 30, and
/// a signal that outgrows its room is moved.
const USUAL_SECONDS: u32 = 32;

/// The analysis of a signal that grows: what can be computed before its end is.
#[derive(Debug)]
pub struct Analysis<'p> {
    y: Vec<f32>,
    sweep: Sweep<'p>,
    tables: &'p Tables,
    level: Level,
}

impl<'p> Analysis<'p> {
    /// The analysis of a signal at the profile's rate that has no sample yet.
    #[must_use]
    pub fn new(profile: &'p Profile) -> Self {
        let usual = (USUAL_SECONDS * profile.sample_rate()) as usize;
        Self::of(Vec::with_capacity(usual), profile, Level::detect())
    }

    fn of(y: Vec<f32>, profile: &'p Profile, level: Level) -> Self {
        let tables = profile.tables();
        Self { y, sweep: Sweep::new(tables, level), tables, level }
    }

    /// The signal: mono, all finite. Samples may be added; those that are there must stay.
    pub fn signal(&mut self) -> &mut Vec<f32> {
        &mut self.y
    }

    /// Bytes that grow with the signal.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.y.as_slice()) + self.sweep.bytes()
    }

    /// Computes what the signal so far is enough for. `cancel` is asked every few milliseconds.
    ///
    /// # Errors
    /// [`AnalysisError::Cancelled`] on cancellation.
    pub fn advance(&mut self, cancel: &dyn Fn() -> bool) -> Result<(), AnalysisError> {
        self.sweep.advance(&self.y, cancel, &mut Unobserved)
    }

    /// Computes the rest, now that the signal is whole.
    ///
    /// # Errors
    /// [`AnalysisError`] if the signal is too short, if its values overflow, or on cancellation.
    pub fn finish(self, cancel: &dyn Fn() -> bool) -> Result<FeatureSet, AnalysisError> {
        let frames = frame_count(self.y.len(), self.tables.hop_length);
        let (matrices, estimate) = self.matrices(cancel, &mut Unobserved)?;
        let Estimate { tuning, is_ambiguous: is_tuning_ambiguous } = estimate;
        let values = matrices.statistics();
        debug_assert_eq!(values.len(), DIMS, "one value per column");
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let column = FeatureSchema::librosa().names()[index].clone();
            return Err(AnalysisError::NotFinite { column, value: values[index] });
        }
        Ok(FeatureSet { values, tuning: tuning.value(), is_tuning_ambiguous, frames })
    }

    /// The order of work: one sweep over the spectra, then what needs the whole of it.
    fn matrices(
        self,
        cancel: &dyn Fn() -> bool,
        inspection: &mut impl Inspection,
    ) -> Result<(Matrices, Estimate), AnalysisError> {
        let Self { y, sweep, tables, level } = self;
        if y.is_empty() {
            return Err(AnalysisError::Empty);
        }
        let (swept, peaks) = sweep.finish(&y, cancel, inspection)?;
        let estimate = swept.pitches.estimate();
        inspection.lap("tuning");
        let mfcc = swept.log_mel.mfcc(&tables.dct, swept.frames, level, inspection);
        inspection.lap("mfcc");
        let plan = tables.octaves(estimate.tuning);
        inspection.lap("cqt: basis (once per tuning)");
        let min = 1 << plan.early_halvings;
        if y.len() < min {
            return Err(AnalysisError::TooShort { len: y.len(), min });
        }
        let signal = Signal { y, peaks };
        let proceed = || !cancel();
        let chroma_cqt =
            chroma::chroma_cqt(signal, plan, &tables.halving, level, &proceed, inspection)?;
        let matrices = Matrices {
            mfcc,
            chroma_cqt,
            spectral_centroid: row(swept.spectral_centroid),
            spectral_bandwidth: row(swept.spectral_bandwidth),
            spectral_rolloff: row(swept.spectral_rolloff),
            rmse: row(swept.rmse),
            zcr: row(swept.zcr),
        };
        Ok((matrices, estimate))
    }
}

/// Analyses `y`, mono at the profile's rate, all finite; `y` is taken because its storage serves
/// as work space. `cancel` is asked every few milliseconds.
///
/// # Errors
/// [`AnalysisError`] if the signal is too short, if its values overflow, or on cancellation.
pub fn analyze(
    y: Vec<f32>,
    profile: &Profile,
    cancel: &dyn Fn() -> bool,
) -> Result<FeatureSet, AnalysisError> {
    analyze_with(y, profile, Level::detect(), cancel)
}

/// [`analyze`] for a given instruction set.
///
/// # Errors
/// As [`analyze`].
pub fn analyze_with(
    y: Vec<f32>,
    profile: &Profile,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<FeatureSet, AnalysisError> {
    Analysis::of(y, profile, level).finish(cancel)
}

/// Analyses `y` as [`analyze`] does, by the same code, and keeps every matrix on the way.
///
/// # Errors
/// As [`analyze`], except that values are not checked to be finite.
pub fn analyze_stages(
    y: Vec<f32>,
    profile: &Profile,
    level: Level,
) -> Result<Stages, AnalysisError> {
    let mut recorder = Recorder::new(frame_count(y.len(), profile.hop_length()));
    let analysis = Analysis::of(y, profile, level);
    let (matrices, estimate) = analysis.matrices(&|| false, &mut recorder)?;
    Ok(recorder.into_stages(matrices, estimate))
}

/// Analyses `y` as [`analyze`] does, by the same code, and returns the time of every stage.
///
/// # Errors
/// As [`analyze`], except that values are not checked to be finite.
pub fn analyze_timed(
    y: Vec<f32>,
    profile: &Profile,
    level: Level,
) -> Result<Vec<(&'static str, Duration)>, AnalysisError> {
    let mut stopwatch = Stopwatch::start();
    let (matrices, _) = Analysis::of(y, profile, level).matrices(&|| false, &mut stopwatch)?;
    let _ = std::hint::black_box(matrices.statistics());
    stopwatch.lap("statistics");
    Ok(stopwatch.into_stages())
}

/// A feature of one value per frame as a matrix of one row.
fn row<T: Clone>(values: Vec<T>) -> Array2<T> {
    ndarray::Array1::from(values).insert_axis(ndarray::Axis(0))
}
