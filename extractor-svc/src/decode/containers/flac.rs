//! Native FLAC: from the marker to the first frame.
//!
//! Of all metadata only the stream information matters for decoding. The other blocks (pictures,
//! cue sheets, comments) are skipped unread: they cost no memory, and an odd one does no harm.

mod frames;
mod header;

pub(in crate::decode) use self::frames::FlacFrames;

use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most metadata blocks.
const MAX_BLOCKS: usize = 4096;

/// Type of a stream information block, and its only length.
const STREAM_INFO: (u8, u64) = (0, 34);

/// The body of the stream information, and where the first frame begins.
pub(in crate::decode) fn read(
    view: &mut SourceView,
    at: u64,
) -> Result<([u8; 34], u64), ExtractError> {
    let mut pos = at + 4;
    let mut body = [0; 34];
    for index in 0..MAX_BLOCKS {
        let mut block = [0; 4];
        read_exactly(view, pos, &mut block)?;
        let [kind, a, b, c] = block;
        let len = u64::from(u32::from_be_bytes([0, a, b, c]));
        pos += 4;
        if index == 0 {
            if (kind & 0x7f, len) != STREAM_INFO {
                return Err(broken("the first metadata block is no stream information"));
            }
            read_exactly(view, pos, &mut body)?;
        }
        pos += len;
        if kind & 0x80 != 0 {
            return Ok((body, pos));
        }
    }
    Err(broken("too many metadata blocks"))
}

fn read_exactly(view: &mut SourceView, at: u64, buf: &mut [u8]) -> Result<(), ExtractError> {
    if view.read_at(at, buf)? < buf.len() {
        return Err(broken("the metadata ends early"));
    }
    Ok(())
}

fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("FLAC: {what}") }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::read;
    use crate::decode::source::SourceView;
    use crate::limits::Limits;

    #[test]
    fn all_but_the_stream_information_is_dropped() {
        let info = [&[0, 0, 0, 34][..], &[7; 34]].concat();
        let picture = [&[0x86, 0, 1, 0][..], &[1; 256]].concat();
        let bytes = [b"xfLaC".to_vec(), info, picture, vec![0xff]].concat();
        let mut view =
            SourceView::new(Box::new(Cursor::new(bytes.clone())), &Limits::default(), None);
        let (body, start) = read(&mut view, 1).unwrap();
        assert_eq!(body, [7; 34]);
        assert_eq!(start, bytes.len() as u64 - 1);

        let mut short =
            SourceView::new(Box::new(Cursor::new(bytes[..30].to_vec())), &Limits::default(), None);
        assert_eq!(read(&mut short, 1).unwrap_err().reason(), "UNDECODABLE_AUDIO");
    }
}
