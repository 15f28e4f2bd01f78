//! How close is close: absolute and relative bounds by family and class.
//!
//! Class A is the arithmetic alone, about thirty times the gap between f32 and f64 librosa; B adds
//! the resampler; C adds a second decoder of a lossy stream.

/// The statistics of a family, in the schema's order.
pub(crate) const STATISTICS: [&str; 2] = ["mean", "std"];

/// What stands between the golden vector and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Lossless at the profile's own rate: the same samples in.
    A,
    /// Lossless, resampled.
    B,
    /// Lossy.
    C,
    /// Whatever the codec: with digitally silent frames, where scale-free features hang on the
    /// rounding of the resampler, or otherwise so that librosa, once its input moves in the last
    /// digit, is further from itself than the class allows.
    D,
}

/// `|got - want| <= atol + rtol * |want|`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) atol: f64,
    pub(crate) rtol: f64,
}

impl Bound {
    pub(crate) fn at(self, want: f64) -> f64 {
        self.atol + self.rtol * want.abs()
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.atol > 0.0, self.rtol > 0.0) {
            (true, true) => write!(f, "{:e} + {:e} rel", self.atol, self.rtol),
            (true, false) => write!(f, "{:e}", self.atol),
            _ => write!(f, "{:e} rel", self.rtol),
        }
    }
}

/// In class D, how many times librosa's distance from itself a value may be off.
pub(crate) const SENSITIVITY_FACTOR: f64 = 2.0;

/// The bound of a family's statistic in a class. Class D has none of its own: a recording there has
/// the bound of its codec and rate, or [`SENSITIVITY_FACTOR`] times librosa's distance from itself.
pub(crate) fn bound(family: &str, _statistic: &str, class: Class) -> Bound {
    use Class::{A, B, C};
    let (atol, rtol) = match (family, class) {
        ("mfcc", A) => (2e-3, 1e-5),
        ("mfcc", B) => (2e-3, 0.0),
        ("mfcc", C) => (1e-2, 0.0),
        ("chroma_cqt", A) => (1e-5, 0.0),
        ("chroma_cqt", B) => (1e-4, 0.0),
        ("chroma_cqt", C) => (1e-3, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", A) => (1e-2, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", B) => (0.5, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", C) => (2.0, 0.0),
        ("spectral_rolloff", A) => (0.1, 0.0),
        ("spectral_rolloff", B) => (0.5, 0.0),
        ("spectral_rolloff", C) => (5.0, 0.0),
        ("rmse", _) => (0.0, 1e-5),
        ("zcr", A) => (1e-9, 0.0),
        ("zcr", B) => (5e-4, 0.0),
        ("zcr", C) => (1e-3, 0.0),
        // A family without a bound must not pass unseen.
        _ => (0.0, 0.0),
    };
    Bound { atol, rtol }
}

/// Share of the values that must be within the bound.
pub(crate) fn share_within(class: Class) -> f64 {
    match class {
        Class::A => 1.0,
        Class::B | Class::C => 0.95,
        Class::D => 0.97,
    }
}

/// How many times the bound the worst value may be.
pub(crate) fn worst_factor(class: Class) -> f64 {
    if class == Class::A { 1.0 } else { 10.0 }
}

/// Share of the lossy recordings that may be listed as exceptions.
pub(crate) const MAX_EXCEPTION_SHARE: f64 = 0.12;

/// Recordings of class D whose worst value has no bound: a stream that the decoders leave in another
/// state of rounding, on which all that is scale-free hangs.
pub(crate) const UNBOUNDED: [&str; 1] = ["audio/iso_l3-test46.mp3"];
