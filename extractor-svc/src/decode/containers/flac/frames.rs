//! Native FLAC: where one frame ends and the next begins.
//!
//! A frame does not say how long it is. It ends where another begins, or the stream does, and the
//! last two bytes before are the CRC-16 of all before them (RFC 9639, section 9). So a frame is
//! handed out when its checksum says that it is one, whatever the stream information says of block
//! and frame sizes; and the last one is found among whatever is behind it: ID3v1 and APEv2 tags,
//! filling, or nothing.

use std::io::{self, Read as _};

use symphonia::core::checksum::Crc16Ansi;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, Result, SeekErrorKind, reset_error, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_FLAC;
use symphonia::core::formats::{
    FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, Monitor as _};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::{Packet, PacketBuilder, PacketRef};
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::header::{FrameHeader, MAX_HEADER_BYTES, Shape};
use crate::decode::codecs::registry;
use crate::decode::source::SourceView;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_FLAC, short_name: "flac", long_name: "Native FLAC" };

/// Bytes that are read at once: about a frame, so that of a growing stream no more is waited for.
const READ_BYTES: usize = 1 << 13;

/// No frame is longer: eight channels of 65,535 samples of 33 bits are 2.2 MB.
const MAX_FRAME_BYTES: usize = 5 << 19;

/// No frame is shorter: a header of 6 bytes, a constant of 8 bits, the checksum.
const MIN_FRAME_BYTES: usize = 10;

/// Most places at which the current frame may have begun. More than one there are only behind a
/// damage, or by a header that sound has by chance.
const MAX_STARTS: usize = 8;

/// Most checksums that are held against a decoder, to find the end of the last frame.
const MAX_TRIALS: usize = 64;

/// Frames of one native FLAC stream, as packets.
pub(in crate::decode) struct FlacFrames {
    stream: MediaSourceStream<'static>,
    tracks: [Track; 1],
    media_info: MediaInfo,
    metadata: MetadataLog,
    shape: Shape,
    total: Option<u64>,
    bytes: Vec<u8>,
    /// Up to where headers have been looked for.
    scanned: usize,
    /// Up to where the checksums of all starts have come.
    summed: usize,
    starts: Vec<Start>,
    is_over: bool,
    /// Where the first frame begins, by its own number: not at 0 if the stream was joined later.
    origin: Option<u64>,
    /// Where the last frame begins and ends, behind `origin`.
    last: (u64, u64),
    /// Another recording has begun.
    is_behind: bool,
}

/// A place at which a frame seems to begin.
struct Start {
    at: usize,
    header: FrameHeader,
    crc: Crc16Ansi,
}

impl FlacFrames {
    /// Frames of what `view` shows, which begins behind the metadata; `stream_info` is the body of
    /// the stream information block.
    pub(in crate::decode) fn new(view: SourceView, stream_info: [u8; 34]) -> Self {
        let shape = Shape::of(&stream_info);
        let total = shape.total();
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_FLAC)
            .with_sample_rate(shape.sample_rate)
            .with_extra_data(widened(stream_info).into());
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        if let Some(base) = TimeBase::try_from_recip(shape.sample_rate) {
            track.with_time_base(base);
        }
        if let Some(total) = total {
            track.with_num_frames(total).with_duration(Duration::from(total));
        }
        Self {
            stream: MediaSourceStream::new(Box::new(view), MediaSourceStreamOptions::default()),
            media_info: MediaInfo::from_track(&track),
            tracks: [track],
            metadata: MetadataLog::default(),
            shape,
            total,
            bytes: Vec::new(),
            scanned: 0,
            summed: 0,
            starts: Vec::new(),
            is_over: false,
            origin: None,
            last: (0, 0),
            is_behind: false,
        }
    }

    /// The next header from where none has been looked for on; `None` if more bytes are needed.
    fn next_header(&mut self) -> Option<(usize, FrameHeader)> {
        // Near the end there may be less than the longest header.
        let reserve = if self.is_over { 0 } else { MAX_HEADER_BYTES };
        let end = self.bytes.len().saturating_sub(reserve);
        while let Some(offset) = self.bytes.get(self.scanned..end).and_then(sync) {
            let at = self.scanned + offset;
            self.scanned = at + 1;
            if let Some(header) = FrameHeader::parse(&self.bytes[at..], &self.shape) {
                self.scanned = at + MIN_FRAME_BYTES;
                return Some((at, header));
            }
        }
        // The last byte may be the first of a code.
        self.scanned = self.scanned.max(end.saturating_sub(1));
        None
    }

    /// The start of the frame whose checksum ends right before `end`.
    fn closed_by(&mut self, end: usize) -> Option<usize> {
        let (body, footer) = (end.checked_sub(2)?, end);
        let between = self.bytes.get(self.summed..body)?;
        let footer = [self.bytes[body], self.bytes[footer - 1]];
        let mut found = None;
        for (index, start) in self.starts.iter_mut().enumerate() {
            start.crc.process_buf_bytes(between);
            if start.crc.crc() == u16::from_be_bytes(footer) {
                found = found.or(Some(index));
            }
            start.crc.process_buf_bytes(&footer);
        }
        self.summed = end;
        found
    }

    /// Reads on; what is before every possible start is forgotten.
    fn read_on(&mut self) -> Result<()> {
        if self.starts.first().is_some_and(|start| self.bytes.len() - start.at > MAX_FRAME_BYTES) {
            self.starts.remove(0);
        }
        let kept = self.starts.first().map_or(self.scanned, |start| start.at);
        self.forget(kept);
        let len = self.bytes.len();
        self.bytes.resize(len + READ_BYTES, 0);
        let read = loop {
            match self.stream.read(&mut self.bytes[len..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(len + read.as_ref().map_or(0, |&n| n));
        self.is_over = read? == 0;
        Ok(())
    }

    fn forget(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.scanned = self.scanned.saturating_sub(count);
        self.summed = self.summed.saturating_sub(count);
        for start in &mut self.starts {
            start.at -= count;
        }
    }

    /// Whether a frame is behind the stated end, or counts anew: it is of another recording, which
    /// libsndfile does not read either.
    fn is_another(&self, header: &FrameHeader) -> bool {
        let number = header.first_sample(&self.shape);
        let first = number.saturating_sub(self.origin.unwrap_or(number));
        self.total.is_some_and(|total| first >= total) || (number == 0 && self.last.0 > 0)
    }

    /// The frame in `start..end` as a packet.
    fn packet(&mut self, start: usize, header: FrameHeader, end: usize) -> Packet {
        self.shape.confirm(&header);
        let number = header.first_sample(&self.shape);
        let first = number.saturating_sub(*self.origin.get_or_insert(number));
        let until = first.saturating_add(header.samples.into());
        self.last = (first, until);
        let pts = Timestamp::new(i64::try_from(first).unwrap_or(i64::MAX));
        let packet = PacketBuilder::new().track_id(0).pts(pts);
        let over = self.total.map_or(0, |total| until.saturating_sub(total));
        let packet = packet.dur(Duration::from(u64::from(header.samples) - over));
        let packet = packet.trim_end(Duration::from(over));
        packet.data(&self.bytes[start..end]).build()
    }

    /// The last frame, behind which is nothing, or what is no frame.
    fn last(&mut self) -> Option<Packet> {
        if self.starts.is_empty() {
            return None;
        }
        let end = self.bytes.len();
        if let Some(index) = self.closed_by(end) {
            let Start { at, header, .. } = self.starts.swap_remove(index);
            self.starts.clear();
            return Some(self.packet(at, header, end));
        }
        self.last_decodable()
    }

    /// The latest frame that a decoder finds whole among those that may have begun.
    fn last_decodable(&mut self) -> Option<Packet> {
        let mut decoder = self.decoder()?;
        // The latest is the likeliest: those before it are of damaged frames.
        for Start { at, header, .. } in std::mem::take(&mut self.starts).into_iter().rev() {
            if let Some(end) = frame_end(&self.bytes, at, decoder.as_mut()) {
                return Some(self.packet(at, header, end));
            }
        }
        None
    }

    fn decoder(&self) -> Option<Box<dyn AudioDecoder>> {
        let Some(CodecParameters::Audio(params)) = &self.tracks[0].codec_params else {
            return None;
        };
        registry::decoders().make_audio_decoder(params, &AudioDecoderOptions::default()).ok()
    }
}

impl FormatReader for FlacFrames {
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
        seek_error(SeekErrorKind::Unseekable)
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            if self.is_behind {
                return reset_error();
            }
            if let Some((at, header)) = self.next_header() {
                let closed = self.closed_by(at).map(|index| self.starts.swap_remove(index));
                // A first start has nothing before it to be summed up.
                self.summed = at;
                let next = Start { at, header, crc: Crc16Ansi::new(0) };
                if let Some(Start { at: start, header, .. }) = closed {
                    if self.is_another(&header) {
                        self.is_behind = true;
                        self.starts.retain(|earlier| earlier.at < start);
                        match self.last_decodable() {
                            Some(packet) => return Ok(Some(packet)),
                            None => continue,
                        }
                    }
                    self.starts.clear();
                    self.starts.push(next);
                    return Ok(Some(self.packet(start, header, at)));
                }
                if self.starts.len() == MAX_STARTS {
                    self.starts.remove(0);
                }
                self.starts.push(next);
            } else if !self.is_over {
                self.read_on()?;
            } else {
                let has_begun = !self.starts.is_empty();
                if let Some(packet) = self.last() {
                    return Ok(Some(packet));
                }
                if self.total.map_or(has_begun, |total| self.last.1 < total) {
                    return Err(Error::IoError(io::ErrorKind::UnexpectedEof.into()));
                }
                return Ok(None);
            }
        }
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        self.stream
    }
}

/// Where the frame that begins at `at` ends, if it is whole: behind a checksum that fits, of bytes
/// that are just enough for a decoder.
fn frame_end(bytes: &[u8], at: usize, decoder: &mut dyn AudioDecoder) -> Option<usize> {
    let frame = &bytes[at..bytes.len().min(at.saturating_add(MAX_FRAME_BYTES))];
    let mut decodes = |len: usize| {
        let (pts, duration) = (Timestamp::new(0), Duration::new(0));
        decoder.decode_ref(&PacketRef::new(0, pts, duration, &frame[..len])).is_ok()
    };
    let mut crc = Crc16Ansi::new(0);
    let mut trials = 0;
    for (len, pair) in frame.windows(2).enumerate() {
        if len + 2 >= MIN_FRAME_BYTES && pair == crc.crc().to_be_bytes() {
            if decodes(len) {
                return (!decodes(len - 1)).then_some(at + len + 2);
            }
            trials += 1;
            if trials == MAX_TRIALS {
                break;
            }
        }
        crc.process_byte(pair[0]);
    }
    None
}

/// The stream information with every block size that there is, as its own may be wrong.
fn widened(mut stream_info: [u8; 34]) -> [u8; 34] {
    stream_info[..10].copy_from_slice(&[0, 16, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    stream_info
}

/// Place of the first synchronisation code in `bytes`.
fn sync(bytes: &[u8]) -> Option<usize> {
    let is_sync = |pair: &[u8]| pair[0] == 0xff && pair[1] & 0xfc == 0xf8;
    let mut at = 0;
    // Whole chunks without a byte of ones are passed over at once.
    for chunk in bytes.chunks(32) {
        if chunk.iter().fold(false, |any, &byte| any | (byte == 0xff)) {
            let end = bytes.len().min(at + chunk.len() + 1);
            if let Some(offset) = bytes[at..end].windows(2).position(is_sync) {
                return Some(at + offset);
            }
        }
        at += chunk.len();
    }
    None
}
