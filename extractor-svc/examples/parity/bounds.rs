//! How close is close: absolute and relative bounds by family, statistic and class.
//!
//! Class A is the arithmetic alone: five times the worst that was measured, at least 1e-12. B adds the
//! resampler: twice the worst. C adds a second decoder of a lossy stream. Measured on x86-64 by
//! AVX-512, AVX2 and neither, over the corpus and the project's own goldens.

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
    /// digit, is further from itself than class B or C allows.
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
pub(crate) fn bound(family: &str, statistic: &str, class: Class) -> Bound {
    let is_mean = statistic == STATISTICS[0];
    // By class: mean and standard deviation.
    let [a, b, c] = match family {
        "mfcc" => [(1e-3, 6.5e-4), (2e-3, 2e-3), (1e-2, 1e-2)],
        "chroma_cqt" => [(1.5e-6, 2.1e-6), (1e-5, 6e-6), (1e-3, 1e-3)],
        "spectral_centroid" => [(3.5e-4, 1e-4), (0.13, 0.062), (0.5, 0.5)],
        "spectral_bandwidth" => [(8e-3, 5.8e-3), (0.028, 0.019), (0.5, 0.5)],
        "spectral_rolloff" => [(1e-12, 7e-12), (0.17, 0.24), (0.5, 0.5)],
        "rmse" => [(1e-6, 1.5e-6), (5e-7, 7e-7), (1e-5, 1e-5)],
        "zcr" => [(1e-12, 1e-12), (7e-5, 6e-5), (1e-3, 1e-3)],
        // A family without a bound must not pass unseen.
        _ => [(0.0, 0.0); 3],
    };
    let (mean, deviation) = match class {
        Class::A => a,
        Class::B => b,
        Class::C | Class::D => c,
    };
    let size = if is_mean { mean } else { deviation };
    match family {
        // Loudness is a matter of proportion, all else of steps and bins.
        "rmse" => Bound { atol: 0.0, rtol: size },
        // A spectrogram at its floor has coefficients of a thousand, which f32 rounds by this.
        "mfcc" if class == Class::A => Bound { atol: size, rtol: 1e-6 },
        _ => Bound { atol: size, rtol: 0.0 },
    }
}

/// Share of the values that must be within the bound.
pub(crate) fn share_within(class: Class) -> f64 {
    match class {
        Class::A | Class::B => 1.0,
        Class::C => 0.95,
        Class::D => 0.97,
    }
}

/// How many times the bound the worst value may be.
pub(crate) fn worst_factor(class: Class) -> f64 {
    match class {
        Class::A | Class::B => 1.0,
        Class::C | Class::D => 10.0,
    }
}

/// Share of the lossy recordings that may be listed as exceptions.
pub(crate) const MAX_EXCEPTION_SHARE: f64 = 0.12;

/// Recordings that have digital silence and are decoded otherwise than by librosa, which no distance
/// of librosa from itself can bound: their values are told and do not count.
pub(crate) const UNBOUNDED: [&str; 1] = ["audio/iso_l3-test46.mp3"];
