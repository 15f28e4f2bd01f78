//! MPEG-1/2/2.5 audio: frames of our own finding, decoded by symphonia, cut as mpg123 cuts.
//!
//! librosa reads MP3 through libsndfile and mpg123. symphonia's frame reader differs from it where
//! it shows: it trims to a length guessed from the bit rate, cuts by other rules when the encoder
//! is not LAME or Lavc, and plays frames whose bit reservoir is missing in part. So the frames are
//! found here, and
//! * an Info frame with a count of frames cuts the decoder's delay and the encoder's padding;
//! * a frame that cannot be decoded is silence of its length, so what follows stays in place;
//! * a frame whose main data began before the stream did, or before a tag or junk between
//!   frames, is muted;
//! * a change of rate, layer or channel count ends the stream, and what follows is measured, as is
//!   what follows the music that an Info frame counts: mostly a second song.

mod decoder;
mod frames;
mod header;
mod info_tag;
mod side_info;
pub(super) mod tags;

use std::io::{self, Read};

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

pub(super) use self::decoder::{MIXED_BLOCKS, MpegDecoder};
use self::frames::{End, Frames, Step};
use self::header::{HEADER_BYTES, Header, Layer};
use self::info_tag::InfoTag;
use super::planes::{self, Precision};
use super::source::{Fault, SourceView};
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};

/// Bytes that may precede the first frame.
const MAX_JUNK_BYTES: u64 = 1 << 20;

/// Whether the bytes begin with a frame of the free format, which states no bit rate and which
/// the decoder does not know.
pub(super) fn is_free_format(bytes: [u8; 4]) -> bool {
    Header::parse(bytes).is_some_and(|header| header.frame_bytes().is_none())
}

/// Whether `count` compatible frames of stated sizes follow each other from byte `at`.
pub(super) fn is_stream(
    view: &mut SourceView,
    mut at: u64,
    count: usize,
) -> Result<bool, ExtractError> {
    let mut first: Option<Header> = None;
    for _ in 0..count {
        let mut bytes = [0; HEADER_BYTES];
        if view.read_at(at, &mut bytes)? < bytes.len() {
            return Ok(false);
        }
        let Some(header) = Header::parse(bytes) else { return Ok(false) };
        let Some(size) = header.frame_bytes() else { return Ok(false) };
        if !first.get_or_insert(header).is_compatible(&header) {
            return Ok(false);
        }
        at = at.saturating_add(size as u64);
    }
    Ok(true)
}

/// Reads and decodes MPEG audio frames.
pub(super) struct MpegReader {
    frames: Frames<Box<dyn Read + Send + Sync>>,
    fault: Fault,
    decoder: MpegDecoder,
    header: Header,
    /// The first frame is current and not decoded yet.
    has_frame: bool,
    /// First and end sample of the music among the decoded samples.
    music: (u64, u64),
    decoded: u64,
    /// Bytes of main data that a frame may reach back to.
    reservoir: usize,
    /// Something lay between frames: what cannot be reached was lost to it.
    is_torn: bool,
    skipped: u64,
    /// Samples that the skipped bytes may have been.
    missed: u64,
    silenced: u64,
    done: bool,
}

impl MpegReader {
    /// Finds the first frame.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn open(
        input: Box<dyn Read + Send + Sync>,
        fault: Fault,
    ) -> Result<Self, ExtractError> {
        // What comes before the first frame has a bound of its own.
        fault.header_ends();
        let mut frames = Frames::new(input, MAX_JUNK_BYTES);
        let (header, skipped) = match advance(&mut frames, &fault)? {
            Step::Frame(header, skipped) => (header, skipped),
            Step::End(..) => {
                return Err(ExtractError::UndecodableAudio {
                    detail: "no complete MPEG audio frame".into(),
                });
            }
        };
        let tag = InfoTag::parse(&header, frames.frame());
        let mut params = AudioCodecParameters::new();
        params.for_codec(match header.layer {
            Layer::One => CODEC_ID_MP1,
            Layer::Two => CODEC_ID_MP2,
            Layer::Three => CODEC_ID_MP3,
        });
        params.with_sample_rate(header.sample_rate);
        // Packets carry no trims; the cut is made here.
        let decoder = MpegDecoder::new(&params, &AudioDecoderOptions::default())
            .map_err(|error| ExtractError::UnsupportedCodec { codec: error.to_string() })?;
        Ok(Self {
            frames,
            fault,
            decoder,
            header,
            has_frame: tag.is_none(),
            music: tag.and_then(|tag| tag.music(&header)).unwrap_or((0, u64::MAX)),
            decoded: 0,
            reservoir: 0,
            is_torn: false,
            skipped,
            missed: 0,
            silenced: 0,
            done: false,
        })
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.header.sample_rate
    }

    pub(super) fn channels(&self) -> usize {
        self.header.channels
    }

    /// Frames of the encoder and decoder that were cut so far, at the start and at the end.
    pub(super) fn trimmed(&self) -> (u64, u64) {
        (self.music.0.min(self.decoded), self.decoded.saturating_sub(self.music.1))
    }

    /// Length by the Info frame's count of frames.
    pub(super) fn declared(&self) -> Option<DeclaredLength> {
        let (start, end) = self.music;
        let frames = (end < u64::MAX).then(|| end.saturating_sub(start))?;
        Some(DeclaredLength { frames, slack: 2 * self.header.frame_samples() as u64 })
    }

    pub(super) fn codec(&self) -> &'static str {
        match self.header.layer {
            Layer::One => "mp1",
            Layer::Two => "mp2",
            Layer::Three => "mp3",
        }
    }

    /// Appends the mono samples of one frame; `false` at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if self.done {
            return Ok(false);
        }
        if !std::mem::take(&mut self.has_frame) {
            if self.decoded >= self.music.1 {
                self.finish(None, findings)?;
                return Ok(false);
            }
            match advance(&mut self.frames, &self.fault)? {
                Step::Frame(header, skipped) => {
                    self.header = header;
                    if !self.frames.is_in_step() {
                        (self.reservoir, self.is_torn) = (0, true);
                    }
                    self.skip(skipped, findings);
                }
                Step::End(end, skipped) => {
                    self.skip(skipped, findings);
                    self.finish(Some(end), findings)?;
                    return Ok(false);
                }
            }
        }
        self.decode_frame(out, findings)?;
        Ok(true)
    }

    /// Counts bytes that were skipped: the frames that they may have been are missing here. Where an
    /// Info frame counts the frames, the end of the stream shows whether they were.
    fn skip(&mut self, bytes: u64, findings: &mut Findings) {
        self.skipped += bytes;
        let frames = self.frames.frames_in(bytes);
        let samples = frames.saturating_mul(self.header.frame_samples() as u64);
        self.missed = self.missed.saturating_add(samples);
        findings.miss(samples);
    }

    /// What was skipped or replaced so far; `None` if nothing was.
    pub(super) fn damage(&self) -> Option<String> {
        let (skipped, silenced) = (self.skipped, self.silenced);
        (skipped > 0 || silenced > 0).then(|| {
            format!("{skipped} bytes between frames skipped, {silenced} frames replaced by silence")
        })
    }

    fn decode_frame(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<(), ExtractError> {
        let samples = self.header.frame_samples();
        let keep = {
            let at = |sample: u64| (sample.saturating_sub(self.decoded) as usize).min(samples);
            at(self.music.0)..at(self.music.1)
        };
        self.decoded += samples as u64;
        let is_muted = self.header.layer == Layer::Three && !self.fill_reservoir();
        let packet =
            PacketRef::new(0, Timestamp::ZERO, Duration::from(samples as u64), self.frames.frame());
        let lost = match self.decoder.decode_ref(&packet) {
            Ok(audio) if audio.frames() == samples => {
                planes::downmix(&audio, keep.clone(), Precision::Decoded, out);
                let is_lost = is_muted && self.is_torn;
                if is_lost { keep.len() } else { self.decoder.concealed().min(keep.len()) }
            }
            Err(Error::Unsupported(MIXED_BLOCKS)) => {
                return Err(ExtractError::UnsupportedCodec { codec: MIXED_BLOCKS.into() });
            }
            _ => {
                out.resize(out.len() + keep.len(), 0.0);
                self.silenced += 1;
                keep.len()
            }
        };
        findings.mute(lost as u64);
        Ok(())
    }

    /// Keeps account of the bit reservoir. A frame that reaches back further than it is muted;
    /// `false` then.
    fn fill_reservoir(&mut self) -> bool {
        let side_info = self.header.side_info();
        let (bits, most) = if self.header.low_rate { (8, 255) } else { (9, 511) };
        let frame = self.frames.frame();
        let main_data = frame.len().saturating_sub(side_info.end);
        let Some(side_info) = frame.get_mut(side_info) else { return true };
        let begin = u16::from_be_bytes([side_info[0], side_info[1]]) >> (16 - bits);
        let is_there = usize::from(begin) <= self.reservoir;
        if !is_there {
            side_info.fill(0);
            // What the decoder holds is kept for the frames that follow.
            let held = self.reservoir.min(self.decoder.unread()) as u16;
            side_info[..2].copy_from_slice(&(held << (16 - bits)).to_be_bytes());
        }
        self.reservoir = (self.reservoir + main_data).min(most);
        is_there
    }

    /// Says how the music ended; `end` is `None` where the Info frame's count says that it has.
    fn finish(&mut self, end: Option<End>, findings: &mut Findings) -> Result<(), ExtractError> {
        self.done = true;
        let mut missing = 0;
        if self.music.1 < u64::MAX {
            let lost = self.music.1.saturating_sub(self.decoded);
            findings.regain(self.missed.saturating_sub(lost));
            missing = lost.saturating_sub(self.missed);
        }
        let text = match end {
            Some(End::FormatChanged) => {
                Some(format!("rate, layer or channel count change after {} samples", self.decoded))
            }
            Some(End::Truncated) => Some("the last frame is incomplete".into()),
            _ if missing > 2 * self.header.frame_samples() as u64 => {
                Some(format!("{missing} samples are missing at the end"))
            }
            _ => None,
        };
        if let Some(text) = text {
            findings.warn(WarningCode::TruncatedStream, text);
        }
        if matches!(end, None | Some(End::FormatChanged)) {
            let seconds = self.frames.rest().or_else(|error| failed(&self.fault, error))?;
            // Encoders differ by a frame or two in what they count.
            if seconds * f64::from(self.header.sample_rate)
                > 2.5 * self.header.frame_samples() as f64
            {
                let text = format!("{seconds:.1} s behind the end of the music were not read");
                findings.warn(WarningCode::TrailingAudio, text);
            }
        }
        Ok(())
    }
}

fn advance<R: Read>(frames: &mut Frames<R>, fault: &Fault) -> Result<Step, ExtractError> {
    frames.advance().or_else(|error| failed(fault, error))
}

/// The failure of the source behind an error of reading.
fn failed<T>(fault: &Fault, error: io::Error) -> Result<T, ExtractError> {
    fault.check()?;
    Err(ExtractError::SourceFailed { detail: error.to_string() })
}
