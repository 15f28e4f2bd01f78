//! The analysis of one signal, whole or while it grows.

use std::sync::Arc;
use std::time::Duration;

use super::error::AnalysisError;
use super::matrices::{FeatureSet, Matrices, Stages};
use super::recorder::Recorder;
use super::sweep::{Sweep, Swept};
use super::tables::Tables;
use crate::dsp::cqt::Signal;
use crate::dsp::observer::{Observer, Stopwatch, Unobserved};
use crate::dsp::resample::Resampler;
use crate::dsp::simd::Level;
use crate::features::chroma_cqt::chroma_cqt;
use crate::features::feature::Matrix;
use crate::features::tuning::Estimate;
use crate::recipe::{FeatureKind, Profile};

/// Seconds of a recording for which there is room from the start: the clips of catalogues have 30, and
/// a signal that outgrows its room is moved.
const USUAL_SECONDS: u32 = 32;

/// The analysis of a signal that grows: what can be computed before its end is.
#[derive(Debug)]
pub struct Analysis {
    y: Vec<f32>,
    sweep: Sweep,
    tables: Arc<Tables>,
    level: Level,
    recorder: Option<Recorder>,
}

impl Analysis {
    /// The analysis of a signal at the profile's rate that has no sample yet.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let usual = (USUAL_SECONDS * profile.sample_rate()) as usize;
        Self::of(Vec::with_capacity(usual), profile, Level::detect())
    }

    /// The same, of which every matrix is kept for [`finish_recorded`](Self::finish_recorded).
    #[must_use]
    pub fn recorded(profile: &Profile) -> Self {
        Self { recorder: Some(Recorder::default()), ..Self::new(profile) }
    }

    fn of(y: Vec<f32>, profile: &Profile, level: Level) -> Self {
        let tables = Tables::of(profile);
        let sweep = Sweep::new(Arc::clone(&tables), level);
        Self { y, sweep, tables, level, recorder: None }
    }

    /// A new conversion from `from_hz` to the profile's rate.
    #[must_use]
    pub fn resampler(&self, from_hz: u32) -> Resampler {
        self.tables.resamplers.start(from_hz, self.tables.sample_rate)
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
        self.sweep.advance(&self.y, cancel, &mut self.recorder)
    }

    /// Computes the rest, now that the signal is whole.
    ///
    /// # Errors
    /// [`AnalysisError`] if the signal is too short, if its values overflow, or on cancellation.
    pub fn finish(self, cancel: &dyn Fn() -> bool) -> Result<FeatureSet, AnalysisError> {
        let recipe = self.tables.recipe;
        let (matrices, estimate) = self.matrices(cancel, &mut Unobserved)?;
        let features = FeatureSet::of(&matrices, estimate);
        let values = &features.values;
        debug_assert_eq!(values.len(), recipe.dims(), "one value per column");
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let column = recipe.schema().names()[index].clone();
            return Err(AnalysisError::NotFinite { column, value: values[index] });
        }
        Ok(features)
    }

    /// Computes the rest, and returns every matrix that was [`recorded`](Self::recorded).
    ///
    /// # Errors
    /// As [`finish`](Self::finish), except that values are not checked to be finite.
    pub fn finish_recorded(
        mut self,
        cancel: &dyn Fn() -> bool,
    ) -> Result<(FeatureSet, Stages), AnalysisError> {
        let (y, mut recorder) = (self.y.clone(), self.recorder.take().unwrap_or_default());
        let (matrices, estimate) = self.matrices(cancel, &mut recorder)?;
        let features = FeatureSet::of(&matrices, estimate);
        Ok((features, recorder.into_stages(y, matrices, estimate)))
    }

    /// The order of work: one sweep over the spectra, then what needs the whole of it.
    fn matrices(
        self,
        cancel: &dyn Fn() -> bool,
        observer: &mut dyn Observer,
    ) -> Result<(Matrices, Estimate), AnalysisError> {
        let Self { y, sweep, tables, level, .. } = self;
        if y.is_empty() {
            return Err(AnalysisError::Empty);
        }
        let Swept { features, pitches, peaks } = sweep.finish(&y, cancel, observer)?;
        let estimate = pitches.estimate();
        observer.lap("tuning");
        let mut found: Vec<(FeatureKind, Matrix)> =
            features.into_iter().map(|(kind, feature)| (kind, feature.finish(observer))).collect();
        if tables.recipe.family(FeatureKind::ChromaCqt).is_some() {
            let plan = tables.octaves(estimate.tuning);
            observer.lap("cqt: basis (once per tuning)");
            let min = 1 << plan.early_halvings;
            if y.len() < min {
                return Err(AnalysisError::TooShort { len: y.len(), min });
            }
            let (signal, proceed) = (Signal { y, peaks }, || !cancel());
            let chroma = chroma_cqt(signal, plan, &tables.halving, level, &proceed, observer)?;
            found.push((FeatureKind::ChromaCqt, Matrix::Single(chroma)));
        }
        Ok((Matrices::new(tables.recipe, found), estimate))
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
    Ok(Analysis::of(y, profile, level).finish_recorded(&|| false)?.1)
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
