//! Streams without a marker of their own: frames in a row, each with a synchronisation word at the
//! place that the one before says.

use super::kind::Kind::{Codec, Media};
use super::kind::{Doubt, Foreign};
use crate::decode::codecs::ac3;

/// Packets of a transport stream that must follow one another.
const TRANSPORT_PACKETS: usize = 5;

/// Distances of their first bytes: plain, with a time stamp (M2TS), with an error code.
const TRANSPORT_STEPS: [usize; 3] = [188, 192, 204];

/// Frames of GSM 06.10 that must follow one another; each is 33 bytes and begins with nibble 0xD.
const GSM_FRAMES: usize = 24;

/// The stream that `head` begins with.
pub(super) fn find(head: &[u8], doubt: Doubt) -> Option<Foreign> {
    let frames = if doubt == Doubt::Little { 2 } else { 4 };
    if is_transport_stream(head) {
        return Some((Media, "an MPEG transport stream"));
    }
    if has_frames(head, frames, loas_frame_bytes) {
        return Some((Codec, "aac in LATM (LOAS)"));
    }
    if has_frames(head, frames.min(3), ac3_frame_bytes) {
        let is_enhanced = bsid(head).is_some_and(|bsid| bsid > 10);
        return Some((Codec, if is_enhanced { "eac3" } else { "ac3" }));
    }
    if let Some(swapped) = swap_words(head)
        && has_frames(&swapped, frames.min(3), ac3_frame_bytes)
    {
        return Some((Codec, "ac3"));
    }
    if is_dts_of_14_bits(head) {
        return Some((Codec, "dts"));
    }
    if head.len() >= GSM_FRAMES * 33 && head.chunks_exact(33).all(|frame| frame[0] >> 4 == 0xd) {
        return Some((Codec, "gsm 06.10"));
    }
    None
}

/// Whether `count` frames follow one another, of which the last may reach behind `head`. `frame_bytes` is the length of the frame that begins the slice.
fn has_frames(head: &[u8], count: usize, frame_bytes: fn(&[u8]) -> Option<usize>) -> bool {
    let mut rest = head;
    for index in 0..count {
        let Some(bytes) = frame_bytes(rest) else { return false };
        // A long frame reaches behind what was read; then its header must do.
        let Some(next) = rest.get(bytes..) else { return index + 1 >= count.max(2) };
        rest = next;
    }
    true
}

/// Packets begin with 0x47; the stream may begin within one.
fn is_transport_stream(head: &[u8]) -> bool {
    TRANSPORT_STEPS.iter().any(|&step| {
        (0..step).any(|first| {
            let mut places = (0..TRANSPORT_PACKETS).map(|packet| first + packet * step);
            places.clone().all(|at| is_transport_packet(head, at))
                // Packets of a kind are counted: what repeats to the bit is a tone, or stuffing.
                && (is_null_packet(head, first) || places.any(|at| head[at..at + 4] != head[first..first + 4]))
        })
    })
}

/// Sync byte, no transport error, and an adaptation field or a payload (ISO 13818-1, 2.4.3.2).
fn is_transport_packet(head: &[u8], at: usize) -> bool {
    let Some([sync, flags, _, control]) = head.get(at..).and_then(|rest| rest.first_chunk()) else {
        return false;
    };
    *sync == 0x47 && flags & 0x80 == 0 && control & 0x30 != 0
}

/// Packets of stuffing are not counted.
fn is_null_packet(head: &[u8], at: usize) -> bool {
    head[at + 1] & 0x1f == 0x1f && head[at + 2] == 0xff
}

/// `AudioSyncStream` (ISO 14496-3, 1.7.2): eleven bits 0x2B7, thirteen bits of length.
fn loas_frame_bytes(frame: &[u8]) -> Option<usize> {
    let [a, b, c] = *frame.first_chunk()?;
    let len = usize::from(b & 0x1f) << 8 | usize::from(c);
    (a == 0x56 && b & 0xe0 == 0xe0 && len > 0).then_some(3 + len)
}

/// Bit stream identification of an AC-3 or E-AC-3 frame; in the same place in both.
fn bsid(frame: &[u8]) -> Option<u8> {
    frame.get(5).map(|byte| byte >> 3)
}

/// Length of an AC-3 frame (A/52, 5.4.1) or an E-AC-3 one (annex E.1.3.1).
fn ac3_frame_bytes(frame: &[u8]) -> Option<usize> {
    let [0x0b, 0x77, b2, b3, b4, ..] = *frame else { return None };
    match bsid(frame)? {
        0..=10 => ac3::frame_bytes(b4),
        11..=16 if b2 >> 6 < 3 => Some((usize::from(b2 & 7) << 8 | usize::from(b3)) * 2 + 2),
        _ => None,
    }
}

/// The bytes of each 16-bit word swapped, if the first word is a swapped sync word of AC-3.
fn swap_words(head: &[u8]) -> Option<Vec<u8>> {
    let swapped = || head.as_chunks::<2>().0.iter().flat_map(|&[a, b]| [b, a]).collect();
    head.starts_with(b"\x77\x0b").then(swapped)
}

/// DTS in words of 14 bits, of either byte order (ETSI TS 102 114, 5.3).
fn is_dts_of_14_bits(head: &[u8]) -> bool {
    match *head {
        [0x1f, 0xff, 0xe8, 0, 7, next, ..] => next >> 4 == 0xf,
        [0xff, 0x1f, 0, 0xe8, next, 7, ..] => next >> 4 == 0xf,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, find};

    fn name(head: &[u8]) -> Option<&'static str> {
        find(head, Doubt::Little).map(|(_, name)| name)
    }

    #[test]
    fn transport_streams_are_found_from_any_byte() {
        for step in [188, 192, 204] {
            let mut packet = vec![0x55; step];
            packet[..4].copy_from_slice(&[0x47, 0x40, 0, 0x10]);
            assert_eq!(name(&packet.repeat(8)), None, "a tone");
            let mut stream = packet.repeat(8);
            for (count, packet) in (0..).zip(stream.chunks_exact_mut(step)) {
                packet[3] |= count;
            }
            for first in [0, 1, 4, 100, step - 1] {
                assert_eq!(name(&stream[first..]), Some("an MPEG transport stream"), "{step}");
            }
            assert_eq!(name(&stream[..4 * step]), None, "four packets are too few");
            packet[3] = 0;
            assert_eq!(name(&packet.repeat(8)), None, "no payload");
        }
    }

    #[test]
    fn frames_must_follow_one_another() {
        let loas = |len: usize| [&[0x56, 0xe0, len as u8][..], &vec![1; len]].concat();
        assert_eq!(name(&[loas(20), loas(30)].concat()), Some("aac in LATM (LOAS)"));
        assert_eq!(name(&[loas(20), vec![0; 40]].concat()), None);

        let ac3 = |header: &[u8; 6], len: usize| {
            let mut frame = header.to_vec();
            frame.resize(len, 0x21);
            frame
        };
        let plain = ac3(&[0x0b, 0x77, 0, 0, 0x14, 0x40], 768);
        assert_eq!(name(&plain.repeat(2)), Some("ac3"));
        let swapped: Vec<u8> =
            plain.repeat(2).as_chunks::<2>().0.iter().flat_map(|&[a, b]| [b, a]).collect();
        assert_eq!(name(&swapped), Some("ac3"));
        let odd = ac3(&[0x0b, 0x77, 0, 0, 0x55, 0x40], 836);
        assert_eq!(name(&odd.repeat(2)), Some("ac3"));
        let enhanced = ac3(&[0x0b, 0x77, 0x01, 0xff, 0x34, 0x80], 1024);
        assert_eq!(name(&enhanced.repeat(2)), Some("eac3"));
        assert_eq!(name(&plain[..700]), None);
        let gsm = [&[0xd2][..], &[0x11; 32]].concat();
        assert_eq!(name(&gsm.repeat(30)), Some("gsm 06.10"));
        assert_eq!(name(&gsm.repeat(20)), None);
    }

    #[test]
    fn dts_has_words_of_14_bits_too() {
        assert_eq!(name(b"\x1f\xff\xe8\x00\x07\xf1.."), Some("dts"));
        assert_eq!(name(b"\xff\x1f\x00\xe8\xf1\x07.."), Some("dts"));
        assert_eq!(name(b"\x1f\xff\xe8\x00\x00\xf1.."), None);
    }
}
