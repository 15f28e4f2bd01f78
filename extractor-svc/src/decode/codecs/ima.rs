//! IMA ADPCM: four bits a sample, in the two forms in which files hold it.
//!
//! The decoders in use differ in one step. The reference sums a step's halves that the bits select,
//! each rounded down; `(2 * bits + 1) * step / 8` rounds once and is off by up to three units, which
//! the predictor then carries on. This is the sum, as libsndfile and ffmpeg have it (IMA Digital
//! Audio Focus and Technical Working Groups, "Recommended Practices for Enhancing Digital Audio
//! Compatibility in Multimedia Systems", 1992).

/// Bytes of one channel's chunk in a QuickTime packet.
pub(in crate::decode) const CHUNK_BYTES: usize = 34;

/// Samples of such a chunk.
pub(in crate::decode) const CHUNK_FRAMES: usize = 64;

/// Change of the step's index by the three low bits of a code.
const INDEX_CHANGE: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];

const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66,
    73, 80, 88, 97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449,
    494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272,
    2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493,
    10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];

/// What one channel's decoder remembers.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::decode) struct Channel {
    predictor: i32,
    index: i32,
}

impl Channel {
    /// The state that a block begins with; an index beyond the table is its last, as in libsndfile.
    fn new(predictor: i16, index: u8) -> Self {
        Self { predictor: predictor.into(), index: i32::from(index).min(LAST_INDEX) }
    }

    /// The next sample, of the low four bits of `code`.
    fn next(&mut self, code: u8) -> i16 {
        let step = STEPS[self.index as usize];
        let mut change = step >> 3;
        for (bit, shift) in [(4, 0), (2, 1), (1, 2)] {
            if code & bit != 0 {
                change += step >> shift;
            }
        }
        let predictor = self.predictor + if code & 8 == 0 { change } else { -change };
        let sample = predictor.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        self.predictor = sample.into();
        self.index = (self.index + INDEX_CHANGE[usize::from(code & 7)]).clamp(0, LAST_INDEX);
        sample
    }

    /// Decodes a chunk of a QuickTime packet, 64 samples; `None` if it cannot be decoded.
    ///
    /// Its head has the upper nine bits of the predictor only. Whoever `carries` keeps the exact one
    /// of the chunk before where the head agrees with it, and takes no index beyond the table, as
    /// ffmpeg does; libsndfile takes the head, and the last index for one beyond it.
    pub(in crate::decode) fn chunk(
        &mut self,
        chunk: &[u8; CHUNK_BYTES],
        carries: bool,
    ) -> Option<[i16; CHUNK_FRAMES]> {
        let [high, low, codes @ ..] = chunk;
        let index = low & 0x7f;
        let head = Self::new(i16::from_be_bytes([*high, low & 0x80]), index);
        if carries && i32::from(index) > LAST_INDEX {
            *self = head;
            return None;
        }
        let agrees = head.index == self.index && (head.predictor - self.predictor).abs() <= 0x7f;
        if !(carries && agrees) {
            *self = head;
        }
        let mut samples = [0; CHUNK_FRAMES];
        for (pair, &byte) in samples.as_chunks_mut::<2>().0.iter_mut().zip(codes) {
            *pair = [self.next(byte), self.next(byte >> 4)];
        }
        Some(samples)
    }
}

const LAST_INDEX: i32 = STEPS.len() as i32 - 1;

/// Frames that `bytes` of QuickTime's chunks hold.
pub(in crate::decode) fn chunks_frames(bytes: usize, channels: usize) -> u64 {
    (bytes / (CHUNK_BYTES * channels.max(1)) * CHUNK_FRAMES) as u64
}

/// Frames that `bytes` of a WAVE block hold.
pub(in crate::decode) fn wave_block_frames(bytes: usize, channels: usize) -> usize {
    // A head of four bytes a channel has the first sample; groups of eight samples follow.
    let groups = bytes.saturating_sub(4 * channels) / (4 * channels).max(1);
    if bytes < 4 * channels { 0 } else { 1 + 8 * groups }
}

/// Decodes a block of a WAVE file, appending interleaved frames; what is less than a group of eight
/// is left out.
pub(in crate::decode) fn wave_block(block: &[u8], channels: usize, out: &mut Vec<i16>) {
    let Some((heads, groups)) = block.split_at_checked(4 * channels) else { return };
    let mut states = Vec::with_capacity(channels);
    for &[low, high, index, _] in heads.as_chunks::<4>().0 {
        let first = i16::from_le_bytes([low, high]);
        states.push(Channel::new(first, index));
        out.push(first);
    }
    for group in groups.chunks_exact(4 * channels) {
        let start = out.len();
        out.resize(start + 8 * channels, 0);
        for (channel, (state, codes)) in states.iter_mut().zip(group.as_chunks::<4>().0).enumerate()
        {
            let mut at = start + channel;
            for &byte in codes {
                out[at] = state.next(byte);
                out[at + channels] = state.next(byte >> 4);
                at += 2 * channels;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_BYTES, Channel, wave_block, wave_block_frames};

    #[test]
    fn halves_of_a_step_are_rounded_one_by_one() {
        // Of step 7: 7 / 8, 7 / 2 and 7 / 4 are 0, 3 and 1.
        let mut channel = Channel::new(0, 0);
        assert_eq!(channel.next(3), 4);
        // Rounded once, (2 * 3 + 1) * 7 / 8 would be 6.
        assert_eq!(channel.next(0xb), 0);
        let mut channel = Channel::new(32_700, 88);
        assert_eq!([channel.next(7), channel.next(0xf)], [32_767, -28_669]);
    }

    #[test]
    fn a_chunk_carries_the_exact_predictor_where_its_head_agrees() {
        let first = |predictor, index, carries| {
            let mut chunk = [0; CHUNK_BYTES];
            chunk[..2].copy_from_slice(&[0x01, index]);
            Channel { predictor, index: 0 }.chunk(&chunk, carries).map(|samples| samples[0])
        };
        let first = |predictor, index, carries| first(predictor, index, carries).unwrap();
        assert_eq!(first(300, 0, true), 300);
        assert_eq!(first(300, 0, false), 256);
        assert_eq!(first(384, 0, true), 256);
        assert_eq!(first(300, 1, true), 257, "another step is another place");
    }

    #[test]
    fn an_index_beyond_the_table_is_no_chunk_where_ffmpeg_reads() {
        let mut chunk = [0; CHUNK_BYTES];
        let mut decode = |index, carries| {
            chunk[1] = index;
            Channel::default().chunk(&chunk, carries).map(|samples| samples[0])
        };
        assert_eq!(decode(88, true), Some(4095));
        assert_eq!(decode(89, true), None);
        assert_eq!(decode(127, true), None);
        assert_eq!(decode(127, false), Some(4095), "libsndfile takes the last");
    }

    #[test]
    fn a_wave_block_begins_with_a_sample_of_each_channel() {
        let block = [1, 0, 0, 0, 0xff, 0xff, 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 0x40, 9];
        assert_eq!(wave_block_frames(block.len(), 2), 9);
        let mut out = Vec::new();
        wave_block(&block, 2, &mut out);
        assert_eq!(out.len(), 18);
        assert_eq!(out[..4], [1, -1, 8, -1]);
        assert_eq!(out[17], 6);
        out.clear();
        wave_block(&block[..7], 2, &mut out);
        assert_eq!((out.len(), wave_block_frames(7, 2)), (0, 0));
    }
}
