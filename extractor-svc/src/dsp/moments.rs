//! Magnitudes of a group of frames and what one sweep over their bins yields: total, largest
//! value, moments about any frequency, and the bin where the running total passes a share.

use std::array;

use crate::dsp::peak::larger;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, ZERO, each_lane, scale_add};

/// Bins whose moments are taken about their own middle. Within a block `f32` is enough; blocks are
/// combined in `f64`, so that neither narrow nor high spectra cancel.
const BLOCK: usize = 32;

/// The sweep's result and its buffers. Magnitudes are in the frames' own scales.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    /// Magnitudes, `[bin][lane]`.
    pub(crate) magnitudes: Rows,
    /// Largest magnitude of each frame.
    pub(crate) largest: Lanes,
    /// Sum of magnitudes, added bin by bin in `f32`, as `numpy.cumsum` does.
    total: Lanes,
    /// Moments 0, 1 and 2 of each block about its middle, in bins.
    blocks: Vec<[Lanes; 3]>,
}

impl Moments {
    /// Takes the power spectra of a group of frames.
    pub(crate) fn sweep(&mut self, power: &[Lanes], level: Level) {
        self.magnitudes.resize(power.len());
        self.blocks.resize(power.len().div_ceil(BLOCK), [ZERO; 3]);
        level.run(Sweep { power, moments: self });
    }

    /// Per lane, the factor that turns magnitudes into weights: 1 over their sum `Σ S[k]`. Lanes
    /// whose sum times `scale`, the true sum, is below the least normal `f32` get `scale`, which
    /// leaves true magnitudes as they are.
    pub(crate) fn weights(&self, scale: &Lanes, level: Level) -> [f64; LANES] {
        let sum = level.run(Combine { blocks: &self.blocks, block: |_, [s0, _, _]: [f64; 3]| s0 });
        array::from_fn(|lane| {
            let scale = f64::from(scale[lane]);
            let normal = sum[lane] * scale >= f64::from(f32::MIN_POSITIVE);
            if normal { 1.0 / sum[lane] } else { scale }
        })
    }

    /// `Σ k S[k]` over the bins `k`, per lane.
    pub(crate) fn first(&self, level: Level) -> [f64; LANES] {
        let block = |(middle, _), [s0, s1, _]: [f64; 3]| middle * s0 + s1;
        level.run(Combine { blocks: &self.blocks, block })
    }

    /// `Σ (k - centre)² S[k]` over the bins `k`, per lane.
    pub(crate) fn second(&self, centre: &[f64; LANES], level: Level) -> [f64; LANES] {
        let block = |(middle, lane): (f64, usize), [s0, s1, s2]: [f64; 3]| {
            let offset = middle - centre[lane];
            (offset * s0 + 2.0 * s1) * offset + s2
        };
        level.run(Combine { blocks: &self.blocks, block }).map(|sum| sum.max(0.0))
    }

    /// Per lane, the first bin at which the running `f32` total reaches `share` of the whole.
    pub(crate) fn bin_reaching(&self, share: f32, level: Level) -> [u32; LANES] {
        let threshold = self.total.map(|total| share * total);
        level.run(CountBelow { magnitudes: &self.magnitudes, threshold })
    }
}

/// Sums a function of the blocks' middles and moments, per lane.
struct Combine<'a, F> {
    blocks: &'a [[Lanes; 3]],
    block: F,
}

impl<F: Fn((f64, usize), [f64; 3]) -> f64> Kernel for Combine<'_, F> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn run<I: Isa>(self) -> [f64; LANES] {
        let mut sums = [0.0; LANES];
        let mut middle = (BLOCK - 1) as f64 / 2.0;
        for block in self.blocks {
            sums = array::from_fn(|lane| {
                let moments = [block[0][lane], block[1][lane], block[2][lane]].map(f64::from);
                sums[lane] + (self.block)((middle, lane), moments)
            });
            middle += BLOCK as f64;
        }
        sums
    }
}

struct Sweep<'a> {
    power: &'a [Lanes],
    moments: &'a mut Moments,
}

impl Kernel for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let (mut total, mut largest) = (ZERO, ZERO);
        let blocks = self.moments.magnitudes.chunks_mut(BLOCK).zip(self.power.chunks(BLOCK));
        for (block, (magnitudes, power)) in self.moments.blocks.iter_mut().zip(blocks) {
            let [mut s0, mut s1, mut s2] = [ZERO; 3];
            let mut offset = -((BLOCK - 1) as f32) / 2.0;
            for (magnitude, power) in magnitudes.iter_mut().zip(power) {
                let value = each_lane(|lane| power[lane].sqrt());
                total = each_lane(|lane| total[lane] + value[lane]);
                largest = each_lane(|lane| larger(largest[lane], value[lane]));
                s0 = each_lane(|lane| s0[lane] + value[lane]);
                s1 = scale_add::<I>(offset, &value, &s1);
                s2 = scale_add::<I>(offset * offset, &value, &s2);
                *magnitude = value;
                offset += 1.0;
            }
            *block = [s0, s1, s2];
        }
        self.moments.total = total;
        self.moments.largest = largest;
    }
}

/// Counts the bins whose running total is below a threshold.
struct CountBelow<'a> {
    magnitudes: &'a [Lanes],
    threshold: Lanes,
}

impl Kernel for CountBelow<'_> {
    type Output = [u32; LANES];

    #[inline(always)]
    fn run<I: Isa>(self) -> [u32; LANES] {
        let (mut total, mut count, threshold) = (ZERO, [0_u32; LANES], self.threshold);
        for magnitudes in self.magnitudes {
            total = each_lane(|lane| total[lane] + magnitudes[lane]);
            count = array::from_fn(|lane| count[lane] + u32::from(total[lane] < threshold[lane]));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_definition() {
        let power: Vec<Lanes> = (0..1025)
            .map(|k| array::from_fn(|lane| ((k * 37 + lane * 11) % 101) as f32 / 7.0))
            .collect();
        for level in Level::all() {
            let mut moments = Moments::default();
            moments.sweep(&power, level);
            let (weights, first) = (moments.weights(&[1.0; LANES], level), moments.first(level));
            let second = moments.second(&[400.5; LANES], level);
            for lane in 0..LANES {
                let s: Vec<f64> = power.iter().map(|p| f64::from(p[lane]).sqrt()).collect();
                let about = |centre: f64, order: i32| -> f64 {
                    s.iter().enumerate().map(|(k, s)| (k as f64 - centre).powi(order) * s).sum()
                };
                assert!((weights[lane] * about(0.0, 0) - 1.0).abs() < 1e-6);
                assert!((first[lane] / about(0.0, 1) - 1.0).abs() < 1e-6);
                assert!((second[lane] / about(400.5, 2) - 1.0).abs() < 1e-6);
            }
        }
    }

    /// librosa leaves frames below the least normal number as they are.
    #[test]
    fn weights_of_denormal_frames_are_their_scale() {
        let mut moments = Moments::default();
        moments.sweep(&vec![[1.0; LANES]; 100], Level::detect());
        let mut scale = [1e-38; LANES];
        scale[1] = 1e-41;
        let weights = moments.weights(&scale, Level::detect());
        assert!((weights[0] - 0.01).abs() < 1e-9);
        assert!((weights[1] - f64::from(1e-41_f32)).abs() < 1e-50);
    }

    #[test]
    fn running_total_is_sequential() {
        let power: Vec<Lanes> = (0..100).map(|k| [(k % 7) as f32; LANES]).collect();
        let mut moments = Moments::default();
        moments.sweep(&power, Level::detect());
        let magnitudes: Vec<f32> = (0..100).map(|k| ((k % 7) as f32).sqrt()).collect();
        let total: f32 = magnitudes.iter().fold(0.0, |a, b| a + b);
        let mut running = 0.0;
        let expected = magnitudes.iter().position(|m| {
            running += m;
            running >= 0.85 * total
        });
        let found = moments.bin_reaching(0.85, Level::BASELINE)[3];
        assert_eq!(Some(found as usize), expected);
        assert_eq!(moments.bin_reaching(0.85, Level::detect())[15], found);
    }
}
