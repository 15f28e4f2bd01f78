//! The features of the public FMA catalogue: librosa 0.5.0 at each recording's own rate, 518 values.
//!
//! Eleven families, seven statistics, in the order of the published `features.csv`. What 2017 did
//! otherwise than librosa 0.11 is part of the numbers, and is said where it is done. Two of those things
//! are everywhere: frames reach into the signal reflected at its ends, and all but the cepstrum and the
//! constant-Q transform take it to be at 22,050 Hz, whatever its rate is, as no rate was passed.
//!
//! Signals are analysed whole: chroma and constant-Q filters lie at tunings of the whole signal.

mod cepstrum;
mod chroma;
mod contrast;
mod cqt;
mod crossings;
mod facts;
mod moments;
mod pitches;
mod spectrum;
mod sweep;

pub use self::facts::{FMA_2017_FAMILIES, FMA_2017_STATISTICS, Fma2017Error, fma_2017_columns};

use self::chroma::{Norm, cens, fold, normalise, tonnetz};
use self::facts::{HOP_LENGTH, RATES};
use self::sweep::{Swept, chroma_stft, sweep};
use crate::dsp::simd::Level;

/// What a signal's analysis yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Fma2017 {
    /// The values in the order of [`fma_2017_columns`], in single precision, as they were published.
    pub values: Vec<f32>,
    /// Tunings of the constant-Q transform and of `chroma_stft`, in semitones.
    pub tunings: [f64; 2],
}

/// Analyses `y`, mono at `sample_rate` Hz, all finite. `cancel` is asked every few milliseconds.
///
/// # Errors
/// [`Fma2017Error`] for signals of which there was no whole row in 2017, and on cancellation.
pub fn analyze_fma_2017(
    y: &[f32],
    sample_rate: u32,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<Fma2017, Fma2017Error> {
    if y.is_empty() {
        return Err(Fma2017Error::Empty);
    }
    if !RATES.contains(&sample_rate) {
        let (min, max) = (*RATES.start(), *RATES.end());
        return Err(Fma2017Error::SampleRate { sample_rate, min, max });
    }
    let rate = f64::from(sample_rate);
    let swept = sweep(y, rate, level, cancel)?;
    let Swept { tunings, mfcc, rmse, bandwidth, centroid, contrast, rolloff } = swept;
    let chroma_stft = chroma_stft(y, tunings[1], level, cancel)?;
    let cqt = cqt::cqt(y, rate, tunings[0], HOP_LENGTH, level, cancel)?;
    let mut chroma_cqt = fold(&cqt);
    drop(cqt);
    let chroma_cens = cens(&chroma_cqt);
    let tonnetz = tonnetz(&chroma_cens);
    normalise(&mut chroma_cqt, Norm::Largest);
    let zcr = vec![crossings::zero_crossing_rate(y, HOP_LENGTH)];
    // In the order of `FMA_2017_FAMILIES`.
    let families = [
        chroma_cens,
        chroma_cqt,
        chroma_stft,
        mfcc,
        vec![rmse],
        vec![bandwidth],
        vec![centroid],
        contrast,
        vec![rolloff],
        tonnetz,
        zcr,
    ];
    let mut values = Vec::new();
    for rows in families {
        let statistics: Vec<_> = rows.iter().map(|row| moments::statistics(row)).collect();
        for at in 0..FMA_2017_STATISTICS.len() {
            values.extend(statistics.iter().map(|statistics| statistics[at] as f32));
        }
    }
    Ok(Fma2017 { values, tunings })
}
