//! The order of work on a signal: one pass over its frames, then what needs the whole of it.

mod error;
mod matrices;
mod recorder;
mod signal;
mod sweep;
mod tables;

pub use self::error::AnalysisError;
pub use self::matrices::{FeatureSet, Matrices, Stages};
pub use self::signal::{Analysis, analyze, analyze_stages, analyze_timed, analyze_with};
pub(super) use self::tables::Tables;
