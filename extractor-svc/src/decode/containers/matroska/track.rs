//! An entry of the list of tracks, and which of several audio tracks is read.

use super::ebml::{Element, binary, children, float, id, text, uint};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// `TrackType` of audio (RFC 9559, section 5.1.4.1.3).
const AUDIO: u64 = 2;

/// `ContentEncodingScope` of the packets; other bits are the codec's private data and encodings.
const SCOPE_PACKETS: u64 = 1;

/// What the file says of a track.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrackEntry {
    pub(super) number: u64,
    kind: u64,
    is_default: bool,
    /// Nanoseconds per packet; 0 if not stated.
    pub(super) packet_duration: u64,
    pub(super) codec: String,
    pub(super) private: Vec<u8>,
    /// Frames per second.
    pub(super) rate: f64,
    pub(super) channels: u64,
    /// Bits per sample; 0 if not stated.
    pub(super) bits: u64,
    /// Bytes that every packet has lost at its start.
    pub(super) stripped: Vec<u8>,
    /// Name of an encoding of the packets that is not undone here.
    pub(super) encoding: Option<&'static str>,
}

impl TrackEntry {
    /// Reads the entry `of`.
    pub(super) fn read(
        view: &mut SourceView,
        of: &Element,
        left: &mut usize,
    ) -> Result<Self, ExtractError> {
        // What an element has that is absent.
        let mut track = Self {
            number: 0,
            kind: 0,
            is_default: true,
            packet_duration: 0,
            codec: String::new(),
            private: Vec::new(),
            rate: 8000.0,
            channels: 1,
            bits: 0,
            stripped: Vec::new(),
            encoding: None,
        };
        let (mut audio, mut encodings) = (None, None);
        children(view, of.body, of.end().unwrap_or(of.body), left, &mut |view, child| {
            match child.id {
                id::TRACK_NUMBER => track.number = uint(view, child)?,
                id::TRACK_TYPE => track.kind = uint(view, child)?,
                id::FLAG_DEFAULT => track.is_default = uint(view, child)? != 0,
                id::DEFAULT_DURATION => track.packet_duration = uint(view, child)?,
                id::CODEC_ID => track.codec = text(view, child)?,
                id::CODEC_PRIVATE => track.private = binary(view, child)?,
                id::AUDIO => audio = Some(*child),
                id::CONTENT_ENCODINGS => encodings = Some(*child),
                _ => {}
            }
            Ok(())
        })?;
        if let Some(Element { body, size: Some(size), .. }) = audio {
            children(view, body, body.saturating_add(size), left, &mut |view, child| {
                match child.id {
                    id::SAMPLING_FREQUENCY => track.rate = float(view, child)?,
                    id::CHANNELS => track.channels = uint(view, child)?,
                    id::BIT_DEPTH => track.bits = uint(view, child)?,
                    _ => {}
                }
                Ok(())
            })?;
        }
        if let Some(encodings) = encodings {
            track.read_encodings(view, &encodings, left)?;
        }
        Ok(track)
    }

    fn read_encodings(
        &mut self,
        view: &mut SourceView,
        of: &Element,
        left: &mut usize,
    ) -> Result<(), ExtractError> {
        let mut each = Vec::new();
        children(view, of.body, of.end().unwrap_or(of.body), left, &mut |_, child| {
            if child.id == id::CONTENT_ENCODING {
                each.push(*child);
            }
            Ok(())
        })?;
        match each[..] {
            [] => {}
            [only] => self.read_encoding(view, &only, left)?,
            _ => self.encoding = Some("several encodings"),
        }
        Ok(())
    }

    fn read_encoding(
        &mut self,
        view: &mut SourceView,
        of: &Element,
        left: &mut usize,
    ) -> Result<(), ExtractError> {
        let (mut scope, mut kind, mut algorithm) = (SCOPE_PACKETS, 0, 0);
        let (mut compression, mut settings) = (None, Vec::new());
        children(view, of.body, of.end().unwrap_or(of.body), left, &mut |view, child| {
            match child.id {
                id::ENCODING_SCOPE => scope = uint(view, child)?,
                id::ENCODING_TYPE => kind = uint(view, child)?,
                id::COMPRESSION => compression = Some(*child),
                _ => {}
            }
            Ok(())
        })?;
        if let Some(Element { body, size: Some(size), .. }) = compression {
            children(view, body, body.saturating_add(size), left, &mut |view, child| {
                match child.id {
                    id::COMPRESSION_ALGORITHM => algorithm = uint(view, child)?,
                    id::COMPRESSION_SETTINGS => settings = binary(view, child)?,
                    _ => {}
                }
                Ok(())
            })?;
        }
        // ContentEncodingType and ContentCompAlgo (RFC 9559, section 5.1.4.1.31).
        self.encoding = match (kind, algorithm) {
            (0, 3) if scope == SCOPE_PACKETS => {
                self.stripped = settings;
                None
            }
            (0, 0) => Some("zlib compression"),
            (0, 1) => Some("bzip2 compression"),
            (0, 2) => Some("LZO compression"),
            (0, 3) => Some("header removal from the codec's private data"),
            (0, _) => Some("an unknown compression"),
            (1, _) => Some("encryption"),
            _ => Some("an unknown encoding"),
        };
        Ok(())
    }

    pub(super) fn is_audio(&self) -> bool {
        self.kind == AUDIO
    }
}

/// The audio track that ffmpeg reads, and how many others have the same rank: tracks that are default
/// come before those that are not, then more channels before fewer; among equals, the first.
pub(super) fn choose(tracks: Vec<TrackEntry>) -> Option<(TrackEntry, usize)> {
    let rank = |track: &TrackEntry| (track.is_default, track.channels);
    let audio: Vec<_> = tracks.into_iter().filter(TrackEntry::is_audio).collect();
    let best = audio.iter().map(rank).max()?;
    let mut equals = audio.into_iter().filter(|track| rank(track) == best);
    let first = equals.next()?;
    Some((first, equals.count()))
}
