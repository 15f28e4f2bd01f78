//! `librosa.feature.mfcc(y=y, sr=sr, n_mfcc=20)`, `[20, t]`: mel-frequency cepstral coefficients.
//!
//! Mel power `[128, t]` (`librosa.feature.melspectrogram`, n_fft 2048, Slaney's scale and area norm, 0
//! to sr/2) in decibels, `10 log10(max(1e-10, S))`, clipped 80 dB below the loudest value of the whole
//! signal, and of that the first coefficients of the orthonormal cosine transform over the bands,
//! type II. Frames are centred, the signal is zero beyond its ends. No unit (decibels times a weight).
//!
//! Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
//! continuously spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28
//! (1980).

use std::sync::Arc;

use ndarray::Array2;

use super::analysis::Tables;
use super::feature::{Feature, Frames, Matrix};
use crate::dsp::decibel::power_to_db;
use crate::dsp::observer::{Intermediate, Observer, Seen};
use crate::dsp::peak::larger;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, each_lane};

/// The mel spectrogram in decibels, not clipped yet: the clip depends on all of it.
#[derive(Debug)]
pub(super) struct Mfcc {
    tables: Arc<Tables>,
    level: Level,
    frames: usize,
    /// Work space for a group, `[band][lane]`.
    mel: Rows,
    /// `[group][band][lane]`.
    groups: Vec<Lanes>,
}

impl Mfcc {
    pub(super) fn new(tables: Arc<Tables>, level: Level) -> Self {
        let mut mel = Rows::default();
        mel.resize(tables.recipe.n_mels);
        Self { tables, level, frames: 0, mel, groups: Vec::new() }
    }
}

impl Feature for Mfcc {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        let mel = &mut *self.mel;
        self.tables.mel.apply(frames.power, frames.scale, mel, self.level);
        let (matrix, count) = (Intermediate::MelPower, frames.count);
        observer.see(Seen { matrix, row: 0, count, values: mel, scale: None });
        power_to_db(mel, self.level);
        self.groups.extend_from_slice(mel);
        self.frames += count;
        observer.lap("mel, decibel");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.groups.as_slice())
    }

    fn finish(self: Box<Self>, observer: &mut dyn Observer) -> Matrix {
        let Self { tables, level, frames, mut groups, .. } = *self;
        // Lanes without a frame are at the least power, so they never are the loudest.
        let floor = level.run(Loudest(&groups)) - tables.recipe.top_db;
        let mut mfcc = Array2::zeros((tables.dct.rows(), frames));
        let mut coefficients = Vec::new();
        for (index, group) in groups.chunks_exact_mut(tables.recipe.n_mels).enumerate() {
            let first = LANES * index;
            let count = LANES.min(frames - first);
            group.as_flattened_mut().iter_mut().for_each(|db| *db = larger(floor, *db));
            let matrix = Intermediate::LogMel;
            observer.see(Seen { matrix, row: 0, count, values: group, scale: None });
            tables.dct.apply(group, &mut coefficients, level);
            for (mut row, lanes) in mfcc.rows_mut().into_iter().zip(&coefficients) {
                for (lane, &value) in lanes[..count].iter().enumerate() {
                    row[first + lane] = value;
                }
            }
        }
        observer.lap("mfcc");
        Matrix::Single(mfcc)
    }
}

/// Largest value of all groups.
struct Loudest<'a>(&'a [Lanes]);

impl Kernel for Loudest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self) -> f32 {
        let mut largest = [f32::MIN; LANES];
        for lanes in self.0 {
            largest = each_lane(|lane| larger(largest[lane], lanes[lane]));
        }
        largest.into_iter().fold(f32::MIN, larger)
    }
}
