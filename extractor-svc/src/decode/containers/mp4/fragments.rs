//! Fragments (`moof`): packets that the movie's tables do not list (ISO/IEC 14496-12, 8.8).

use std::collections::VecDeque;
use std::io::Cursor;

use super::boxes::{Child, Walk, broken};
use super::movie::Defaults;
use super::samples::Piece;
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::limits::Limits;

/// Most packets of one fragment.
const MAX_PACKETS: usize = 1 << 20;

/// Most boxes between two fragments.
const MAX_BOXES: usize = 10_000;

/// Flags of `tfhd`: which fields there are.
const BASE: u32 = 1;
const DESCRIPTION: u32 = 2;
const TICKS: u32 = 8;
const BYTES: u32 = 0x10;

/// Reads fragments one after the other.
pub(super) struct Fragments {
    /// The next box.
    at: u64,
    defaults: Defaults,
    time: u64,
    pieces: VecDeque<Piece>,
}

impl Fragments {
    /// From byte `at` on.
    pub(super) fn new(at: u64, defaults: Defaults) -> Self {
        Self { at, defaults, time: 0, pieces: VecDeque::new() }
    }

    /// The next packet; `None` at the end of the source. Offsets count from the source's first byte.
    pub(super) fn next(
        &mut self,
        view: &mut SourceView,
        base: u64,
    ) -> Result<Option<Piece>, ExtractError> {
        for _ in 0..MAX_BOXES {
            if let Some(piece) = self.pieces.pop_front() {
                return Ok(Some(piece));
            }
            let mut walk = Walk::new(view);
            let Some(child) = walk.child(self.at, u64::MAX)? else { return Ok(None) };
            self.at = child.end;
            if child.kind != *b"moof" {
                continue;
            }
            // A stream forgets what was read: the fragment is taken in as a whole, and the header of
            // its data before the data.
            let bytes = walk.table(child, child.end - child.body)?;
            if let Some(data) = walk.child(child.end, u64::MAX)?
                && data.kind == *b"mdat"
            {
                self.at = data.end;
            }
            self.fragment(child.start, bytes, base)?;
        }
        Err(broken(&format!("{MAX_BOXES} boxes without a packet")))
    }

    /// Reads the body of the fragment that begins at `start`.
    fn fragment(&mut self, start: u64, bytes: Vec<u8>, base: u64) -> Result<(), ExtractError> {
        let whole = Child { kind: *b"moof", start: 0, body: 0, end: bytes.len() as u64 };
        let mut view = SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None);
        Walk::new(&mut view).each(whole, &mut |walk, traf| {
            if traf.kind == *b"traf" { self.track(walk, traf, start, base) } else { Ok(()) }
        })
    }

    fn track(
        &mut self,
        walk: &mut Walk<'_>,
        traf: Child,
        mut anchor: u64,
        base: u64,
    ) -> Result<(), ExtractError> {
        let mut defaults = None;
        let mut behind = None;
        walk.each(traf, &mut |walk, child| {
            match &child.kind {
                b"tfhd" if walk.number(child, 4)? == self.defaults.track => {
                    let flags = walk.number(child, 0)? & 0xff_ffff;
                    let mut own = (self.defaults.ticks, self.defaults.bytes, 1);
                    let mut at = 8;
                    if flags & BASE != 0 {
                        anchor = u64::from_be_bytes(walk.field(child, at)?).saturating_add(base);
                        at += 8;
                    }
                    for (flag, field) in
                        [(DESCRIPTION, &mut own.2), (TICKS, &mut own.0), (BYTES, &mut own.1)]
                    {
                        if flags & flag != 0 {
                            *field = walk.number(child, at)?;
                            at += 4;
                        }
                    }
                    defaults = Some(own);
                }
                b"trun" => {
                    if let Some(defaults) = defaults {
                        let from = behind.unwrap_or(anchor);
                        behind = Some(self.run(walk, child, defaults, (anchor, from))?);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads `trun`; returns where its data ends.
    fn run(
        &mut self,
        walk: &mut Walk<'_>,
        run: Child,
        (ticks, bytes, description): (u32, u32, u32),
        (anchor, mut offset): (u64, u64),
    ) -> Result<u64, ExtractError> {
        let flags = walk.number(run, 0)? & 0xff_ffff;
        let count = walk.number(run, 4)? as usize;
        if count > MAX_PACKETS || self.pieces.len() > MAX_PACKETS {
            return Err(broken(&format!("a fragment of {count} packets and more")));
        }
        let mut at = 8;
        if flags & 1 != 0 {
            let by = i32::from_be_bytes(walk.field(run, at)?);
            offset = anchor.saturating_add_signed(by.into());
            at += 4;
        }
        if flags & 4 != 0 {
            at += 4;
        }
        let fields: Vec<u32> =
            [0x100, 0x200, 0x400, 0x800].into_iter().filter(|f| flags & f != 0).collect();
        let row_bytes = 4 * fields.len();
        let rows = walk.table(run.behind(at), (count * row_bytes) as u64)?;
        if rows.len() < count * row_bytes {
            return Err(broken("a fragment ends early"));
        }
        for index in 0..count {
            let mut piece = Piece { offset, bytes, time: self.time, ticks, description };
            let row = rows[index * row_bytes..].as_chunks::<4>().0;
            for (field, value) in fields.iter().zip(row) {
                match field {
                    0x100 => piece.ticks = u32::from_be_bytes(*value),
                    0x200 => piece.bytes = u32::from_be_bytes(*value),
                    _ => {}
                }
            }
            offset = offset.saturating_add(piece.bytes.into());
            self.time = self.time.saturating_add(piece.ticks.into());
            self.pieces.push_back(piece);
        }
        Ok(offset)
    }
}
