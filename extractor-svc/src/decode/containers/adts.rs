//! AAC in ADTS (ISO 14496-3, annex 1.A.2): frames with a header each, and nothing else.
//!
//! Read here and not by symphonia, whose reader takes any synchronisation word for a frame, tells
//! nobody what it skipped, and does not see that a stream goes on at another rate. Tags may stand in
//! front, between frames and behind. Checksums are not checked, as ffmpeg does not check them.

mod frames;

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

use self::frames::{Form, Frames, HEADER_BYTES, Header, Step};
use crate::decode::source::SourceView;
use crate::error::ExtractError;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_ADTS, short_name: "adts", long_name: "AAC in ADTS" };

/// Samples per channel of a frame.
const FRAME: u64 = 1024;

/// Whether byte `at` begins a frame that another, or the end, follows.
pub(in crate::decode) fn begins(view: &mut SourceView, at: u64) -> Result<bool, ExtractError> {
    let mut head = [0; HEADER_BYTES];
    view.read_at(at, &mut head)?;
    let Some(first) = Header::parse(&head) else { return Ok(false) };
    let there = view.read_at(at.saturating_add(first.frame as u64), &mut head)?;
    let next = Header::parse(&head[..there]);
    Ok(there == 0 || next.is_some_and(|next| next.form == first.form))
}

/// Whether `count` frames of one form follow each other from byte `at`.
pub(in crate::decode) fn is_stream(
    view: &mut SourceView,
    mut at: u64,
    count: usize,
) -> Result<bool, ExtractError> {
    let mut form = None;
    for _ in 0..count {
        let mut head = [0; HEADER_BYTES];
        let there = view.read_at(at, &mut head)?;
        let Some(header) = Header::parse(&head[..there]) else { return Ok(false) };
        if *form.get_or_insert(header.form) != header.form {
            return Ok(false);
        }
        at = at.saturating_add(header.frame as u64);
    }
    Ok(true)
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
    /// What comes when all that was lost before it has been told.
    end: Option<Step>,
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
            end: None,
            time: 0,
            came: 0,
            bytes: 0,
        })
    }

    /// Frames that were lost since the last one: as many as have room in the bytes that were skipped.
    fn lost_frames(&self) -> u64 {
        let mean = (self.bytes / self.came.max(1)).max(1);
        let lost = (self.frames.skipped + mean / 2) / mean;
        lost.max(self.frames.has_lost_header.into())
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
        let step = match self.end.take() {
            Some(end) => end,
            None => self.frames.advance()?,
        };
        match step {
            Step::Frame(header) if self.frames.skipped > 0 => {
                self.time += self.lost_frames();
                self.next = Some(header);
                Err(SKIPPED)
            }
            end @ (Step::End | Step::Cut) if self.lost_frames() > 0 => {
                self.time += self.lost_frames();
                (self.frames.skipped, self.frames.has_lost_header) = (0, false);
                if let Some(track) = self.tracks.first_mut() {
                    track.with_duration(Duration::new(self.time.saturating_mul(FRAME)));
                }
                self.end = Some(end);
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
