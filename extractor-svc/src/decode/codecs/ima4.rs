//! IMA ADPCM as QuickTime packs it, for the packets of MOV.
//!
//! A packet is a chunk of 34 bytes for each channel, of 64 samples, or several of those. librosa has
//! these files from ffmpeg, so the predictor is carried from packet to packet as there, and a packet
//! ends before a chunk that cannot be decoded.

use symphonia::core::audio::{
    AsGenericAudioBufferRef as _, AudioBuffer, AudioMut as _, AudioSpec, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_ADPCM_IMA_QT;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use super::ima::{CHUNK_BYTES, CHUNK_FRAMES, Channel};
use crate::limits::CHANNEL_CEILING;

const CODECS: [SupportedAudioCodec; 1] = [SupportedAudioCodec {
    id: CODEC_ID_ADPCM_IMA_QT,
    info: CodecInfo { short_name: "adpcm_ima_qt", long_name: "ADPCM IMA QT", profiles: &[] },
}];

/// Most chunks of a channel in one packet: half a second at 44.1 kHz.
const MAX_CHUNKS: usize = 1 << 9;

/// Decodes packets of QuickTime's IMA ADPCM.
pub(super) struct Ima4Decoder {
    params: AudioCodecParameters,
    states: Vec<Channel>,
    buffer: AudioBuffer<i16>,
}

impl AudioDecoder for Ima4Decoder {
    fn reset(&mut self) {
        self.states.fill(Channel::default());
    }

    fn codec_info(&self) -> &CodecInfo {
        &CODECS[0].info
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.buffer.clear();
        let chunks = packet.data.as_chunks::<CHUNK_BYTES>().0;
        let channels = self.states.len();
        let rows = chunks.len() / channels;
        if rows == 0 {
            return decode_error("adpcm (ima qt): the packet is shorter than a chunk a channel");
        }
        if rows > MAX_CHUNKS {
            return decode_error("adpcm (ima qt): the packet is too long");
        }
        self.buffer.render_silence(Some(rows * CHUNK_FRAMES));
        for (row, chunks) in chunks.chunks_exact(channels).enumerate() {
            for (channel, (chunk, state)) in chunks.iter().zip(&mut self.states).enumerate() {
                let Some(samples) = state.chunk(chunk, true) else {
                    self.buffer.truncate(row * CHUNK_FRAMES);
                    if row == 0 {
                        return decode_error("adpcm (ima qt): a step that there is not");
                    }
                    return Ok(self.buffer.as_generic_audio_buffer_ref());
                };
                if let Some(plane) = self.buffer.plane_mut(channel) {
                    plane[row * CHUNK_FRAMES..][..CHUNK_FRAMES].copy_from_slice(&samples);
                }
            }
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

impl RegisterableAudioDecoder for Ima4Decoder {
    fn try_registry_new(
        params: &AudioCodecParameters,
        _: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        let (Some(rate), Some(channels)) = (params.sample_rate, params.channels.clone()) else {
            return unsupported_error("adpcm (ima qt): rate and channels are required");
        };
        let count = channels.count();
        if !(1..=CHANNEL_CEILING).contains(&count) {
            return unsupported_error("adpcm (ima qt): too many channels");
        }
        let buffer = AudioBuffer::new(AudioSpec::new(rate, channels), MAX_CHUNKS * CHUNK_FRAMES);
        let states = vec![Channel::default(); count];
        Ok(Box::new(Self { params: params.clone(), states, buffer }))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        &CODECS
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::{Channels, GenericAudioBufferRef, Position};
    use symphonia::core::codecs::audio::well_known::CODEC_ID_ADPCM_IMA_QT;
    use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
    use symphonia::core::packet::Packet;
    use symphonia::core::units::{Duration, Timestamp};

    use crate::decode::codecs::registry;

    #[test]
    fn packets_of_several_chunks_are_decoded_by_channel() {
        let mut params = AudioCodecParameters::new();
        let stereo = Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT);
        params.for_codec(CODEC_ID_ADPCM_IMA_QT).with_sample_rate(8000).with_channels(stereo);
        let mut decoder = registry::decoders()
            .make_audio_decoder(&params, &AudioDecoderOptions::default())
            .unwrap();
        let chunk = |high: u8| [&[high, 0][..], &[0; 32]].concat();
        let data = [1, 2, 3, 4].map(chunk).concat();
        let packet = |data: &[u8]| Packet::new(0, Timestamp::new(0), Duration::new(0), data);
        let GenericAudioBufferRef::S16(audio) = decoder.decode(&packet(&data)).unwrap() else {
            panic!("not 16 bits");
        };
        let starts = [0, 1].map(|channel| {
            let plane = symphonia::core::audio::Audio::plane(audio, channel).unwrap();
            [plane[0], plane[64], plane.len() as i16]
        });
        assert_eq!(starts, [[256, 768, 128], [512, 1024, 128]]);
        // A step of 89 or more: what comes before it is kept.
        let mut broken = data.clone();
        broken[3 * 34 + 1] = 89;
        assert_eq!(decoder.decode(&packet(&broken)).unwrap().frames(), 64);
        broken[34 + 1] = 127;
        assert!(decoder.decode(&packet(&broken)).is_err());
        assert!(decoder.decode(&packet(&data[..67])).is_err());
        assert!(decoder.decode(&packet(&vec![0; 34 * 2 * 513])).is_err());
    }
}
