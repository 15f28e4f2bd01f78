//! Tags between frames, before or behind them: what they look like, and how long they are. Their
//! contents are not read.

/// Bytes that tell a tag and its length.
pub(in crate::decode) const HEAD_BYTES: usize = 32;

/// Most bytes of a Lyrics3 tag whose end is looked for; version 1 has at most 5,100.
pub(in crate::decode) const MAX_LYRICS: usize = 64 * 1024;

const ID3V1_BYTES: u64 = 128;

/// The enhanced tag in front of an ID3v1 tag.
const ENHANCED_BYTES: u64 = 227;

/// Bytes of an APE tag's header, and of its footer.
const APE_BYTES: u64 = 32;

/// A tag at the current place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Tag {
    /// Bytes from here to its end.
    Of(u64),
    /// It ends behind this footer of [`HEAD_BYTES`], and began so many bytes before it.
    Footer(u64),
    /// Its end must be looked for: [`lyrics_end`].
    Lyrics,
}

/// The tag that begins with `head`, of which there may be less than [`HEAD_BYTES`] at the end.
pub(in crate::decode) fn at(head: &[u8]) -> Option<Tag> {
    match head {
        [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d, ..] if (a | b | c | d) & 0x80 == 0 => {
            let len = [a, b, c, d].iter().fold(0, |len, &&byte| len << 7 | u64::from(byte));
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            Some(Tag::Of(10 + len + footer))
        }
        [b'T', b'A', b'G', b'+', ..] => Some(Tag::Of(ENHANCED_BYTES)),
        [b'T', b'A', b'G', ..] => Some(Tag::Of(ID3V1_BYTES)),
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', rest @ ..] => {
            let word = |at: usize| rest.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
            // Of the items and the footer; the header is not counted.
            let (size, flags) = (u64::from(word(4)?), word(12)?);
            let is_header = flags >> 29 & 1 == 1;
            Some(if is_header {
                Tag::Of(APE_BYTES + size)
            } else {
                Tag::Footer(size.saturating_sub(APE_BYTES))
            })
        }
        _ if head.starts_with(b"LYRICSBEGIN") => Some(Tag::Lyrics),
        _ => None,
    }
}

/// Bytes up to the end of the Lyrics3 tag that `bytes` begin with, if it is there.
pub(in crate::decode) fn lyrics_end(bytes: &[u8]) -> Option<u64> {
    let is_end = |name: &[u8]| name == b"LYRICSEND" || name == b"LYRICS200";
    bytes.windows(9).position(is_end).map(|at| at as u64 + 9)
}

#[cfg(test)]
mod tests {
    use super::{Tag, at, lyrics_end};

    fn ape(flags: u32) -> Vec<u8> {
        let numbers = [2000, 100, 3, flags].map(u32::to_le_bytes);
        [b"APETAGEX".as_slice(), numbers.as_flattened(), &[0; 8]].concat()
    }

    #[test]
    fn tags_say_their_length() {
        assert_eq!(at(b"ID3\x03\0\0\0\0\x02\x01......"), Some(Tag::Of(10 + 257)));
        assert_eq!(at(b"ID3\x04\0\x10\0\0\0\x01......"), Some(Tag::Of(10 + 1 + 10)));
        assert_eq!(at(b"TAGtitle"), Some(Tag::Of(128)));
        assert_eq!(at(b"TAG+title"), Some(Tag::Of(227)));
        assert_eq!(at(&ape(0xa000_0000)), Some(Tag::Of(132)));
        assert_eq!(at(&ape(0x8000_0000)), Some(Tag::Footer(68)));
        assert_eq!(at(b"LYRICSBEGININD"), Some(Tag::Lyrics));
        assert_eq!(lyrics_end(b"LYRICSBEGINhello000016LYRICS200TAG"), Some(31));
        assert_eq!(lyrics_end(b"LYRICSBEGINhelloLYRICSENDTAG"), Some(25));
    }

    #[test]
    fn other_bytes_are_no_tag() {
        let bytes: [&[u8]; 5] =
            [b"", b"TA", b"ID3\x03\0\0\x80\0\0\x01", b"ID3\x09\0\0\0\0\0\x01", &ape(0)[..20]];
        for bytes in bytes {
            assert_eq!(at(bytes), None, "{bytes:?}");
        }
        assert_eq!(lyrics_end(b"LYRICSBEGINhello"), None);
    }
}
