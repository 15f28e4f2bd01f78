//! One split: the plane halfway between two means of a sample.
//!
//! Means are moved by Lloyd's iterations (Lloyd 1982, "Least squares quantization in PCM") from a start drawn as in Arthur and
//! Vassilvitskii 2007, "k-means++". The plane keeps its offset: it passes between the means, not through the origin.

use super::kernel::Kernel;
use super::tree::Table;

/// Rows a split looks at.
const SAMPLE: usize = 512;
/// Lloyd's iterations; later ones hardly move the plane.
const ITERATIONS: usize = 6;

/// SplitMix64 (Steele, Lea and Flood 2014): fixed here, since the image's bytes depend on it.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, up to a bias of `bound / 2^64`.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Uniform in `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A plane `normal . x = offset`, padded like the rows; the normal has length 1.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    pub(super) normal: Vec<f32>,
    pub(super) offset: f32,
}

/// The plane between two means of `rows`, or `None` where the sample shows no two different rows.
pub(super) fn split(
    table: &Table<'_>,
    rows: &[u32],
    random: &mut SplitMix64,
    kernel: Kernel,
) -> Option<Plane> {
    let padded = table.padded_dims();
    let count = rows.len().min(SAMPLE);
    let mut sample = vec![0.0f32; count * padded];
    // One row from each of `count` equal stretches.
    for (i, out) in sample.chunks_exact_mut(padded).enumerate() {
        let (from, to) = (i * rows.len() / count, (i + 1) * rows.len() / count);
        let row = rows[from + random.below(to - from)];
        out[..table.dims()].copy_from_slice(table.row(row));
    }
    let means = two_means(&sample, padded, random, kernel)?;
    let mut normal: Vec<f32> = means[1].iter().zip(&means[0]).map(|(b, a)| b - a).collect();
    let length = normal.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
    if length < 1e-25 {
        return None;
    }
    for value in &mut normal {
        *value = (f64::from(*value) / length) as f32;
    }
    let middle: f64 = normal
        .iter()
        .zip(means[0].iter().zip(&means[1]))
        .map(|(n, (a, b))| f64::from(*n) * (f64::from(*a) + f64::from(*b)) * 0.5)
        .sum();
    Some(Plane { normal, offset: middle as f32 })
}

fn two_means(
    sample: &[f32],
    padded: usize,
    random: &mut SplitMix64,
    kernel: Kernel,
) -> Option<[Vec<f32>; 2]> {
    let count = sample.len() / padded;
    let row = |i: usize| &sample[i * padded..][..padded];
    let mut scratch = vec![0.0; padded];
    let mut squared =
        |a: &[f32], b: &[f32]| f64::from(kernel.residual(a, b, &mut scratch).squared_norm);

    let first = random.below(count);
    let weights: Vec<f64> = (0..count).map(|i| squared(row(i), row(first))).collect();
    let total: f64 = weights.iter().sum();
    if !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let mut left = random.unit() * total;
    let second = weights
        .iter()
        .position(|&weight| {
            left -= weight;
            left < 0.0
        })
        .unwrap_or_else(|| weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(first));

    let mut means = [row(first).to_vec(), row(second).to_vec()];
    for _ in 0..ITERATIONS {
        let mut sums = [vec![0.0f64; padded], vec![0.0f64; padded]];
        let mut sizes = [0usize; 2];
        for i in 0..count {
            let side = usize::from(squared(row(i), &means[1]) < squared(row(i), &means[0]));
            sizes[side] += 1;
            for (sum, value) in sums[side].iter_mut().zip(row(i)) {
                *sum += f64::from(*value);
            }
        }
        if sizes.contains(&0) {
            break;
        }
        for side in 0..2 {
            let scale = 1.0 / sizes[side] as f64;
            for (mean, sum) in means[side].iter_mut().zip(&sums[side]) {
                *mean = (sum * scale) as f32;
            }
        }
    }
    Some(means)
}
