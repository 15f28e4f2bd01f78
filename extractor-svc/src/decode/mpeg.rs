//! MPEG-1/2/2.5 audio: frames of our own finding, decoded by symphonia, cut as mpg123 cuts.
//!
//! librosa reads MP3 through libsndfile and mpg123. symphonia's frame reader differs from it where
//! it shows: it trims to a length guessed from the bit rate, cuts by other rules when the encoder
//! is not LAME or Lavc, and plays frames whose bit reservoir is missing in part. So the frames are
//! found here, and
//! * an Info frame with a count of frames cuts the decoder's delay and the encoder's padding;
//! * a frame that cannot be decoded is silence of its length, so what follows stays in place;
//! * a frame whose main data began before the stream did is muted;
//! * a change of rate, layer or channel count ends the stream.

mod frames;
mod header;
mod info_tag;

use std::io::Read;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use self::frames::{End, Frames, Step};
use self::header::{HEADER_BYTES, Header, Layer};
use self::info_tag::InfoTag;
use super::codecs::registry;
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
    decoder: Box<dyn AudioDecoder>,
    header: Header,
    /// The first frame is current and not decoded yet.
    has_frame: bool,
    /// First and end sample of the music among the decoded samples.
    music: (u64, u64),
    decoded: u64,
    reservoir: usize,
    skipped: u64,
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
            Step::End(_) => {
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
        let decoder = registry::decoders()
            .make_audio_decoder(&params, &AudioDecoderOptions::default())
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
            skipped,
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
                self.finish(End::Clean, findings);
                return Ok(false);
            }
            match advance(&mut self.frames, &self.fault)? {
                Step::Frame(header, skipped) => {
                    self.header = header;
                    self.skipped += skipped;
                }
                Step::End(end) => {
                    self.finish(end, findings);
                    return Ok(false);
                }
            }
        }
        self.decode_frame(out, findings);
        Ok(true)
    }

    fn decode_frame(&mut self, out: &mut Vec<f32>, findings: &mut Findings) {
        let samples = self.header.frame_samples();
        let keep = {
            let at = |sample: u64| (sample.saturating_sub(self.decoded) as usize).min(samples);
            at(self.music.0)..at(self.music.1)
        };
        self.decoded += samples as u64;
        if self.header.layer == Layer::Three {
            self.fill_reservoir();
        }
        let packet =
            PacketRef::new(0, Timestamp::ZERO, Duration::from(samples as u64), self.frames.frame());
        match self.decoder.decode_ref(&packet) {
            Ok(audio) if audio.frames() == samples => {
                planes::downmix(&audio, keep, Precision::Decoded, out)
            }
            _ => {
                self.silenced += 1;
                findings.mute(keep.len() as u64);
                out.resize(out.len() + keep.len(), 0.0);
            }
        }
    }

    /// Keeps account of the bit reservoir, and mutes a frame that reaches back further than it.
    fn fill_reservoir(&mut self) {
        let side_info = self.header.side_info();
        let (bits, most) = if self.header.low_rate { (8, 255) } else { (9, 511) };
        let frame = self.frames.frame();
        let main_data = frame.len().saturating_sub(side_info.end);
        let Some(side_info) = frame.get_mut(side_info) else { return };
        let begin = u16::from_be_bytes([side_info[0], side_info[1]]) >> (16 - bits);
        if usize::from(begin) > self.reservoir {
            side_info.fill(0);
        }
        self.reservoir = (self.reservoir + main_data).min(most);
    }

    fn finish(&mut self, end: End, findings: &mut Findings) {
        self.done = true;
        if self.skipped > 0 || self.silenced > 0 {
            let text = format!(
                "{} bytes between frames skipped, {} frames replaced by silence",
                self.skipped, self.silenced
            );
            findings.warn(WarningCode::Resynchronized, text);
        }
        let missing = self.music.1.saturating_sub(self.decoded);
        let text = match end {
            End::FormatChanged => {
                format!("rate, layer or channel count change after {} samples", self.decoded)
            }
            End::Truncated => "the last frame is incomplete".into(),
            _ if self.music.1 < u64::MAX && missing > 2 * self.header.frame_samples() as u64 => {
                format!("{missing} samples are missing at the end")
            }
            _ => return,
        };
        findings.warn(WarningCode::TruncatedStream, text);
    }
}

fn advance<R: Read>(frames: &mut Frames<R>, fault: &Fault) -> Result<Step, ExtractError> {
    frames.advance().or_else(|error| {
        fault.check()?;
        Err(ExtractError::SourceFailed { detail: error.to_string() })
    })
}
