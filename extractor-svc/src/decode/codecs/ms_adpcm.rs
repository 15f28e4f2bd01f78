//! Microsoft's ADPCM, in blocks of WAVE files: four bits a sample, predicted from the two before it
//! with one of seven pairs of coefficients.
//!
//! As libsndfile has it: the coefficients are the standard ones whatever the header lists, a
//! predictor beyond them is the first, and a step that leaves 16 bits begins anew.

/// Bytes of a block's head for each channel: predictor, step, and two samples.
const HEAD_BYTES: usize = 7;

/// Coefficients of the last sample and of the one before it, times 256.
const COEFFICIENTS: [(i32, i32); 7] =
    [(256, 0), (512, -256), (0, 0), (192, 64), (240, 0), (460, -208), (392, -232)];

/// Change of the step by code, times 256.
const STEP_CHANGE: [i32; 16] =
    [230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230];

/// Least step.
const MIN_STEP: i16 = 16;

#[derive(Clone, Copy)]
struct Channel {
    coefficients: (i32, i32),
    step: i16,
    last: i16,
    before: i16,
}

impl Channel {
    /// The next sample, of the low four bits of `code`.
    fn next(&mut self, code: u8) -> i16 {
        let code = code & 0xf;
        let step = i32::from(self.step);
        self.step = (((STEP_CHANGE[usize::from(code)] * step) >> 8) as i16).max(MIN_STEP);
        let (first, second) = self.coefficients;
        let predicted = (i32::from(self.last) * first + i32::from(self.before) * second) >> 8;
        let signed = i32::from(code) - if code & 8 == 0 { 0 } else { 16 };
        let sample = predicted + signed * step;
        self.before = self.last;
        self.last = sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        self.last
    }
}

/// Frames that `bytes` of a block hold.
pub(in crate::decode) fn block_frames(bytes: usize, channels: usize) -> usize {
    match bytes.checked_sub(HEAD_BYTES * channels) {
        Some(codes) => 2 + (2 * codes).checked_div(channels).unwrap_or(0),
        None => 0,
    }
}

/// Decodes a block, appending interleaved frames; what is less than a frame is left out.
pub(in crate::decode) fn block(block: &[u8], channels: usize, out: &mut Vec<i16>) {
    let Some((head, codes)) = block.split_at_checked(HEAD_BYTES * channels) else { return };
    let (predictors, words) = head.split_at(channels);
    let word = |row: usize, channel: usize| {
        let at = 2 * (row * channels + channel);
        i16::from_le_bytes([words[at], words[at + 1]])
    };
    let mut states: Vec<Channel> = predictors
        .iter()
        .enumerate()
        .map(|(channel, &predictor)| Channel {
            coefficients: COEFFICIENTS
                .get(usize::from(predictor))
                .copied()
                .unwrap_or(COEFFICIENTS[0]),
            step: word(0, channel),
            last: word(1, channel),
            before: word(2, channel),
        })
        .collect();
    out.extend(states.iter().map(|state| state.before));
    out.extend(states.iter().map(|state| state.last));
    let samples = 2 * codes.len() / channels * channels;
    let codes = codes.iter().flat_map(|&byte| [byte >> 4, byte]).take(samples);
    for (index, code) in codes.enumerate() {
        out.push(states[index % channels].next(code));
    }
}

#[cfg(test)]
mod tests {
    use super::{block, block_frames};

    fn decode(bytes: &[u8], channels: usize) -> Vec<i16> {
        let mut out = Vec::new();
        block(bytes, channels, &mut out);
        assert_eq!(out.len(), channels * block_frames(bytes.len(), channels));
        out
    }

    #[test]
    fn a_block_begins_with_two_samples() {
        // Predictor 1 goes on straight; a step of 16, last 20, before 10.
        let mono = [1, 16, 0, 20, 0, 10, 0, 0x1f];
        assert_eq!(decode(&mono, 1), [10, 20, 30 + 16, 72 - 16]);
        // A predictor beyond the table is the first: the last sample again.
        let stereo = [9, 1, 16, 0, 16, 0, 20, 0, 20, 0, 10, 0, 10, 0, 0x00];
        assert_eq!(decode(&stereo, 2), [10, 10, 20, 20, 20, 30]);
        assert!(decode(&mono[..6], 1).is_empty());
        assert_eq!(decode(&[stereo.as_slice(), &[0]].concat()[..15], 2).len(), 6);
    }

    #[test]
    fn steps_stay_within_16_bits() {
        let loud = [&[1, 0xff, 0x7f, 0, 0, 0, 0][..], &[0x88; 100]].concat();
        assert_eq!(decode(&loud, 1).len(), 202);
    }
}
