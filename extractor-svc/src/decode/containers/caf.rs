//! Core Audio Format: uncompressed samples and IMA ADPCM, from the header to the payload.
//!
//! A recording that still runs, or whose program ended early, has a data chunk of size -1, which
//! reaches to the end of the file. Codecs of packets are left to symphonia's reader.

use super::contents::{Contents, Payload};
use super::layout::Layout;
use crate::decode::blocks::Form;
use crate::decode::pcm::{Encoding, Order};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most chunks before the data.
const MAX_CHUNKS: usize = 1024;

/// Bytes of an audio description.
const DESCRIPTION_BYTES: usize = 32;

/// Bytes of the count of edits, before the data.
const EDIT_COUNT_BYTES: u64 = 4;

/// Whether these first bytes are those of CAF.
pub(in crate::decode) fn detect(head: &[u8]) -> bool {
    head.starts_with(b"caff")
}

/// Reads the header that begins at byte `at`; `None` if the codec is one of packets.
pub(in crate::decode) fn read(
    view: &mut SourceView,
    at: u64,
) -> Result<Option<Contents>, ExtractError> {
    let mut description = None;
    let mut pos = at + 8;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 12];
        if view.read_at(pos, &mut head)? < head.len() {
            break;
        }
        let [a, b, c, d, len @ ..] = head;
        let (start, len) = (pos + 12, i64::from_be_bytes(len));
        match &[a, b, c, d] {
            b"desc" => {
                let mut body = [0; DESCRIPTION_BYTES];
                if view.read_at(start, &mut body)? < body.len() {
                    break;
                }
                let Some(found) = describe(&body)? else { return Ok(None) };
                description = Some(found);
            }
            b"data" => {
                let (payload, channels, sample_rate) =
                    description.ok_or_else(|| broken("no description before the data"))?;
                let len = u64::try_from(len).ok().map(|len| len.saturating_sub(EDIT_COUNT_BYTES));
                let start = start + EDIT_COUNT_BYTES;
                let behind = Layout::Caf;
                return Ok(Some(Contents { payload, channels, sample_rate, start, len, behind }));
            }
            _ => {}
        }
        let Some(next) = u64::try_from(len).ok().and_then(|len| start.checked_add(len)) else {
            return Err(broken("a chunk of no size"));
        };
        pos = next;
    }
    Err(broken(if description.is_some() { "no data chunk" } else { "no audio description" }))
}

/// Payload, channels and rate of an audio description; `None` if it is of packets.
fn describe(body: &[u8; DESCRIPTION_BYTES]) -> Result<Option<(Payload, u32, u32)>, ExtractError> {
    let words = body.as_chunks::<4>().0;
    let word = |index: usize| u32::from_be_bytes(words[index]);
    let [rate, rest] = [word(0), word(1)];
    let [flags, packet_bytes, _, channels, bits] = [3, 4, 5, 6, 7].map(word);
    // libsndfile rounds; the cast saturates, and makes 0 of what is no number.
    let rate = f64::from_bits(u64::from(rate) << 32 | u64::from(rest));
    let sample_rate = rate.round() as u32;
    let payload = match &words[2] {
        b"lpcm" => Payload::Pcm(linear(flags, packet_bytes, channels, bits)?),
        b"ulaw" => Payload::Pcm(Encoding::MuLaw),
        b"alaw" => Payload::Pcm(Encoding::ALaw),
        b"ima4" => Payload::Blocks(Form::QuickTime { carries: true }),
        b"aac " | b"alac" | b"flac" | b"opus" | b".mp1" | b".mp2" | b".mp3" => return Ok(None),
        kind => return Err(ExtractError::UnsupportedCodec { codec: foreign(*kind) }),
    };
    Ok(Some((payload, channels, sample_rate)))
}

/// Linear PCM: bit 0 of the flags says float, bit 1 little-endian.
fn linear(
    flags: u32,
    packet_bytes: u32,
    channels: u32,
    bits: u32,
) -> Result<Encoding, ExtractError> {
    let order = if flags & 2 == 0 { Order::Big } else { Order::Little };
    let bytes = packet_bytes.checked_div(channels).unwrap_or(0) as usize;
    let encoding = match flags & 1 {
        0 => Encoding::signed(bytes, order),
        _ => Encoding::float(bytes, order),
    };
    // Where a sample lies in a wider place, CAF does not say.
    let is_full = usize::try_from(bits) == Ok(8 * bytes);
    encoding.filter(|_| is_full).ok_or_else(|| {
        let codec = format!("lpcm of {bits} bits in {packet_bytes} bytes for {channels} channels");
        ExtractError::UnsupportedCodec { codec }
    })
}

/// The name of a codec that is not read here, by Core Audio's letters for it.
fn foreign(kind: [u8; 4]) -> String {
    let name = match &kind {
        b"ac-3" | b"cac3" => "ac3",
        b"ec-3" => "eac3",
        b"aach" | b"aacp" => "aac (HE-AAC)",
        b"aacl" | b"aace" | b"aacf" => "aac (AAC-LD or AAC-ELD)",
        b"usac" => "aac (xHE-AAC)",
        b"MAC3" | b"MAC6" => "mace",
        b"QDMC" | b"QDM2" => "qdesign",
        b"Qclp" => "qcelp",
        b"samr" => "amr",
        b"sawb" => "amr-wb",
        b"ilbc" => "ilbc",
        b"agsm" | b"ms\0\x31" => "gsm 06.10",
        b"ms\0\x02" => "adpcm_ms in CAF",
        b"ms\0\x11" => "adpcm_ima_wav in CAF",
        b"AUDB" => "audible",
        _ => return format!("CAF format \"{}\"", kind.escape_ascii()),
    };
    name.to_owned()
}

fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("CAF: {what}") }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Contents, Encoding, Form, Layout, Payload, detect, read};
    use crate::decode::source::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn chunk(id: &[u8; 4], len: i64, body: &[u8]) -> Vec<u8> {
        [&id[..], &len.to_be_bytes(), body].concat()
    }

    fn description(kind: &[u8; 4], rate: f64, [flags, bytes, bits]: [u32; 3]) -> Vec<u8> {
        let words = [flags, bytes, 1, 2, bits].map(u32::to_be_bytes);
        chunk(b"desc", 32, &[&rate.to_be_bytes()[..], kind, words.as_flattened()].concat())
    }

    fn parse(chunks: &[Vec<u8>]) -> Result<Option<Contents>, ExtractError> {
        let bytes = [b"caff\0\x01\0\0".to_vec(), chunks.concat()].concat();
        assert!(detect(&bytes));
        read(&mut SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None), 0)
    }

    #[test]
    fn a_live_recording_has_no_length() {
        let desc = description(b"lpcm", 44_100.5, [2, 4, 16]);
        for (size, len) in [(-1, None), (12, Some(8)), (0, Some(0))] {
            let free = chunk(b"free", 3, b"abc");
            let found = parse(&[desc.clone(), free, chunk(b"data", size, &[0; 12])]).unwrap();
            let payload = Payload::Pcm(Encoding::S16);
            let (start, behind, sample_rate) = (83, Layout::Caf, 44_101);
            let expected = Contents { payload, channels: 2, sample_rate, start, len, behind };
            assert_eq!(found, Some(expected));
        }
    }

    #[test]
    fn formats_are_encodings() {
        let found = |kind: &[u8; 4], shape| {
            let chunks = [description(kind, 8000.0, shape), chunk(b"data", 4, &[0; 4])];
            parse(&chunks).map(|found| found.map(|found| found.payload)).map_err(|e| e.reason())
        };
        let check = |kind, shape, encoding| {
            assert_eq!(found(kind, shape), Ok(Some(Payload::Pcm(encoding))));
        };
        check(b"lpcm", [0, 2, 8], Encoding::S8);
        check(b"lpcm", [0, 6, 24], Encoding::S24Be);
        check(b"lpcm", [2, 8, 32], Encoding::S32);
        check(b"lpcm", [1, 8, 32], Encoding::F32Be);
        check(b"lpcm", [3, 16, 64], Encoding::F64);
        check(b"ulaw", [0, 2, 8], Encoding::MuLaw);
        check(b"alaw", [0, 2, 8], Encoding::ALaw);
        let ima = Payload::Blocks(Form::QuickTime { carries: true });
        assert_eq!(found(b"ima4", [0, 68, 0]), Ok(Some(ima)));
        assert_eq!(found(b"aac ", [0, 0, 0]), Ok(None));
        for kind in [b"ac-3", b"ms\0\x02", b"new\xff"] {
            assert_eq!(found(kind, [0, 0, 0]), Err("UNSUPPORTED_CODEC"), "{kind:?}");
        }
        for shape in [[0, 8, 24], [0, 4, 12], [1, 4, 16], [0, 16, 64], [0, 0, 0], [0, 2, 16]] {
            assert_eq!(found(b"lpcm", shape), Err("UNSUPPORTED_CODEC"), "{shape:?}");
        }
    }

    #[test]
    fn what_is_missing_is_refused() {
        let desc = description(b"lpcm", 8000.0, [2, 4, 16]);
        let reason = |chunks: &[Vec<u8>]| parse(chunks).unwrap_err().reason();
        assert_eq!(reason(&[]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[chunk(b"data", 4, &[0; 4])]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[desc[..30].to_vec()]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[desc.clone(), chunk(b"free", -1, &[0; 4])]), "UNDECODABLE_AUDIO");
        assert_eq!(reason(&[desc]), "UNDECODABLE_AUDIO");
    }
}
