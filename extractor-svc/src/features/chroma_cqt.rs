//! `librosa.feature.chroma_cqt(y=y, sr=sr)`, `[12, t]`: constant-Q magnitudes of seven octaves folded onto
//! twelve pitch classes, each frame divided by its largest value. No unit, 0 to 1; C comes first.
//!
//! `librosa.cqt` of 252 bins, 36 per octave, from C1 at the signal's own tuning up (`[252, t]`, zeros
//! beyond the ends); the three bins of a semitone and its seven octaves are summed.
//!
//! Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", Sound and Music
//! Computing Conference (2010).

use ndarray::Array2;

use crate::dsp::cqt::octaves::OctavePlan;
use crate::dsp::cqt::{CqtShape, OctaveGroup, OctaveSink, Signal, cqt, cqt_frames};
use crate::dsp::observer::{Intermediate, Observer, Seen};
use crate::dsp::resample::{Halving, Stopped};
use crate::dsp::simd::{LANES, Lanes, Level, ZERO};

/// Pitch classes.
const N_CHROMA: usize = 12;

/// The pitch class of a bin, of which `merge` make one: C takes the first bin and those beside it.
fn pitch_class(bin: usize, merge: usize) -> usize {
    (bin + merge / 2) / merge % N_CHROMA
}

/// The chromagram, `[12, t]`; the signal is used up.
pub(super) fn chroma_cqt(
    signal: Signal,
    plan: &OctavePlan,
    halving: &Halving,
    level: Level,
    proceed: &dyn Fn() -> bool,
    observer: &mut dyn Observer,
) -> Result<Array2<f32>, Stopped> {
    let frames = cqt_frames(plan, signal.y.len());
    let groups = vec![[ZERO; N_CHROMA]; frames.div_ceil(LANES)];
    let CqtShape { octaves, bins_per_octave } = plan.shape;
    let merge = bins_per_octave / N_CHROMA;
    let classes = (0..bins_per_octave).map(|bin| pitch_class(bin, merge)).collect();
    let mut fold = Fold { groups, octaves, classes, observer };
    cqt(signal, plan, halving, level, proceed, &mut fold)?;
    let Fold { mut groups, observer, .. } = fold;
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
    observer.lap("chroma");
    Ok(chroma)
}

/// Sums octaves and merged bins.
struct Fold<'a> {
    /// `[group][pitch class][lane]`.
    groups: Vec<[Lanes; N_CHROMA]>,
    octaves: usize,
    /// The pitch class of each bin of an octave.
    classes: Vec<usize>,
    observer: &'a mut dyn Observer,
}

impl OctaveSink for Fold<'_> {
    fn octave(&mut self, group: OctaveGroup<'_>) {
        let OctaveGroup { octave, first, count, magnitudes: values } = group;
        let row = (self.octaves - 1 - octave) * values.len();
        let matrix = Intermediate::CqtMagnitude;
        self.observer.see(Seen { matrix, row, count, values, scale: None });
        let sums = &mut self.groups[first / LANES];
        for (&class, magnitudes) in self.classes.iter().zip(values) {
            let class = &mut sums[class];
            class.iter_mut().zip(magnitudes).for_each(|(sum, magnitude)| *sum += magnitude);
        }
    }

    fn observer(&mut self) -> &mut dyn Observer {
        self.observer
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
        assert_eq!([35, 0, 1, 2, 3, 4, 5].map(|bin| pitch_class(bin, 3)), [0, 0, 0, 1, 1, 1, 2]);
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
