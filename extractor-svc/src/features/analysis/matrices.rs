//! What an analysis yields: matrices over time, and the vector of their statistics.

use ndarray::Array2;

use crate::features::statistics::RowStatistics;

/// What a signal's analysis yields.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSet {
    /// The values in schema order ([`FeatureSchema::librosa`](proto::features::FeatureSchema::librosa)), all finite.
    pub values: Vec<f64>,
    /// Estimated tuning, in fractions of a constant-Q bin (36 per octave).
    pub tuning: f64,
    /// Whether rounding decided between this tuning and another.
    pub is_tuning_ambiguous: bool,
    /// Number of frames of the spectral features.
    pub frames: usize,
}

/// The feature matrices, `[d, t]`, in librosa's precisions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Matrices {
    /// `librosa.feature.mfcc(n_mfcc=20)`, `[20, t]`.
    pub mfcc: Array2<f32>,
    /// `librosa.feature.chroma_cqt`, `[12, t]`.
    pub chroma_cqt: Array2<f32>,
    /// `librosa.feature.spectral_centroid`, `[1, t]`, Hz.
    pub spectral_centroid: Array2<f64>,
    /// `librosa.feature.spectral_bandwidth`, `[1, t]`, Hz.
    pub spectral_bandwidth: Array2<f64>,
    /// `librosa.feature.spectral_rolloff`, `[1, t]`, Hz.
    pub spectral_rolloff: Array2<f64>,
    /// `librosa.feature.rms`, `[1, t]`.
    pub rmse: Array2<f32>,
    /// `librosa.feature.zero_crossing_rate`, `[1, t]`, crossings per sample.
    pub zcr: Array2<f64>,
}

impl Matrices {
    /// Means and standard deviations of all rows, in schema order.
    #[must_use]
    pub fn statistics(&self) -> Vec<f64> {
        let families = [
            RowStatistics::of(&self.mfcc),
            RowStatistics::of(&self.chroma_cqt),
            RowStatistics::of(&self.spectral_centroid),
            RowStatistics::of(&self.spectral_bandwidth),
            RowStatistics::of(&self.spectral_rolloff),
            RowStatistics::of(&self.rmse),
            RowStatistics::of(&self.zcr),
        ];
        families.into_iter().flat_map(|family| family.mean.into_iter().chain(family.std)).collect()
    }
}

/// Every matrix on the way, for tests and for looking into a result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stages {
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
