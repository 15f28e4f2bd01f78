//! WAVE and its 64-bit relatives RF64, BW64 and Sony's W64: from the header to the payload.
//!
//! Read as libsndfile reads: sizes of the outer chunk are ignored, a data chunk that claims more
//! than there is runs to the end of the file, and the width of a PCM sample is the number of bits
//! rounded up to bytes. Anything compressed is handed on behind a plain header.

use crate::decode::pcm::Encoding;
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most chunks before the data chunk.
const MAX_CHUNKS: usize = 1024;

/// Longest format chunk that is looked at.
const MAX_FORMAT_BYTES: u64 = 4096;

/// Bytes behind the first two of a Wave64 identifier that is a four-character code.
const W64_SUFFIX: [u8; 12] =
    [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0x00, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];

/// Tail of a WAVE_FORMAT_EXTENSIBLE sub-format that is an ordinary format tag.
const GUID_TAIL: [u8; 14] =
    [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71];

/// How chunks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Flavour {
    Wave,
    Rf64,
    W64,
}

impl Flavour {
    /// Recognises the first 16 bytes.
    pub(in crate::decode) fn detect(head: &[u8]) -> Option<Self> {
        let is_wave = head.get(8..12) == Some(b"WAVE");
        match head.first_chunk::<4>()? {
            b"RIFF" if is_wave => Some(Self::Wave),
            b"RF64" | b"BW64" if is_wave => Some(Self::Rf64),
            b"riff" if head.get(4..8) == Some(&[0x2e, 0x91, 0xcf, 0x11]) => Some(Self::W64),
            _ => None,
        }
    }

    pub(in crate::decode) fn container(self) -> &'static str {
        match self {
            Self::Wave => "wav",
            Self::Rf64 => "rf64",
            Self::W64 => "w64",
        }
    }
}

/// What a header says about the payload.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::decode) struct Wave {
    pub(in crate::decode) payload: Payload,
    pub(in crate::decode) channels: u16,
    pub(in crate::decode) sample_rate: u32,
    /// First byte of the payload.
    pub(in crate::decode) start: u64,
    /// Its length, if the header states one.
    pub(in crate::decode) len: Option<u64>,
}

/// What the payload is made of.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::decode) enum Payload {
    /// Uncompressed samples.
    Pcm(Encoding),
    /// An MPEG audio stream.
    Mpeg,
    /// Something else, with a plain header that may be put before it.
    Other(Vec<u8>),
}

/// Reads the header that begins at byte `at`.
pub(in crate::decode) fn read(
    view: &mut SourceView,
    at: u64,
    flavour: Flavour,
) -> Result<Wave, ExtractError> {
    let mut pos = at + if flavour == Flavour::W64 { 40 } else { 12 };
    let mut format: Option<Vec<u8>> = None;
    let mut long_data = None;
    let mut fact = None;
    for _ in 0..MAX_CHUNKS {
        let chunk = read_chunk(view, pos, flavour)?;
        match &chunk.id {
            b"fmt " => {
                let mut body = vec![0; chunk.len.min(MAX_FORMAT_BYTES) as usize];
                read_exactly(view, chunk.start, &mut body)?;
                format = Some(body);
            }
            b"ds64" => {
                let mut body = [0; 16];
                read_exactly(view, chunk.start, &mut body)?;
                let [_, _, _, _, _, _, _, _, data @ ..] = body;
                long_data = Some(u64::from_le_bytes(data));
            }
            b"fact" => {
                let mut body = [0; 4];
                read_exactly(view, chunk.start, &mut body)?;
                fact = Some(body);
            }
            b"data" => {
                let len = match (flavour, chunk.len) {
                    (Flavour::W64, len) => Some(len),
                    (_, 0xffff_ffff) => long_data,
                    (_, len) => Some(len),
                };
                let format = format.ok_or_else(|| broken("no format chunk before the data"))?;
                return parse_format(&format, fact, chunk.start, len);
            }
            _ => {}
        }
        pos = chunk.next;
    }
    Err(broken("no data chunk"))
}

struct Chunk {
    id: [u8; 4],
    start: u64,
    len: u64,
    /// Where the next chunk begins.
    next: u64,
}

fn read_chunk(view: &mut SourceView, pos: u64, flavour: Flavour) -> Result<Chunk, ExtractError> {
    let (id, head, len, align) = if flavour == Flavour::W64 {
        let mut header = [0; 24];
        read_exactly(view, pos, &mut header)?;
        let [a, b, c, d, guid @ .., s0, s1, s2, s3, s4, s5, s6, s7] = header;
        let len = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        // Only chunks whose identifier is a four-character code are known.
        let id = if guid == W64_SUFFIX { [a, b, c, d] } else { [0; 4] };
        (id, 24, len.saturating_sub(24), 8)
    } else {
        let mut header = [0; 8];
        read_exactly(view, pos, &mut header)?;
        let [a, b, c, d, len @ ..] = header;
        ([a, b, c, d], 8, u64::from(u32::from_le_bytes(len)), 2)
    };
    let start = pos + head;
    let next = start.saturating_add(len).checked_next_multiple_of(align).unwrap_or(u64::MAX);
    Ok(Chunk { id, start, len, next })
}

fn parse_format(
    format: &[u8],
    fact: Option<[u8; 4]>,
    start: u64,
    len: Option<u64>,
) -> Result<Wave, ExtractError> {
    let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1, ..] = format else {
        return Err(broken("format chunk shorter than 16 bytes"));
    };
    let mut tag = u16::from_le_bytes([t0, t1]);
    let bits = u16::from_le_bytes([b0, b1]);
    if tag == 0xfffe
        && let Some(&[s0, s1, ref tail @ ..]) = format.get(24..40)
        && *tail == GUID_TAIL
    {
        tag = u16::from_le_bytes([s0, s1]);
    }
    let payload = match (tag, bits.div_ceil(8)) {
        (1, 1) => Payload::Pcm(Encoding::U8),
        (1, 2) => Payload::Pcm(Encoding::S16),
        (1, 3) => Payload::Pcm(Encoding::S24),
        (1, 4) => Payload::Pcm(Encoding::S32),
        (3, 4) => Payload::Pcm(Encoding::F32),
        (3, 8) => Payload::Pcm(Encoding::F64),
        (1 | 3, _) => {
            return Err(broken(&format!("{bits} bits per sample with format tag {tag}")));
        }
        (0x50 | 0x55, _) => Payload::Mpeg,
        (2 | 6 | 7 | 0x11, _) => Payload::Other(plain_header(format, fact, len)),
        _ => {
            return Err(ExtractError::UnsupportedCodec {
                codec: format!("wave format {tag:#06x}"),
            });
        }
    };
    Ok(Wave {
        payload,
        channels: u16::from_le_bytes([c0, c1]),
        sample_rate: u32::from_le_bytes([r0, r1, r2, r3]),
        start,
        len,
    })
}

/// A RIFF header with nothing but the format, the fact and the length of the data.
fn plain_header(format: &[u8], fact: Option<[u8; 4]>, len: Option<u64>) -> Vec<u8> {
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt ".to_vec();
    let even = format.len() & !1;
    header.extend_from_slice(&(even as u32).to_le_bytes());
    header.extend_from_slice(&format[..even]);
    if let Some(fact) = fact {
        header.extend_from_slice(b"fact\x04\0\0\0");
        header.extend_from_slice(&fact);
    }
    header.extend_from_slice(b"data");
    let len = len.and_then(|len| u32::try_from(len).ok()).unwrap_or(u32::MAX);
    header.extend_from_slice(&len.to_le_bytes());
    header
}

fn read_exactly(view: &mut SourceView, at: u64, buf: &mut [u8]) -> Result<(), ExtractError> {
    if view.read_at(at, buf)? < buf.len() {
        return Err(broken("header ends early"));
    }
    Ok(())
}

fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("WAVE: {what}") }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Encoding, Flavour, GUID_TAIL, Payload, W64_SUFFIX, Wave, read};
    use crate::decode::source::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn format(tag: u16, bits: u16) -> Vec<u8> {
        let mut format = Vec::new();
        format.extend_from_slice(&tag.to_le_bytes());
        format.extend_from_slice(&[2, 0, 0x44, 0xac, 0, 0, 0, 0, 0, 0, 4, 0]);
        format.extend_from_slice(&bits.to_le_bytes());
        format
    }

    fn chunk(id: &[u8; 4], len: u32, body: &[u8]) -> Vec<u8> {
        [&id[..], &len.to_le_bytes(), body].concat()
    }

    fn parse(bytes: &[u8]) -> Result<Wave, ExtractError> {
        let flavour = Flavour::detect(bytes).unwrap();
        read(
            &mut SourceView::new(Box::new(Cursor::new(bytes.to_vec())), &Limits::default(), None),
            0,
            flavour,
        )
    }

    fn check(bytes: &[u8], encoding: Encoding, start: u64, len: Option<u64>) {
        let payload = Payload::Pcm(encoding);
        let expected = Wave { payload, channels: 2, sample_rate: 44_100, start, len };
        assert_eq!(parse(bytes).unwrap(), expected);
    }

    #[test]
    fn chunks_before_the_data_are_walked() {
        let riff = b"RIFF\0\0\0\0WAVE".to_vec();
        let fmt = chunk(b"fmt ", 16, &format(1, 16));
        let odd = chunk(b"LIST", 3, b"abc\0");
        let data = chunk(b"data", 0x7fff_ffff, &[0; 4]);
        let bytes = [riff.clone(), odd, fmt.clone(), data].concat();
        check(&bytes, Encoding::S16, 56, Some(0x7fff_ffff));
        let bytes = [riff.clone(), fmt, chunk(b"data", u32::MAX, &[0; 4])].concat();
        check(&bytes, Encoding::S16, 44, None);
        let twelve = chunk(b"fmt ", 16, &format(1, 12));
        let bytes = [riff, twelve, chunk(b"data", 4, &[0; 4])].concat();
        check(&bytes, Encoding::S16, 44, Some(4));
    }

    #[test]
    fn an_extensible_format_names_another() {
        let mut long = format(0xfffe, 32);
        long.extend_from_slice(&[22, 0, 32, 0, 3, 0, 0, 0, 3, 0]);
        long.extend_from_slice(&GUID_TAIL);
        let fmt = chunk(b"fmt ", 40, &long);
        let bytes = [b"RIFF\0\0\0\0WAVE".to_vec(), fmt, chunk(b"data", 8, &[0; 8])].concat();
        check(&bytes, Encoding::F32, 68, Some(8));
    }

    #[test]
    fn the_64_bit_relatives_are_read() {
        let mut ds64 = [0; 28];
        ds64[8] = 4;
        let bytes = [
            b"RF64\xff\xff\xff\xffWAVE".to_vec(),
            chunk(b"ds64", 28, &ds64),
            chunk(b"fmt ", 16, &format(1, 24)),
            chunk(b"data", u32::MAX, &[0; 4]),
        ]
        .concat();
        check(&bytes, Encoding::S24, 80, Some(4));

        let guid = |id: &[u8; 4]| [&id[..], &W64_SUFFIX].concat();
        let bytes = [
            b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0".to_vec(),
            vec![0; 8],
            guid(b"wave"),
            [guid(b"fmt "), 40_u64.to_le_bytes().to_vec(), format(1, 16)].concat(),
            [guid(b"data"), 28_u64.to_le_bytes().to_vec(), vec![0; 4]].concat(),
        ]
        .concat();
        check(&bytes, Encoding::S16, 104, Some(4));
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused() {
        let reason = |chunks: &[Vec<u8>]| {
            let bytes = [&[b"RIFF\0\0\0\0WAVE".to_vec()][..], chunks].concat().concat();
            parse(&bytes).unwrap_err().reason()
        };
        let data = chunk(b"data", 4, &[0; 4]);
        assert_eq!(reason(&[]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(std::slice::from_ref(&data)), "UNDECODABLE_AUDIO");
        let fmt = |tag, bits| chunk(b"fmt ", 16, &format(tag, bits));
        assert_eq!(reason(&[fmt(1, 16)]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[fmt(1, 0), data.clone()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[fmt(0x161, 16), data]), "UNSUPPORTED_CODEC");
    }
}
