//! Edit lists: which packets are decoded, and which of their frames are kept, as ffmpeg (5.1) takes
//! them from the list.
//!
//! The first edit begins at its very frame; it ends, and others begin and end, with whole packets: a
//! packet belongs to an edit if it begins inside. Decoding starts a second before an edit, so that
//! the decoder has what it needs. Empty edits in front are left out.

use super::boxes::broken;
use super::samples::{Cursor, MAX_PACKETS, Piece, Table};
use crate::error::ExtractError;

/// Most edits; each may be a second of decoding for nothing.
pub(super) const MAX_EDITS: usize = 4096;

/// Most edits that go back in the media: each goes through the tables from their beginning.
const MAX_RETURNS: usize = 64;

/// Most steps from packet to packet, over all edits: every packet of the longest table twice.
const MAX_STEPS: u64 = 2 * MAX_PACKETS;

/// A part of the media, in ticks of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// First tick; -1 is nothing.
    pub(super) start: i64,
    pub(super) ticks: u64,
}

impl Edit {
    fn end(self) -> i64 {
        i64::try_from(self.ticks).map_or(i64::MAX, |ticks| self.start.saturating_add(ticks))
    }
}

/// What is kept of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// All but so many ticks at the start.
    From(u64),
    /// Nothing: it is decoded for the sake of those behind it.
    Nothing,
}

/// Goes through the packets of a track as its edits want them.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    edits: Vec<Edit>,
    /// Number of the edit, and the place in it, if it has begun.
    at: (usize, Option<Cursor>),
    /// No edit before this one was of any media.
    is_first: bool,
    first: Cursor,
    /// Where the last edit was begun.
    mark: Cursor,
    /// Ticks of a second.
    second: u64,
    /// Packets that were looked at.
    steps: u64,
}

impl Plan {
    /// A plan for `edits`; without any, for all packets from tick `skip` on.
    ///
    /// # Errors
    /// If more than [`MAX_RETURNS`] edits go back.
    pub(super) fn new(
        edits: &[Edit],
        skip: u64,
        first: Cursor,
        second: u32,
    ) -> Result<Self, ExtractError> {
        let returns = edits.windows(2).filter(|pair| pair[1].start < pair[0].start).count();
        if returns > MAX_RETURNS {
            return Err(broken(&format!(
                "{returns} edits go back, expected {MAX_RETURNS} at most"
            )));
        }
        let whole = [Edit { start: skip.try_into().unwrap_or(i64::MAX), ticks: u64::MAX }];
        let mut edits = if edits.is_empty() { whole.to_vec() } else { edits.to_vec() };
        let empty = edits.iter().take_while(|edit| edit.start == -1).count();
        edits.drain(..empty);
        let second = second.into();
        Ok(Self { edits, at: (0, None), is_first: true, first, mark: first, second, steps: 0 })
    }

    /// Whether there are more steps than any honest list of edits needs; then the plan is over.
    pub(super) fn is_endless(&self) -> bool {
        self.steps > MAX_STEPS
    }

    /// The next packet.
    pub(super) fn next(&mut self, table: &Table) -> Option<(Piece, Kept)> {
        while !self.is_endless() {
            self.steps += 1;
            let edit = *self.edits.get(self.at.0)?;
            let mut cursor = match self.at.1 {
                Some(cursor) => cursor,
                None => self.seek(table, edit),
            };
            let found = cursor.next(table);
            self.at.1 = Some(cursor);
            let Some(piece) = found else {
                self.pass();
                continue;
            };
            let start = i64::try_from(piece.time).unwrap_or(i64::MAX);
            // The last packet lasts as long as its edit.
            let is_last = cursor.next(table).is_none();
            let ticks = if is_last { edit.ticks } else { piece.ticks.into() };
            let end = start.saturating_add_unsigned(ticks);
            let kept = if start >= edit.start && start < edit.end() {
                Kept::From(0)
            } else if start < edit.start && end > edit.start && self.is_first {
                Kept::From(edit.start.abs_diff(start))
            } else {
                Kept::Nothing
            };
            if end >= edit.end() {
                self.pass();
            }
            return Some((piece, kept));
        }
        None
    }

    fn pass(&mut self) {
        self.at = (self.at.0 + 1, None);
        self.is_first = false;
    }

    /// The packet with which decoding for `edit` begins.
    fn seek(&mut self, table: &Table, edit: Edit) -> Cursor {
        let wanted = u64::try_from(edit.start).unwrap_or(0).saturating_sub(self.second);
        let from = if self.mark.time() <= wanted { self.mark } else { self.first };
        let (mut found, mut cursor) = (from, from);
        while cursor.time() <= wanted && !self.is_endless() {
            self.steps += 1;
            let here = cursor;
            if cursor.next(table).is_none() {
                break;
            }
            found = here;
        }
        self.mark = found;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Kept, Plan};
    use crate::decode::containers::mp4::samples::{Cursor, Table};

    /// Packets of ten ticks, by their number, and what is kept of them.
    fn planned(edits: &[(i64, u64)], skip: u64) -> Vec<(u64, Kept)> {
        let edits: Vec<Edit> = edits.iter().map(|&(start, ticks)| Edit { start, ticks }).collect();
        let table = Table::regular(8, 10);
        let mut plan = Plan::new(&edits, skip, Cursor::default(), 20).unwrap();
        std::iter::from_fn(|| plan.next(&table))
            .map(|(piece, kept)| (piece.time / 10, kept))
            .collect()
    }

    use Kept::{From, Nothing};

    #[test]
    fn without_edits_all_is_kept_but_the_priming() {
        let all: Vec<_> = (0..8).map(|number| (number, From(0))).collect();
        assert_eq!(planned(&[], 0), all);
        assert_eq!(planned(&[], 13)[..3], [(0, Nothing), (1, From(3)), (2, From(0))]);
    }

    #[test]
    fn the_first_edit_begins_at_its_frame_and_ends_with_a_packet() {
        let expected = [(2, Nothing), (3, Nothing), (4, From(3)), (5, From(0))];
        assert_eq!(planned(&[(-1, 7), (43, 15)], 0), expected);
        assert_eq!(planned(&[(0, 20)], 5), [(0, From(0)), (1, From(0))]);
        assert_eq!(planned(&[(0, 21)], 0).last(), Some(&(2, From(0))));
    }

    #[test]
    fn later_edits_begin_with_a_packet() {
        let expected = [(0, From(0)), (2, Nothing), (3, Nothing), (4, Nothing), (5, From(0))];
        assert_eq!(planned(&[(0, 10), (43, 15)], 0), expected);
        // The same part twice, and one that there is not.
        let expected = [(0, From(0)), (0, From(0)), (7, Nothing)];
        assert_eq!(planned(&[(0, 10), (0, 10), (100, 10)], 0)[..3], expected[..3].to_vec());
    }

    #[test]
    fn edits_that_go_back_are_counted() {
        let edits: Vec<_> = (0..200).map(|i| Edit { start: i % 2, ticks: 1 }).collect();
        assert!(Plan::new(&edits, 0, Cursor::default(), 20).is_err());
    }
}
