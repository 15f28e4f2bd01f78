//! What an analysis yields: matrices over time, and the vector of their statistics.

use ndarray::Array2;

use crate::features::feature::Matrix;
use crate::features::tuning::Estimate;
use crate::recipe::{FeatureKind, Recipe};

/// What a signal's analysis yields.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSet {
    /// The values in the order of the recipe's schema, all finite.
    pub values: Vec<f64>,
    /// Estimated tuning, in fractions of a constant-Q bin (36 per octave).
    pub tuning: f64,
    /// Whether rounding decided between this tuning and another.
    pub is_tuning_ambiguous: bool,
}

impl FeatureSet {
    /// The vector of some matrices; not checked to be finite.
    pub(super) fn of(matrices: &Matrices, estimate: Estimate) -> Self {
        Self {
            values: matrices.statistics(),
            tuning: estimate.tuning.value(),
            is_tuning_ambiguous: estimate.is_ambiguous,
        }
    }
}

/// The feature matrices, `[d, t]`, of a recipe's families.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrices {
    recipe: &'static Recipe,
    /// In the order of the families.
    matrices: Vec<Matrix>,
}

impl Matrices {
    /// `found` holds one matrix for each family of the recipe, in any order.
    pub(super) fn new(recipe: &'static Recipe, mut found: Vec<(FeatureKind, Matrix)>) -> Self {
        let place = |kind| recipe.families.iter().position(|family| family.feature == kind);
        found.sort_by_key(|(kind, _)| place(*kind));
        Self { recipe, matrices: found.into_iter().map(|(_, matrix)| matrix).collect() }
    }

    /// The matrix of a kind, `[d, t]`, in double precision, which changes no value; `None` if the
    /// recipe has no such family.
    #[must_use]
    pub fn of(&self, feature: FeatureKind) -> Option<Array2<f64>> {
        let families = self.recipe.families.iter().zip(&self.matrices);
        let mut found = families.filter(|(family, _)| family.feature == feature);
        found.next().map(|(_, matrix)| matrix.widened())
    }

    /// The statistics of all rows, in schema order.
    #[must_use]
    pub fn statistics(&self) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.recipe.dims());
        for matrix in &self.matrices {
            matrix.append_statistics(self.recipe.statistics, &mut values);
        }
        values
    }
}

/// Every matrix on the way, for tests and for looking into a result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stages {
    /// The signal, mono at the profile's rate.
    pub y: Vec<f32>,
    /// `abs(librosa.stft(y))`, `[1025, t]`.
    pub stft_magnitude: Array2<f32>,
    /// `librosa.feature.melspectrogram`, `[128, t]`.
    pub mel_power: Array2<f32>,
    /// `librosa.power_to_db` of it, `[128, t]`.
    pub log_mel: Array2<f32>,
    /// `librosa.estimate_tuning(bins_per_octave=36)`.
    pub tuning: f64,
    /// Whether rounding decided between this tuning and another.
    pub is_tuning_ambiguous: bool,
    /// `abs(librosa.cqt(n_bins=252, bins_per_octave=36))`, `[252, t]`.
    pub cqt_magnitude: Array2<f32>,
    /// The features.
    pub matrices: Matrices,
}
