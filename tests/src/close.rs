//! How close an extracted vector must be to librosa's, by family and by what lies between the file
//! and its samples.
//!
//! The bounds leave an extractor about 30 times the gap between librosa in single and in double
//! precision (class A), and what another resampler (B) or decoder (C) of the same quality moves.

use std::str::FromStr;

use anyhow::{Error, bail};

/// What lies between a file and the samples that are analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Lossless at the profile's rate.
    A,
    /// Lossless, resampled.
    B,
    /// Lossy.
    C,
}

impl FromStr for Class {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "A" => Ok(Self::A),
            "B" => Ok(Self::B),
            "C" => Ok(Self::C),
            other => bail!("class is {other:?}, expected A, B or C"),
        }
    }
}

/// `(atol, rtol)` of a column: `|got - want| <= atol + rtol * |want|`.
#[must_use]
pub fn tolerance(column: &str, class: Class) -> (f64, f64) {
    let by_class = |a, b, c| match class {
        Class::A => a,
        Class::B => b,
        Class::C => c,
    };
    let family = column.split("_mean_").next().and_then(|name| name.split("_std_").next());
    match family {
        Some("mfcc") => (by_class(2e-3, 2e-3, 1e-2), 1e-5),
        Some("chroma_cqt") => (by_class(1e-5, 1e-4, 1e-3), 0.0),
        // Hertz.
        Some("spectral_centroid" | "spectral_bandwidth") => (by_class(1e-2, 0.5, 2.0), 0.0),
        Some("spectral_rolloff") => (by_class(0.1, 0.5, 5.0), 0.0),
        Some("rmse") => (0.0, 1e-5),
        // A share of 2,048 samples: the count itself when nothing is resampled.
        _ => (by_class(1e-9, 5e-4, 1e-3), 0.0),
    }
}

/// How many times the tolerance the worst value may be off, and the share of values that must be
/// within it: all of them when the samples are the same, 95 % when a resampler or a second decoder
/// lies between.
#[must_use]
pub fn slack(class: Class) -> (f64, f64) {
    if class == Class::A { (1.0, 1.0) } else { (10.0, 0.95) }
}

/// The columns of `got` that lie outside `times` the tolerance around `want`, as readable lines.
#[must_use]
pub fn misses(
    names: &[String],
    got: &[f64],
    want: &[f64],
    class: Class,
    times: f64,
) -> Vec<String> {
    let lengths = [names.len(), got.len(), want.len()];
    if lengths[0] != lengths[1] || lengths[0] != lengths[2] {
        return vec![format!("names, got, want have {lengths:?} values")];
    }
    let mut lines = Vec::new();
    for ((name, &got), &want) in names.iter().zip(got).zip(want) {
        let (atol, rtol) = tolerance(name, class);
        let difference = (got - want).abs();
        if difference.is_nan() || difference > times * (atol + rtol * want.abs()) {
            lines.push(format!("{name}: got {got}, want {want}, off by {difference:.2e}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_is_named_and_nan_is_one() {
        let names = ["zcr_mean_1".to_owned(), "mfcc_std_20".to_owned(), "rmse_mean_1".to_owned()];
        let check = |got: &[f64], missed: &[&str]| {
            let lines = misses(&names, got, &[0.1, 30.0, 0.2], Class::A, 1.0);
            let columns: Vec<_> =
                lines.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
            assert_eq!(columns, missed);
        };
        check(&[0.1, 30.001, 0.2], &[]);
        check(&[0.1 + 1e-6, 30.001, 0.2 + 1e-4], &["zcr_mean_1", "rmse_mean_1"]);
        check(&[0.1, f64::NAN, 0.2], &["mfcc_std_20"]);
        assert_eq!(misses(&names, &[0.1], &[0.1, 30.0, 0.2], Class::C, 1.0).len(), 1);
    }
}
