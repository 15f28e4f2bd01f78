//! AIFF and AIFF-C: from the header to the samples.
//!
//! Read as libsndfile reads: the size of the outer chunk and the number of frames that the common
//! chunk states are ignored, chunks may come in any order, and the width of a sample is its number
//! of bits rounded up to bytes.

use super::contents::{Contents, Payload, stated};
use super::layout::Layout;
use crate::decode::blocks::Form;
use crate::decode::pcm::{Encoding, Order};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most chunks.
const MAX_CHUNKS: usize = 1024;

/// Bytes of a common chunk that are looked at: up to the four letters of the compression.
const COMMON_BYTES: usize = 22;

/// Compressions that are not read, and what they are.
const FOREIGN: [(&[u8; 4], &str); 11] = [
    (b"MAC3", "mace3"),
    (b"MAC6", "mace6"),
    (b"GSM ", "gsm"),
    (b"agsm", "gsm"),
    (b"DWVW", "dwvw"),
    (b"G722", "adpcm_g722"),
    (b"G726", "adpcm_g726"),
    (b"G728", "g728"),
    (b"QDMC", "qdmc"),
    (b"QDM2", "qdm2"),
    (b"Qclp", "qcelp"),
];

/// Whether these first bytes are those of AIFF.
pub(in crate::decode) fn detect(head: &[u8]) -> bool {
    head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"))
}

/// Reads the header that begins at byte `at`.
pub(in crate::decode) fn read(view: &mut SourceView, at: u64) -> Result<Contents, ExtractError> {
    let mut form = [0; 12];
    view.read_at(at, &mut form)?;
    let is_compressed = form.ends_with(b"AIFC");
    let (mut common, mut sound) = (None, None);
    let mut pos = at + 12;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        if view.read_at(pos, &mut head)? < head.len() {
            break;
        }
        let [a, b, c, d, size @ ..] = head;
        let size = u32::from_be_bytes(size);
        let (start, len) = (pos + 8, u64::from(size));
        match &[a, b, c, d] {
            b"COMM" => {
                let mut body = [0; COMMON_BYTES];
                view.read_at(start, &mut body[..len.min(COMMON_BYTES as u64) as usize])?;
                common = Some(body);
            }
            b"SSND" => {
                let mut offset = [0; 4];
                view.read_at(start, &mut offset)?;
                let skipped = 8 + u64::from(u32::from_be_bytes(offset));
                // A writer that could not go back leaves nothing or the largest number.
                let stated = stated(size).filter(|&len| len >= 8);
                sound = Some((start + skipped, stated.map(|len| len.saturating_sub(skipped))));
                if stated.is_none() {
                    break;
                }
            }
            _ => {}
        }
        if let (Some(common), Some(sound)) = (&common, sound) {
            return contents(common, is_compressed, sound);
        }
        pos = next_chunk(view, start + len)?;
    }
    match (common, sound) {
        (Some(common), Some(sound)) => contents(&common, is_compressed, sound),
        (None, _) => Err(broken("no common chunk")),
        (_, None) => Err(broken("no sound chunk")),
    }
}

/// Where the chunk behind one that ends at `end` begins: at the next even place, but for writers
/// that forget the filling byte.
fn next_chunk(view: &mut SourceView, end: u64) -> Result<u64, ExtractError> {
    let mut id = [0; 4];
    if end % 2 == 1 && view.read_at(end, &mut id)? == id.len() && matches!(&id, b"COMM" | b"SSND") {
        return Ok(end);
    }
    Ok(end.next_multiple_of(2))
}

fn contents(
    common: &[u8; COMMON_BYTES],
    is_compressed: bool,
    (start, len): (u64, Option<u64>),
) -> Result<Contents, ExtractError> {
    let &[c0, c1, _, _, _, _, b0, b1, ref rate @ .., k0, k1, k2, k3] = common;
    let bits = usize::from(u16::from_be_bytes([b0, b1]));
    let kind = if is_compressed { [k0, k1, k2, k3] } else { *b"NONE" };
    let signed = |order| match bits {
        8..=32 => Encoding::signed(bits.div_ceil(8), order),
        _ => None,
    };
    let encoding = match &kind {
        b"NONE" | b"twos" | b"in24" | b"in32" => signed(Order::Big),
        b"sowt" | b"42ni" | b"23ni" => signed(Order::Little),
        b"raw " if bits == 8 => Some(Encoding::U8),
        b"fl32" | b"FL32" => Some(Encoding::F32Be),
        b"fl64" | b"FL64" => Some(Encoding::F64Be),
        b"ulaw" | b"ULAW" => Some(Encoding::MuLaw),
        b"alaw" | b"ALAW" => Some(Encoding::ALaw),
        b"raw " | b"ima4" => None,
        _ => return Err(unsupported(kind)),
    };
    let payload = match encoding {
        Some(encoding) => Payload::Pcm(encoding),
        None if kind == *b"ima4" => Payload::Blocks(Form::QuickTime { carries: false }),
        None => return Err(broken(&format!("{bits} bits per sample"))),
    };
    Ok(Contents {
        payload,
        channels: u16::from_be_bytes([c0, c1]).into(),
        sample_rate: whole_rate(rate),
        start,
        len,
        behind: Layout::Big,
    })
}

/// The whole part of an 80-bit float, as libsndfile takes it; 0 where that is no rate.
fn whole_rate(bytes: &[u8; 10]) -> u32 {
    let [e0, e1, mantissa @ ..] = *bytes;
    let exponent = i32::from(u16::from_be_bytes([e0, e1])) - 16_383;
    if !(0..32).contains(&exponent) {
        return 0;
    }
    (u64::from_be_bytes(mantissa) >> (63 - exponent)) as u32
}

fn unsupported(kind: [u8; 4]) -> ExtractError {
    let name = FOREIGN.iter().find(|(code, _)| **code == kind).map(|(_, name)| (*name).to_owned());
    let codec =
        name.unwrap_or_else(|| format!("AIFF-C compression {:?}", kind.escape_ascii().to_string()));
    ExtractError::UnsupportedCodec { codec }
}

fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("AIFF: {what}") }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Contents, Encoding, Form, Layout, Payload, detect, read};
    use crate::decode::source::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    const RATE_44100: [u8; 10] = [0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];

    fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&id[..], &(body.len() as u32).to_be_bytes(), body].concat()
    }

    fn common(bits: u8, rate: [u8; 10], rest: &[u8]) -> Vec<u8> {
        chunk(b"COMM", &[&[0, 2, 0, 0, 0, 9, 0, bits][..], &rate, rest].concat())
    }

    fn parse(kind: &[u8; 4], chunks: &[Vec<u8>]) -> Result<Contents, ExtractError> {
        let bytes = [b"FORM\0\0\0\0".to_vec(), kind.to_vec(), chunks.concat()].concat();
        assert!(detect(&bytes));
        read(&mut SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None), 0)
    }

    fn check(chunks: &[Vec<u8>], payload: Payload, start: u64, len: Option<u64>) {
        let behind = Layout::Big;
        let expected = Contents { payload, channels: 2, sample_rate: 44_100, start, len, behind };
        assert_eq!(parse(b"AIFC", chunks).unwrap(), expected);
    }

    #[test]
    fn chunks_come_in_any_order() {
        let comm = common(16, RATE_44100, b"NONE\0\0");
        let sound = chunk(b"SSND", &[0; 12]);
        let pcm = || Payload::Pcm(Encoding::S16Be);
        check(&[comm.clone(), sound.clone()], pcm(), 60, Some(4));
        check(&[sound, comm.clone()], pcm(), 28, Some(4));
        // An offset, and a name of odd length that the writer cut.
        let offset = chunk(b"SSND", &[&[0, 0, 0, 2, 0, 0, 0, 0, 7, 7][..], &[0; 6]].concat());
        let flac = common(16, RATE_44100, b"NONE\x0enot compresse");
        check(&[flac, offset], pcm(), 74, Some(6));
        // An odd chunk, filled and not filled.
        let filled = [chunk(b"NAME", b"abc"), vec![0]].concat();
        check(&[filled, comm.clone(), chunk(b"SSND", &[0; 12])], pcm(), 72, Some(4));
        check(
            &[chunk(b"NAME", b"abc"), comm.clone(), chunk(b"SSND", &[0; 12])],
            pcm(),
            71,
            Some(4),
        );
        for placeholder in [0, 0x7fff_ffff, 0xffff_ffff_u32] {
            let mut live = chunk(b"SSND", &[0; 12]);
            live[4..8].copy_from_slice(&placeholder.to_be_bytes());
            check(&[comm.clone(), live], pcm(), 60, None);
        }
        // No frame at all is a length too, whatever follows.
        let empty = chunk(b"SSND", &[0; 8]);
        check(&[comm, empty, chunk(b"ID3 ", &[7; 100])], pcm(), 60, Some(0));
    }

    #[test]
    fn a_compression_is_an_encoding() {
        let check = |bits, kind: &[u8; 4], payload| {
            let comm = common(bits, RATE_44100, kind);
            check(&[comm, chunk(b"SSND", &[0; 12])], payload, 58, Some(4));
        };
        check(8, b"NONE", Payload::Pcm(Encoding::S8));
        check(12, b"NONE", Payload::Pcm(Encoding::S16Be));
        check(20, b"twos", Payload::Pcm(Encoding::S24Be));
        check(24, b"in24", Payload::Pcm(Encoding::S24Be));
        check(32, b"in32", Payload::Pcm(Encoding::S32Be));
        check(24, b"sowt", Payload::Pcm(Encoding::S24));
        check(32, b"23ni", Payload::Pcm(Encoding::S32));
        check(8, b"raw ", Payload::Pcm(Encoding::U8));
        check(16, b"fl32", Payload::Pcm(Encoding::F32Be));
        check(64, b"FL64", Payload::Pcm(Encoding::F64Be));
        check(16, b"ulaw", Payload::Pcm(Encoding::MuLaw));
        check(16, b"ALAW", Payload::Pcm(Encoding::ALaw));
        check(16, b"ima4", Payload::Blocks(Form::QuickTime { carries: false }));
    }

    #[test]
    fn rates_are_cut_to_whole_numbers() {
        let rate = |bytes| {
            let chunks = [common(16, bytes, b""), chunk(b"SSND", &[0; 12])];
            parse(b"AIFF", &chunks).unwrap().sample_rate
        };
        assert_eq!(rate([0x40, 0x0d, 0xad, 0xdd, 0x17, 0x45, 0xd1, 0x74, 0x5d, 0x17]), 22_254);
        assert_eq!(rate([0x40, 0x1e, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]), u32::MAX);
        assert_eq!(rate([0x40, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]), 0);
        assert_eq!(rate([0xc0, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0]), 0);
        assert_eq!(rate([0; 10]), 0);
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused() {
        let reason = |chunks: &[Vec<u8>]| parse(b"AIFC", chunks).unwrap_err().reason();
        let sound = chunk(b"SSND", &[0; 12]);
        assert_eq!(reason(&[]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(std::slice::from_ref(&sound)), "UNDECODABLE_AUDIO");
        let comm = |bits, kind| common(bits, RATE_44100, kind);
        assert_eq!(reason(&[comm(16, b"NONE")]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[comm(4, b"NONE"), sound.clone()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[comm(33, b"sowt"), sound.clone()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[comm(16, b"MAC3"), sound.clone()]), "UNSUPPORTED_CODEC");
        assert_eq!(reason(&[comm(16, b"what"), sound]), "UNSUPPORTED_CODEC");
    }
}
