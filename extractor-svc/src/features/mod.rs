//! librosa's features of a mono signal, and the vector that summarises them.
//!
//! One module per feature, under librosa's name, each a [`feature`] that takes sixteen frames at a time.
//! They meet in `analysis`, which has the pass over the frames and the order of work, and never in each
//! other.

mod analysis;
mod chroma_cqt;
mod feature;
mod fma_2017;
mod mfcc;
mod rms;
mod spectral_bandwidth;
mod spectral_centroid;
mod spectral_rolloff;
mod statistics;
mod tuning;
mod zero_crossing_rate;

pub use self::analysis::{
    Analysis, AnalysisError, FeatureSet, Matrices, Stages, analyze, analyze_stages, analyze_timed,
    analyze_with,
};
pub use self::fma_2017::{
    FMA_2017_FAMILIES, FMA_2017_STATISTICS, Fma2017, Fma2017Error, analyze_fma_2017,
    fma_2017_columns,
};
