//! Packets of one track, in the order in which they are played.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_ISOMP4;
use symphonia::core::formats::{
    FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::{Packet, PacketBuilder};
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::edits::{Kept, Plan};
use super::fragments::Fragments;
use super::samples::{Piece, Table};
use super::ticks::scaled;
use crate::decode::containers::layout::Layout;
use crate::decode::detect::trailing;
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Most bytes of a packet: 1024 frames of 64 channels in 64 bits are half of it.
const MAX_PACKET: u32 = 1 << 20;

const FORMAT: FormatInfo = FormatInfo {
    format: FORMAT_ID_ISOMP4,
    short_name: "isomp4",
    long_name: "ISO Base Media File Format",
};

/// A track that was chosen, and how it is read.
pub(super) struct Source {
    pub(super) view: SourceView,
    /// Byte from which offsets count.
    pub(super) base: u64,
    /// Ticks and frames per second.
    pub(super) ticks: u32,
    pub(super) sample_rate: u32,
    pub(super) plan: Plan,
    pub(super) table: Table,
    pub(super) fragments: Option<Fragments>,
    /// Where the boxes behind the media begin.
    pub(super) behind: u64,
    /// Frames that the decoder leaves out by itself, if no edit cuts the first packet: ffmpeg takes
    /// the pre-skip of Opus from its header, and what the edit list says instead of it.
    pub(super) settling: u64,
}

/// Reads packets. Times are in frames; what is to be left out at a packet's start is its
/// `trim_start`.
pub(super) struct Mp4Reader {
    source: Source,
    tracks: Vec<Track>,
    info: MediaInfo,
    log: MetadataLog,
    /// Description of the first packet.
    description: Option<u32>,
    /// A packet behind a gap that has been told.
    held: Option<Piece>,
}

impl Mp4Reader {
    pub(super) fn new(source: Source, id: u32, params: CodecParameters) -> Self {
        let mut track = Track::new(id);
        track.with_codec_params(params);
        if let Some(base) = TimeBase::try_from_recip(source.sample_rate) {
            track.with_time_base(base);
        }
        Self {
            source,
            tracks: vec![track],
            info: MediaInfo::new(),
            log: MetadataLog::default(),
            description: None,
            held: None,
        }
    }

    /// States how many frames there are to be, and how many of the encoder's are left out before.
    pub(super) fn stating(mut self, frames: Option<u64>, delay: u64) -> Self {
        if let Some(track) = self.tracks.first_mut() {
            if let Some(frames) = frames {
                track.with_num_frames(frames);
            }
            track.with_delay(delay.try_into().unwrap_or(u32::MAX));
        }
        self
    }

    /// The layer of MPEG audio that the first packet has; descriptions name no layer.
    pub(super) fn correct_layer(&mut self) -> std::result::Result<(), ExtractError> {
        let Some(Track { codec_params: Some(CodecParameters::Audio(params)), .. }) =
            self.tracks.first_mut()
        else {
            return Ok(());
        };
        let first = self.source.plan.clone().next(&self.source.table);
        if let (CODEC_ID_MP3, Some((piece, _))) = (params.codec, first) {
            let mut header = [0; 2];
            self.source.view.read_at(piece.offset, &mut header)?;
            match header[1] >> 1 & 3 {
                3 => params.codec = CODEC_ID_MP1,
                2 => params.codec = CODEC_ID_MP2,
                _ => {}
            }
        }
        Ok(())
    }

    fn next(&mut self) -> std::result::Result<Option<(Piece, Kept)>, ExtractError> {
        let source = &mut self.source;
        if let Some(planned) = source.plan.next(&source.table) {
            return Ok(Some(planned));
        }
        let Some(fragments) = &mut source.fragments else {
            if let Some(text) = trailing::find(&mut source.view, source.behind, Layout::Boxes)? {
                source.view.fault().leave_trailing(text);
            }
            return Ok(None);
        };
        let found = fragments.next(&mut source.view, source.base);
        if let (Some(ticks), Some(track)) = (fragments.stated_ticks(), self.tracks.first_mut()) {
            track.with_num_frames(scaled(ticks, source.sample_rate, source.ticks));
        }
        Ok(found?.map(|piece| (piece, Kept::From(0))))
    }

    fn frames(&self, ticks: u64) -> u64 {
        scaled(ticks, self.source.sample_rate, self.source.ticks)
    }

    fn data(&mut self, piece: Piece) -> Result<Vec<u8>> {
        if piece.bytes > MAX_PACKET {
            let text = "isomp4: a packet of more than a MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text).into());
        }
        let mut data = vec![0; piece.bytes as usize];
        let there = self.source.view.read_at(piece.offset, &mut data).map_err(io::Error::other)?;
        if there < data.len() {
            // The frames of PCM that came before the end are whole.
            let block = self.source.table.block.map_or(usize::MAX, |(_, bytes)| bytes as usize);
            data.truncate(there - there % block.max(1));
            if there < block || data.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(data)
    }
}

impl FormatReader for Mp4Reader {
    fn format_info(&self) -> &FormatInfo {
        &FORMAT
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.log.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        seek_error(SeekErrorKind::Unseekable)
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let found = match self.held.take() {
            Some(piece) => Some((piece, Kept::From(0))),
            None => self.next().map_err(|error| match error {
                // What came before it is whole.
                ExtractError::UndecodableAudio { detail } => {
                    io::Error::new(io::ErrorKind::InvalidData, detail)
                }
                error => io::Error::other(error),
            })?,
        };
        let Some((mut piece, kept)) = found else { return Ok(None) };
        if std::mem::take(&mut piece.is_behind_gap) {
            self.held = Some(piece);
            return Err(Error::DecodeError(
                "isomp4: the time of a fragment is later than it should be",
            ));
        }
        if *self.description.get_or_insert(piece.description) != piece.description {
            return Err(Error::ResetRequired);
        }
        let data = self.data(piece)?;
        let id = self.tracks.first().map_or(0, |track| track.id);
        let frames = self.frames(piece.ticks.into());
        let settling = self.source.settling;
        self.source.settling = settling.saturating_sub(frames);
        let trim = match kept {
            Kept::From(0) => Duration::from(settling.min(frames)),
            Kept::From(ticks) => {
                self.source.settling = 0;
                Duration::from(ticks)
            }
            Kept::Nothing => Duration::from(u64::from(u32::MAX)),
        };
        let start = i64::try_from(self.frames(piece.time)).unwrap_or(i64::MAX);
        let packet = PacketBuilder::new()
            .track_id(id)
            .pts(Timestamp::from(start))
            .dur(Duration::from(frames))
            .trim_start(trim)
            .data(data)
            .build();
        Ok(Some(packet))
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(self.source.view), MediaSourceStreamOptions::default())
    }
}
