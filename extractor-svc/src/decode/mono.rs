//! `librosa.to_mono`: the mean over channels, in f32, in numpy's order of additions.
//!
//! librosa averages `soundfile.read(...).T`, a `[channels, n]` view whose channels are adjacent in
//! memory, so numpy reduces along the contiguous axis: one after the other below 8 channels, with
//! eight partial sums from 8 channels on (numpy's pairwise summation, block of 8). The result is
//! bit-equal to numpy's; the division is a division, not a product with the reciprocal.

/// Mean of one frame (one sample per channel).
///
/// An empty frame gives NaN, as numpy does.
#[inline]
pub(super) fn mean(frame: &[f32]) -> f32 {
    let channels = frame.len() as f32;
    match frame {
        [only] => *only,
        [left, right] => (left + right) / 2.0,
        short if short.len() < 8 => short.iter().copied().fold(-0.0, |sum, x| sum + x) / channels,
        long => {
            let (blocks, rest) = long.as_chunks::<8>();
            let mut partial = blocks[0];
            for block in &blocks[1..] {
                for (sum, x) in partial.iter_mut().zip(block) {
                    *sum += x;
                }
            }
            let [a, b, c, d, e, f, g, h] = partial;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            rest.iter().fold(sum, |sum, x| sum + x) / channels
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mean;

    /// 100 frames of a linear congruential generator, the same as in the numpy run:
    /// `x = (x * 1103515245 + 12345) mod 2^31; value = f32(x) / 2^20 - 1000`.
    fn frames(channels: usize) -> Vec<f32> {
        let mut x: u64 = 42;
        (0..100 * channels)
            .map(|_| {
                x = (x * 1_103_515_245 + 12_345) & 0x7fff_ffff;
                x as f32 / 1_048_576.0 - 1000.0
            })
            .collect()
    }

    #[test]
    fn the_mean_is_numpys_bit_for_bit() {
        for (channels, expected) in NUMPY_MEANS {
            let fold = |digest: u32, mean: &f32| digest.rotate_left(5) ^ mean.to_bits();
            assert_eq!(mean_frames(channels).iter().fold(0, fold), expected, "{channels} channels");
        }
    }

    fn mean_frames(channels: usize) -> Vec<f32> {
        frames(channels).chunks_exact(channels).map(mean).collect()
    }

    /// Folded bits of `np.mean(frames.T, axis=0)` (numpy 2.4) for the frames above.
    const NUMPY_MEANS: [(usize, u32); 9] = [
        (1, 0x12b41b4d),
        (2, 0xf9f2cc79),
        (3, 0x5dd3ac12),
        (5, 0x4e40993d),
        (6, 0xa3de54a7),
        (8, 0xc93b457d),
        (9, 0xf0a12c59),
        (17, 0xda1733c1),
        (64, 0x4407a588),
    ];
}
