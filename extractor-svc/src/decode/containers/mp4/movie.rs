//! The movie (`moov`): its tracks, what is known of each, and which one is read.

use super::boxes::{Child, Walk};
use super::edits::{Edit, MAX_EDITS};
use super::entry::Entry;
use super::samples::Table;
use super::ticks::scaled;
use crate::error::ExtractError;

/// Most bytes of a note that are read.
const MAX_NOTE_BYTES: u64 = 512;

/// Most priming samples that a gap note may state (ffmpeg's bound).
const MAX_NOTED_PRIMING: u64 = 16_384;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Ticks per second of the movie; edits last so many.
    ticks: u32,
    /// Audio tracks in file order.
    tracks: Vec<Track>,
    /// Priming samples by iTunes' note.
    pub(super) noted_priming: u64,
    /// What samples of fragments are if they do not say it, by track.
    defaults: Vec<Defaults>,
    pub(super) is_fragmented: bool,
    /// Ticks of the movie that the header of its fragments states, and those of its own header.
    stated: (u64, u64),
    /// Tracks of any kind.
    all_tracks: usize,
}

/// What is known of an audio track.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) id: u32,
    is_enabled: bool,
    /// Ticks per second.
    pub(super) ticks: u32,
    pub(super) edits: Vec<Edit>,
    pub(super) entry: Result<Entry, ExtractError>,
    pub(super) table: Table,
}

/// What samples of a track's fragments are if they do not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Defaults {
    pub(super) track: u32,
    /// Ticks per second of the track.
    pub(super) clock: u32,
    pub(super) ticks: u32,
    pub(super) bytes: u32,
}

impl Movie {
    /// Reads `moov`.
    pub(super) fn read(walk: &mut Walk<'_>, moov: Child) -> Result<Self, ExtractError> {
        let mut movie = Self::default();
        let mut edits = Vec::new();
        walk.each(moov, &mut |walk, child| {
            match &child.kind {
                b"mvhd" => {
                    movie.ticks = field_after_times(walk, child)?;
                    movie.stated.1 = stated_ticks(walk, child, (16, 24))?;
                }
                b"trak" => {
                    movie.all_tracks += 1;
                    if let Some((track, list)) = track(walk, child)? {
                        movie.tracks.push(track);
                        edits.push(list);
                    }
                }
                b"udta" => movie.noted_priming = gap_note(walk, child)?.unwrap_or(0),
                b"mvex" => {
                    movie.is_fragmented = true;
                    walk.each(child, &mut |walk, child| {
                        if child.kind == *b"trex" {
                            let [track, ticks, bytes] =
                                [4, 12, 16].map(|at| walk.number(child, at));
                            let (track, ticks, bytes) = (track?, ticks?, bytes?);
                            let defaults = Defaults { track, clock: 0, ticks, bytes };
                            movie.defaults.push(defaults);
                        }
                        if child.kind == *b"mehd" {
                            movie.stated.0 = stated_ticks(walk, child, (4, 4))?;
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        // Their lengths are in ticks of the movie, whose header may come last.
        for (track, list) in movie.tracks.iter_mut().zip(edits) {
            if movie.ticks > 0 {
                let edit =
                    |(start, len)| Edit { start, ticks: scaled(len, track.ticks, movie.ticks) };
                track.edits = list.into_iter().map(edit).collect();
            }
        }
        Ok(movie)
    }

    /// Frames at `sample_rate` that the movie states for a track in fragments, of which `has_own` says
    /// that the movie's tables hold some. Of several tracks the longest is stated.
    pub(super) fn stated_frames(&self, sample_rate: u32, has_own: bool) -> Option<u64> {
        let (fragments, own) = self.stated;
        let ticks = if fragments == 0 && !has_own { own } else { fragments };
        let is_known = ticks > 0 && self.ticks > 0 && self.all_tracks == 1;
        is_known.then(|| scaled(ticks, sample_rate, self.ticks))
    }

    /// Of a track by its number, and its ticks per second.
    pub(super) fn defaults(&self, track: u32, clock: u32) -> Defaults {
        let stated = self.defaults.iter().find(|found| found.track == track).copied();
        Defaults { track, clock, ..stated.unwrap_or_default() }
    }

    /// The track that ffmpeg takes: one with samples, that is enabled, of most channels; the first
    /// of those. And how many others are its equals.
    pub(super) fn choose(&mut self) -> Option<(Track, usize)> {
        let ranks: Vec<_> = self.tracks.iter().map(Track::rank).collect();
        let best = *ranks.iter().max()?;
        let equals = ranks.iter().filter(|&&rank| rank == best).count() - 1;
        let chosen = ranks.iter().position(|&rank| rank == best)?;
        Some((self.tracks.swap_remove(chosen), equals))
    }
}

impl Track {
    fn rank(&self) -> (bool, bool, u32) {
        let channels = self.entry.as_ref().map_or(0, |entry| entry.channels);
        (!self.table.is_empty(), self.is_enabled, channels)
    }
}

type EditRows = Vec<(i64, u64)>;

/// Reads `trak`; `None` if it is not audio.
fn track(walk: &mut Walk<'_>, trak: Child) -> Result<Option<(Track, EditRows)>, ExtractError> {
    let (mut header, mut edits, mut media) = ((0, false), Vec::new(), None);
    walk.each(trak, &mut |walk, child| {
        match &child.kind {
            b"tkhd" => {
                let [_, _, _, flags] = walk.field(child, 0)?;
                header = (field_after_times(walk, child)?, flags & 1 != 0);
            }
            b"edts" => walk.each(child, &mut |walk, child| {
                if child.kind == *b"elst" {
                    edits = edit_rows(walk, child)?;
                }
                Ok(())
            })?,
            b"mdia" => media = self::media(walk, child)?,
            _ => {}
        }
        Ok(())
    })?;
    let Some((ticks, entry, table)) = media else { return Ok(None) };
    let (id, is_enabled) = header;
    Ok(Some((Track { id, is_enabled, ticks, edits: Vec::new(), entry, table }, edits)))
}

type Media = (u32, Result<Entry, ExtractError>, Table);

/// Reads `mdia`; `None` if it is not sound, or describes nothing.
fn media(walk: &mut Walk<'_>, mdia: Child) -> Result<Option<Media>, ExtractError> {
    let (mut ticks, mut is_sound, mut tables) = (0, false, None);
    walk.each(mdia, &mut |walk, child| {
        match &child.kind {
            b"mdhd" => ticks = field_after_times(walk, child)?,
            b"hdlr" => is_sound |= walk.field::<4>(child, 8)? == *b"soun",
            b"minf" => tables = Some(child),
            _ => {}
        }
        Ok(())
    })?;
    let (Some(minf), true) = (tables, is_sound) else { return Ok(None) };
    let ticks = ticks.max(1);
    let (mut entry, mut table) = (None, Table::default());
    walk.each(minf, &mut |walk, child| {
        if child.kind != *b"stbl" {
            return Ok(());
        }
        walk.each(child, &mut |walk, child| {
            if child.kind == *b"stsd" {
                let first = child.behind(8);
                if let Some(found) = walk.child(first.body, first.end)? {
                    let body = walk.body(found)?;
                    entry = Some(Entry::read(found.kind, &body, ticks));
                }
                return Ok(());
            }
            table.take(walk, child)
        })
    })?;
    let Some(entry) = entry else { return Ok(None) };
    // Of a codec in blocks, a sample of the tables is a frame in old files, and else a block.
    table.block = entry
        .as_ref()
        .ok()
        .and_then(|entry| entry.block)
        .filter(|&(frames, _)| frames == 1 || table.first_ticks() == 1);
    Ok(Some((ticks, entry, table)))
}

/// The 32-bit field that follows the two times in `mvhd`, `tkhd` and `mdhd`.
fn field_after_times(walk: &mut Walk<'_>, child: Child) -> Result<u32, ExtractError> {
    let [version] = walk.field(child, 0)?;
    walk.number(child, if version == 1 { 20 } else { 12 })
}

/// A length in ticks, at one place in version 0 and at another, with 64 bits, in version 1; 0 where it
/// is all ones, which states nothing.
fn stated_ticks(
    walk: &mut Walk<'_>,
    child: Child,
    (short, long): (u64, u64),
) -> Result<u64, ExtractError> {
    let [version] = walk.field(child, 0)?;
    if version == 1 {
        let ticks = u64::from_be_bytes(walk.field(child, long)?);
        return Ok(if ticks == u64::MAX { 0 } else { ticks });
    }
    let ticks = walk.number(child, short)?;
    Ok(if ticks == u32::MAX { 0 } else { ticks.into() })
}

/// Starts in ticks of the track, and lengths in ticks of the movie.
fn edit_rows(walk: &mut Walk<'_>, list: Child) -> Result<EditRows, ExtractError> {
    let [version] = walk.field(list, 0)?;
    let count = u64::from(walk.number(list, 4)?).min(MAX_EDITS as u64);
    let row = if version == 1 { 20 } else { 12 };
    let bytes = walk.table(list.behind(8), count * row)?;
    let edits = bytes.chunks_exact(row as usize).map(|row| match *row {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, _, _, _, _] => (
            i64::from_be_bytes([i, j, k, l, m, n, o, p]),
            u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        ),
        [a, b, c, d, e, f, g, h, ..] => {
            (i32::from_be_bytes([e, f, g, h]).into(), u32::from_be_bytes([a, b, c, d]).into())
        }
        _ => (-1, 0),
    });
    Ok(edits.collect())
}

/// Priming by the note `iTunSMPB`, in `udta/meta/ilst/----`: hexadecimal words, of which the second is
/// the number of priming samples. What it says of the end, ffmpeg does not look at.
fn gap_note(walk: &mut Walk<'_>, udta: Child) -> Result<Option<u64>, ExtractError> {
    let mut found = None;
    walk.each(udta, &mut |walk, child| {
        if child.kind != *b"meta" {
            return Ok(());
        }
        // `meta` has four bytes of version and flags before its boxes.
        walk.each(child.behind(4), &mut |walk, child| {
            if child.kind != *b"ilst" {
                return Ok(());
            }
            walk.each(child, &mut |walk, child| {
                if child.kind == *b"----" {
                    found = found.or(note(walk, child)?);
                }
                Ok(())
            })
        })
    })?;
    Ok(found)
}

fn note(walk: &mut Walk<'_>, item: Child) -> Result<Option<u64>, ExtractError> {
    let (mut is_gap, mut found) = (false, None);
    walk.each(item, &mut |walk, child| {
        match &child.kind {
            b"name" => is_gap = walk.field::<8>(child, 4)? == *b"iTunSMPB",
            b"data" if is_gap => {
                let text = child.behind(8);
                let end = text.end.min(text.body.saturating_add(MAX_NOTE_BYTES));
                let note = walk.body(Child { end, ..text })?;
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
