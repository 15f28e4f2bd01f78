//! `librosa.feature.mfcc(n_mfcc=20)`: mel power in decibels, clipped 80 dB below the loudest value
//! of the whole signal, and its cosine transform.

use ndarray::Array2;

use super::inspection::Inspection;
use super::tables::{N_MELS, N_MFCC};
use crate::simd::{LANES, Lanes, Level, ZERO};
use crate::spectrum::dct::Dct;
use crate::spectrum::decibel::power_to_db;
use crate::spectrum::mel::MelFilters;

/// Range below the loudest value that is told apart, in dB.
const TOP_DB: f32 = 80.0;

/// The mel spectrogram in decibels, not clipped yet: the clip depends on all of it.
#[derive(Clone, Debug)]
pub(crate) struct LogMel {
    /// `[group][band][lane]`.
    groups: Vec<[Lanes; N_MELS]>,
}

impl LogMel {
    pub(crate) fn with_capacity(frames: usize) -> Self {
        Self { groups: Vec::with_capacity(frames.div_ceil(LANES)) }
    }

    /// Adds a group of frames from power spectra whose true value is `power * scale²`.
    pub(crate) fn add(
        &mut self,
        filters: &MelFilters,
        power: &[Lanes],
        scale: &Lanes,
        level: Level,
        inspect: impl FnOnce(&[Lanes]),
    ) {
        let mut mel = [ZERO; N_MELS];
        filters.apply(power, scale, &mut mel, level);
        inspect(&mel);
        power_to_db(&mut mel, level);
        self.groups.push(mel);
    }

    /// The coefficients, `[20, t]`.
    pub(crate) fn mfcc(
        self,
        dct: &Dct,
        frames: usize,
        level: Level,
        inspection: &mut impl Inspection,
    ) -> Array2<f32> {
        // Lanes without a frame are at the least power, so they never are the loudest.
        let loudest = self.groups.iter().flatten().flatten().copied().fold(f32::MIN, f32::max);
        let floor = loudest - TOP_DB;
        let mut mfcc = Array2::zeros((N_MFCC, frames));
        let mut coefficients = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let first = LANES * index;
            let count = LANES.min(frames - first);
            inspection.log_mel(first, count, group, floor);
            dct.apply(group, floor, &mut coefficients, level);
            for (mut row, lanes) in mfcc.rows_mut().into_iter().zip(&coefficients) {
                for (lane, &value) in lanes[..count].iter().enumerate() {
                    row[first + lane] = value;
                }
            }
        }
        mfcc
    }
}
