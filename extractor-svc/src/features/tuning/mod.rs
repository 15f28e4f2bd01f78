//! `librosa.estimate_tuning(y, bins_per_octave=36)`: how far the pitches of a signal lie from the
//! equally tempered grid of A440.
//!
//! Pitches are the peaks of the magnitude spectrum between 150 and 4000 Hz, at least a tenth as
//! high as the frame's largest bin, with parabolic interpolation (`librosa.piptrack`). The estimate
//! is the fullest of 100 histogram bins, so it jumps: all arithmetic is therefore in the precision
//! that librosa uses, and an estimate says whether rounding decided it ([`rounding`]).

mod histogram;
mod pitches;
mod rounding;

pub(super) use self::histogram::{Estimate, Tuning};
pub(super) use self::pitches::Pitches;
