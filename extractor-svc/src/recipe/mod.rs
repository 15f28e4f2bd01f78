//! What a profile is, as data: every number and name between mono PCM and a vector, and no code of
//! features.
//!
//! A recipe is immutable under its name: nothing in a vector's numbers shows which recipe made it, so
//! other numbers have another name. Another recipe is another value here, in the list of
//! [`RECIPES`], and what it has that no other has is one more variant or number of [`Recipe`].

mod librosa;
mod profile;

use proto::features::FeatureSchema;

pub use self::librosa::{LIBROSA_0_11, LIBROSA_0_11_KAISER_FAST};
pub use self::profile::{Profile, ProfileError};
pub use crate::dsp::cqt::CqtShape;
pub use crate::dsp::resample::ResamplerKind;

/// Every recipe that this program knows; the first is the default.
pub const RECIPES: [&Recipe; 2] = [&LIBROSA_0_11, &LIBROSA_0_11_KAISER_FAST];

/// From mono PCM to a vector.
#[derive(Debug, PartialEq)]
pub struct Recipe {
    /// The immutable name.
    pub id: &'static str,
    /// Rate that audio is resampled to, in Hz.
    pub sample_rate: u32,
    /// What brings it to that rate.
    pub resampler: ResamplerKind,
    /// Length of the frames of all features but the constant-Q ones, in samples.
    pub n_fft: usize,
    /// Samples from frame to frame.
    pub hop_length: usize,
    /// Bands of the mel spectrogram.
    pub n_mels: usize,
    /// Range below the loudest mel power of the whole signal that is told apart, in dB.
    pub top_db: f32,
    /// Share of the summed magnitude that lies below the roll-off.
    pub roll_percent: f32,
    /// How the tuning is estimated.
    pub tuning: TuningGrid,
    /// The constant-Q transform.
    pub cqt: CqtShape,
    /// Families in the order of the vector.
    pub families: &'static [Family],
    /// Statistics of each family's rows, in the order of the vector.
    pub statistics: &'static [Statistic],
}

/// One feature: some rows of a vector for each statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// What is computed.
    pub feature: FeatureKind,
    /// The name in the columns of tables and vectors.
    pub name: &'static str,
    /// Rows of its matrix.
    pub rows: usize,
}

/// What can be computed, by librosa's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// `librosa.feature.mfcc`; as many coefficients as the family has rows.
    Mfcc,
    /// `librosa.feature.chroma_cqt`.
    ChromaCqt,
    /// `librosa.feature.spectral_centroid`.
    SpectralCentroid,
    /// `librosa.feature.spectral_bandwidth`.
    SpectralBandwidth,
    /// `librosa.feature.spectral_rolloff`.
    SpectralRolloff,
    /// `librosa.feature.rms`.
    Rms,
    /// `librosa.feature.zero_crossing_rate`.
    ZeroCrossingRate,
}

/// What is made of a row over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// `numpy.mean`.
    Mean,
    /// `numpy.std`: the population's, without Bessel's correction.
    Std,
}

impl Statistic {
    /// The name in columns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Std => "std",
        }
    }
}

/// The tuning estimate: the fullest bin of a histogram of how far pitches lie from the grid of A440.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TuningGrid {
    /// Samples between the spectra that pitches come from.
    pub hop_length: usize,
    /// Bins of the histogram, from half a step below the grid to half a step above; at most 256.
    pub bins: usize,
    /// Steps of the grid per octave.
    pub steps_per_octave: usize,
}

impl TuningGrid {
    /// Lower edge of a bin, in steps of the grid, as `numpy.linspace(-0.5, 0.5, bins + 1)` has it.
    pub(crate) fn edge(self, bin: u8) -> f64 {
        f64::from(bin) * (1.0 / self.bins as f64) - 0.5
    }

    /// The lowest and the highest estimate.
    pub(crate) fn ends(self) -> [f64; 2] {
        [self.edge(0), self.edge((self.bins - 1) as u8)]
    }
}

impl Recipe {
    /// The columns: for each family all rows of the first statistic, then all of the next, numbered
    /// from 1 without padding (`mfcc_mean_1`, ..., `zcr_std_1`).
    #[must_use]
    pub fn schema(&self) -> FeatureSchema {
        let mut names = Vec::with_capacity(self.dims());
        for Family { name, rows, .. } in self.families {
            for statistic in self.statistics {
                let statistic = statistic.name();
                names.extend((1..=*rows).map(|row| format!("{name}_{statistic}_{row}")));
            }
        }
        FeatureSchema::from_names(names)
    }

    /// Number of columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        let rows: usize = self.families.iter().map(|family| family.rows).sum();
        rows * self.statistics.len()
    }

    /// The family of a kind, if the recipe has it.
    #[must_use]
    pub fn family(&self, feature: FeatureKind) -> Option<&'static Family> {
        self.families.iter().find(|family| family.feature == feature)
    }
}
