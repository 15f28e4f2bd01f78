//! Packets of one track, decoded one by one: of FLAC, MP4, Matroska, ADTS and CAF.
//!
//! A packet that cannot be decoded is dropped, as libsndfile and ffmpeg drop it. A container that
//! cannot go on, and a change of rate or channel count end the audio.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, decode_error};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV,
};
use symphonia::core::formats::{FormatOptions, FormatReader, MediaInfo, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::{Packet, PacketRef};
use symphonia::core::units::{Duration, Time, TimeBase, Timestamp};

use super::codecs::{ima, name, registry, vorbis};
use super::mpeg::{MIXED_BLOCKS, MpegDecoder};
use super::planes::{self, Precision};
use super::source::{Fault, SourceView};
use super::spec::check_channels;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};
use crate::limits::Limits;

/// Most packets in a row that give no sample; a damaged index can promise any number of them.
const MAX_BARREN_PACKETS: u32 = 100_000;

/// Looks for a container that symphonia knows. Its own limits on tags and pictures are not in
/// force yet (version 0.6.1); what it may read is bounded by the view.
pub(super) fn probe(view: SourceView) -> Result<Box<dyn FormatReader>, ExtractError> {
    let fault = view.fault();
    let stream = MediaSourceStream::new(Box::new(view), MediaSourceStreamOptions::default());
    let found = symphonia::default::get_probe().probe(
        &Hint::new(),
        stream,
        FormatOptions::default(),
        MetadataOptions::default(),
    );
    fault.check()?;
    found.map_err(|error| match error {
        // The only way in which the probe says that it found nothing.
        Error::Unsupported("core (probe): no suitable format reader found") => no_marker(),
        error => ExtractError::UndecodableAudio { detail: error.to_string() },
    })
}

/// The refusal of bytes that nobody knows.
pub(super) fn no_marker() -> ExtractError {
    ExtractError::UnsupportedContainer { detail: "no marker within the first MiB".into() }
}

/// What a packet tells to leave out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trims {
    /// The decoder does it.
    Done,
    /// Frames at its start (MP4).
    Frames,
    /// Times at its start and its end (Matroska).
    Times,
}

/// A decoder; of MPEG audio, one that knows which samples it concealed.
enum PacketDecoder {
    Mpeg(Box<MpegDecoder>),
    Other(Box<dyn AudioDecoder>),
}

impl PacketDecoder {
    fn make(params: &AudioCodecParameters, codec: &str) -> symphonia::core::errors::Result<Self> {
        let options = AudioDecoderOptions::default();
        Ok(match codec {
            "mp1" | "mp2" | "mp3" => Self::Mpeg(Box::new(MpegDecoder::new(params, &options)?)),
            _ => Self::Other(registry::decoders().make_audio_decoder(params, &options)?),
        })
    }

    fn get(&self) -> &dyn AudioDecoder {
        match self {
            Self::Mpeg(decoder) => decoder.as_ref(),
            Self::Other(decoder) => decoder.as_ref(),
        }
    }

    /// Decodes a packet; returns how many of its frames are concealed.
    fn decode(&mut self, packet: &PacketRef<'_>) -> symphonia::core::errors::Result<usize> {
        match self {
            Self::Mpeg(decoder) => {
                decoder.decode_ref(packet)?;
                Ok(decoder.concealed())
            }
            Self::Other(decoder) => decoder.decode_ref(packet).map(|_| 0),
        }
    }
}

/// Reads and decodes the packets of one audio track.
pub(super) struct PacketReader {
    format: Box<dyn FormatReader>,
    fault: Fault,
    decoder: PacketDecoder,
    track_id: u32,
    codec: &'static str,
    /// Rate and channels of the first packet.
    spec: Option<(u32, usize)>,
    /// Rate that the headers state; 0 if none.
    stated_rate: u32,
    /// Frames that are still to be dropped at the start.
    skip: u64,
    /// Frames of the encoder's own that are not handed out, at the start and at the end.
    trimmed: (u64, u64),
    frames: u64,
    declared: Option<u64>,
    trims: Trims,
    /// The container's reader tells by a decoding error that it skipped bytes, and goes on.
    skips_damage: bool,
    /// Bytes were skipped since the last packet.
    is_behind_damage: bool,
    damages: u64,
    /// Where the next packet begins if nothing is missing.
    next_ts: Option<Timestamp>,
    /// Frames of the last packet that was decoded.
    packet_frames: u64,
    /// What was noticed while opening.
    remark: Option<(WarningCode, String)>,
    precision: Precision,
    /// Positions are exact. Matroska counts milliseconds, of FLAC too.
    counts_frames: bool,
    time_base: Option<TimeBase>,
    dropped: u64,
    /// Why the first packet that was dropped was.
    trouble: Option<String>,
    done: bool,
}

impl PacketReader {
    /// Takes the default audio track, or else the first whose codec is known.
    ///
    /// # Errors
    /// If there is no audio track, or none that can be decoded or that the limits allow.
    pub(super) fn open(
        format: Box<dyn FormatReader>,
        fault: Fault,
        limits: &Limits,
    ) -> Result<Self, ExtractError> {
        let track = format
            .default_track(TrackType::Audio)
            .or_else(|| format.first_track(TrackType::Audio))
            .ok_or(ExtractError::NoAudioTrack)?;
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err(ExtractError::NoAudioTrack);
        };
        // Decoders make room for as many channels as a header claims.
        if let Some(channels) = &params.channels {
            check_channels(channels.count(), limits)?;
        }
        let codec = name::of(params.codec);
        if let Some(setup) = &params.extra_data
            && codec == "vorbis"
        {
            vorbis::check(setup)?;
        }
        let decoder = PacketDecoder::make(params, codec).map_err(|error| match error {
            Error::Unsupported(what) if what.starts_with("core") => {
                ExtractError::UnsupportedCodec { codec: codec.into() }
            }
            Error::Unsupported(what) => {
                ExtractError::UnsupportedCodec { codec: format!("{codec} ({what})") }
            }
            error => ExtractError::UndecodableAudio { detail: error.to_string() },
        })?;
        let rate = decoder.get().codec_params().sample_rate.or(params.sample_rate).unwrap_or(0);
        let container = format.format_info().format;
        let trims = match container {
            FORMAT_ID_ISOMP4 => Trims::Frames,
            FORMAT_ID_MKV | FORMAT_ID_FLAC => Trims::Times,
            _ => Trims::Done,
        };
        // Of MP4, each packet says what is to be left out of it.
        let skip = if trims == Trims::Times || (codec == "aac" && trims == Trims::Done) {
            track.delay.unwrap_or(0).into()
        } else {
            0
        };
        // What is not skipped here, the container's reader has cut by its own count.
        let delay = if skip > 0 { skip } else { track.delay.unwrap_or(0).into() };
        let trimmed = (delay, track.padding.unwrap_or(0).into());
        let (track_id, time_base) = (track.id, track.time_base);
        let declared = track.num_frames.or_else(|| stated_frames(format.media_info(), rate));
        fault.header_ends();
        Ok(Self {
            format,
            fault,
            decoder,
            track_id,
            codec,
            spec: None,
            stated_rate: rate,
            skip,
            trimmed,
            frames: 0,
            declared: declared.map(|frames| frames.saturating_sub(skip)),
            trims,
            skips_damage: matches!(container, FORMAT_ID_MKV | FORMAT_ID_ADTS | FORMAT_ID_ISOMP4),
            is_behind_damage: false,
            damages: 0,
            next_ts: None,
            packet_frames: 0,
            remark: None,
            precision: Precision::of(container, codec),
            counts_frames: codec == "flac" && container != FORMAT_ID_MKV,
            time_base,
            dropped: 0,
            trouble: None,
            done: false,
        })
    }

    /// Adds a finding that was made before.
    pub(super) fn remarking(self, code: WarningCode, text: String) -> Self {
        Self { remark: Some((code, text)), ..self }
    }

    /// Rate and channel count, known once a packet has been decoded.
    pub(super) fn spec(&self) -> Option<(u32, usize)> {
        self.spec
    }

    /// Frames of the encoder's own that are not handed out, at the start and at the end.
    pub(super) fn trimmed(&self) -> (u64, u64) {
        self.trimmed
    }

    /// Frames by the container's own table or count.
    pub(super) fn declared(&self) -> Option<DeclaredLength> {
        let frames = self.declared?;
        Some(DeclaredLength { frames, slack: self.slack(frames) })
    }

    pub(super) fn codec(&self) -> &'static str {
        self.codec
    }

    /// Why no sample came, if a damage is known.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What was skipped so far; `None` if nothing was.
    pub(super) fn damage(&self) -> Option<String> {
        let (dropped, damages) = (self.dropped, self.damages);
        (dropped > 0 || damages > 0)
            .then(|| format!("{damages} damages skipped, {dropped} undecodable packets dropped"))
    }

    /// Appends the mono samples of one packet; `false` at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if let Some((code, text)) = self.remark.take() {
            findings.warn(code, text);
        }
        let mut barren = 0;
        while !self.done {
            let before = out.len();
            let end = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track_id => {
                    self.decode(&packet, out, findings)?
                }
                Ok(Some(_)) => None,
                Ok(None) => Some(None),
                Err(Error::ResetRequired) => {
                    let text = "another recording follows and was not read";
                    findings.warn(WarningCode::TrailingAudio, text);
                    Some(None)
                }
                Err(Error::DecodeError(_)) if self.skips_damage => {
                    self.is_behind_damage = true;
                    None
                }
                Err(error) => {
                    if let Some(refusal) = refusal(&error) {
                        return Err(refusal);
                    }
                    self.trouble.get_or_insert_with(|| error.to_string());
                    Some(Some(format!("the container ends early ({error})")))
                }
            };
            self.fault.check()?;
            let produced = (out.len() - before) as u64;
            self.frames += produced;
            barren += 1;
            match end {
                Some(why) => self.finish(why, findings),
                None if barren > MAX_BARREN_PACKETS => {
                    let why = format!("{barren} packets without a sample");
                    self.trouble.get_or_insert_with(|| why.clone());
                    self.finish(Some(why), findings);
                }
                None => {}
            }
            if produced > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decodes a packet; `Some` with the reason if the audio ends with it.
    ///
    /// # Errors
    /// If the packet is of a kind that is not decoded.
    fn decode(
        &mut self,
        packet: &Packet,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<Option<Option<String>>, ExtractError> {
        let next_ts = packet.pts.saturating_add(packet.block_dur());
        let expected = self.next_ts.replace(next_ts).unwrap_or(packet.pts);
        // Frames of FLAC are numbered, so that a gap shows which are missing.
        let has_gap = self.counts_frames && packet.pts > expected;
        if std::mem::take(&mut self.is_behind_damage) || has_gap {
            self.damages += 1;
            let gap = packet.pts.duration_from(expected).unwrap_or(Duration::ZERO);
            findings.miss(self.frames_of(gap));
        }
        // Some decoders of symphonia would leave out as well what is left out here.
        let bare = PacketRef::new(packet.track_id, packet.pts, packet.dur, &packet.data);
        let packet_ref = if self.trims == Trims::Done { packet.as_packet_ref() } else { bare };
        // Of nothing some decoders make a frame of silence.
        let concealed = match packet.data.is_empty() {
            true => decode_error("an empty packet"),
            false => self.decoder.decode(&packet_ref),
        };
        match concealed.map(|concealed| (self.decoder.get().last_decoded(), concealed)) {
            Ok((audio, concealed)) => {
                let spec = (audio.spec().rate(), audio.num_planes());
                let frames = audio.frames() as u64;
                if frames > 0 && *self.spec.get_or_insert(spec) != spec {
                    return Ok(Some(Some("rate or channel count change".to_owned())));
                }
                let mut end = 0;
                match self.trims {
                    Trims::Done => {}
                    Trims::Frames => self.skip = packet.trim_start.get(),
                    Trims::Times => {
                        let start = frames_in(self.time_base, packet.trim_start, spec.0);
                        if start > 0 {
                            // ffmpeg counts anew where a packet says it.
                            self.trimmed.0 += start;
                            self.skip = start;
                        }
                        end = frames_in(self.time_base, packet.trim_end, spec.0);
                    }
                }
                let skipped = self.skip.min(frames);
                self.skip -= skipped;
                // More than there is, is nonsense; ffmpeg then discards nothing.
                let cut = if end <= frames - skipped { end } else { 0 };
                self.trimmed.1 += cut;
                let keep = skipped as usize..(frames - cut) as usize;
                findings.mute(concealed.min(keep.len()) as u64);
                planes::downmix(&audio, keep, self.precision, out);
                if packet.block_dur().is_zero() {
                    // Where the container states no durations, the decoder's are right.
                    self.next_ts = after(self.time_base, packet.pts, frames, spec.0);
                }
                self.packet_frames = frames;
                if self.codec == "adpcm_ima_qt" {
                    // Of a packet that is broken in its middle the beginning comes.
                    let whole = ima::chunks_frames(packet.data.len(), spec.1);
                    let lost = whole.saturating_sub(frames);
                    self.dropped += u64::from(lost > 0);
                    findings.miss(lost);
                }
                Ok(None)
            }
            Err(Error::ResetRequired) => Ok(Some(Some("the codec changes".to_owned()))),
            // The kind of AAC may show in the packets only.
            Err(Error::Unsupported(what)) if self.codec == "aac" => {
                Err(ExtractError::UnsupportedCodec { codec: format!("aac ({what})") })
            }
            Err(Error::Unsupported(MIXED_BLOCKS)) => {
                Err(ExtractError::UnsupportedCodec { codec: MIXED_BLOCKS.into() })
            }
            Err(error) => {
                self.dropped += 1;
                findings.miss(self.lost_with(packet));
                self.trouble.get_or_insert_with(|| error.to_string());
                Ok(None)
            }
        }
    }

    /// Frames that are missing with a packet that cannot be decoded.
    fn lost_with(&mut self, packet: &Packet) -> u64 {
        // Of what is left out anyway nothing is missing.
        let trim = if self.trims == Trims::Frames { packet.trim_start.get() } else { 0 };
        if !packet.block_dur().is_zero() {
            return self.frames_of(packet.block_dur()).saturating_sub(trim);
        }
        self.next_ts = after(self.time_base, packet.pts, self.packet_frames, self.rate());
        self.packet_frames
    }

    /// A time of the track in frames.
    fn frames_of(&self, duration: Duration) -> u64 {
        frames_in(self.time_base, duration, self.rate())
    }

    /// The rate of the first packet; before it, the one that is stated, so that a loss at the very
    /// beginning counts.
    fn rate(&self) -> u32 {
        self.spec.map_or(self.stated_rate, |(rate, _)| rate)
    }

    /// How many frames a declared count may be off without being a finding: none in FLAC; elsewhere
    /// a few packets, or a hundredth, is how containers count.
    fn slack(&self, declared: u64) -> u64 {
        if self.counts_frames { 0 } else { (declared / 100).max(8192) }
    }

    fn finish(&mut self, why: Option<String>, findings: &mut Findings) {
        self.done = true;
        let own = self.format.tracks().iter().find(|track| track.id == self.track_id);
        // Some containers learn how long they are while they are read.
        self.declared = self.declared.or(own.and_then(|track| track.num_frames));
        let end = own.and_then(|track| Some(track.start_ts.saturating_add(track.duration?)));
        let gap = end.zip(self.next_ts).and_then(|(end, next)| end.duration_from(next));
        if let Some(gap) = gap.filter(|_| self.is_behind_damage) {
            // No packet says how much was lost before the end; the track does.
            self.damages += 1;
            findings.miss(self.frames_of(gap));
        }
        if let Some(text) = self.fault.trailing() {
            findings.warn(WarningCode::TrailingAudio, text);
        }
        if why.is_some() && self.declared.is_none() {
            // Of a film that is cut, the stated length is its sound's as well.
            self.declared = stated_frames(self.format.media_info(), self.rate());
        }
        let frames = self.frames;
        match (why, self.declared) {
            (Some(why), _) => {
                let text = format!("after {frames} frames: {why}");
                findings.warn(WarningCode::TruncatedStream, text);
            }
            (None, Some(declared)) if frames.abs_diff(declared) > self.slack(declared) => {
                let text = format!("{declared} frames declared, {frames} decoded");
                findings.warn(WarningCode::DurationMismatch, text);
            }
            _ => {}
        }
    }
}

/// Frames by the duration that the container states for all its media.
fn stated_frames(info: &MediaInfo, rate: u32) -> Option<u64> {
    let seconds = info.time_base?.calc_duration(info.duration?)?.as_secs_f64();
    Some((seconds * f64::from(rate)) as u64)
}

/// A time in units of `base` as frames at `rate`, rounded.
fn frames_in(base: Option<TimeBase>, duration: Duration, rate: u32) -> u64 {
    let time = base.and_then(|base| base.calc_duration(duration));
    time.map_or(0, |time| (time.as_secs_f64() * f64::from(rate)).round() as u64)
}

/// The time `frames` at `rate` behind `start`.
fn after(base: Option<TimeBase>, start: Timestamp, frames: u64, rate: u32) -> Option<Timestamp> {
    let time = Time::try_from_secs_f64(frames as f64 / f64::from(rate.max(1)))?;
    let length = base?.calc_timestamp(time)?;
    Some(start.saturating_add(Duration::new(length.get().unsigned_abs())))
}

/// The refusal that a container's reader of this crate gave as the cause of an error.
fn refusal(error: &Error) -> Option<ExtractError> {
    let Error::IoError(error) = error else { return None };
    error.get_ref()?.downcast_ref::<ExtractError>().cloned()
}
