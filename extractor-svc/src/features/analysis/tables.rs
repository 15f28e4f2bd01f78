//! Filter banks and transforms of a recipe, made once.

use std::sync::OnceLock;

use crate::dsp::cqt::octaves::{OctavePlan, SegmentTables};
use crate::dsp::dct::Dct;
use crate::dsp::fft::radix4::Forward;
use crate::dsp::mel::MelFilters;
use crate::dsp::resample::{Halving, Resamplers};
use crate::dsp::window::hann;
use crate::features::tuning::{TUNINGS, Tuning};

/// Length of the frames of the spectral features, in samples.
pub(crate) const N_FFT: usize = 2048;

/// Mel bands.
pub(crate) const N_MELS: usize = 128;

/// Mel-frequency cepstral coefficients.
pub(crate) const N_MFCC: usize = 20;

/// Everything that depends on the recipe alone.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Sample rate in Hz.
    pub(crate) sample_rate: f64,
    /// Samples from frame to frame.
    pub(crate) hop_length: usize,
    /// Transform of the spectral features.
    pub(crate) transform: Forward,
    /// Periodic Hann window.
    pub(crate) window: Vec<f32>,
    /// Mel filter bank.
    pub(crate) mel: MelFilters,
    /// Cosine transform of the MFCCs.
    pub(crate) dct: Dct,
    /// Conversions to the recipe's rate.
    pub(crate) resamplers: Resamplers,
    /// Filter between the octaves of the constant-Q transform.
    pub(crate) halving: Halving,
    /// Walks of the constant-Q transform, by tuning.
    octaves: Vec<OnceLock<OctavePlan>>,
    segments: SegmentTables,
}

impl Tables {
    /// The tables for `sample_rate` in Hz and `hop_length` in samples.
    pub(crate) fn new(sample_rate: f64, hop_length: usize) -> Self {
        Self {
            sample_rate,
            hop_length,
            transform: Forward::new(N_FFT),
            resamplers: Resamplers::default(),
            halving: Halving::new(),
            window: hann(N_FFT).map(|value| value as f32).collect(),
            mel: MelFilters::new(sample_rate, N_FFT, N_MELS),
            dct: Dct::new(N_MFCC, N_MELS),
            octaves: (0..TUNINGS).map(|_| OnceLock::new()).collect(),
            segments: SegmentTables::default(),
        }
    }

    /// The constant-Q transform's walk at a tuning.
    pub(crate) fn octaves(&self, tuning: Tuning) -> &OctavePlan {
        self.octaves[tuning.index()].get_or_init(|| {
            let Self { sample_rate, hop_length, .. } = *self;
            OctavePlan::new(sample_rate, hop_length, tuning.value(), &self.segments)
        })
    }

    /// Width of a bin of the spectral features, in Hz.
    pub(crate) fn bin_hz(&self) -> f64 {
        self.sample_rate / N_FFT as f64
    }
}
