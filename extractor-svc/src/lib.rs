//! extractor-svc.

mod fft;
pub mod resample;
pub mod simd;
