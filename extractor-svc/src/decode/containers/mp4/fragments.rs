//! Fragments (`moof`): packets that the movie's tables do not list (ISO/IEC 14496-12, 8.8).
//!
//! What comes after the movie is boxes up to the end of the source. Anything else there is a damage,
//! and a second movie is another recording, which ffmpeg does not read either.

use std::collections::VecDeque;
use std::io::Cursor;

use super::boxes::{Child, Walk, broken};
use super::movie::Defaults;
use super::samples::Piece;
use crate::decode::detect::trailing;
use crate::decode::source::SourceView;
use crate::error::ExtractError;
use crate::limits::Limits;

/// Most packets of one fragment.
const MAX_PACKETS: u64 = 1 << 20;

/// Most boxes between two fragments.
const MAX_BOXES: usize = 10_000;

/// Most bytes of a fragment's tables.
const MAX_FRAGMENT: u64 = 64 << 20;

/// Most bytes of an index: 65,535 rows.
const MAX_INDEX: u64 = 1 << 20;

/// Flags of `tfhd`: which fields there are.
const BASE: u32 = 1;
const DESCRIPTION: u32 = 2;
const TICKS: u32 = 8;
const BYTES: u32 = 0x10;

/// Flags of `trun`: which fields a packet has; its length in ticks, and in bytes, come first.
const ROW_FIELDS: [u32; 4] = [ROW_TICKS, ROW_BYTES, 0x400, 0x800];
const ROW_TICKS: u32 = 0x100;
const ROW_BYTES: u32 = 0x200;

/// Packets that lie behind each other, as `trun` lists them.
struct Run {
    /// Packets that are left, and the first of them but for its own fields.
    left: u64,
    next: Piece,
    /// When the run begins, if its fragment says so.
    start: Option<u64>,
    flags: u32,
    /// Fields of all packets, and how many of their bytes are done.
    rows: Vec<u8>,
    done: usize,
}

impl Run {
    fn row_bytes(flags: u32) -> usize {
        4 * ROW_FIELDS.iter().filter(|&&field| flags & field != 0).count()
    }

    /// The next packet, which begins at tick `time`.
    fn next(&mut self, time: u64) -> Option<Piece> {
        self.left = self.left.checked_sub(1)?;
        let row_bytes = Self::row_bytes(self.flags);
        let mut row = self.rows.get(self.done..self.done + row_bytes)?.as_chunks::<4>().0.iter();
        self.done += row_bytes;
        let mut piece = Piece { time, ..self.next };
        for (flag, field) in [(ROW_TICKS, &mut piece.ticks), (ROW_BYTES, &mut piece.bytes)] {
            if self.flags & flag != 0 {
                *field = u32::from_be_bytes(*row.next()?);
            }
        }
        self.next.offset = piece.offset.saturating_add(piece.bytes.into());
        Some(piece)
    }

    /// Where the data of all packets ends.
    fn end(&self) -> u64 {
        let sizes = self.rows.as_chunks::<4>().0;
        let row = Self::row_bytes(self.flags) / 4;
        let bytes = if self.flags & ROW_BYTES != 0 {
            let first = usize::from(self.flags & ROW_TICKS != 0);
            let sizes = sizes.iter().skip(first).step_by(row.max(1));
            sizes.map(|&size| u64::from(u32::from_be_bytes(size))).sum()
        } else {
            self.left * u64::from(self.next.bytes)
        };
        self.next.offset.saturating_add(bytes)
    }
}

/// Reads fragments one after the other.
pub(super) struct Fragments {
    /// The next box.
    at: u64,
    defaults: Defaults,
    /// When the next packet begins if none is missing, once a fragment has come.
    time: Option<u64>,
    runs: VecDeque<Run>,
    /// Packets in those runs.
    packets: u64,
    /// By the indexes (`sidx`): when the track begins, and when it ends.
    span: Option<(u64, u64)>,
    /// Another recording begins here.
    is_over: bool,
}

impl Fragments {
    /// From byte `at` on.
    pub(super) fn new(at: u64, defaults: Defaults) -> Self {
        let runs = VecDeque::new();
        Self { at, defaults, time: None, runs, packets: 0, span: None, is_over: false }
    }

    /// Ticks of the track by the indexes so far, if there were any.
    pub(super) fn stated_ticks(&self) -> Option<u64> {
        self.span.map(|(start, end)| end.saturating_sub(start)).filter(|&ticks| ticks > 0)
    }

    /// The next packet; `None` at the end of the recording. Offsets count from the source's first byte.
    ///
    /// # Errors
    /// If what comes is no box, or one that does not hold what it should.
    pub(super) fn next(
        &mut self,
        view: &mut SourceView,
        base: u64,
    ) -> Result<Option<Piece>, ExtractError> {
        for _ in 0..MAX_BOXES {
            if let Some(piece) = self.listed() {
                return Ok(Some(piece));
            }
            let Some(child) = self.top_level(view)? else { return Ok(None) };
            let mut walk = Walk::new(view);
            match &child.kind {
                b"sidx" => self.index(&mut walk, child)?,
                b"moof" => {
                    // A stream forgets what was read: the fragment is taken in as a whole, and the
                    // header of its data before the data.
                    if child.end - child.body > MAX_FRAGMENT {
                        return Err(broken("a fragment of more than 64 MiB"));
                    }
                    let bytes = walk.table(child, child.end - child.body)?;
                    if let Some(data) = walk.child(child.end, u64::MAX)?
                        && data.kind == *b"mdat"
                    {
                        self.at = data.end;
                    }
                    self.fragment(child.start, bytes, base)?;
                }
                _ => {}
            }
        }
        Err(broken(&format!("{MAX_BOXES} boxes without a packet")))
    }

    /// The next packet of those that are listed.
    fn listed(&mut self) -> Option<Piece> {
        loop {
            let run = self.runs.front_mut()?;
            let expected = self.time.unwrap_or(0);
            let start = run.start.take();
            let Some(mut piece) = run.next(start.unwrap_or(expected)) else {
                self.runs.pop_front();
                continue;
            };
            // Clocks of writers are a few ticks off; what is missing is a packet at least.
            let gap = piece.time.saturating_sub(expected);
            piece.is_behind_gap = self.time.is_some() && gap >= u64::from(piece.ticks).max(1);
            self.time = Some(piece.time.saturating_add(piece.ticks.into()));
            return Some(piece);
        }
    }

    /// The next box of the source; `None` where the recording ends.
    fn top_level(&mut self, view: &mut SourceView) -> Result<Option<Child>, ExtractError> {
        // The last box may be without a size.
        if self.is_over || self.at == u64::MAX {
            return Ok(None);
        }
        let Some(child) = Walk::new(view).child(self.at, u64::MAX)? else {
            if !view.reaches(self.at)? {
                return Err(broken("a box reaches past the end"));
            }
            if view.reaches(self.at.saturating_add(1))? {
                return Err(broken("bytes that are no box"));
            }
            return Ok(None);
        };
        let is_kind = child.kind.iter().all(|&byte| matches!(byte, 0x20..=0x7e | 0xa9));
        if !is_kind || (child.end == u64::MAX && child.kind != *b"mdat") {
            return Err(broken("bytes that are no box"));
        }
        if matches!(&child.kind, b"ftyp" | b"moov") {
            self.is_over = true;
            let text = trailing::sentence(view, child.start, "MP4")?;
            view.fault().leave_trailing(text);
            return Ok(None);
        }
        self.at = child.end;
        Ok(Some(child))
    }

    /// Reads `sidx`: the times of what it lists (8.16.3).
    fn index(&mut self, walk: &mut Walk<'_>, index: Child) -> Result<(), ExtractError> {
        let bytes = walk.table(index, (index.end - index.body).min(MAX_INDEX))?;
        let word = |at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
            u32::from_be_bytes(word.unwrap_or_default())
        };
        if word(4) != self.defaults.track || word(8) != self.defaults.clock {
            return Ok(());
        }
        let is_long = bytes.first() == Some(&1);
        let start =
            if is_long { u64::from(word(12)) << 32 | u64::from(word(16)) } else { word(12).into() };
        // Behind it: where the first byte lies, and how many rows there are.
        let rows = bytes.get(if is_long { 32 } else { 24 }..).unwrap_or_default();
        let ticks: u64 = rows
            .as_chunks::<12>()
            .0
            .iter()
            .map(|&[_, _, _, _, a, b, c, d, ..]| u64::from(u32::from_be_bytes([a, b, c, d])))
            .sum();
        let end = start.saturating_add(ticks);
        let (first, last) = self.span.unwrap_or((start, end));
        self.span = Some((first.min(start), last.max(end)));
        Ok(())
    }

    /// Reads the body of the fragment that begins at `start`.
    fn fragment(&mut self, start: u64, bytes: Vec<u8>, base: u64) -> Result<(), ExtractError> {
        let whole = Child { kind: *b"moof", start: 0, body: 0, end: bytes.len() as u64 };
        let mut view = SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None);
        self.packets = 0;
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
        let (mut behind, mut start) = (None, None);
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
                b"tfdt" => {
                    let [version] = walk.field(child, 0)?;
                    start = Some(match version {
                        1 => u64::from_be_bytes(walk.field(child, 4)?),
                        _ => walk.number(child, 4)?.into(),
                    });
                }
                b"trun" => {
                    if let Some(defaults) = defaults {
                        let from = behind.unwrap_or(anchor);
                        let run = self.run(walk, child, defaults, (anchor, from))?;
                        behind = Some(run.end());
                        self.runs.push_back(Run { start: start.take(), ..run });
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Reads `trun`, whose data begin at `offset` unless it says how far behind `anchor`.
    fn run(
        &mut self,
        walk: &mut Walk<'_>,
        run: Child,
        (ticks, bytes, description): (u32, u32, u32),
        (anchor, mut offset): (u64, u64),
    ) -> Result<Run, ExtractError> {
        let flags = walk.number(run, 0)? & 0xff_ffff;
        let left = u64::from(walk.number(run, 4)?);
        self.packets = self.packets.saturating_add(left);
        if self.packets > MAX_PACKETS {
            return Err(broken(&format!("a fragment of {} packets and more", self.packets)));
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
        let wanted = left * Run::row_bytes(flags) as u64;
        let rows = walk.table(run.behind(at), wanted)?;
        if (rows.len() as u64) < wanted {
            return Err(broken("a fragment ends early"));
        }
        let next = Piece { offset, bytes, time: 0, ticks, description, is_behind_gap: false };
        Ok(Run { left, next, start: None, flags, rows, done: 0 })
    }
}
