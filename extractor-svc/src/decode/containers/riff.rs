//! WAVE, its big-endian form RIFX, and its 64-bit relatives RF64, BW64 and Sony's W64: from the
//! header to the payload.
//!
//! Read as libsndfile reads: sizes of the outer chunk are ignored, a data chunk that claims more
//! than there is runs to the end of the file, and the width of a PCM sample is the number of bits
//! rounded up to bytes, unless frames are wider.

mod formats;

use super::contents::{Contents, Payload, stated, stated_long};
use super::layout::Layout;
use crate::decode::blocks::Form;
use crate::decode::pcm::{Encoding, Order};
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

/// Tail of the sub-formats of ambisonic recordings, which are ordinary too.
const AMBISONIC_TAIL: [u8; 14] =
    [0x00, 0x00, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0x00, 0x00, 0x00];

/// How chunks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Flavour {
    Wave,
    Rifx,
    Rf64,
    W64,
}

impl Flavour {
    /// Recognises the first 16 bytes.
    pub(in crate::decode) fn detect(head: &[u8]) -> Option<Self> {
        let is_wave = head.get(8..12) == Some(b"WAVE");
        match head.first_chunk::<4>()? {
            b"RIFF" if is_wave => Some(Self::Wave),
            b"RIFX" if is_wave => Some(Self::Rifx),
            b"RF64" | b"BW64" if is_wave => Some(Self::Rf64),
            b"riff" if head.get(4..8) == Some(&[0x2e, 0x91, 0xcf, 0x11]) => Some(Self::W64),
            _ => None,
        }
    }

    fn layout(self) -> Layout {
        match self {
            Self::Wave | Self::Rf64 => Layout::Little,
            Self::Rifx => Layout::Big,
            Self::W64 => Layout::Wave64,
        }
    }

    pub(in crate::decode) fn container(self) -> &'static str {
        match self {
            Self::Wave => "wav",
            Self::Rifx => "rifx",
            Self::Rf64 => "rf64",
            Self::W64 => "w64",
        }
    }
}

/// Reads the header that begins at byte `at`.
pub(in crate::decode) fn read(
    view: &mut SourceView,
    at: u64,
    flavour: Flavour,
) -> Result<Contents, ExtractError> {
    let mut pos = at + if flavour == Flavour::W64 { 40 } else { 12 };
    let mut format: Option<Vec<u8>> = None;
    let mut long_data = None;
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
            b"data" => {
                let len = match (flavour, chunk.len) {
                    (Flavour::W64, len) => stated_long(len),
                    (Flavour::Rf64, 0xffff_ffff) => long_data.and_then(stated_long),
                    (_, 0) if is_never_closed(view, at, flavour)? => None,
                    (_, len) => u32::try_from(len).ok().and_then(stated),
                };
                let format = format.ok_or_else(|| broken("no format chunk before the data"))?;
                return parse_format(&Format { body: format, flavour }, chunk.start, len);
            }
            _ => {}
        }
        pos = chunk.next;
    }
    Err(broken("no data chunk"))
}

/// Whether the outer chunk has the size that a writer leaves which meant to state it at the end: that
/// of an empty header, with which libsndfile reads all that follows, or nothing.
fn is_never_closed(view: &mut SourceView, at: u64, flavour: Flavour) -> Result<bool, ExtractError> {
    Ok(matches!(flavour, Flavour::Wave | Flavour::Rifx) && {
        let outer = read_chunk(view, at, flavour)?;
        outer.len == 0 || outer.len == 8
    })
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
        let len = match flavour {
            Flavour::Rifx => u32::from_be_bytes(len),
            _ => u32::from_le_bytes(len),
        };
        ([a, b, c, d], 8, u64::from(len), 2)
    };
    let start = pos + head;
    let next = start.saturating_add(len).checked_next_multiple_of(align).unwrap_or(u64::MAX);
    Ok(Chunk { id, start, len, next })
}

/// The format chunk, and what helps to read it.
struct Format {
    body: Vec<u8>,
    flavour: Flavour,
}

impl Format {
    fn order(&self) -> Order {
        if self.flavour == Flavour::Rifx { Order::Big } else { Order::Little }
    }

    /// The 16-bit word at byte `at`; 0 where there is none.
    fn word(&self, at: usize) -> u16 {
        let bytes = self.body.get(at..).and_then(|rest| rest.first_chunk()).copied();
        match self.order() {
            Order::Little => u16::from_le_bytes(bytes.unwrap_or_default()),
            Order::Big => u16::from_be_bytes(bytes.unwrap_or_default()),
        }
    }

    /// The 32-bit word at byte `at`; 0 where there is none.
    fn double_word(&self, at: usize) -> u32 {
        let (first, second) = (u32::from(self.word(at)), u32::from(self.word(at + 2)));
        match self.order() {
            Order::Little => second << 16 | first,
            Order::Big => first << 16 | second,
        }
    }

    /// The format tag, that of the sub-format where the format is extensible.
    fn tag(&self) -> u16 {
        let tag = self.word(0);
        match self.body.get(26..40) {
            Some(tail) if tag == 0xfffe && (tail == GUID_TAIL || tail == AMBISONIC_TAIL) => {
                self.word(24)
            }
            _ => tag,
        }
    }

    /// Bytes in which an integer sample lies: its bits rounded up, or what the block alignment says
    /// if the byte rate agrees with it. The sample is the upper part of a wider place.
    fn integer_bytes(&self) -> usize {
        let [channels, align, bits] = [2, 12, 14].map(|at| usize::from(self.word(at)));
        let bytes = bits.div_ceil(8);
        let (rate, byte_rate) = (u64::from(self.double_word(4)), u64::from(self.double_word(8)));
        let agrees = byte_rate == rate * align as u64;
        match align.checked_div(channels) {
            Some(place) if place > bytes && place <= 4 && place * channels == align && agrees => {
                place
            }
            _ => bytes,
        }
    }
}

fn parse_format(format: &Format, start: u64, len: Option<u64>) -> Result<Contents, ExtractError> {
    if format.body.len() < 16 {
        return Err(broken("format chunk shorter than 16 bytes"));
    }
    let (tag, bits, order) = (format.tag(), format.word(14), format.order());
    let encoding = match (tag, format.integer_bytes()) {
        (1, 1) if bits > 0 => Some(Encoding::U8),
        (1, bytes) if bits > 0 => Encoding::signed(bytes, order),
        (3, _) if bits % 8 == 0 => Encoding::float(usize::from(bits / 8), order),
        (6, _) => Some(Encoding::ALaw),
        (7, _) => Some(Encoding::MuLaw),
        _ => None,
    };
    let payload = match (encoding, tag) {
        (Some(encoding), _) => Payload::Pcm(encoding),
        (None, 1 | 3) => {
            return Err(broken(&format!("{bits} bits per sample with format tag {tag}")));
        }
        (None, 2) if order == Order::Little => {
            Payload::Blocks(Form::Microsoft { bytes: format.word(12).into() })
        }
        (None, 0x11) if order == Order::Little => {
            Payload::Blocks(Form::Wave { bytes: format.word(12).into() })
        }
        (None, 0x50 | 0x55) => Payload::Mpeg,
        _ => return Err(ExtractError::UnsupportedCodec { codec: formats::name(tag) }),
    };
    let (channels, sample_rate) = (format.word(2).into(), format.double_word(4));
    let behind = format.flavour.layout();
    Ok(Contents { payload, channels, sample_rate, start, len, behind })
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

    use super::{Contents, Encoding, Flavour, Form, GUID_TAIL, Payload, W64_SUFFIX, read};
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

    fn parse(bytes: &[u8]) -> Result<Contents, ExtractError> {
        let flavour = Flavour::detect(bytes).unwrap();
        read(
            &mut SourceView::new(Box::new(Cursor::new(bytes.to_vec())), &Limits::default(), None),
            0,
            flavour,
        )
    }

    fn check(bytes: &[u8], encoding: Encoding, start: u64, len: Option<u64>) {
        let payload = Payload::Pcm(encoding);
        let behind = Flavour::detect(bytes).unwrap().layout();
        let expected = Contents { payload, channels: 2, sample_rate: 44_100, start, len, behind };
        assert_eq!(parse(bytes).unwrap(), expected);
    }

    #[test]
    fn chunks_before_the_data_are_walked() {
        let riff = b"RIFF\0\0\0\0WAVE".to_vec();
        let fmt = chunk(b"fmt ", 16, &format(1, 16));
        let odd = chunk(b"LIST", 3, b"abc\0");
        let data = chunk(b"data", 0x7fff_ffff, &[0; 4]);
        let bytes = [riff.clone(), odd, fmt.clone(), data].concat();
        check(&bytes, Encoding::S16, 56, None);
        let bytes = [riff.clone(), fmt.clone(), chunk(b"data", u32::MAX, &[0; 4])].concat();
        check(&bytes, Encoding::S16, 44, None);
        // Lengths beside those that are left where nothing is known, and of files that were not closed.
        for (size, len) in [
            (0x7ffe_ffff, Some(0x7ffe_ffff)),
            (0x7fff_0000, None),
            (0x8000_0001, Some(0x8000_0001)),
            (0xfffe_ffff, Some(0xfffe_ffff)),
            (0xffff_0000, None),
        ] {
            let bytes = [riff.clone(), fmt.clone(), chunk(b"data", size, &[0; 4])].concat();
            check(&bytes, Encoding::S16, 44, len);
        }
        for (size, len) in [(0, None), (8, None), (36, Some(0))] {
            let outer = [&b"RIFF"[..], &[size, 0, 0, 0], b"WAVE"].concat();
            let bytes = [outer, fmt.clone(), chunk(b"data", 0, &[0; 4])].concat();
            check(&bytes, Encoding::S16, 44, len);
        }
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

    /// A format chunk of two channels, with block alignment and byte rate.
    fn aligned(tag: u16, bits: u16, align: u16, byte_rate: u32) -> Vec<u8> {
        let mut format = format(tag, bits);
        format[8..12].copy_from_slice(&byte_rate.to_le_bytes());
        format[12..14].copy_from_slice(&align.to_le_bytes());
        chunk(b"fmt ", 16, &format)
    }

    #[test]
    fn a_frame_is_as_wide_as_its_alignment() {
        let check = |bits, align: u16, byte_rate, encoding| {
            let fmt = aligned(1, bits, align, byte_rate);
            let bytes = [b"RIFF\0\0\0\0WAVE".to_vec(), fmt, chunk(b"data", 8, &[0; 8])].concat();
            check(&bytes, encoding, 44, Some(8));
        };
        check(24, 8, 8 * 44_100, Encoding::S32);
        check(20, 8, 8 * 44_100, Encoding::S32);
        check(16, 6, 6 * 44_100, Encoding::S24);
        check(24, 6, 6 * 44_100, Encoding::S24);
        // An alignment that the byte rate does not know, or that no frame has, is a slip.
        check(16, 8, 4 * 44_100, Encoding::S16);
        check(16, 5, 5 * 44_100, Encoding::S16);
        check(24, 0, 0, Encoding::S24);
        check(32, 6, 6 * 44_100, Encoding::S32);
    }

    #[test]
    fn the_big_endian_form_is_read() {
        let swapped = |tag: u16, bits: u16| {
            let words = [[0, 2], [0, 0], [0xac, 0x44], [0, 0], [0, 0], [0, 4]];
            [&tag.to_be_bytes()[..], words.as_flattened(), &bits.to_be_bytes()].concat()
        };
        let bytes = |tag, bits| {
            let fmt = [&b"fmt \0\0\0\x10"[..], &swapped(tag, bits)].concat();
            [&b"RIFX\0\0\0\0WAVE"[..], &fmt, b"data\0\0\0\x08", &[0; 8]].concat()
        };
        check(&bytes(1, 16), Encoding::S16Be, 44, Some(8));
        check(&bytes(1, 8), Encoding::U8, 44, Some(8));
        check(&bytes(3, 64), Encoding::F64Be, 44, Some(8));
        assert_eq!(parse(&bytes(2, 4)).unwrap_err().reason(), "UNSUPPORTED_CODEC");
    }

    #[test]
    fn companded_samples_and_blocks_are_read_here() {
        let payload = |tag, bits| {
            let fmt = chunk(b"fmt ", 16, &format(tag, bits));
            let bytes = [b"RIFF\0\0\0\0WAVE".to_vec(), fmt, chunk(b"data", 8, &[0; 8])].concat();
            parse(&bytes).unwrap().payload
        };
        assert_eq!(payload(6, 8), Payload::Pcm(Encoding::ALaw));
        assert_eq!(payload(7, 8), Payload::Pcm(Encoding::MuLaw));
        assert_eq!(payload(0x11, 4), Payload::Blocks(Form::Wave { bytes: 4 }));
        assert_eq!(payload(0x55, 0), Payload::Mpeg);
        assert_eq!(payload(2, 4), Payload::Blocks(Form::Microsoft { bytes: 4 }));
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
        // Three gigabytes are a length there, and what was never filled in is none.
        let of = |size: u64| {
            let mut bytes = bytes.clone();
            bytes[28..36].copy_from_slice(&size.to_le_bytes());
            bytes
        };
        check(&of(0xbfff_ffff), Encoding::S24, 80, Some(0xbfff_ffff));
        check(&of(0x7fff_ffff), Encoding::S24, 80, Some(0x7fff_ffff));
        check(&of(u64::MAX), Encoding::S24, 80, None);

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
        assert_eq!(reason(&[fmt(1, 64), data.clone()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[fmt(3, 16), data.clone()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[fmt(0x161, 16), data]), "UNSUPPORTED_CODEC");
    }
}
