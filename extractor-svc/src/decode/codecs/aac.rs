//! AAC of low complexity, in any container; all other kinds are refused by name.
//!
//! symphonia (0.6.1) decodes one or two channels and takes spectral band replication for a filling:
//! HE-AAC would come out as its core, at half the rate and without its upper half. So the
//! configuration is read here, and the first packets are walked over, before a sample is made. More
//! channels are decoded as the elements that they are coded in: each goes, as a packet of its own,
//! to a decoder of its own.

mod bands;
mod bits;
mod block;
mod books;
mod config;

use symphonia::core::audio::{
    AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels,
    GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;
use symphonia::default::codecs;

pub(in crate::decode) use self::config::RATES;

use self::bits::BitWriter;
use self::block::{Block, Element, Stop};
use self::config::{Config, Replication};

/// Packets that are walked over before their kind is taken for granted. Spectral band replication
/// is in each packet of a stream that has it.
const LOOKED_AT: u32 = 8;

/// Samples of a frame.
const FRAME: usize = 1024;

/// Rate in hertz and channels of the core by a configuration; no channels if the packets say them.
pub(in crate::decode) fn rate_and_channels(config: &[u8]) -> Option<(u32, Option<usize>)> {
    Config::read(config).map(|config| (config.sample_rate, config.channels))
}

/// Decodes AAC. An error of kind [`Error::Unsupported`] names a kind of AAC that is not decoded;
/// what a single damaged packet seems to ask for is a decoding error.
pub(super) struct AacDecoder {
    params: AudioCodecParameters,
    config: Config,
    looked_at: u32,
    /// One for a mono or stereo stream; else one for each element, from the first packet on.
    parts: Vec<Part>,
    /// Channels of all parts, where there are several.
    joined: AudioBuffer<f32>,
    /// Whether packets are taken apart into their elements.
    is_split: bool,
    /// Whether `joined` holds the last frame.
    is_joined: bool,
    /// Configured, so that a packet which seems to be of another kind is a broken one.
    is_configured: bool,
    /// The part that has had bands of noise.
    noisy: Option<usize>,
}

struct Part {
    decoder: codecs::AacDecoder,
    is_pair: bool,
}

impl Part {
    fn new(sample_rate: u32, channels: usize) -> Result<Self> {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(sample_rate)
            .with_extra_data(Config::minimal(sample_rate, channels).into_boxed_slice());
        let decoder = codecs::AacDecoder::try_new(&params, &AudioDecoderOptions::default())?;
        Ok(Self { decoder, is_pair: channels == 2 })
    }
}

impl AacDecoder {
    fn try_new(params: &AudioCodecParameters) -> Result<Self> {
        let config = match &params.extra_data {
            Some(config) => match Config::read(config) {
                Some(config) => config,
                // Quadraphony and the like, in ADTS.
                None if config::leaves_channels_to_frames(config) => {
                    return unsupported_error("channels by a program config element in its frames");
                }
                None => return decode_error("aac: the configuration is broken"),
            },
            None => match params.sample_rate {
                Some(rate) => {
                    let channels = params.channels.as_ref().map(Channels::count);
                    Config::plain(rate, channels.filter(|&channels| channels > 0))
                }
                None => return decode_error("aac: neither a configuration nor a sample rate"),
            },
        };
        let is_configured = params.extra_data.is_some();
        if let Some(obstacle) = config.obstacle() {
            return unsupported_error(obstacle);
        }
        let is_split = !matches!(config.channels, Some(1 | 2));
        let mut params = params.clone();
        params.with_sample_rate(config.sample_rate);
        if let Some(channels) = config.channels {
            params.with_channels(discrete(channels));
        }
        let mut decoder = Self {
            params,
            config,
            looked_at: 0,
            parts: Vec::new(),
            joined: AudioBuffer::default(),
            is_split,
            is_joined: false,
            is_configured,
            noisy: None,
        };
        if let Some(channels @ 1..=2) = decoder.config.channels {
            decoder.parts.push(Part::new(decoder.config.sample_rate, channels)?);
        }
        Ok(decoder)
    }

    fn walk(&self, packet: &[u8]) -> std::result::Result<Block, Stop> {
        block::walk(packet, self.config.sample_rate)
    }

    /// Refuses, by one of the first packets, what would come out wrong.
    fn look(&mut self, packet: &[u8]) -> Result<()> {
        self.looked_at += 1;
        match self.walk(packet) {
            Ok(block)
                if block.has_replication && self.config.replication == Replication::Unsaid =>
            {
                unsupported_error(config::HE_AAC)
            }
            Err(Stop::Foreign(what)) if !self.is_configured => unsupported_error(what),
            Err(Stop::Foreign(what)) => decode_error(what),
            // Of a broken packet the decoder says more.
            Ok(_) | Err(Stop::Broken) => Ok(()),
        }
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        if self.looked_at < LOOKED_AT {
            self.look(packet.data)?;
        }
        self.is_joined = self.is_split;
        if self.is_split {
            let block = self.walk(packet.data);
            return self.decode_split(packet, block);
        }
        let Some(part) = self.parts.first_mut() else {
            return decode_error("aac: no channels");
        };
        match part.decoder.decode_ref(packet) {
            Ok(_) => Ok(()),
            // It stops at elements that only describe; without them it goes on.
            Err(Error::Unsupported(what)) => match self.walk(packet.data) {
                Ok(block) => {
                    let data = elements(packet.data, &block.channels);
                    let bare = PacketRef::new(packet.track_id, packet.pts, packet.dur, &data);
                    let Some(part) = self.parts.first_mut() else {
                        return decode_error("aac: no channels");
                    };
                    part.decoder.decode_ref(&bare).map(|_| ()).map_err(as_damage)
                }
                Err(_) => decode_error(what),
            },
            Err(error) => Err(error),
        }
    }

    fn decode_split(
        &mut self,
        packet: &PacketRef<'_>,
        block: std::result::Result<Block, Stop>,
    ) -> Result<()> {
        let Ok(Block { channels: found, .. }) = block else {
            self.joined.clear();
            return decode_error("aac: the packet's elements are broken");
        };
        let count = found.iter().map(|element| if element.is_pair { 2 } else { 1 }).sum::<usize>();
        if count == 0 || self.config.channels.is_some_and(|channels| channels != count) {
            self.joined.clear();
            return decode_error("aac: other channels than the configuration says");
        }
        if self.parts.is_empty() {
            for element in &found {
                let channels = if element.is_pair { 2 } else { 1 };
                self.parts.push(Part::new(self.config.sample_rate, channels)?);
            }
            let spec = AudioSpec::new(self.config.sample_rate, discrete(count));
            self.joined = AudioBuffer::new(spec, FRAME);
            self.config.channels = Some(count);
        }
        self.joined.clear();
        let is_same = found.len() == self.parts.len()
            && found.iter().zip(&self.parts).all(|(element, part)| element.is_pair == part.is_pair);
        if !is_same {
            return decode_error("aac: the channels' elements change");
        }
        // All elements draw on one sequence of random numbers, which their decoders do not share.
        for (at, _) in found.iter().enumerate().filter(|(_, element)| element.has_noise) {
            if *self.noisy.get_or_insert(at) != at {
                return unsupported_error("noise substitution in more than two channels");
            }
        }
        self.joined.render_silence(Some(FRAME));
        let mut plane = 0;
        for (element, part) in found.iter().zip(&mut self.parts) {
            let data = elements(packet.data, std::slice::from_ref(element));
            let alone = PacketRef::new(packet.track_id, packet.pts, packet.dur, &data);
            let result = part.decoder.decode_ref(&alone);
            let Ok(GenericAudioBufferRef::F32(audio)) = result else {
                self.joined.clear();
                return decode_error("aac: an element of the packet is broken");
            };
            for from in audio.iter_planes() {
                if let Some(to) = self.joined.plane_mut(plane)
                    && to.len() == from.len()
                {
                    to.copy_from_slice(from);
                }
                plane += 1;
            }
        }
        Ok(())
    }

    fn last(&self) -> GenericAudioBufferRef<'_> {
        match self.parts.first() {
            Some(part) if !self.is_joined => part.decoder.last_decoded(),
            _ => self.joined.as_generic_audio_buffer_ref(),
        }
    }
}

/// A packet of some elements of another.
fn elements(packet: &[u8], of: &[Element]) -> Vec<u8> {
    const END: u32 = 7;
    let mut bits = BitWriter::default();
    for element in of {
        bits.copy(packet, element.from, element.to);
    }
    bits.write(END, 3);
    bits.into_bytes()
}

/// What one packet asks for in vain is a damage: the kind of stream was looked at before.
fn as_damage(error: Error) -> Error {
    match error {
        Error::Unsupported(what) => Error::DecodeError(what),
        error => error,
    }
}

fn discrete(channels: usize) -> Channels {
    Channels::Discrete(channels.try_into().unwrap_or(u16::MAX))
}

impl AudioDecoder for AacDecoder {
    fn reset(&mut self) {
        for part in &mut self.parts {
            part.decoder.reset();
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &Self::supported_codecs()[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decode_packet(packet)?;
        Ok(self.last())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.last()
    }
}

impl RegisterableAudioDecoder for AacDecoder {
    fn try_registry_new(
        params: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        Ok(Box::new(Self::try_new(params)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        const INFO: CodecInfo =
            CodecInfo { short_name: "aac", long_name: "Advanced Audio Coding", profiles: &[] };
        &[SupportedAudioCodec { id: CODEC_ID_AAC, info: INFO }]
    }
}
