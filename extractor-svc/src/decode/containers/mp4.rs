//! ISO base media (MP4, M4A, MOV): what has to be known before symphonia reads it.
//!
//! Two things are taken from the boxes. First, whether the index (`moov`) comes before the media
//! data and there is one track only: then the file can be read from front to back, else the reader
//! must be able to seek. Second, the encoder's priming samples, which symphonia leaves in: the
//! start of the first edit that is not empty, or the gap that iTunes notes, as ffmpeg takes them.

use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most boxes looked at, over all levels.
const MAX_BOXES: usize = 20_000;

/// Longest gap note that is read.
const MAX_NOTE_BYTES: u64 = 512;

/// Most priming samples that a gap note may state (ffmpeg's bound).
const MAX_NOTED_PRIMING: u64 = 16_384;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::decode) struct Layout {
    /// The file can be read from front to back.
    pub(in crate::decode) is_sequential: bool,
    /// Audio tracks in file order.
    pub(in crate::decode) tracks: Vec<AudioTrack>,
    /// Priming samples by iTunes' note.
    noted_priming: Option<u64>,
}

/// What is known of an audio track.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::decode) struct AudioTrack {
    id: u32,
    /// Ticks per second.
    timescale: u32,
    /// Start of the first edit that is not empty, in ticks.
    edit_start: Option<u64>,
}

impl Layout {
    /// Samples at `sample_rate` that track `id` begins with and that are not music.
    pub(in crate::decode) fn priming(&self, id: u32, sample_rate: u32) -> u64 {
        let track = self.tracks.iter().find(|track| track.id == id);
        let edit = track.and_then(|track| Some((track.edit_start?, track.timescale.max(1))));
        match edit {
            Some((ticks, timescale)) => {
                let samples = u128::from(ticks) * u128::from(sample_rate) / u128::from(timescale);
                samples.try_into().unwrap_or(u64::MAX)
            }
            None => self.noted_priming.unwrap_or(0),
        }
    }
}

/// Walks the boxes from byte `at` up to the media data; behind it too, if `moov` is still missing.
pub(in crate::decode) fn read(view: &mut SourceView, at: u64) -> Result<Layout, ExtractError> {
    let mut walk = Walk { view, boxes: 0 };
    let mut layout = Layout::default();
    let (mut pos, mut media_came_first) = (at, false);
    while let Some(child) = walk.child(pos, u64::MAX)? {
        match &child.kind {
            b"moov" => {
                let tracks = walk.movie(&child, &mut layout)?;
                layout.is_sequential = !media_came_first && tracks == 1;
                return Ok(layout);
            }
            b"mdat" | b"moof" => media_came_first = true,
            _ => {}
        }
        pos = child.end;
    }
    Ok(layout)
}

struct Walk<'a> {
    view: &'a mut SourceView,
    boxes: usize,
}

struct Child {
    kind: [u8; 4],
    body: u64,
    end: u64,
}

impl Walk<'_> {
    /// The box at `pos`, if one fits before `end`.
    fn child(&mut self, pos: u64, end: u64) -> Result<Option<Child>, ExtractError> {
        self.boxes += 1;
        let mut header = [0; 16];
        let there = self.view.read_at(pos, &mut header)?;
        if self.boxes > MAX_BOXES || there < 8 || end - pos < 8 {
            return Ok(None);
        }
        let [s0, s1, s2, s3, k0, k1, k2, k3, long @ ..] = header;
        let (head, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => (8, u64::MAX),
            1 if there == 16 => (16, u64::from_be_bytes(long)),
            size => (8, u64::from(size)),
        };
        if size < head {
            return Ok(None);
        }
        let kind = [k0, k1, k2, k3];
        Ok(Some(Child { kind, body: pos + head, end: pos.saturating_add(size).min(end) }))
    }

    /// Calls `visit` for each box from `pos` to `end`.
    fn each(
        &mut self,
        mut pos: u64,
        end: u64,
        visit: &mut dyn FnMut(&mut Self, &Child) -> Result<(), ExtractError>,
    ) -> Result<(), ExtractError> {
        while let Some(child) = self.child(pos, end)? {
            visit(self, &child)?;
            pos = child.end;
        }
        Ok(())
    }

    /// Reads `moov`; returns how many tracks it has.
    fn movie(&mut self, movie: &Child, layout: &mut Layout) -> Result<usize, ExtractError> {
        let mut tracks = 0;
        self.each(movie.body, movie.end, &mut |walk, child| {
            match &child.kind {
                b"trak" => {
                    tracks += 1;
                    let mut track = AudioTrack::default();
                    if walk.track(child, &mut track)? {
                        layout.tracks.push(track);
                    }
                }
                b"udta" => layout.noted_priming = walk.gap_note(child)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(tracks)
    }

    /// Reads `trak` and what it contains; returns whether it is audio.
    fn track(&mut self, parent: &Child, track: &mut AudioTrack) -> Result<bool, ExtractError> {
        let mut is_audio = false;
        self.each(parent.body, parent.end, &mut |walk, child| {
            match &child.kind {
                b"mdia" | b"edts" => is_audio |= walk.track(child, track)?,
                b"tkhd" => track.id = walk.field_after_times(child)?,
                b"mdhd" => track.timescale = walk.field_after_times(child)?,
                b"hdlr" => is_audio |= walk.bytes::<4>(child.body + 8)? == *b"soun",
                b"elst" => track.edit_start = walk.edit_start(child)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(is_audio)
    }

    /// The 32-bit field that follows the two times in `tkhd` and `mdhd`.
    fn field_after_times(&mut self, child: &Child) -> Result<u32, ExtractError> {
        let [version] = self.bytes(child.body)?;
        let at = child.body + if version == 1 { 20 } else { 12 };
        Ok(u32::from_be_bytes(self.bytes(at)?))
    }

    fn edit_start(&mut self, list: &Child) -> Result<Option<u64>, ExtractError> {
        let [version] = self.bytes(list.body)?;
        let wide = version == 1;
        let count = u32::from_be_bytes(self.bytes(list.body + 4)?);
        let entry_bytes = if wide { 20 } else { 12 };
        // Only empty edits come before the one that counts; more than a few are nonsense.
        for index in 0..u64::from(count.min(16)) {
            let at = list.body + 8 + index * entry_bytes;
            if at + entry_bytes > list.end {
                break;
            }
            let start = if wide {
                i64::from_be_bytes(self.bytes(at + 8)?)
            } else {
                i32::from_be_bytes(self.bytes(at + 4)?).into()
            };
            if let Ok(start) = u64::try_from(start) {
                return Ok(Some(start));
            }
        }
        Ok(None)
    }

    /// Priming by the note `iTunSMPB`, somewhere in `udta/meta/ilst/----`: hexadecimal words, of
    /// which the second is the number of priming samples.
    fn gap_note(&mut self, parent: &Child) -> Result<Option<u64>, ExtractError> {
        let mut found = None;
        let mut is_gap = false;
        self.each(parent.body, parent.end, &mut |walk, child| {
            match &child.kind {
                // `meta` has four bytes of version and flags before its boxes.
                b"meta" => {
                    let inner = Child { body: child.body + 4, ..*child };
                    found = found.or(walk.gap_note(&inner)?);
                }
                b"ilst" | b"----" => found = found.or(walk.gap_note(child)?),
                b"name" => is_gap = walk.bytes::<8>(child.body + 4)? == *b"iTunSMPB",
                b"data" if is_gap => {
                    let len = child.end.saturating_sub(child.body + 8).min(MAX_NOTE_BYTES);
                    let mut note = vec![0; len as usize];
                    walk.view.read_at(child.body + 8, &mut note)?;
                    let note = String::from_utf8_lossy(&note);
                    let word = note.split_whitespace().nth(1).unwrap_or_default();
                    let priming = u64::from_str_radix(word, 16).ok();
                    found = priming.filter(|&samples| samples < MAX_NOTED_PRIMING);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// `N` bytes at `at`; zeros where there are none.
    fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], ExtractError> {
        let mut bytes = [0; N];
        self.view.read_at(at, &mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Layout, read};
    use crate::decode::source::SourceView;
    use crate::limits::Limits;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn track(id: u8, kind: &[u8; 4], edits: &[i32]) -> Vec<u8> {
        let tkhd = [&[0; 12][..], &[0, 0, 0, id]].concat();
        let mdhd = [&[0; 12][..], &44_100_u32.to_be_bytes()].concat();
        let hdlr = [&[0; 8][..], kind].concat();
        let mut elst = vec![0, 0, 0, 0, 0, 0, 0, edits.len() as u8];
        for edit in edits {
            elst.extend_from_slice(&[0, 0, 0, 9]);
            elst.extend_from_slice(&edit.to_be_bytes());
            elst.extend_from_slice(&[0, 1, 0, 0]);
        }
        let mdia = boxed(b"mdia", &[boxed(b"mdhd", &mdhd), boxed(b"hdlr", &hdlr)].concat());
        let edts = boxed(b"edts", &boxed(b"elst", &elst));
        boxed(b"trak", &[boxed(b"tkhd", &tkhd), edts, mdia].concat())
    }

    fn check(boxes: &[Vec<u8>], is_sequential: bool, priming: u64) {
        let bytes = [&[boxed(b"ftyp", b"M4A ")], boxes].concat().concat();
        let mut view = SourceView::new(Box::new(Cursor::new(bytes)), &Limits::default(), None);
        let layout = read(&mut view, 0).unwrap();
        assert_eq!(layout.is_sequential, is_sequential);
        assert_eq!(layout.priming(7, 44_100), priming);
        assert_eq!(
            layout.priming(7, 22_050),
            if layout.tracks.is_empty() { priming } else { priming / 2 }
        );
    }

    #[test]
    fn the_first_edit_that_is_not_empty_counts() {
        let mdat = boxed(b"mdat", &[0; 9]);
        let audio = track(7, b"soun", &[-1, 1024, 5]);
        check(&[boxed(b"moov", &audio), mdat.clone()], true, 1024);
        check(&[mdat.clone(), boxed(b"moov", &audio)], false, 1024);
        let video = track(1, b"vide", &[3]);
        check(&[boxed(b"moov", &[video, audio].concat()), mdat], false, 1024);
        check(&[boxed(b"moov", &track(7, b"soun", &[]))], true, 0);
    }

    #[test]
    fn a_gap_note_counts_where_no_edit_does() {
        let name = [&[0; 4][..], b"iTunSMPB"].concat();
        let note = [&[0; 8][..], b" 00000000 00000840 000001C0 0000"].concat();
        let item = boxed(b"----", &[boxed(b"name", &name), boxed(b"data", &note)].concat());
        let meta = boxed(b"meta", &[vec![0; 4], boxed(b"ilst", &item)].concat());
        check(&[boxed(b"moov", &boxed(b"udta", &meta))], false, 0x840);
    }

    #[test]
    fn nonsense_has_no_layout() {
        let mut view =
            SourceView::new(Box::new(Cursor::new(vec![0xff; 64])), &Limits::default(), None);
        assert_eq!(read(&mut view, 0).unwrap(), Layout::default());
    }
}
