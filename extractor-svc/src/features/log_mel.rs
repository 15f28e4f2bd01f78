//! `librosa.feature.mfcc(n_mfcc=20)`: mel power in decibels, clipped 80 dB below the loudest value
//! of the whole signal, and its cosine transform.

use ndarray::Array2;

use crate::dsp::dct::Dct;
use crate::dsp::decibel::power_to_db;
use crate::dsp::mel::MelFilters;
use crate::dsp::peak::larger;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO, each_lane};
use crate::features::analysis::{Inspection, N_MELS, N_MFCC};

/// Range below the loudest value that is told apart, in dB.
const TOP_DB: f32 = 80.0;

/// The mel spectrogram in decibels, not clipped yet: the clip depends on all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogMel {
    /// `[group][band][lane]`.
    groups: Vec<[Lanes; N_MELS]>,
}

impl LogMel {
    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.groups.as_slice())
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
        mut self,
        dct: &Dct,
        frames: usize,
        level: Level,
        inspection: &mut impl Inspection,
    ) -> Array2<f32> {
        // Lanes without a frame are at the least power, so they never are the loudest.
        let loudest = level.run(Loudest(&self.groups));
        let floor = loudest - TOP_DB;
        let mut mfcc = Array2::zeros((N_MFCC, frames));
        let mut coefficients = Vec::new();
        for (index, group) in self.groups.iter_mut().enumerate() {
            let first = LANES * index;
            let count = LANES.min(frames - first);
            group.as_flattened_mut().iter_mut().for_each(|db| *db = larger(floor, *db));
            inspection.log_mel(first, count, group);
            dct.apply(group, &mut coefficients, level);
            for (mut row, lanes) in mfcc.rows_mut().into_iter().zip(&coefficients) {
                for (lane, &value) in lanes[..count].iter().enumerate() {
                    row[first + lane] = value;
                }
            }
        }
        mfcc
    }
}

/// Largest value of all groups.
struct Loudest<'a>(&'a [[Lanes; N_MELS]]);

impl Kernel for Loudest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self) -> f32 {
        let mut largest = [f32::MIN; LANES];
        for lanes in self.0.as_flattened() {
            largest = each_lane(|lane| larger(largest[lane], lanes[lane]));
        }
        largest.into_iter().fold(f32::MIN, larger)
    }
}
