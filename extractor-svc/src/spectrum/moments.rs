//! Magnitudes of a group of frames and what one sweep over their bins yields: total, largest
//! value, moments about any frequency, and the bin where the running total passes a share.

use crate::peak::larger;
use crate::simd::{Kernel, LANES, Lanes, Level, ZERO, mul_add};

/// Bins whose moments are taken about their own middle. Within a block `f32` is enough; blocks are
/// combined in `f64`, so that neither narrow nor high spectra cancel.
const BLOCK: usize = 32;

/// The sweep's result and its buffers. Magnitudes are in the frames' own scales.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    /// Magnitudes, `[bin][lane]`.
    pub(crate) magnitudes: Vec<Lanes>,
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
        self.magnitudes.resize(power.len(), ZERO);
        self.blocks.resize(power.len().div_ceil(BLOCK), [ZERO; 3]);
        level.run(Sweep { power, moments: self });
    }

    /// Sum of the magnitudes of a lane.
    pub(crate) fn sum(&self, lane: usize) -> f64 {
        self.blocks.iter().map(|block| f64::from(block[0][lane])).sum()
    }

    /// `Σ k S[k]` over the bins `k` of a lane.
    pub(crate) fn first_moment(&self, lane: usize) -> f64 {
        self.middles()
            .map(|(middle, [s0, s1, _])| middle * f64::from(s0[lane]) + f64::from(s1[lane]))
            .sum()
    }

    /// `Σ (k - centre)² S[k]` over the bins `k` of a lane.
    pub(crate) fn second_moment(&self, lane: usize, centre: f64) -> f64 {
        let sum: f64 = self
            .middles()
            .map(|(middle, [s0, s1, s2])| {
                let offset = middle - centre;
                let [s0, s1, s2] = [s0, s1, s2].map(|lanes| f64::from(lanes[lane]));
                (offset * s0 + 2.0 * s1) * offset + s2
            })
            .sum();
        sum.max(0.0)
    }

    /// Per lane, the first bin at which the running `f32` total reaches `share` of the whole.
    pub(crate) fn bin_reaching(&self, share: f32, level: Level) -> [u32; LANES] {
        let threshold = self.total.map(|total| share * total);
        level.run(CountBelow { magnitudes: &self.magnitudes, threshold })
    }

    fn middles(&self) -> impl Iterator<Item = (f64, &[Lanes; 3])> {
        let middle = |i: usize| (BLOCK * i) as f64 + (BLOCK - 1) as f64 / 2.0;
        self.blocks.iter().enumerate().map(move |(i, block)| (middle(i), block))
    }
}

struct Sweep<'a> {
    power: &'a [Lanes],
    moments: &'a mut Moments,
}

impl Kernel for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (mut total, mut largest) = (ZERO, ZERO);
        let blocks = self.moments.magnitudes.chunks_mut(BLOCK).zip(self.power.chunks(BLOCK));
        for (block, (magnitudes, power)) in self.moments.blocks.iter_mut().zip(blocks) {
            let [mut s0, mut s1, mut s2] = [ZERO; 3];
            let mut offset = -((BLOCK - 1) as f32) / 2.0;
            for (magnitude, power) in magnitudes.iter_mut().zip(power) {
                for lane in 0..LANES {
                    let value = power[lane].sqrt();
                    magnitude[lane] = value;
                    total[lane] += value;
                    largest[lane] = larger(largest[lane], value);
                    s0[lane] += value;
                    s1[lane] = mul_add::<FMA>(offset, value, s1[lane]);
                    s2[lane] = mul_add::<FMA>(offset * offset, value, s2[lane]);
                }
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
    fn run<const FMA: bool>(self) -> [u32; LANES] {
        let (mut total, mut count) = (ZERO, [0_u32; LANES]);
        for magnitudes in self.magnitudes {
            for lane in 0..LANES {
                total[lane] += magnitudes[lane];
                count[lane] += u32::from(total[lane] < self.threshold[lane]);
            }
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
            .map(|k| std::array::from_fn(|lane| ((k * 37 + lane * 11) % 101) as f32 / 7.0))
            .collect();
        for level in [Level::BASELINE, Level::detect()] {
            let mut moments = Moments::default();
            moments.sweep(&power, level);
            for lane in 0..LANES {
                let s: Vec<f64> = power.iter().map(|p| f64::from(p[lane]).sqrt()).collect();
                let sum: f64 = s.iter().sum();
                let first: f64 = s.iter().enumerate().map(|(k, s)| k as f64 * s).sum();
                let second: f64 =
                    s.iter().enumerate().map(|(k, s)| (k as f64 - 400.5).powi(2) * s).sum();
                assert!((moments.sum(lane) / sum - 1.0).abs() < 1e-6);
                assert!((moments.first_moment(lane) / first - 1.0).abs() < 1e-6);
                assert!((moments.second_moment(lane, 400.5) / second - 1.0).abs() < 1e-6);
            }
        }
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
