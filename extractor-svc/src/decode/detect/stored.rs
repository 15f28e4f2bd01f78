//! From what a header says to the reader of its payload, for the containers that are walked here.

use crate::decode::blocks::BlockReader;
use crate::decode::containers::contents::{Contents, Payload};
use crate::decode::containers::layout::End;
use crate::decode::containers::riff::Flavour;
use crate::decode::containers::{aiff, au, caf, riff};
use crate::decode::mpeg::MpegReader;
use crate::decode::pcm::PcmReader;
use crate::decode::reader::Reader;
use crate::decode::source::SourceView;
use crate::decode::spec::check_spec;
use crate::error::ExtractError;
use crate::limits::Limits;

/// The container that begins at byte `start` with `head`, and what its header says; `None` if it is
/// none of those that are walked to samples or blocks.
pub(in crate::decode) fn read(
    view: &mut SourceView,
    start: u64,
    head: &[u8],
) -> Result<Option<(&'static str, Contents)>, ExtractError> {
    if let Some(flavour) = Flavour::detect(head) {
        return Ok(Some((flavour.container(), riff::read(view, start, flavour)?)));
    }
    if aiff::detect(head) {
        return Ok(Some(("aiff", aiff::read(view, start)?)));
    }
    if au::detect(head) {
        return Ok(Some(("au", au::read(view, start)?)));
    }
    if caf::detect(head) {
        return Ok(caf::read(view, start)?.map(|contents| ("caf", contents)));
    }
    Ok(None)
}

/// Opens the reader of what a header describes.
pub(in crate::decode) fn open(
    view: SourceView,
    contents: Contents,
    limits: &Limits,
) -> Result<Reader, ExtractError> {
    let Contents { payload, sample_rate, start, len, behind, .. } = contents;
    let spec = (sample_rate, usize::try_from(contents.channels).unwrap_or(usize::MAX));
    let end = len.map(|len| End { at: start.saturating_add(len), layout: behind });
    match payload {
        Payload::Pcm(encoding) => {
            check_spec(spec.0, spec.1, limits)?;
            let declared = len.map(|len| len / (encoding.bytes() * spec.1) as u64);
            let view = view.show(Vec::new(), start, len);
            let reader = PcmReader::new(view, encoding, spec.1, declared).ending(end);
            Ok(Reader::Pcm { reader, codec: encoding.codec(), spec })
        }
        Payload::Blocks(form) => {
            check_spec(spec.0, spec.1, limits)?;
            let (bytes, frames) = (form.bytes(spec.1) as u64, form.frames(spec.1) as u64);
            if frames == 0 {
                let detail = format!("{}: a block of {bytes} bytes has no frame", form.codec());
                return Err(ExtractError::UndecodableAudio { detail });
            }
            // What is left of a block at the end holds less, or nothing.
            let declared = len.map(|len| len / bytes * frames);
            let view = view.show(Vec::new(), start, len);
            let reader = BlockReader::new(view, form, spec.1, declared).ending(end);
            Ok(Reader::Blocks { reader, codec: form.codec(), spec })
        }
        Payload::Mpeg => {
            let fault = view.fault();
            let view = view.show(Vec::new(), start, len);
            Ok(Reader::Mpeg(Box::new(MpegReader::open(Box::new(view), fault)?)))
        }
    }
}
