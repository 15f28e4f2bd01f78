//! Matroska and WebM (RFC 9559): the head of the file, read before its clusters.
//!
//! Read here and not by symphonia, whose reader keeps samples that the file tells to discard, takes
//! compressed packets for plain ones, and gives codecs that it does not know no name. The head is
//! read by place, so that the list of tracks may come behind the media. Levels below the segment
//! are fixed: nothing is followed into a depth that the file decides.

mod codec;
mod ebml;
mod lacing;
mod reader;
mod track;

use self::ebml::{Element, children, element, id, text, uint};
pub(in crate::decode) use self::reader::MatroskaReader;
use self::track::{TrackEntry, choose};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// The bytes that every file begins with: the identifier of the EBML header.
pub(in crate::decode) const MARKER: [u8; 4] = *b"\x1a\x45\xdf\xa3";

/// Most elements looked at in the head, over all levels.
const MAX_ELEMENTS: usize = 20_000;

/// Most tracks.
const MAX_TRACKS: usize = 1024;

/// Nanoseconds per tick where the file does not say.
const DEFAULT_SCALE: u64 = 1_000_000;

/// What the head says of the audio that is to be read.
#[derive(Debug, PartialEq)]
struct Head {
    track: TrackEntry,
    /// How many other audio tracks have the same rank.
    equals: usize,
    /// Nanoseconds per tick.
    scale: u64,
    /// Length in nanoseconds, if stated.
    duration: Option<u64>,
    /// Audio is all that the file holds, so that its length is the audio's.
    is_audio_only: bool,
    /// The first cluster.
    clusters: u64,
    /// End of the segment, if stated.
    end: Option<u64>,
}

/// Reads the head of the file that begins at byte `start`.
fn head(view: &mut SourceView, start: u64) -> Result<Head, ExtractError> {
    let mut left = MAX_ELEMENTS;
    let Some(header) = element(view, start)?.filter(|header| header.id == id::EBML) else {
        return Err(broken("no EBML header"));
    };
    let mut is_matroska = false;
    let header_end = header.end().ok_or_else(|| broken("an EBML header without a length"))?;
    children(view, header.body, header_end, &mut left, &mut |view, child| {
        if child.id == id::DOC_TYPE {
            is_matroska = matches!(&text(view, child)?[..], "matroska" | "webm");
        }
        Ok(())
    })?;
    if !is_matroska {
        return Err(ExtractError::UnsupportedContainer {
            detail: "EBML that is neither Matroska nor WebM".into(),
        });
    }
    let mut at = header_end;
    let segment = loop {
        match element(view, at)? {
            Some(segment) if segment.id == id::SEGMENT => break segment,
            Some(Element { id: id::VOID | id::CRC_32, body, size: Some(size), .. }) if left > 0 => {
                left -= 1;
                at = body.saturating_add(size);
            }
            _ => return Err(broken("no segment behind the EBML header")),
        }
    };
    read_segment(view, &segment, &mut left)
}

fn read_segment(
    view: &mut SourceView,
    segment: &Element,
    left: &mut usize,
) -> Result<Head, ExtractError> {
    let end = segment.end();
    let (mut scale, mut ticks, mut clusters) = (DEFAULT_SCALE, None, None);
    let mut tracks: Option<Vec<TrackEntry>> = None;
    let mut at = segment.body;
    while at < end.unwrap_or(u64::MAX) && !(clusters.is_some() && tracks.is_some()) {
        let Some(found) = element(view, at)?.filter(|_| *left > 0) else { break };
        *left -= 1;
        match (found.id, found.end()) {
            (id::INFO, Some(info_end)) => {
                children(view, found.body, info_end, left, &mut |view, child| {
                    match child.id {
                        id::TIMESTAMP_SCALE => scale = uint(view, child)?.max(1),
                        id::DURATION => ticks = Some(ebml::float(view, child)?),
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            (id::TRACKS, Some(tracks_end)) => {
                let mut entries = Vec::new();
                let mut budget = *left;
                children(view, found.body, tracks_end, left, &mut |view, child| {
                    if child.id == id::TRACK_ENTRY && entries.len() < MAX_TRACKS {
                        entries.push(TrackEntry::read(view, child, &mut budget)?);
                    }
                    Ok(())
                })?;
                *left = (*left).min(budget);
                tracks.get_or_insert(entries);
            }
            (id::CLUSTER, _) => _ = clusters.get_or_insert(at),
            _ => {}
        }
        // Behind an element without a length nothing can be found.
        let Some(next) = found.end() else { break };
        at = next;
    }
    let tracks = tracks.ok_or_else(|| broken("no list of tracks before the media"))?;
    let is_audio_only = tracks.iter().all(|track| track.is_audio());
    let (track, equals) = choose(tracks).ok_or(ExtractError::NoAudioTrack)?;
    let clusters = clusters.ok_or(ExtractError::EmptyAudio)?;
    let duration = ticks.map(|ticks| ticks * scale as f64).filter(|ns| (1.0..1e18).contains(ns));
    let duration = duration.map(|ns| ns as u64);
    Ok(Head { track, equals, scale, duration, is_audio_only, clusters, end })
}

fn broken(what: &str) -> ExtractError {
    ExtractError::UndecodableAudio { detail: format!("matroska: {what}") }
}
