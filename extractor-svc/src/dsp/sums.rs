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
