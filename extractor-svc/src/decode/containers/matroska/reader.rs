//! The clusters of a Matroska file, from front to back: packets of one track.
//!
//! Clusters are transparent: their children are read in a row, so that it does not matter whether a
//! cluster or the segment knows its length. Bytes that are no element are skipped up to the next
//! cluster. Times are nanoseconds from the file's own beginning.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, SeekErrorKind};
use symphonia::core::formats::well_known::FORMAT_ID_MKV;
use symphonia::core::formats::{
    FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadBytes, SeekBuffered};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::ebml::{Element, id, signed, unsigned};
use super::lacing::BlockHead;
use super::{Head, codec, head};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_MKV, short_name: "mkv", long_name: "Matroska / WebM" };

/// Longest block of audio: a second of the widest PCM has 6 MB.
const MAX_BLOCK_BYTES: u64 = 16 << 20;

/// Identifier of the one track that is shown.
const TRACK: u32 = 0;

/// Reads the packets of the track that ffmpeg would read.
pub(in crate::decode) struct MatroskaReader {
    input: MediaSourceStream<'static>,
    /// Place of the first byte of `input` in the file.
    origin: u64,
    head: Head,
    tracks: Vec<Track>,
    media_info: MediaInfo,
    metadata: MetadataLog,
    /// Ticks of the current cluster.
    cluster: u64,
    /// End of the current cluster, if stated.
    cluster_end: Option<u64>,
    packets: VecDeque<Packet>,
}

/// A block with what stands around it.
struct Block {
    bytes: Vec<u8>,
    /// Ticks, if stated.
    duration: Option<u64>,
    /// Nanoseconds to discard at the end; below 0 at the start.
    discard: i64,
}

impl MatroskaReader {
    /// Reads the head of the file that begins at byte `start`.
    ///
    /// # Errors
    /// If it has no audio, or audio of a form that is not read here.
    pub(in crate::decode) fn open(
        mut view: SourceView,
        start: u64,
    ) -> std::result::Result<Self, ExtractError> {
        let head = head(&mut view, start)?;
        let params = codec::params(&head.track)?;
        if let Some(encoding) = head.track.encoding {
            return Err(ExtractError::UnsupportedCodec {
                codec: format!("{} in Matroska with {encoding}", head.track.codec),
            });
        }
        let mut track = Track::new(TRACK);
        if head.track.codec == "A_OPUS" {
            track.with_delay(codec::opus_pre_skip(&head.track.private));
        }
        track.with_codec_params(CodecParameters::Audio(params));
        let mut media_info = MediaInfo::new();
        if let Some(nanoseconds) = TimeBase::try_new(1, 1_000_000_000) {
            track.with_time_base(nanoseconds);
            media_info.with_time_base(nanoseconds);
        }
        // The length of a film is not that of its sound.
        if let Some(duration) = head.duration.filter(|_| head.is_audio_only) {
            media_info.with_duration(Duration::new(duration));
        }
        let origin = head.clusters;
        let view = view.show(Vec::new(), origin, None);
        Ok(Self {
            input: MediaSourceStream::new(Box::new(view), MediaSourceStreamOptions::default()),
            origin,
            head,
            tracks: vec![track],
            media_info,
            metadata: MetadataLog::default(),
            cluster: 0,
            cluster_end: None,
            packets: VecDeque::new(),
        })
    }

    /// How many other audio tracks have the rank of the one that is read.
    pub(in crate::decode) fn equals(&self) -> usize {
        self.head.equals
    }

    /// The head of the next element; `None` at the end.
    fn element(&mut self) -> Result<Option<Element>> {
        let start = self.input.pos();
        let mut bytes = [0; 12];
        let mut there = 0;
        while there < bytes.len() {
            match self.input.read(&mut bytes[there..]) {
                Ok(0) => break,
                Ok(count) => there += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::IoError(error)),
            }
        }
        if there == 0 {
            return Ok(None);
        }
        let parsed = Element::parse(&bytes[..there]);
        // What is no element is left by a byte, so that every step leads on.
        let head_bytes = parsed.map_or(1, |(_, _, head_bytes)| head_bytes);
        self.input.seek_buffered(start + head_bytes as u64);
        let Some((id, size, _)) = parsed else {
            // The file is cut within the head of an element, or damaged.
            return Err(if there < bytes.len() { cut() } else { DAMAGED });
        };
        let body = self.origin.saturating_add(self.input.pos());
        Ok(Some(Element { id, body, size }))
    }

    /// Reads on until there are packets; `false` at the end.
    ///
    /// A decoding error tells that bytes make no sense at this place.
    fn advance(&mut self) -> Result<bool> {
        let at = self.origin.saturating_add(self.input.pos());
        let is_past_end = self.head.end.is_some_and(|end| at >= end);
        let element = match self.element() {
            Ok(Some(element)) => element,
            // A file that was cut between two elements.
            Ok(None) if at < self.cluster_end.max(self.head.end).unwrap_or(0) => return Err(cut()),
            Ok(None) => return Ok(false),
            // Bytes behind the end need not make sense.
            Err(_) if is_past_end => return Ok(false),
            Err(error) => return Err(error),
        };
        let end = element.end();
        let is_in_cluster = self.cluster_end.is_some_and(|end| element.body <= end);
        let bound = if is_in_cluster { self.cluster_end } else { self.head.end };
        match element.id {
            id::CLUSTER => {
                (self.cluster, self.cluster_end) = (0, end);
                return Ok(true);
            }
            // Another file behind this one.
            id::EBML | id::SEGMENT => return Err(Error::ResetRequired),
            _ if is_past_end => return Ok(false),
            _ => {}
        }
        let size = element.size.ok_or(DAMAGED)?;
        if end.zip(bound).is_some_and(|(end, bound)| end > bound) {
            return Err(DAMAGED);
        }
        match element.id {
            id::TIMESTAMP => {
                self.cluster = unsigned(&self.bytes(size.min(8))?);
                self.input.ignore_bytes(size.saturating_sub(8))?;
            }
            id::SIMPLE_BLOCK => {
                if let Some(bytes) = self.block(size)? {
                    self.push(&Block { bytes, duration: None, discard: 0 })?;
                }
            }
            id::BLOCK_GROUP => {
                if let Some(block) = self.group(size)? {
                    self.push(&block)?;
                }
            }
            // An element without a name here is skipped where its length is held by a cluster, or
            // where its identifier is one of the segment's own level, which have four bytes.
            id if is_known(id) || is_in_cluster || id >= 0x1000_0000 => {
                self.input.ignore_bytes(size)?;
            }
            _ => return Err(DAMAGED),
        }
        Ok(true)
    }

    /// A block of the track that is read; others are skipped.
    fn block(&mut self, size: u64) -> Result<Option<Vec<u8>>> {
        let start = self.input.pos();
        let head = self.bytes(size.min(12))?;
        let head = BlockHead::parse(&head).ok_or(DAMAGED)?;
        if head.track != self.head.track.number {
            self.input.ignore_bytes(size.saturating_sub(self.input.pos() - start))?;
            return Ok(None);
        }
        if size > MAX_BLOCK_BYTES {
            return Err(DAMAGED);
        }
        self.input.seek_buffered(start);
        self.bytes(size).map(Some)
    }

    fn group(&mut self, size: u64) -> Result<Option<Block>> {
        let end = self.input.pos().saturating_add(size);
        let (mut bytes, mut duration, mut discard) = (None, None, 0);
        while self.input.pos() < end {
            let Some(child) = self.element()? else { return Err(cut()) };
            let size = child.size.ok_or(DAMAGED)?;
            if self.input.pos().saturating_add(size) > end {
                return Err(DAMAGED);
            }
            match child.id {
                id::BLOCK => bytes = self.block(size)?,
                id::BLOCK_DURATION if size <= 8 => duration = Some(unsigned(&self.bytes(size)?)),
                id::DISCARD_PADDING if size <= 8 => discard = signed(&self.bytes(size)?),
                _ => self.input.ignore_bytes(size)?,
            }
        }
        Ok(bytes.map(|bytes| Block { bytes, duration, discard }))
    }

    /// Takes a block apart into packets.
    fn push(&mut self, block: &Block) -> Result<()> {
        let head = BlockHead::parse(&block.bytes).ok_or(BAD_BLOCK)?;
        let packets = head.packets(&block.bytes).ok_or(BAD_BLOCK)?;
        let count = packets.len() as u64;
        let ticks = self.cluster.saturating_add_signed(head.time.into());
        let mut time = i64::try_from(ticks.saturating_mul(self.head.scale)).unwrap_or(i64::MAX);
        let duration = match block.duration {
            Some(ticks) => ticks.saturating_mul(self.head.scale) / count,
            None => self.head.track.packet_duration,
        };
        for (index, packet) in (1..).zip(packets) {
            let data = [&self.head.track.stripped[..], packet].concat();
            let mut packet =
                Packet::new(TRACK, Timestamp::new(time), Duration::new(duration), data);
            if index == 1 && block.discard < 0 {
                packet.trim_start = Duration::new(block.discard.unsigned_abs());
            }
            if index == count && block.discard > 0 {
                packet.trim_end = Duration::new(block.discard.unsigned_abs());
            }
            time = time.saturating_add_unsigned(duration);
            self.packets.push_back(packet);
        }
        Ok(())
    }

    /// `len` bytes. Room is made for what is there, not for what is claimed.
    fn bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let there = self.input.by_ref().take(len).read_to_end(&mut bytes)?;
        if (there as u64) < len { Err(cut()) } else { Ok(bytes) }
    }

    /// What is missing of a film is missing of its sound: from here on its length counts.
    fn cut_off(&mut self, error: Error) -> Error {
        if let Some(duration) = self.head.duration {
            self.media_info.with_duration(Duration::new(duration));
        }
        error
    }

    /// Moves to the head of the next cluster; `false` if none follows.
    fn resynchronize(&mut self) -> Result<bool> {
        let mut last = 0_u32;
        loop {
            match self.input.read_byte() {
                Ok(byte) => last = last << 8 | u32::from(byte),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(Error::IoError(error)),
            }
            if last == id::CLUSTER {
                self.input.seek_buffered_rev(4);
                self.cluster_end = None;
                return Ok(true);
            }
        }
    }
}

/// Bytes that are no element, or reach out of the one that they lie in.
const DAMAGED: Error = Error::DecodeError("damaged elements were skipped");

/// A block whose packets are not as long as it; the next element is where it should be.
const BAD_BLOCK: Error = Error::DecodeError(BAD_BLOCK_TEXT);

const BAD_BLOCK_TEXT: &str = "a damaged block was skipped";

/// The file ends within an element, or before its stated end.
fn cut() -> Error {
    Error::IoError(std::io::Error::new(ErrorKind::UnexpectedEof, "the file is cut"))
}

/// Whether an element may lie beside blocks or clusters.
fn is_known(id: u32) -> bool {
    matches!(
        id,
        id::VOID
            | id::CRC_32
            | id::SEEK_HEAD
            | id::INFO
            | id::TRACKS
            | id::CUES
            | id::ATTACHMENTS
            | id::CHAPTERS
            | id::TAGS
            // PrevSize, Position, SilentTracks, EncryptedBlock.
            | 0xab
            | 0xa7
            | 0x5854
            | 0xaf
    )
}

impl FormatReader for MatroskaReader {
    fn format_info(&self) -> &FormatInfo {
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media_info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        Err(Error::SeekError(SeekErrorKind::Unseekable))
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// A decoding error tells that bytes were skipped, and that packets may follow.
    fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Ok(Some(packet));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(Error::DecodeError(BAD_BLOCK_TEXT)) => return Err(BAD_BLOCK),
                Err(Error::DecodeError(_)) => {
                    let goes_on = self.resynchronize()?;
                    return Err(if goes_on { DAMAGED } else { self.cut_off(cut()) });
                }
                Err(error @ Error::IoError(_)) => return Err(self.cut_off(error)),
                Err(error) => return Err(error),
            }
        }
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        self.input
    }
}
