//! Opus (RFC 6716) as one of symphonia's decoders: packets to planes of floats.
//!
//! The arithmetic is that of the crate `opus-pure`. Here is what stands around it: the header's
//! gain and channel mapping, and packets of several streams. What is cut at the start and at the
//! end is the containers' business.

mod head;
mod streams;

use std::num::NonZeroU8;

use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result};
use symphonia::core::packet::PacketRef;

pub(in crate::decode) use self::head::OpusHead;

/// Rate of granule positions and of the codec itself.
pub(in crate::decode) const RATE: u32 = 48_000;

/// Most frames of one packet: 120 ms at 48 kHz (RFC 6716, section 3.2.5).
const MAX_FRAMES: usize = 5760;

/// Decodes the packets of one stream, mono to [`head::MAX_CHANNELS`] channels.
pub(in crate::decode) struct OpusDecoder {
    params: AudioCodecParameters,
    head: OpusHead,
    rate: u32,
    /// One decoder per stream of a packet; those of coupled streams have two channels.
    streams: Vec<opus_pure::OpusDecoder>,
    /// Whether the last packet of each stream was CELT only.
    modes: Vec<Option<bool>>,
    /// Interleaved samples of one stream.
    scratch: Vec<f32>,
    /// A stream's packet without the field that delimits it.
    packet: Vec<u8>,
    buffer: AudioBuffer<f32>,
}

impl OpusDecoder {
    /// A decoder of streams with `head` at [`RATE`] divided by `divisor`: 1, 2, 3, 4 or 6.
    ///
    /// # Errors
    /// If there is no such divisor.
    pub(in crate::decode) fn new(head: OpusHead, divisor: NonZeroU8) -> Result<Self> {
        let rate = RATE / u32::from(divisor.get());
        let coupled = usize::from(head.coupled);
        let stream = |index| -> Result<opus_pure::OpusDecoder> {
            let channels = if index < coupled { 2 } else { 1 };
            let mut stream = opus_pure::OpusDecoder::new(rate as i32, channels)
                .map_err(|_| Error::Unsupported("opus: no such rate"))?;
            stream.gain_q8 = head.gain_q8.into();
            Ok(stream)
        };
        let streams: Vec<_> = (0..head.streams.into()).map(stream).collect::<Result<_>>()?;
        let channels = Channels::Discrete(head.mapping.len() as u16);
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_OPUS).with_sample_rate(rate).with_channels(channels.clone());
        let buffer = AudioBuffer::new(AudioSpec::new(rate, channels), MAX_FRAMES);
        Ok(Self {
            params,
            head,
            rate,
            modes: vec![None; streams.len()],
            streams,
            scratch: vec![0.0; 2 * MAX_FRAMES],
            packet: Vec::new(),
            buffer,
        })
    }

    fn decode_streams(&mut self, data: &[u8]) -> Result<()> {
        let frames = duration(data).map_err(undecodable)? / (RATE / self.rate) as usize;
        self.buffer.render_silence(Some(frames));
        let (mut rest, last) = (data, self.streams.len() - 1);
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let packet = if index < last {
                rest = streams::split(rest, &mut self.packet)
                    .ok_or(Error::DecodeError("opus: a stream of the packet is cut"))?;
                &self.packet[..]
            } else {
                rest
            };
            if self.rate < RATE {
                self.modes[index] = Some(check_low_rate(packet, self.rate, self.modes[index])?);
            }
            // All streams of a packet have one duration (RFC 7845, section 3); a longer one would
            // not fit, and what a shorter one lacks stays silent.
            let got = stream.decode(packet, frames, &mut self.scratch).map_err(undecodable)?;
            let channels = stream.channels();
            let first = index + index.min(usize::from(self.head.coupled));
            for (plane, &source) in self.head.mapping.iter().enumerate() {
                let Some(at) = usize::from(source).checked_sub(first) else { continue };
                if source == head::SILENT || at >= channels {
                    continue;
                }
                let Some(plane) = self.buffer.plane_mut(plane) else { continue };
                let samples = self.scratch[..got * channels].iter().skip(at).step_by(channels);
                plane.iter_mut().zip(samples).for_each(|(to, &sample)| *to = sample);
            }
        }
        Ok(())
    }
}

/// Refuses what `opus-pure` 0.2.2 decodes otherwise than libopus at rates below 48 kHz: sound above
/// half the rate is mirrored instead of taken away, and CELT does not take up where SILK ends.
/// Returns whether the packet is CELT only; `was` says so of the packet before.
fn check_low_rate(packet: &[u8], rate: u32, was: Option<bool>) -> Result<bool> {
    use opus_pure::{Bandwidth, OpusMode, packet as toc};
    // RFC 6716, section 2.
    let highest = match toc::bandwidth(packet).map_err(undecodable)? {
        Bandwidth::Narrowband => 4_000,
        Bandwidth::Mediumband => 6_000,
        Bandwidth::Wideband => 8_000,
        Bandwidth::Superwideband => 12_000,
        Bandwidth::Fullband => 20_000,
    };
    if rate < 2 * highest {
        return Err(Error::Unsupported("sound above half the input rate that its header states"));
    }
    let is_celt = toc::mode(packet).map_err(undecodable)? == OpusMode::CeltOnly;
    if was.is_some_and(|was| was != is_celt) {
        return Err(Error::Unsupported(
            "a change between SILK and CELT at an input rate below 48 kHz",
        ));
    }
    Ok(is_celt)
}

/// Frames of a packet at [`RATE`], by its first bytes.
fn duration(packet: &[u8]) -> opus_pure::Result<usize> {
    opus_pure::packet::samples_48k(packet)
}

fn undecodable(error: opus_pure::Error) -> Error {
    Error::DecodeError(match error {
        opus_pure::Error::InvalidPacket(what) => what,
        _ => "opus: the packet cannot be decoded",
    })
}

impl AudioDecoder for OpusDecoder {
    fn reset(&mut self) {
        for stream in &mut self.streams {
            // It resets in place, and has no failure.
            let _ = stream.reset_state();
        }
    }

    fn codec_info(&self) -> &CodecInfo {
        &Self::supported_codecs()[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        if let Err(error) = self.decode_streams(packet.data) {
            self.buffer.clear();
            return Err(error);
        }
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

impl RegisterableAudioDecoder for OpusDecoder {
    /// A decoder at 48 kHz, whatever rate the container names: it is that of the encoder's input.
    fn try_registry_new(
        params: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        let head = match &params.extra_data {
            Some(data) => OpusHead::from_codec_data(data)?,
            None => OpusHead::plain(params.channels.as_ref().map_or(0, Channels::count))?,
        };
        Ok(Box::new(Self::new(head, NonZeroU8::MIN)?))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus", profiles: &[] };
        &[SupportedAudioCodec { id: CODEC_ID_OPUS, info: INFO }]
    }
}
