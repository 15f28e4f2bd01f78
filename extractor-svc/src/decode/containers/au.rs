//! Sun's and NeXT's AU: a header of six words, and samples.
//!
//! Read as libsndfile reads: big-endian behind `.snd`, little-endian behind `dns.`, from the stated
//! place on, as much as is stated, or to the end where that is all ones. Behind `\0ds.`, DEC's mark of
//! little-endian files, it sees 8-bit samples without a header; here the header is believed.

use super::contents::{Contents, Payload, stated};
use super::layout::Layout;
use crate::decode::pcm::{Encoding, Order};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Bytes of the header before its annotation.
const HEADER_BYTES: usize = 24;

/// Whether these first bytes are those of AU.
pub(in crate::decode) fn detect(head: &[u8]) -> bool {
    [b".snd", b"dns.", b"\0ds."].iter().any(|magic| head.starts_with(*magic))
}

/// Reads the header that begins at byte `at`.
pub(in crate::decode) fn read(view: &mut SourceView, at: u64) -> Result<Contents, ExtractError> {
    let mut header = [0; HEADER_BYTES];
    if view.read_at(at, &mut header)? < header.len() {
        return Err(ExtractError::UndecodableAudio { detail: "AU: header ends early".into() });
    }
    let order = if header.starts_with(b".snd") { Order::Big } else { Order::Little };
    let words = header.as_chunks::<4>().0;
    let word = |index: usize| match order {
        Order::Big => u32::from_be_bytes(words[index]),
        Order::Little => u32::from_le_bytes(words[index]),
    };
    let len = stated(word(2));
    let payload = Payload::Pcm(encoding(word(3), order)?);
    let start = at + u64::from(word(1)).max(HEADER_BYTES as u64);
    Ok(Contents {
        payload,
        channels: word(5),
        sample_rate: word(4),
        start,
        len,
        behind: Layout::Bare,
    })
}

fn encoding(code: u32, order: Order) -> Result<Encoding, ExtractError> {
    let encoding = match code {
        1 => Some(Encoding::MuLaw),
        2..=5 => Encoding::signed(code as usize - 1, order),
        6 => Encoding::float(4, order),
        7 => Encoding::float(8, order),
        27 => Some(Encoding::ALaw),
        _ => None,
    };
    encoding.ok_or_else(|| {
        let codec = match code {
            23 => "adpcm_g721".to_owned(),
            24 => "adpcm_g722".to_owned(),
            25 => "adpcm_g723 (24 kbit/s)".to_owned(),
            26 => "adpcm_g723 (40 kbit/s)".to_owned(),
            _ => format!("AU encoding {code}"),
        };
        ExtractError::UnsupportedCodec { codec }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Contents, Encoding, Layout, Payload, detect, read};
    use crate::decode::source::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn parse(magic: &[u8; 4], words: [u32; 5]) -> Result<Contents, ExtractError> {
        let bytes = words
            .map(|word| if magic == b".snd" { word.to_be_bytes() } else { word.to_le_bytes() });
        let bytes = [&magic[..], bytes.as_flattened()].concat();
        assert!(detect(&bytes));
        read(&mut SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None), 0)
    }

    #[test]
    fn encodings_are_those_of_libsndfile() {
        let check = |magic, code, expected| {
            let found = parse(magic, [28, 8, code, 8000, 2]).unwrap();
            let payload = Payload::Pcm(expected);
            let (start, len, behind) = (28, Some(8), Layout::Bare);
            let sample_rate = 8000;
            assert_eq!(found, Contents { payload, channels: 2, sample_rate, start, len, behind });
        };
        check(b".snd", 1, Encoding::MuLaw);
        check(b".snd", 2, Encoding::S8);
        check(b".snd", 3, Encoding::S16Be);
        check(b".snd", 4, Encoding::S24Be);
        check(b".snd", 5, Encoding::S32Be);
        check(b".snd", 6, Encoding::F32Be);
        check(b".snd", 7, Encoding::F64Be);
        check(b".snd", 27, Encoding::ALaw);
        check(b"dns.", 3, Encoding::S16);
        check(b"dns.", 7, Encoding::F64);
        check(b"\0ds.", 3, Encoding::S16);
        for code in [0, 8, 23, 24, 25, 26, 28] {
            let error = parse(b".snd", [28, 8, code, 8000, 2]).unwrap_err();
            assert_eq!(error.reason(), "UNSUPPORTED_CODEC");
        }
    }

    #[test]
    fn a_pipe_states_no_length() {
        let found = parse(b".snd", [4, u32::MAX, 3, 8000, 1]).unwrap();
        assert_eq!((found.start, found.len), (24, None));
    }
}
