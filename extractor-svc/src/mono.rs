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
pub fn mean(frame: &[f32]) -> f32 {
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

/// Appends the mean of each frame of interleaved `samples` to `out`.
///
/// Samples of an incomplete last frame are dropped; no channels give nothing.
pub fn downmix(samples: &[f32], channels: usize, out: &mut Vec<f32>) {
    match channels {
        0 => {}
        1 => out.extend_from_slice(samples),
        2 => out.extend(samples.as_chunks::<2>().0.iter().map(|[l, r]| (l + r) / 2.0)),
        _ => out.extend(samples.chunks_exact(channels).map(mean)),
    }
}

#[cfg(test)]
mod tests {
    use super::{downmix, mean};

    /// Values of a small linear congruential generator, the same as in the numpy run that gave
    /// the expected bits: `x = (x * 1103515245 + 12345) mod 2^31; v = f32(x) / 2^20 - 1000`.
    fn frame(channels: usize) -> Vec<f32> {
        let mut x: u64 = 42;
        (0..channels)
            .map(|_| {
                x = (x * 1_103_515_245 + 12_345) & 0x7fff_ffff;
                x as f32 / 1_048_576.0 - 1000.0
            })
            .collect()
    }

    #[test]
    fn the_mean_is_numpys_bit_for_bit() {
        for (channels, bits) in NUMPY_MEANS {
            let got = mean(&frame(channels));
            assert_eq!(got.to_bits(), bits, "{channels} channels: {got}");
        }
    }

    /// Bits of `np.mean(frames.T, axis=0)` (numpy 2) for the frames above.
    const NUMPY_MEANS: [(usize, u32); 9] = [
        (1, 0x434090e0),
        (2, 0x430093cc),
        (3, 0x428cfba0),
        (5, 0x4305c65d),
        (6, 0xc22f2fa5),
        (8, 0x41f84f4c),
        (9, 0x425f47d7),
        (17, 0x41f2cccf),
        (64, 0x3fbd1760),
    ];

    #[test]
    fn an_incomplete_frame_is_dropped() {
        let mut out = Vec::new();
        downmix(&[1.0, 2.0, 3.0, 4.0, 9.0], 2, &mut out);
        assert_eq!(out, [1.5, 3.5]);
        out.clear();
        downmix(&[1.0, 2.0, 3.0, 9.0], 3, &mut out);
        assert_eq!(out, [2.0]);
        downmix(&[1.0], 0, &mut out);
        assert_eq!(out, [2.0]);
    }
}
