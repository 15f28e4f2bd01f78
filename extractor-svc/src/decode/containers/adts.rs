//! AAC in ADTS (ISO 14496-3, annex 1.A.2): frames with a header each, and nothing else.
//!
//! Read here and not by symphonia, whose reader takes any synchronisation word for a frame, tells
//! nobody what it skipped, and does not see that a stream goes on at another rate. Tags may stand in
//! front, between frames and behind. Checksums are not checked, as ffmpeg does not check them.

use std::io::{self, Read};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::{Error, SeekErrorKind};
use symphonia::core::formats::well_known::FORMAT_ID_ADTS;
use symphonia::core::formats::{
    FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track,
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use crate::decode::source::SourceView;
use crate::error::ExtractError;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_ADTS, short_name: "adts", long_name: "AAC in ADTS" };

/// Sampling rates by index (ISO 14496-3, table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// Channels by configuration; of configuration 0 the frames say it themselves.
const CHANNELS: [u16; 8] = [0, 1, 2, 3, 4, 5, 6, 8];

/// Samples per channel of a frame.
const FRAME: u64 = 1024;

/// Bytes of a header without a checksum.
const HEADER_BYTES: usize = 7;

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;

/// Bytes that may precede the first frame.
const MAX_JUNK_BYTES: u64 = 1 << 20;

/// What all frames of a stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    /// MPEG-4 audio object type: 1 Main, 2 LC, 3 SSR, 4 LTP.
    object_type: u16,
    rate_index: u16,
    channel_config: u16,
}

impl Form {
    fn rate(self) -> u32 {
        RATES[usize::from(self.rate_index)]
    }

    fn channels(self) -> u16 {
        CHANNELS[usize::from(self.channel_config)]
    }

    /// The same as an `AudioSpecificConfig` (ISO 14496-3, 1.6.2.1).
    fn config(self) -> [u8; 2] {
        (self.object_type << 11 | self.rate_index << 7 | self.channel_config << 3).to_be_bytes()
    }
}

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    form: Form,
    /// Bytes of the header, with its checksum.
    len: usize,
    /// Bytes of the frame, with the header.
    frame: usize,
    /// Raw data blocks in the frame.
    blocks: u8,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [b0, b1, b2, b3, b4, b5, b6] = *bytes.first_chunk()?;
        // Twelve bits of synchronisation, either version, layer 0.
        if b0 != 0xff || b1 & 0xf6 != 0xf0 {
            return None;
        }
        let form = Form {
            object_type: u16::from(b2 >> 6) + 1,
            rate_index: u16::from(b2 >> 2 & 0xf),
            channel_config: u16::from(b2 & 1) << 2 | u16::from(b3 >> 6),
        };
        let len = if b1 & 1 == 0 { HEADER_BYTES + 2 } else { HEADER_BYTES };
        let frame = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        let is_valid = usize::from(form.rate_index) < RATES.len() && frame > len;
        is_valid.then_some(Self { form, len, frame, blocks: (b6 & 3) + 1 })
    }
}

/// One step through the stream.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A frame begins here.
    Frame(Header),
    /// No more frames.
    End,
    /// The last frame is incomplete.
    Cut,
    /// Frames of another form follow.
    Changed(Form),
}

/// Finds frames in bytes.
struct Frames<R> {
    input: R,
    buf: Vec<u8>,
    pos: usize,
    at_end: bool,
    /// Form of the first frame, which every other has.
    form: Option<Form>,
    /// Bytes that were skipped before the current frame, without tags.
    skipped: u64,
    /// The header of a frame was among them.
    has_lost_header: bool,
}

impl<R: Read> Frames<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            buf: Vec::new(),
            pos: 0,
            at_end: false,
            form: None,
            skipped: 0,
            has_lost_header: false,
        }
    }

    /// Moves to the next frame.
    fn advance(&mut self) -> io::Result<Step> {
        (self.skipped, self.has_lost_header) = (0, false);
        loop {
            if !self.fill(HEADER_BYTES)? || self.is_final_tag()? {
                return Ok(Step::End);
            }
            if let Some(len) = tag_bytes(&self.buf[self.pos..]) {
                self.skip(len)?;
                continue;
            }
            let header = Header::parse(&self.buf[self.pos..]);
            match (header, self.form) {
                (Some(header), None) if self.is_followed(&header)? => {
                    self.form = Some(header.form);
                    return Ok(Step::Frame(header));
                }
                (Some(header), Some(form)) if header.form == form => {
                    if !self.fill(header.frame)? {
                        return Ok(Step::Cut);
                    }
                    // A frame that is cut has the next one within it.
                    if self.is_followed(&header)? || !self.holds_another(&header)? {
                        return Ok(Step::Frame(header));
                    }
                    self.has_lost_header = true;
                }
                // One header alone is a damage, two are another stream.
                (Some(header), Some(_))
                    if self.is_followed(&header)? && !self.at_last(&header)? =>
                {
                    return Ok(Step::Changed(header.form));
                }
                _ => {}
            }
            (self.pos, self.skipped) = (self.pos + 1, self.skipped + 1);
            if self.form.is_none() && self.skipped > MAX_JUNK_BYTES {
                return Ok(Step::End);
            }
        }
    }

    /// The current frame's bytes behind its header; moves behind them.
    fn take(&mut self, header: &Header) -> Vec<u8> {
        let frame = self.buf[self.pos..self.pos + header.frame].to_vec();
        self.pos += header.frame;
        frame[header.len..].to_vec()
    }

    /// Whether the end, a tag, or a frame of the same form comes behind a complete frame.
    fn is_followed(&mut self, header: &Header) -> io::Result<bool> {
        if !self.fill(header.frame)? {
            return Ok(false);
        }
        if self.at_last(header)? {
            return Ok(true);
        }
        let next = &self.buf[self.pos + header.frame..];
        let is_tag = [&b"ID3"[..], b"TAG", b"APE"].iter().any(|tag| next.starts_with(tag));
        Ok(is_tag || Header::parse(next).is_some_and(|next| next.form == header.form))
    }

    /// Whether too little for another frame comes behind this one.
    fn at_last(&mut self, header: &Header) -> io::Result<bool> {
        Ok(!self.fill(header.frame + HEADER_BYTES)?)
    }

    /// Whether another frame of the form begins within a frame, and goes on behind it.
    fn holds_another(&mut self, header: &Header) -> io::Result<bool> {
        let body = self.pos + 1..self.pos + header.frame;
        let inner: Vec<_> = body
            .filter_map(|at| Some((at - self.pos, Header::parse(&self.buf[at..])?)))
            .filter(|(_, inner)| inner.form == header.form)
            .collect();
        for (offset, inner) in inner {
            if self.fill(offset + inner.frame + HEADER_BYTES)? {
                let next = Header::parse(&self.buf[self.pos + offset + inner.frame..]);
                if next.is_some_and(|next| next.form == header.form) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a tag that ends a file begins here.
    fn is_final_tag(&mut self) -> io::Result<bool> {
        if self.buf[self.pos..].starts_with(b"TAG") {
            return Ok(!self.fill(129)?);
        }
        self.fill(8)?;
        Ok(self.buf[self.pos..].starts_with(b"APETAGEX"))
    }

    fn skip(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 && self.fill(1)? {
            let step = len.min((self.buf.len() - self.pos) as u64);
            self.pos += step as usize;
            len -= step;
        }
        Ok(())
    }

    /// Makes `len` bytes available from the current position; `false` if the stream has fewer.
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        while self.buf.len() - self.pos < len {
            if self.at_end {
                return Ok(false);
            }
            if self.pos > 0 {
                self.buf.drain(..self.pos);
                self.pos = 0;
            }
            let before = self.buf.len();
            self.input.by_ref().take(READ_BYTES as u64).read_to_end(&mut self.buf)?;
            self.at_end = self.buf.len() == before;
        }
        Ok(true)
    }
}

/// Bytes of the ID3v2 tag that `bytes` begin with.
fn tag_bytes(bytes: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', 2..=4, _, flags, a, b, c, d] = *bytes.first_chunk::<10>()? else {
        return None;
    };
    let len = [a, b, c, d].iter().fold(0, |len, &byte| len << 7 | u64::from(byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    ((a | b | c | d) & 0x80 == 0).then_some(10 + len + footer)
}

/// Whether byte `at` begins a frame that another, or the end, follows.
pub(in crate::decode) fn begins(view: &mut SourceView, at: u64) -> Result<bool, ExtractError> {
    let mut head = [0; HEADER_BYTES];
    view.read_at(at, &mut head)?;
    let Some(first) = Header::parse(&head) else { return Ok(false) };
    let there = view.read_at(at.saturating_add(first.frame as u64), &mut head)?;
    let next = Header::parse(&head[..there]);
    Ok(there == 0 || next.is_some_and(|next| next.form == first.form))
}

/// Reads the frames of a stream as packets.
pub(in crate::decode) struct AdtsReader {
    frames: Frames<Box<dyn Read + Send + Sync>>,
    form: Form,
    tracks: Vec<Track>,
    media_info: MediaInfo,
    metadata: MetadataLog,
    /// A frame that was found and not handed out.
    next: Option<Header>,
    has_junk_in_front: bool,
    /// Frames so far, with those that were lost, and those that came.
    time: u64,
    came: u64,
    /// Bytes of those that came.
    bytes: u64,
}

impl AdtsReader {
    /// Finds the first frame.
    ///
    /// # Errors
    /// If there is none, or the source fails.
    pub(in crate::decode) fn open(
        input: Box<dyn Read + Send + Sync>,
    ) -> Result<Self, ExtractError> {
        let mut frames = Frames::new(input);
        let header = match frames.advance() {
            Ok(Step::Frame(header)) => header,
            Ok(_) => {
                return Err(ExtractError::UndecodableAudio {
                    detail: "no complete ADTS frame".into(),
                });
            }
            Err(error) => return Err(ExtractError::SourceFailed { detail: error.to_string() }),
        };
        let form = header.form;
        let has_junk_in_front = frames.skipped > 0;
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(form.rate())
            .with_extra_data(Box::new(form.config()));
        if form.channels() > 0 {
            params.with_channels(Channels::Discrete(form.channels()));
        }
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        if let Some(base) = TimeBase::try_from_recip(form.rate()) {
            track.with_time_base(base);
        }
        let media_info = MediaInfo::from_track(&track);
        Ok(Self {
            frames,
            form,
            tracks: vec![track],
            media_info,
            metadata: MetadataLog::default(),
            next: Some(header),
            has_junk_in_front,
            time: 0,
            came: 0,
            bytes: 0,
        })
    }

    fn packet(&mut self, header: &Header) -> Result<Packet, Error> {
        if header.blocks > 1 {
            let codec = "aac (several raw data blocks in an ADTS frame)".to_owned();
            return Err(refused(ExtractError::UnsupportedCodec { codec }));
        }
        let time = i64::try_from(self.time.saturating_mul(FRAME)).unwrap_or(i64::MAX);
        self.time += 1;
        self.came += 1;
        self.bytes += header.frame as u64;
        let data = self.frames.take(header);
        Ok(Packet::new(0, Timestamp::new(time), Duration::new(FRAME), data))
    }
}

/// Bytes between frames were skipped.
const SKIPPED: Error = Error::DecodeError("bytes between frames were skipped");

/// A refusal as an error of a container's reader.
fn refused(error: ExtractError) -> Error {
    Error::IoError(io::Error::other(error))
}

impl FormatReader for AdtsReader {
    fn format_info(&self) -> &FormatInfo {
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media_info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo, Error> {
        Err(Error::SeekError(SeekErrorKind::Unseekable))
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// A decoding error tells that bytes were skipped, and that packets follow.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        if std::mem::take(&mut self.has_junk_in_front) {
            return Err(SKIPPED);
        }
        if let Some(header) = self.next.take() {
            return self.packet(&header).map(Some);
        }
        match self.frames.advance()? {
            Step::Frame(header) if self.frames.skipped > 0 => {
                // As many frames were lost as have room in the bytes that were skipped.
                let mean = (self.bytes / self.came.max(1)).max(1);
                let lost = (self.frames.skipped + mean / 2) / mean;
                self.time += lost.max(self.frames.has_lost_header.into());
                self.next = Some(header);
                Err(SKIPPED)
            }
            Step::Frame(header) => self.packet(&header).map(Some),
            Step::End => Ok(None),
            Step::Cut => Err(Error::IoError(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the last frame is incomplete",
            ))),
            Step::Changed(form) => {
                let seconds = (self.time * FRAME) as f64 / f64::from(self.form.rate());
                let of = |form: Form| format!("{} Hz, {} channels", form.rate(), form.channels());
                let (before, after) = (of(self.form), of(form));
                let codec = format!("aac ({before} become {after} after {seconds:.2} s)");
                Err(refused(ExtractError::UnsupportedCodec { codec }))
            }
        }
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        let rest = ReadOnlySource::new(self.frames.input);
        MediaSourceStream::new(Box::new(rest), MediaSourceStreamOptions::default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, Header, Step};

    /// A frame of `len` bytes, of rate index `rate`, filled with `fill`.
    fn frame(rate: u8, len: usize, fill: u8) -> Vec<u8> {
        let (high, middle, low) = ((len >> 11) as u8, (len >> 3) as u8, (len << 5) as u8);
        let mut frame = vec![0xff, 0xf1, 0x40 | rate << 2, 0x80 | high, middle, low | 0x1f, 0xfc];
        frame.resize(len, fill);
        frame
    }

    fn steps(bytes: &[u8]) -> (Vec<u64>, Step) {
        let mut frames = Frames::new(bytes);
        let mut skips = Vec::new();
        loop {
            match frames.advance().unwrap() {
                Step::Frame(header) => {
                    skips.push(frames.skipped);
                    frames.take(&header);
                }
                end => return (skips, end),
            }
        }
    }

    #[test]
    fn a_header_says_its_form() {
        let header = Header::parse(&frame(4, 300, 0)).unwrap();
        assert_eq!((header.form.rate(), header.form.channels()), (44_100, 2));
        assert_eq!((header.len, header.frame, header.blocks), (7, 300, 1));
        assert_eq!(header.form.config(), [0x12, 0x10]);
        assert_eq!(Header::parse(&[0xff, 0xf1, 0x7c, 0x80, 9, 0, 0]), None, "no such rate");
        assert_eq!(Header::parse(&[0xff, 0xfb, 0x50, 0x80, 9, 0, 0]), None, "MP3");
        assert_eq!(Header::parse(&[0xff, 0xf1, 0x50, 0x80, 0, 0xc0, 0]), None, "too short");
    }

    #[test]
    fn frames_are_found_behind_junk_and_tags() {
        let two = frame(4, 300, 0).repeat(2);
        let id3 = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &[0xff; 128]].concat();
        let id3v1 = [&b"TAG"[..], &[0xff; 125]].concat();
        let check = |parts: &[&[u8]], skips: &[u64], end: Step| {
            assert_eq!(steps(&parts.concat()), (skips.to_vec(), end));
        };
        check(&[&two], &[0, 0], Step::End);
        check(&[&id3, &two, &id3, &two, &id3v1], &[0; 4], Step::End);
        check(&[&two, b"APETAGEX", &[0; 40]], &[0, 0], Step::End);
        check(&[b"junk", &two, &[1; 500], &two], &[4, 0, 500, 0], Step::End);
        check(&[&two, &two[..299]], &[0, 0], Step::Cut);
        check(&[&two, &two[..150], &two], &[0, 0, 150, 0], Step::End);
        check(&[&[1; 400]], &[], Step::End);
    }

    #[test]
    fn another_form_is_told_from_a_damage() {
        let (a, b) = (frame(4, 300, 0).repeat(2), frame(7, 200, 0));
        let (skips, end) = steps(&[&a[..], &b, &b].concat());
        assert_eq!(skips, [0, 0]);
        assert!(matches!(end, Step::Changed(form) if form.rate() == 22_050));
        assert_eq!(steps(&[&a[..], &b, &a].concat()), (vec![0, 0, 200, 0], Step::End));
        assert_eq!(steps(&[&a[..], &b].concat()), (vec![0, 0], Step::End));
    }
}
