//! What follows the end of a container: other chunks of it, tags, padding, or another recording, which
//! nobody reads and which somebody may miss.
//!
//! Little is looked at, and always further on: a stream has let go what was read.

use std::io::Cursor;

use super::marker;
use crate::decode::containers::layout::{CHUNK_HEAD_BYTES, End, Layout};
use crate::decode::mpeg::tags::{self, Tag};
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::findings::{Findings, WarningCode};
use crate::limits::Limits;

/// Most chunks, boxes and tags that are gone over.
const MAX_STEPS: usize = 64;

/// Bytes that are looked at where a recording may begin: three frames of AAC.
const LOOKED_AT: usize = 24 << 10;

/// Warns of a recording behind the `end` of a container's audio.
///
/// # Errors
/// If the source fails.
pub(in crate::decode) fn look(
    end: End,
    view: &mut SourceView,
    findings: &mut Findings,
) -> Result<(), ExtractError> {
    if let Some(text) = find(view, end.at, end.layout)? {
        findings.warn(WarningCode::TrailingAudio, text);
    }
    Ok(())
}

/// A sentence on the recording that follows byte `at`, where the audio of a container ends.
///
/// # Errors
/// If the source fails.
pub(in crate::decode) fn find(
    view: &mut SourceView,
    at: u64,
    layout: Layout,
) -> Result<Option<String>, ExtractError> {
    if !view.keeps(at) {
        return Ok(None);
    }
    let (mut ahead, mut pos) = (Ahead { view, bytes: Vec::new(), at }, at);
    for _ in 0..MAX_STEPS {
        let bytes = ahead.bytes_at(pos)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut head = [0; CHUNK_HEAD_BYTES];
        let there = bytes.len().min(CHUNK_HEAD_BYTES);
        head[..there].copy_from_slice(&bytes[..there]);
        let tag = tags::at(&bytes[..bytes.len().min(tags::HEAD_BYTES)]);
        let mut shown = SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None);
        // Of boxes only a file type begins another file.
        let is_own = layout == Layout::Boxes && layout.chunk(&head).is_some();
        match marker::audio(&mut shown, 0)? {
            Some(name) if !is_own || head[4..8] == *b"ftyp" => {
                return Ok(Some(sentence(ahead.view, pos, name)?));
            }
            _ => {}
        }
        let aligned = pos.next_multiple_of(layout.alignment());
        let step = match tag {
            Some(Tag::Of(len)) => Some(len),
            Some(Tag::Footer(_)) => Some(tags::HEAD_BYTES as u64),
            _ if aligned != pos => Some(aligned - pos),
            _ => layout.chunk(&head),
        };
        let Some(next) = step.and_then(|step| pos.checked_add(step)) else { return Ok(None) };
        pos = next;
    }
    Ok(None)
}

/// What is said of a recording of some kind that begins at byte `at` and is not read.
pub(in crate::decode) fn sentence(
    view: &mut SourceView,
    at: u64,
    kind: &str,
) -> Result<String, ExtractError> {
    let bytes = view.bytes_from(at)?;
    Ok(format!("{bytes} bytes behind the end begin as {kind} and were not read"))
}

/// Bytes from a place that only moves on.
struct Ahead<'a> {
    view: &'a mut SourceView,
    /// Bytes from byte `at` on.
    bytes: Vec<u8>,
    at: u64,
}

impl Ahead<'_> {
    /// The next [`LOOKED_AT`] bytes from `pos`, or as many as there are.
    fn bytes_at(&mut self, pos: u64) -> Result<Vec<u8>, ExtractError> {
        let passed = usize::try_from(pos - self.at).unwrap_or(usize::MAX);
        self.bytes.drain(..passed.min(self.bytes.len()));
        if self.bytes.is_empty() {
            self.view.pass_to(pos)?;
        }
        self.at = pos;
        let kept = self.bytes.len();
        self.bytes.resize(LOOKED_AT, 0);
        let there = self.view.read_at(pos + kept as u64, &mut self.bytes[kept..])?;
        self.bytes.truncate(kept + there);
        Ok(self.bytes.clone())
    }
}
