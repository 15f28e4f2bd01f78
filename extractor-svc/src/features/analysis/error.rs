//! Why a signal has no feature vector.

use thiserror::Error;

use crate::dsp::resample::Stopped;

/// Why a signal has no feature vector.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum AnalysisError {
    /// There is no sample.
    #[error("signal has no samples")]
    Empty,
    /// Too few samples for the early downsampling of the constant-Q transform.
    #[error("signal has {len} samples, expected at least {min}")]
    TooShort {
        /// Samples given.
        len: usize,
        /// Least number of samples.
        min: usize,
    },
    /// The caller asked to stop.
    #[error("analysis was cancelled")]
    Cancelled,
    /// A value overflowed: the samples are too large.
    #[error("{column} is {value}, expected a finite value: samples are too large")]
    NotFinite {
        /// Schema name of the first such column.
        column: String,
        /// What was computed.
        value: f64,
    },
}

impl From<Stopped> for AnalysisError {
    fn from(_: Stopped) -> Self {
        Self::Cancelled
    }
}
