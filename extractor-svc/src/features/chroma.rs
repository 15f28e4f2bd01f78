//! `librosa.feature.chroma_cqt`: constant-Q magnitudes of seven octaves folded onto twelve pitch
//! classes, each frame divided by its largest value.

use ndarray::Array2;

use crate::dsp::cqt::octaves::{BINS_PER_OCTAVE, OctavePlan};
use crate::dsp::cqt::{OctaveGroup, OctaveSink, Signal, cqt, cqt_frames};
use crate::dsp::resample::{Halving, Stopped};
use crate::dsp::simd::{LANES, Lanes, Level, ZERO};
use crate::dsp::stopwatch::Laps;
use crate::features::analysis::Inspection;

/// Pitch classes.
const N_CHROMA: usize = 12;

/// Constant-Q bins per pitch class.
const MERGE: usize = BINS_PER_OCTAVE / N_CHROMA;

/// The pitch class of a bin: C takes the first bin and its two neighbours.
fn pitch_class(bin: usize) -> usize {
    (bin + MERGE / 2) / MERGE % N_CHROMA
}

/// The chromagram, `[12, t]`; the signal is used up.
pub(crate) fn chroma_cqt(
    signal: Signal,
    plan: &OctavePlan,
    halving: &Halving,
    level: Level,
    proceed: &dyn Fn() -> bool,
    inspection: &mut impl Inspection,
) -> Result<Array2<f32>, Stopped> {
    let frames = cqt_frames(plan, signal.y.len());
    let groups = vec![[ZERO; N_CHROMA]; frames.div_ceil(LANES)];
    let mut fold = Fold { groups, frames, inspection };
    cqt(signal, plan, halving, level, proceed, &mut fold)?;
    let Fold { mut groups, inspection, .. } = fold;
    let mut chroma = Array2::zeros((N_CHROMA, frames));
    for (index, classes) in groups.iter_mut().enumerate() {
        normalize(classes);
        let first = LANES * index;
        for (mut row, lanes) in chroma.rows_mut().into_iter().zip(&*classes) {
            for (value, lane) in row.iter_mut().skip(first).zip(lanes) {
                *value = *lane;
            }
        }
    }
    inspection.lap("chroma");
    Ok(chroma)
}

/// Sums octaves and merged bins.
struct Fold<'a, I> {
    /// `[group][pitch class][lane]`.
    groups: Vec<[Lanes; N_CHROMA]>,
    frames: usize,
    inspection: &'a mut I,
}

impl<I: Inspection> OctaveSink for Fold<'_, I> {
    fn octave(&mut self, group: OctaveGroup<'_>) {
        self.inspection.cqt(self.frames, group);
        let classes = &mut self.groups[group.first / LANES];
        for (bin, magnitudes) in group.magnitudes.iter().enumerate() {
            let class = &mut classes[pitch_class(bin)];
            class.iter_mut().zip(magnitudes).for_each(|(sum, magnitude)| *sum += magnitude);
        }
    }
}

impl<I: Inspection> Laps for Fold<'_, I> {
    fn lap(&mut self, stage: &'static str) {
        self.inspection.lap(stage);
    }
}

/// `librosa.util.normalize(norm=inf)`: frames below the least normal number stay as they are.
fn normalize(classes: &mut [Lanes; N_CHROMA]) {
    for lane in 0..LANES {
        let largest = classes.iter().map(|class| class[lane]).fold(0.0, f32::max);
        if largest >= f32::MIN_POSITIVE {
            classes.iter_mut().for_each(|class| class[lane] /= largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_centred_on_their_notes() {
        assert_eq!([35, 0, 1, 2, 3, 4, 5].map(pitch_class), [0, 0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn frames_are_divided_by_their_largest_value() {
        let mut classes = [ZERO; N_CHROMA];
        classes[3] = [4.0; LANES];
        classes[5] = [2.0; LANES];
        classes[3][1] = 1e-39;
        classes[5][1] = 0.0;
        normalize(&mut classes);
        assert_eq!(
            [classes[3][0], classes[5][0]].map(f32::to_bits),
            [1.0_f32, 0.5].map(f32::to_bits)
        );
        assert_eq!(classes[3][1].to_bits(), 1e-39_f32.to_bits());
    }
}
