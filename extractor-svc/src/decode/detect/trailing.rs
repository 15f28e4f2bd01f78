//! What follows the end of a container: other chunks of it, tags, padding, or another recording, which
//! nobody reads and which somebody may miss.
//!
//! Little is looked at, and always further on: a stream has let go what was read.

use std::io::Cursor;

use super::marker;
use crate::decode::mpeg::tags::{self, Tag};
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::findings::{Findings, WarningCode};
use crate::limits::Limits;

/// Most chunks, boxes and tags that are gone over.
const MAX_STEPS: usize = 64;

/// Bytes that are looked at where a recording may begin: three frames of AAC.
const LOOKED_AT: usize = 24 << 10;

/// Bytes of the longest head of a chunk.
const HEAD_BYTES: usize = 24;

/// How chunks behind the audio are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Layout {
    /// There are none.
    Bare,
    /// Four letters, 32 bits of length.
    Little,
    /// The same, big-endian.
    Big,
    /// Wave64: an identifier, and 64 bits of length with the head.
    Wave64,
    /// CAF: four letters, 64 bits of length.
    Caf,
    /// MP4: 32 bits of length with the head, four letters.
    Boxes,
}

impl Layout {
    fn alignment(self) -> u64 {
        match self {
            Self::Bare | Self::Caf | Self::Boxes => 1,
            Self::Little | Self::Big => 2,
            Self::Wave64 => 8,
        }
    }

    /// Bytes of the chunk that begins with `head`, if one does.
    fn chunk(self, head: &[u8; HEAD_BYTES]) -> Option<u64> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = *head;
        let is_name = |name: [u8; 4]| name.iter().all(|&x| matches!(x, 0x20..=0x7e | 0xa9));
        let long = |bytes| u64::from(u32::from_be_bytes(bytes));
        match self {
            Self::Bare => None,
            Self::Little => {
                is_name([a, b, c, d]).then(|| 8 + u64::from(u32::from_le_bytes([e, f, g, h])))
            }
            Self::Big => is_name([a, b, c, d]).then(|| 8 + long([e, f, g, h])),
            Self::Caf => is_name([a, b, c, d])
                .then(|| u64::from_be_bytes([e, f, g, h, i, j, k, l]).saturating_add(12)),
            Self::Wave64 => {
                let [.., s0, s1, s2, s3, s4, s5, s6, s7] = *head;
                let len = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
                (is_name([a, b, c, d]) && len >= HEAD_BYTES as u64).then_some(len)
            }
            Self::Boxes => {
                let len = match long([a, b, c, d]) {
                    1 => u64::from_be_bytes([i, j, k, l, head[12], head[13], head[14], head[15]]),
                    len => len,
                };
                (is_name([e, f, g, h]) && len >= 8).then_some(len)
            }
        }
    }
}

/// Where the audio of a container ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct End {
    pub(in crate::decode) at: u64,
    pub(in crate::decode) layout: Layout,
}

impl End {
    /// Warns of a recording behind it.
    ///
    /// # Errors
    /// If the source fails.
    pub(in crate::decode) fn look(
        self,
        view: &mut SourceView,
        findings: &mut Findings,
    ) -> Result<(), ExtractError> {
        if let Some(text) = find(view, self.at, self.layout)? {
            findings.warn(WarningCode::TrailingAudio, text);
        }
        Ok(())
    }
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
        let mut head = [0; HEAD_BYTES];
        let there = bytes.len().min(HEAD_BYTES);
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
