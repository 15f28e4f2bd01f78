//! From the first box to a reader of one track.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::formats::FormatReader;

use super::boxes::{Walk, broken};
use super::edits::{Kept, Plan};
use super::fragments::Fragments;
use super::movie::Movie;
use super::reader::{Mp4Reader, Source};
use super::samples::Table;
use super::ticks::scaled;
use crate::decode::source::{Fault, SourceView};
use crate::decode::spec::check_spec;
use crate::error::ExtractError;
use crate::limits::Limits;

/// What a file is read with, and how many other tracks are equal to the one that is read.
pub(in crate::decode) struct Opened {
    pub(in crate::decode) reader: Box<dyn FormatReader>,
    pub(in crate::decode) equal_tracks: usize,
}

/// Opens the file that begins at byte `at`.
///
/// # Errors
/// If there is no movie, no audio track, one of an unsupported codec or outside the limits, or if the
/// boxes are broken.
pub(in crate::decode) fn open(
    mut view: SourceView,
    at: u64,
    limits: &Limits,
) -> Result<Opened, ExtractError> {
    let (mut movie, behind, is_first) = find(&mut view, at)?;
    let (track, equal_tracks) = movie.choose().ok_or(ExtractError::NoAudioTrack)?;
    let entry = track.entry?;
    if entry.channels > 0 {
        check_spec(entry.sample_rate, entry.channels as usize, limits)?;
    }
    let table = track.table;
    // A movie in fragments has its packets there, and ffmpeg applies no edit to those.
    let fragments =
        movie.is_fragmented.then(|| Fragments::new(behind, movie.defaults(track.id, track.ticks)));
    let behind = if is_first { end_of_media(&mut view, behind)? } else { behind };
    let skip = movie.noted_priming;
    let plan = Plan::new(&track.edits, skip, table.cursor()?, track.ticks)?;
    let survey = Survey::of(plan.clone(), &table, &view.fault())?;
    let frames_of = |ticks| scaled(ticks, entry.sample_rate, track.ticks);
    // As the reader does it, packet by packet.
    let settling = match survey.is_cut {
        true => 0,
        false => entry.settling.saturating_sub(frames_of(survey.unheard)),
    };
    let frames = match fragments {
        Some(_) => movie.stated_frames(entry.sample_rate, survey.kept > 0),
        None => Some(frames_of(survey.kept)),
    };
    let frames = frames.map(|frames| frames.saturating_sub(settling));
    let view = view.show(Vec::new(), at, None);
    let view = if is_first && survey.is_forward { view } else { view.seekable() };
    let source = Source {
        view,
        base: at,
        ticks: track.ticks,
        sample_rate: entry.sample_rate,
        plan,
        table,
        fragments,
        behind,
        settling: entry.settling,
    };
    let params = CodecParameters::Audio(entry.params);
    let delay = survey.skipped.saturating_add(settling);
    let mut reader = Mp4Reader::new(source, track.id, params).stating(frames, delay);
    reader.correct_layer()?;
    Ok(Opened { reader: Box::new(reader), equal_tracks })
}

/// Where the media ends that follows a movie, whose end is at byte `at`; `at` if there is none.
fn end_of_media(view: &mut SourceView, at: u64) -> Result<u64, ExtractError> {
    let (mut walk, mut pos) = (Walk::new(view), at);
    while let Some(child) = walk.child(pos, u64::MAX)? {
        match &child.kind {
            b"mdat" => return Ok(child.end),
            b"free" | b"skip" | b"wide" | b"uuid" | b"udta" => pos = child.end,
            _ => break,
        }
    }
    Ok(at)
}

/// The movie, where it ends, and whether it comes before the media.
fn find(view: &mut SourceView, at: u64) -> Result<(Movie, u64, bool), ExtractError> {
    let mut walk = Walk::new(view);
    let (mut pos, mut is_first) = (at, true);
    while let Some(child) = walk.child(pos, u64::MAX)? {
        match &child.kind {
            b"moov" => return Ok((Movie::read(&mut walk, child)?, child.end, is_first)),
            b"cmov" => return Err(broken("a compressed movie")),
            b"mdat" | b"moof" => is_first = false,
            _ => {}
        }
        pos = child.end;
    }
    Err(broken("no movie (moov) is in the file"))
}

/// What is known of a plan before it is followed.
struct Survey {
    /// Ticks that are kept, and those before the first.
    kept: u64,
    skipped: u64,
    /// Ticks that are decoded before them for nothing.
    unheard: u64,
    /// The first packet that is kept is not kept from its start.
    is_cut: bool,
    /// No packet lies before the one that is read before it.
    is_forward: bool,
}

/// Packets after which a survey asks whether it is to stop.
const SURVEYED_AT_ONCE: u64 = 1 << 12;

impl Survey {
    /// Follows `plan` without reading a packet.
    ///
    /// # Errors
    /// If the plan goes over the packets too often, or nobody waits for it.
    fn of(mut plan: Plan, table: &Table, fault: &Fault) -> Result<Self, ExtractError> {
        let mut survey = Self { kept: 0, skipped: 0, unheard: 0, is_cut: false, is_forward: true };
        let (mut last, mut packets) = (0, 0_u64);
        while let Some((piece, kept)) = plan.next(table) {
            if packets.is_multiple_of(SURVEYED_AT_ONCE) {
                fault.check()?;
            }
            packets += 1;
            let ticks = u64::from(piece.ticks);
            if let Kept::From(from) = kept {
                if survey.kept == 0 {
                    survey.skipped = piece.time.saturating_add(from);
                    survey.is_cut = from > 0;
                }
                survey.kept = survey.kept.saturating_add(ticks.saturating_sub(from));
            } else if survey.kept == 0 {
                survey.unheard = survey.unheard.saturating_add(ticks);
            }
            survey.is_forward &= piece.offset >= last;
            last = piece.offset;
        }
        if plan.is_endless() {
            return Err(broken("the edits play the packets too often"));
        }
        Ok(survey)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::super::edits::{Edit, Plan};
    use super::super::samples::{self, Table};
    use super::{SourceView, Survey};
    use crate::decode::source::Stop;
    use crate::error::ExtractError;
    use crate::limits::Limits;

    /// What is known of `count` equal edits of `packets` packets of ten ticks.
    fn surveyed(count: usize, packets: u32, stop: Option<Stop>) -> Result<Survey, ExtractError> {
        let table = Table::regular(packets, 10);
        let edits = vec![Edit { start: 0, ticks: u64::MAX }; count];
        let plan = Plan::new(&edits, 0, samples::Cursor::default(), 20).unwrap();
        let source = Box::new(Cursor::new(Vec::new()));
        let view = SourceView::new(source, &Limits::default(), stop);
        Survey::of(plan, &table, &view.fault())
    }

    #[test]
    fn edits_that_play_all_again_and_again_are_refused() {
        assert!(surveyed(4096, 1000, None).is_ok());
        // The packets of a day, four thousand times.
        let error = surveyed(4096, 4 << 20, None).err().unwrap();
        assert_eq!(error.reason(), "UNDECODABLE_AUDIO");
    }

    #[test]
    fn a_survey_is_stopped() {
        let error = surveyed(1, 10, Some(Arc::new(|| true))).err();
        assert_eq!(error, Some(ExtractError::Cancelled));
    }
}
