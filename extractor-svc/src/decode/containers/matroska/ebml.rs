//! EBML (RFC 8794): elements, and the values in them.

use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Identifiers of the elements that are read here (RFC 9559, section 5.1).
pub(super) mod id {
    pub(in super::super) const EBML: u32 = 0x1a45_dfa3;
    pub(in super::super) const DOC_TYPE: u32 = 0x4282;
    pub(in super::super) const VOID: u32 = 0xec;
    pub(in super::super) const CRC_32: u32 = 0xbf;
    pub(in super::super) const SEGMENT: u32 = 0x1853_8067;
    pub(in super::super) const SEEK_HEAD: u32 = 0x114d_9b74;
    pub(in super::super) const INFO: u32 = 0x1549_a966;
    pub(in super::super) const TIMESTAMP_SCALE: u32 = 0x2a_d7b1;
    pub(in super::super) const DURATION: u32 = 0x4489;
    pub(in super::super) const TRACKS: u32 = 0x1654_ae6b;
    pub(in super::super) const TRACK_ENTRY: u32 = 0xae;
    pub(in super::super) const TRACK_NUMBER: u32 = 0xd7;
    pub(in super::super) const TRACK_TYPE: u32 = 0x83;
    pub(in super::super) const FLAG_DEFAULT: u32 = 0x88;
    pub(in super::super) const DEFAULT_DURATION: u32 = 0x23_e383;
    pub(in super::super) const CODEC_ID: u32 = 0x86;
    pub(in super::super) const CODEC_PRIVATE: u32 = 0x63a2;
    pub(in super::super) const AUDIO: u32 = 0xe1;
    pub(in super::super) const SAMPLING_FREQUENCY: u32 = 0xb5;
    pub(in super::super) const CHANNELS: u32 = 0x9f;
    pub(in super::super) const BIT_DEPTH: u32 = 0x6264;
    pub(in super::super) const CONTENT_ENCODINGS: u32 = 0x6d80;
    pub(in super::super) const CONTENT_ENCODING: u32 = 0x6240;
    pub(in super::super) const ENCODING_SCOPE: u32 = 0x5032;
    pub(in super::super) const ENCODING_TYPE: u32 = 0x5033;
    pub(in super::super) const COMPRESSION: u32 = 0x5034;
    pub(in super::super) const COMPRESSION_ALGORITHM: u32 = 0x4254;
    pub(in super::super) const COMPRESSION_SETTINGS: u32 = 0x4255;
    pub(in super::super) const CLUSTER: u32 = 0x1f43_b675;
    pub(in super::super) const TIMESTAMP: u32 = 0xe7;
    pub(in super::super) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(in super::super) const BLOCK_GROUP: u32 = 0xa0;
    pub(in super::super) const BLOCK: u32 = 0xa1;
    pub(in super::super) const BLOCK_DURATION: u32 = 0x9b;
    pub(in super::super) const DISCARD_PADDING: u32 = 0x75a2;
    pub(in super::super) const CUES: u32 = 0x1c53_bb6b;
    pub(in super::super) const ATTACHMENTS: u32 = 0x1941_a469;
    pub(in super::super) const CHAPTERS: u32 = 0x1043_a770;
    pub(in super::super) const TAGS: u32 = 0x1254_c367;
}

/// Most bytes of the head of an element: four of identifier, eight of size.
const HEAD_BYTES: usize = 12;

/// Longest text or binary value that is read from the head of a file.
const MAX_VALUE_BYTES: u64 = 1 << 20;

/// An element: where its contents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) id: u32,
    /// First byte of the contents.
    pub(super) body: u64,
    /// Length of the contents; `None` if it is unknown, as in a live recording.
    pub(super) size: Option<u64>,
}

impl Element {
    /// The byte behind the contents, if their length is known.
    pub(super) fn end(&self) -> Option<u64> {
        Some(self.body.saturating_add(self.size?))
    }

    /// Identifier, size, and length of both, of the element that `bytes` begin with.
    pub(super) fn parse(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
        let (id, id_bytes) = vint(bytes).filter(|&(_, bytes)| bytes <= 4)?;
        let (size, size_bytes) = vint(&bytes[id_bytes..])?;
        let mask = (1_u64 << (7 * size_bytes)) - 1;
        let size = (size & mask != mask).then_some(size & mask);
        Some((u32::try_from(id).ok()?, size, id_bytes + size_bytes))
    }
}

/// A number of variable length (RFC 8794, section 4) with its marker, and its bytes.
fn vint(bytes: &[u8]) -> Option<(u64, usize)> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let value = bytes.get(..len).filter(|_| len <= 8)?;
    Some((value.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)), len))
}

/// The same without its marker.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let (value, len) = vint(bytes)?;
    Some((value & ((1 << (7 * len)) - 1), len))
}

/// The element at byte `at`; `None` where the source ends or holds none.
pub(super) fn element(view: &mut SourceView, at: u64) -> Result<Option<Element>, ExtractError> {
    let mut bytes = [0; HEAD_BYTES];
    let there = view.read_at(at, &mut bytes)?;
    let parsed = Element::parse(&bytes[..there]);
    Ok(parsed.map(|(id, size, head)| Element { id, body: at.saturating_add(head as u64), size }))
}

/// Calls `visit` for each element from `at` to `end`, and takes one from `left` for each.
pub(super) fn children(
    view: &mut SourceView,
    mut at: u64,
    end: u64,
    left: &mut usize,
    visit: &mut dyn FnMut(&mut SourceView, &Element) -> Result<(), ExtractError>,
) -> Result<(), ExtractError> {
    while at < end && *left > 0 {
        *left -= 1;
        let Some(child) = element(view, at)? else { break };
        // What reaches behind its parent is damaged, or the parent is.
        let Some(next) = child.end().filter(|&next| next <= end) else { break };
        visit(view, &child)?;
        at = next;
    }
    Ok(())
}

/// The bytes of a value, at most [`MAX_VALUE_BYTES`] of them.
pub(super) fn binary(view: &mut SourceView, of: &Element) -> Result<Vec<u8>, ExtractError> {
    let len = of.size.unwrap_or(0).min(MAX_VALUE_BYTES) as usize;
    let mut value = Vec::new();
    // Room is made for what is there, not for what is claimed.
    while value.len() < len {
        let filled = value.len();
        value.resize(len.min(filled + 4096), 0);
        let there = view.read_at(of.body.saturating_add(filled as u64), &mut value[filled..])?;
        if there < value.len() - filled {
            value.truncate(filled + there);
            break;
        }
    }
    Ok(value)
}

/// A text, without the zeros that may follow it.
pub(super) fn text(view: &mut SourceView, of: &Element) -> Result<String, ExtractError> {
    let bytes = binary(view, &Element { size: of.size.map(|size| size.min(256)), ..*of })?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// A whole number without a sign; of more than eight bytes, its first eight.
pub(super) fn uint(view: &mut SourceView, of: &Element) -> Result<u64, ExtractError> {
    let bytes = binary(view, &Element { size: of.size.map(|size| size.min(8)), ..*of })?;
    Ok(unsigned(&bytes))
}

/// A floating-point number of four or eight bytes; 0 for any other length.
pub(super) fn float(view: &mut SourceView, of: &Element) -> Result<f64, ExtractError> {
    let bytes = binary(view, &Element { size: of.size.map(|size| size.min(16)), ..*of })?;
    Ok(match *bytes {
        [a, b, c, d] => f32::from_be_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    })
}

/// Big-endian bytes, at most eight, as a whole number.
pub(super) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Big-endian bytes, at most eight, as a whole number with a sign.
pub(super) fn signed(bytes: &[u8]) -> i64 {
    let bits = 8 * bytes.len().min(8) as u32;
    if bits == 0 { 0 } else { ((unsigned(bytes) << (64 - bits)) as i64) >> (64 - bits) }
}

#[cfg(test)]
mod tests {
    use super::{Element, number, signed};

    #[test]
    fn elements_have_lengths_of_their_own() {
        assert_eq!(Element::parse(b"\xec\x81"), Some((0xec, Some(1), 2)));
        assert_eq!(Element::parse(b"\x1f\x43\xb6\x75\xff"), Some((0x1f43_b675, None, 5)));
        let wide = b"\x18\x53\x80\x67\x01\0\0\0\0\0\x01\x02";
        assert_eq!(Element::parse(wide), Some((0x1853_8067, Some(258), 12)));
        let live = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(Element::parse(live), Some((0x1853_8067, None, 12)));
        for broken in
            [&b""[..], b"\xec", b"\0\0\0\0\0\0\0\0\0\0\0\0", b"\x08\0\0\0\0\x80", b"\xec\0"]
        {
            assert_eq!(Element::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn numbers_lose_their_marker() {
        assert_eq!(number(b"\x81"), Some((1, 1)));
        assert_eq!(number(b"\x40\x02"), Some((2, 2)));
        assert_eq!(number(b"\x01\0\0\0\0\0\0\x03"), Some((3, 8)));
        assert_eq!(number(b"\0"), None);
        assert_eq!(signed(b"\xff"), -1);
        assert_eq!(signed(b"\x00\x83\x7b\x4c"), 8_616_780);
        assert_eq!(signed(b"\xb3\xb4\xc0"), -5_000_000);
        assert_eq!(signed(b""), 0);
    }
}
