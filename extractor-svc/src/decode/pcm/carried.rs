//! Compressed audio that is carried in the samples of a PCM file: DTS and AC-3.
//!
//! A receiver behind a digital output decodes it; as samples it is hiss. It is found by what repeats:
//! the preambles of IEC 61937, or sync words of frames that follow each other. All that must be there
//! has 80 bits at least, so that music has it by chance once in 1e24 places.

use crate::decode::codecs::ac3;
use crate::error::ExtractError;

/// How far is looked from the first sound on, in bytes: a third of a second of a compact disc, ten frames at least.
const LOOKED_AT: usize = 1 << 16;

/// DTS sync words: words of 16 bits and of 14 bits, big-endian and little-endian (ETSI TS 102 114,
/// annex for 14 bits).
const DTS: [[u8; 4]; 4] = [
    [0x7f, 0xfe, 0x80, 0x01],
    [0xfe, 0x7f, 0x01, 0x80],
    [0x1f, 0xff, 0xe8, 0x00],
    [0xff, 0x1f, 0x00, 0xe8],
];

/// Most bytes from one DTS frame to the next: 4096 samples of two channels of 16 bits.
const MAX_DTS_FRAME: usize = 1 << 14;

/// Preambles Pa and Pb of IEC 61937-1, big-endian and little-endian.
const PREAMBLES: [[u8; 4]; 2] = [[0xf8, 0x72, 0x4e, 0x1f], [0x72, 0xf8, 0x1f, 0x4e]];

/// AC-3 frames that must follow each other.
const AC3_FRAMES: usize = 5;

/// Looks at the first bytes of 16-bit samples, as they come.
#[derive(Default)]
pub(in crate::decode) struct Watch {
    seen: Vec<u8>,
}

impl Watch {
    /// Takes the next bytes; looks once enough are there, or at the end, and refuses them if they are a
    /// codec's.
    pub(in crate::decode) fn see(
        &mut self,
        bytes: &[u8],
        is_end: bool,
    ) -> Result<(), ExtractError> {
        // Silence before it is long at times, and says nothing. Words of 16 bits stay whole.
        let silence = if self.seen.is_empty() { silent_words(bytes) } else { 0 };
        let bytes = &bytes[silence..];
        let room = LOOKED_AT.saturating_sub(self.seen.len());
        if room == 0 {
            return Ok(());
        }
        self.seen.extend_from_slice(&bytes[..room.min(bytes.len())]);
        if self.seen.len() < LOOKED_AT && !is_end {
            return Ok(());
        }
        match find(&self.seen) {
            Some(codec) => Err(ExtractError::UnsupportedCodec { codec: codec.into() }),
            None => Ok(()),
        }
    }
}

/// Bytes of the words of zeros that `bytes` begin with.
fn silent_words(bytes: &[u8]) -> usize {
    let sound = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    sound - sound % 2
}

/// The codec that is carried in `bytes`.
fn find(bytes: &[u8]) -> Option<&'static str> {
    // Place of the last two DTS words of each form, and data type of the last preamble.
    let mut dts = [[None::<usize>; 2]; DTS.len()];
    let mut bursts = [None::<[u8; 2]>; PREAMBLES.len()];
    let looked_at = &bytes[..bytes.len().saturating_sub(6)];
    for (index, &[a, b]) in looked_at.as_chunks::<2>().0.iter().enumerate() {
        // Nearly all words end here.
        if !matches!(a, 0x7f | 0xfe | 0x1f | 0xff | 0xf8 | 0x72 | 0x0b | 0x77) {
            continue;
        }
        let at = 2 * index;
        let word = [a, b, bytes[at + 2], bytes[at + 3]];
        match a {
            0x7f | 0xfe | 0x1f | 0xff => {
                let Some(form) = DTS.iter().position(|sync| *sync == word) else { continue };
                let [before, last] = dts[form];
                dts[form] = [last, Some(at)];
                if let (Some(before), Some(last)) = (before, last)
                    && last - before == at - last
                    && at - last <= MAX_DTS_FRAME
                {
                    return Some("dts (carried in PCM samples)");
                }
            }
            0xf8 | 0x72 => {
                let Some(form) = PREAMBLES.iter().position(|pre| *pre == word) else { continue };
                let kind = [bytes[at + 4], bytes[at + 5]];
                if bursts[form].replace(kind) == Some(kind) {
                    return Some(data_type(kind[1 - form]));
                }
            }
            0x0b | 0x77 if is_ac3(bytes, at) => return Some("ac3 (carried in PCM samples)"),
            _ => {}
        }
    }
    None
}

/// What the low five bits of the preamble Pc say (IEC 61937-2).
fn data_type(low_byte: u8) -> &'static str {
    match low_byte & 0x1f {
        1 => "ac3 (IEC 61937 in PCM samples)",
        11..=13 | 17 => "dts (IEC 61937 in PCM samples)",
        21 => "eac3 (IEC 61937 in PCM samples)",
        22 => "truehd (IEC 61937 in PCM samples)",
        _ => "compressed audio (IEC 61937 in PCM samples)",
    }
}

/// Whether frames of AC-3 follow each other from `at`, in either order of bytes.
fn is_ac3(bytes: &[u8], mut at: usize) -> bool {
    let mut first = None;
    for _ in 0..AC3_FRAMES {
        let Some(&[a, b, _, _, c, d]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
            return false;
        };
        let (size, version) = match [a, b] {
            [0x0b, 0x77] => (c, d),
            [0x77, 0x0b] => (d, c),
            _ => return false,
        };
        let Some(len) = ac3::frame_bytes(size) else { return false };
        // Version, rate and order stay; versions up to 10 are AC-3.
        let shape = (a, version >> 3, size >> 6);
        if version >> 3 > 10 || *first.get_or_insert(shape) != shape {
            return false;
        }
        at += len;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{DTS, LOOKED_AT, PREAMBLES, Watch, find};

    /// `count` bursts of `period` bytes that begin with `head`, behind some samples.
    fn bursts(head: &[u8], period: usize, count: usize) -> Vec<u8> {
        let mut burst = head.to_vec();
        burst.resize(period, 0x2a);
        [vec![1; 100], burst.repeat(count)].concat()
    }

    #[test]
    fn frames_that_repeat_are_found_in_every_form() {
        for sync in DTS {
            assert_eq!(find(&bursts(&sync, 4096, 3)), Some("dts (carried in PCM samples)"));
            assert_eq!(find(&bursts(&sync, 4096, 2)), None);
            assert_eq!(find(&bursts(&sync, 20_000, 3)), None);
        }
        for (form, preamble) in PREAMBLES.into_iter().enumerate() {
            let head = |kind: u8| {
                let kind = if form == 0 { [0, kind] } else { [kind, 0] };
                [&preamble[..], &kind].concat()
            };
            let check = |kind, name| assert_eq!(find(&bursts(&head(kind), 6144, 2)), Some(name));
            check(1, "ac3 (IEC 61937 in PCM samples)");
            check(11, "dts (IEC 61937 in PCM samples)");
            check(21, "eac3 (IEC 61937 in PCM samples)");
            assert_eq!(find(&bursts(&head(1), 6144, 1)), None);
        }
        // 48 kHz, 192 kbit/s, version 8: 384 words.
        for head in [[0x0b, 0x77, 0, 0, 0x14, 0x40], [0x77, 0x0b, 0, 0, 0x40, 0x14]] {
            assert_eq!(find(&bursts(&head, 768, 5)), Some("ac3 (carried in PCM samples)"));
            assert_eq!(find(&bursts(&head, 768, 4)), None);
            assert_eq!(find(&bursts(&head, 770, 5)), None);
        }
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn what_comes_in_pieces_is_found() {
        let bytes = bursts(&DTS[1], 4096, 4);
        for piece in [16, 5000, 20_000] {
            let mut watch = Watch::default();
            let pieces = bytes.chunks(piece);
            let last = pieces.len() - 1;
            let found =
                pieces.enumerate().find_map(|(index, piece)| watch.see(piece, index == last).err());
            assert_eq!(found.unwrap().reason(), "UNSUPPORTED_CODEC", "pieces of {piece}");
        }
        let mut watch = Watch::default();
        watch.see(&vec![1; LOOKED_AT], false).unwrap();
        watch.see(&bytes, true).unwrap();
        // Behind silence of any length it begins.
        for silence in [2, 4 * LOOKED_AT] {
            let mut watch = Watch::default();
            watch.see(&vec![0; silence], false).unwrap();
            assert!(watch.see(&bytes[100..], true).is_err(), "{silence}");
        }
    }

    #[test]
    fn noise_and_silence_carry_nothing() {
        assert_eq!(find(&vec![0; 1 << 17]), None);
        // Knuth's MMIX generator.
        let mut state = 3_u64;
        let mut noise = Vec::new();
        while noise.len() < 1 << 23 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            noise.extend_from_slice(&state.to_be_bytes()[..4]);
        }
        assert_eq!(find(&noise), None);
    }
}
