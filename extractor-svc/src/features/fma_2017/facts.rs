//! What the published table says of itself, and what it has no rows of.

use std::ops::RangeInclusive;

use thiserror::Error;

/// Families in the published order, and their rows.
pub const FMA_2017_FAMILIES: [(&str, usize); 11] = [
    ("chroma_cens", 12),
    ("chroma_cqt", 12),
    ("chroma_stft", 12),
    ("mfcc", 20),
    ("rmse", 1),
    ("spectral_bandwidth", 1),
    ("spectral_centroid", 1),
    ("spectral_contrast", 7),
    ("spectral_rolloff", 1),
    ("tonnetz", 6),
    ("zcr", 1),
];

/// Statistics of each family, in the published order.
pub const FMA_2017_STATISTICS: [&str; 7] =
    ["kurtosis", "max", "mean", "median", "min", "skew", "std"];

/// Samples from frame to frame.
pub(super) const HOP_LENGTH: usize = 512;

/// Rates that can be analysed, in Hz. Below, the highest filters pass what the resampler of 2017 leaves;
/// above, mel bands hold no bin. Of such recordings the catalogue had rows with gaps.
pub(super) const RATES: RangeInclusive<u32> = 9_712..=168_210;

/// Why a signal has none of these vectors.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fma2017Error {
    /// There is no sample.
    #[error("signal has no samples")]
    Empty,
    /// A rate that the recipe of 2017 failed at.
    #[error("sample rate is {sample_rate} Hz, expected {min} to {max} Hz")]
    SampleRate {
        /// Rate of the signal, in Hz.
        sample_rate: u32,
        /// Least rate.
        min: u32,
        /// Largest rate.
        max: u32,
    },
    /// Silence, or another constant: no pitch to estimate a tuning from, an error in 2017 as well.
    #[error("signal has no pitch to estimate a tuning from")]
    NoPitch,
    /// The caller asked to stop.
    #[error("analysis was cancelled")]
    Cancelled,
}

/// The columns: `chroma_cens_kurtosis_01` to `zcr_std_01`.
#[must_use]
pub fn fma_2017_columns() -> Vec<String> {
    let mut columns = Vec::new();
    for (family, rows) in FMA_2017_FAMILIES {
        for statistic in FMA_2017_STATISTICS {
            columns.extend((1..=rows).map(|row| format!("{family}_{statistic}_{row:02}")));
        }
    }
    columns
}
