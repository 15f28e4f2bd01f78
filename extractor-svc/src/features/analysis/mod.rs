//! The order of work on a signal: one pass over its frames, then what needs the whole of it.

mod error;
mod inspection;
mod matrices;
mod signal;
mod sweep;
mod tables;

pub use self::error::AnalysisError;
pub(super) use self::inspection::Inspection;
pub use self::matrices::{FeatureSet, Matrices, Stages};
pub use self::signal::{Analysis, analyze, analyze_stages, analyze_timed, analyze_with};
pub(crate) use self::tables::Tables;
pub(super) use self::tables::{N_MELS, N_MFCC};
