//! Signal processing that knows no feature: resampling, framing, windows, Fourier transforms, mel
//! bands, decibels, cosine transform, constant-Q filters.
//!
//! Frames are treated in groups of [`LANES`](crate::dsp::simd::LANES), one frame per lane, so that a
//! loop over frequency bins runs along whole vectors and sums in the order librosa does. Nothing
//! here knows which feature a spectrum is for, nor what is made of it over time.
//!
//! Nomenclature as in librosa: `n_fft` and `hop_length` in samples, `t` counts frames, matrices
//! are `[d, t]`.

pub mod cqt;
pub(crate) mod dct;
pub(crate) mod decibel;
pub(crate) mod fft;
pub(crate) mod frame;
pub(crate) mod mel;
pub(crate) mod moments;
pub(crate) mod observer;
pub(crate) mod peak;
pub mod resample;
pub mod simd;
pub(crate) mod stft;
pub(crate) mod sums;
pub(crate) mod window;
