//! What is not read here and has a name: other audio containers, raw streams of other codecs, video,
//! archives, documents, lists.
//!
//! Asked only after every container that is read has had its turn, and only for bytes that cannot be
//! anything else: a marker of four bytes or more at its place, or several frames in a row. What has
//! no name here is left to symphonia's probe.

mod kind;
mod magic;
mod streams;
mod text;

use self::kind::{Doubt, Foreign, Kind};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Bytes that are looked at; a MOD file has its marker at 1080.
const HEAD_BYTES: usize = 4096;

/// Refuses, by its name, what certainly begins at byte `start`.
///
/// # Errors
/// [`ExtractError::UnsupportedContainer`] or [`ExtractError::UnsupportedCodec`] if the bytes are
/// known; or that of the source.
pub(in crate::decode) fn refuse(view: &mut SourceView, start: u64) -> Result<(), ExtractError> {
    match find(view, start, Doubt::Little)? {
        None => Ok(()),
        Some((Kind::Codec, name)) => Err(ExtractError::UnsupportedCodec { codec: name.to_owned() }),
        Some((kind, name)) => {
            Err(ExtractError::UnsupportedContainer { detail: format!("{name}; {}", kind.advice()) })
        }
    }
}

/// The name of what begins at byte `start`, where samples are as likely.
///
/// # Errors
/// If the source fails.
pub(in crate::decode) fn certain(
    view: &mut SourceView,
    start: u64,
) -> Result<Option<&'static str>, ExtractError> {
    Ok(find(view, start, Doubt::Much)?.map(|(_, name)| name))
}

fn find(view: &mut SourceView, start: u64, doubt: Doubt) -> Result<Option<Foreign>, ExtractError> {
    let mut head = vec![0; HEAD_BYTES];
    let there = view.read_at(start, &mut head)?;
    head.truncate(there);
    let is_whole = there < HEAD_BYTES;
    let found = magic::find(&head, doubt).or_else(|| streams::find(&head, doubt));
    Ok(found.or_else(|| text::find(&head, is_whole, doubt)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::refuse;
    use crate::decode::source::SourceView;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn refusal(bytes: &[u8]) -> Option<ExtractError> {
        let mut view =
            SourceView::new(Box::new(Cursor::new(bytes.to_vec())), &Limits::default(), None);
        refuse(&mut view, 0).err()
    }

    #[test]
    fn a_refusal_says_what_it_is_and_what_to_do() {
        let detail = "TAK; convert it to FLAC or WAV".to_owned();
        assert_eq!(refusal(b"tBaK...."), Some(ExtractError::UnsupportedContainer { detail }));
        let codec = "dts".to_owned();
        let error = ExtractError::UnsupportedCodec { codec };
        assert_eq!(refusal(b"\x7f\xfe\x80\x01\xfc\x3c"), Some(error));
    }

    #[test]
    fn bytes_without_a_name_are_left_alone() {
        for bytes in [
            &b""[..],
            b"\0\0\0\0\0\0\0\0",
            b"\xff\xfb\x90\x64\0\0\0\0",
            b"\xff\xf1\x50\x80\0\0\0\0",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"RF64\0\0\0\0WAVEds64",
            b"FORM\0\0\0\0AIFFCOMM",
            b"fLaC\0\0\0\0",
            b"OggS\0\0\0\0",
            b"caff\0\0\0\0",
            b"\x1a\x45\xdf\xa3",
            b"\0\0\0\x20ftypM4A ",
        ] {
            assert_eq!(refusal(bytes), None, "{bytes:?}");
        }
    }
}
