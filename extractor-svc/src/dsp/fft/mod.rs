//! Complex Fourier transforms of fixed length: the crate's one door to `rustfft`.
//!
//! All transforms here carry two real signals as the real and imaginary part of one complex
//! signal. A real transform costs as much as a complex one of the same length, so this halves
//! every transform. The two leak into each other by the rounding of the louder one; [`PowerOfTwo`]
//! brings both to the same size beforehand, without rounding.

pub(crate) mod radix4;

use std::fmt;
use std::sync::Arc;

use rustfft::{Fft, FftPlanner};

pub(crate) use rustfft::num_complex::{Complex32, Complex64};

/// A planned transform of one length and direction.
#[derive(Clone)]
pub(crate) struct Transform {
    plan: Arc<dyn Fft<f32>>,
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transform({})", self.plan.len())
    }
}

impl Transform {
    /// `X[k] = Σ x[n] exp(-2πikn/N)`.
    pub(crate) fn forward(len: usize) -> Self {
        Self { plan: FftPlanner::new().plan_fft_forward(len) }
    }

    /// `x[n] = Σ X[k] exp(+2πikn/N)`, not divided by `N`.
    pub(crate) fn inverse(len: usize) -> Self {
        Self { plan: FftPlanner::new().plan_fft_inverse(len) }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.plan.len()
    }

    /// Points that `scratch` of [`Transform::process`] needs.
    pub(crate) fn scratch_len(&self) -> usize {
        self.plan.get_inplace_scratch_len()
    }

    /// Transforms `buffer`, exactly one transform long, in place.
    pub(crate) fn process(&self, buffer: &mut [Complex32], scratch: &mut [Complex32]) {
        debug_assert_eq!(buffer.len(), self.len(), "one transform at a time");
        self.plan.process_with_scratch(buffer, scratch);
    }
}

/// A planned forward transform in double precision.
#[derive(Clone)]
pub(crate) struct Double {
    plan: Arc<dyn Fft<f64>>,
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Double({})", self.plan.len())
    }
}

impl Double {
    /// `X[k] = Σ x[n] exp(-2πikn/N)`.
    pub(crate) fn new(len: usize) -> Self {
        Self { plan: FftPlanner::new().plan_fft_forward(len) }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.plan.len()
    }

    /// Work space for [`Double::process`].
    pub(crate) fn scratch(&self) -> Vec<Complex64> {
        vec![Complex64::default(); self.plan.get_inplace_scratch_len()]
    }

    /// Transforms `buffer`, exactly one transform long, in place.
    pub(crate) fn process(&self, buffer: &mut [Complex64], scratch: &mut [Complex64]) {
        debug_assert_eq!(buffer.len(), self.len(), "one transform at a time");
        self.plan.process_with_scratch(buffer, scratch);
    }
}

/// Transforms values once, in double precision: for filters and tables, not for signals.
pub(crate) fn forward_f64(values: impl Iterator<Item = f64>) -> Vec<Complex64> {
    let mut buffer: Vec<Complex64> = values.map(|value| Complex64::new(value, 0.0)).collect();
    forward_f64_in_place(&mut buffer);
    buffer
}

/// [`forward_f64`] for complex values, in place.
pub(crate) fn forward_f64_in_place(buffer: &mut [Complex64]) {
    FftPlanner::new().plan_fft_forward(buffer.len()).process(buffer);
}

/// A scale by a power of two that brings a peak into `[1, 2)`, and its exact inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PowerOfTwo {
    /// Factor that equalises.
    pub(crate) down: f32,
    /// Factor that undoes it.
    pub(crate) up: f32,
}

impl PowerOfTwo {
    /// The scale for signals of the given largest magnitude. Exponents stay within ±126, so that
    /// both factors are normal numbers: denormal peaks rise far, but not to 1.
    #[inline(always)]
    pub(crate) fn equalising(peak: f32) -> Self {
        let exponent = (peak.to_bits() >> 23 & 0xff).clamp(1, 253);
        Self { down: f32::from_bits((254 - exponent) << 23), up: f32::from_bits(exponent << 23) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equalising_is_exact_and_lands_in_one_to_two() {
        for peak in [1.0_f32, 1.999, 2.0, 0.3, 1e-30, 3e37, 1.2e-38] {
            let scale = PowerOfTwo::equalising(peak);
            let scaled = peak * scale.down;
            assert!((1.0..2.0).contains(&scaled), "{peak} became {scaled}");
            assert_eq!((scaled * scale.up).to_bits(), peak.to_bits());
        }
        // The two ends: the factors stay normal, the peak does not reach [1, 2).
        assert!(1e-45 * PowerOfTwo::equalising(1e-45).down > 1e-8);
        assert!(f32::MAX * PowerOfTwo::equalising(f32::MAX).down < 4.0);
    }
}
