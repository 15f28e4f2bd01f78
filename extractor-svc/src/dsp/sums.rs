//! Sums of products in double precision.

use crate::dsp::simd::{Isa, Kernel, Level};

/// Partial sums, which a processor adds side by side.
const PARTS: usize = 16;

/// `Σ weights[i] values[i]` over the shorter of the two, by the same additions on every processor.
pub(crate) fn dot(weights: &[f64], values: &[f32], level: Level) -> f64 {
    level.run(Dot { weights, values })
}

struct Dot<'a> {
    weights: &'a [f64],
    values: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        sum_of_products(self.weights, self.values)
    }
}

/// [`dot`] inside a kernel.
#[inline(always)]
pub(crate) fn sum_of_products(weights: &[f64], values: &[f32]) -> f64 {
    let len = weights.len().min(values.len());
    let (weights, rest) = weights[..len].as_chunks::<PARTS>();
    let (values, last) = values[..len].as_chunks::<PARTS>();
    let mut sums = [0.0; PARTS];
    for (weights, values) in weights.iter().zip(values) {
        sums = std::array::from_fn(|part| sums[part] + weights[part] * f64::from(values[part]));
    }
    let rest: f64 = rest.iter().zip(last).map(|(weight, value)| weight * f64::from(*value)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Adds `weight` times `values` to `sums`.
pub(crate) fn add(weight: f64, values: &[f64], sums: &mut [f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_sums_alike() {
        let weights: Vec<f64> = (0..83).map(|i| f64::from(i * 37 % 101) - 50.3).collect();
        let values: Vec<f32> = (0..90).map(|i| (i * 53 % 97) as f32 / 7.0).collect();
        let expected: f64 = weights.iter().zip(&values).map(|(w, v)| w * f64::from(*v)).sum();
        let first = dot(&weights, &values, Level::BASELINE);
        assert!((first - expected).abs() < 1e-9 * expected.abs(), "{first} instead of {expected}");
        for level in Level::all() {
            assert_eq!(dot(&weights, &values, level).to_bits(), first.to_bits());
        }
    }
}
