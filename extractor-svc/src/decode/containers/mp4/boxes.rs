//! Boxes: a size, four letters, and a body that may be boxes again (ISO/IEC 14496-12, 4.2).
//!
//! Nothing here calls itself: who walks over a body says what to do with each box in it, so that the
//! walk is as deep as its code and never as deep as a file nests.

use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Kinds of boxes with which a file may begin. Old QuickTime files have no file type.
const FIRST: [&[u8; 4]; 9] =
    [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof"];

/// Whether bytes begin as a file of boxes does.
pub(in crate::decode) fn is_one(head: [u8; 16]) -> bool {
    let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = head;
    let size = u32::from_be_bytes([a, b, c, d]);
    FIRST.contains(&&kind) && (size == 0 || size == 1 || size >= 8)
}

/// Most boxes looked at, over all levels of the movie; fragments count anew.
const MAX_BOXES: usize = 50_000;

/// Most bytes of a box whose body is taken into memory at once.
const MAX_BODY: u64 = 1 << 20;

/// Most bytes of all tables together.
const MAX_TABLE_BYTES: u64 = 64 << 20;

/// A box: its kind, and where its body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) kind: [u8; 4],
    pub(super) start: u64,
    pub(super) body: u64,
    pub(super) end: u64,
}

impl Child {
    /// The same box with `bytes` of its body left out.
    pub(super) fn behind(self, bytes: u64) -> Self {
        Self { body: self.body.saturating_add(bytes).min(self.end), ..self }
    }
}

/// Walks over boxes.
pub(super) struct Walk<'a> {
    view: &'a mut SourceView,
    boxes: usize,
    /// Bytes that tables may still take.
    table_bytes: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(view: &'a mut SourceView) -> Self {
        Self { view, boxes: 0, table_bytes: MAX_TABLE_BYTES }
    }

    /// The box at `pos`, if one begins before `end`; a body is never longer than its parent's.
    pub(super) fn child(&mut self, pos: u64, end: u64) -> Result<Option<Child>, ExtractError> {
        if end.saturating_sub(pos) < 8 {
            return Ok(None);
        }
        self.boxes += 1;
        if self.boxes > MAX_BOXES {
            return Err(broken(&format!("more than {MAX_BOXES} boxes")));
        }
        // No more is read than the header: a stream may have forgotten what is behind the last byte.
        let mut header = [0; 8];
        if self.view.read_at(pos, &mut header)? < header.len() {
            return Ok(None);
        }
        let [s0, s1, s2, s3, k0, k1, k2, k3] = header;
        let (head, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, u64::MAX),
            1 => {
                let mut long = [0; 8];
                self.view.read_at(pos.saturating_add(8), &mut long)?;
                (16, u64::from_be_bytes(long))
            }
            size => (8, u64::from(size)),
        };
        if size < head {
            return Ok(None);
        }
        let end = pos.saturating_add(size).min(end);
        let body = pos.saturating_add(head).min(end);
        Ok(Some(Child { kind: [k0, k1, k2, k3], start: pos, body, end }))
    }

    /// Calls `visit` for each box of a body.
    ///
    /// # Errors
    /// If `visit` fails, or there are too many boxes.
    pub(super) fn each(
        &mut self,
        parent: Child,
        visit: &mut dyn FnMut(&mut Self, Child) -> Result<(), ExtractError>,
    ) -> Result<(), ExtractError> {
        let mut pos = parent.body;
        while let Some(child) = self.child(pos, parent.end)? {
            visit(self, child)?;
            pos = child.end;
        }
        Ok(())
    }

    /// `N` bytes at `at` of a body; zeros where the body or the source has none.
    pub(super) fn field<const N: usize>(
        &mut self,
        child: Child,
        at: u64,
    ) -> Result<[u8; N], ExtractError> {
        let mut bytes = [0; N];
        let at = child.body.saturating_add(at);
        let room = child.end.saturating_sub(at).min(N as u64) as usize;
        self.view.read_at(at, &mut bytes[..room])?;
        Ok(bytes)
    }

    /// The number in four bytes at `at` of a body.
    pub(super) fn number(&mut self, child: Child, at: u64) -> Result<u32, ExtractError> {
        Ok(u32::from_be_bytes(self.field(child, at)?))
    }

    /// As much of a table of `wanted` bytes as its box has.
    ///
    /// # Errors
    /// If the tables are too large together, or the source ends within one.
    pub(super) fn table(&mut self, from: Child, wanted: u64) -> Result<Vec<u8>, ExtractError> {
        let wanted = wanted.min(from.end - from.body);
        self.table_bytes = self
            .table_bytes
            .checked_sub(wanted)
            .ok_or(ExtractError::HeaderTooLarge { limit: MAX_TABLE_BYTES })?;
        // Room is made for what comes, not for what a header claims.
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < wanted {
            let filled = bytes.len();
            bytes.resize((wanted as usize).min(filled + (1 << 20)), 0);
            let there = self.view.read_at(from.body + filled as u64, &mut bytes[filled..])?;
            if there < bytes.len() - filled {
                return Err(broken("a table ends early"));
            }
        }
        Ok(bytes)
    }

    /// The whole body.
    ///
    /// # Errors
    /// If it is longer than [`MAX_BODY`], or the source ends before it does.
    pub(super) fn body(&mut self, child: Child) -> Result<Vec<u8>, ExtractError> {
        let len = child.end - child.body;
        if len > MAX_BODY {
            return Err(broken(&format!("a box of {len} bytes, expected at most {MAX_BODY}")));
        }
        let mut bytes = vec![0; len as usize];
        if self.view.read_at(child.body, &mut bytes)? < bytes.len() {
            return Err(broken("a box ends early"));
        }
        Ok(bytes)
    }
}

/// Boxes of a body that is in memory, one level of them: kind and body.
pub(super) fn inner(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    while let Some((&[s0, s1, s2, s3, k0, k1, k2, k3], rest)) = bytes.split_first_chunk() {
        let size = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        let Some(len) = size.checked_sub(8) else { break };
        let (body, behind) = rest.split_at(len.min(rest.len()));
        found.push(([k0, k1, k2, k3], body));
        bytes = behind;
    }
    found
}

pub(super) fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("MP4: {what}") }
}
