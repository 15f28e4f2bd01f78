//! extractor-svc.

pub mod features;
mod fft;
mod peak;
pub mod profile;
pub mod resample;
pub mod simd;
mod spectrum;
pub mod stats;
