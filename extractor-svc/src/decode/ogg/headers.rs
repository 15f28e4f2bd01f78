//! The header packets of a logical stream, and the decoder that they make.

use std::num::NonZeroU8;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::errors::Error;

use super::clock::Clock;
use super::mapping::{Mapping, STREAM_INFO_BYTES};
use crate::decode::codecs::opus::{self, OpusDecoder};
use crate::decode::codecs::{registry, vorbis};
use crate::decode::spec::check_channels;
use crate::error::ExtractError;
use crate::limits::Limits;

/// Most header packets of FLAC.
const MAX_FLAC_HEADERS: usize = 1 << 16;

/// The first byte of a FLAC frame; header packets have others.
const FLAC_FRAME: u8 = 0xff;

/// Takes the packets behind the first one, up to the audio.
pub(super) struct Headers {
    mapping: Mapping,
    taken: usize,
    /// The setup header of Vorbis, or FLAC's STREAMINFO by the old mapping.
    setup: Option<Vec<u8>>,
    is_complete: bool,
}

/// What the headers come to.
pub(super) struct Setup {
    pub(super) decoder: Box<dyn AudioDecoder>,
    pub(super) codec: &'static str,
    pub(super) clock: Clock,
    /// Frames of the whole stream, where the headers say.
    pub(super) frames: Option<u64>,
}

impl Headers {
    pub(super) fn new(mapping: Mapping) -> Self {
        Self { mapping, taken: 0, setup: None, is_complete: false }
    }

    /// Whether what follows is audio.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes a packet; gives it back if it is audio.
    pub(super) fn take(&mut self, packet: Vec<u8>) -> Option<Vec<u8>> {
        match self.mapping {
            // Comment, then setup.
            Mapping::Vorbis { .. } => {
                self.is_complete = self.taken == 1;
                self.setup = Some(packet).filter(|_| self.is_complete);
            }
            Mapping::Opus { .. } => self.is_complete = true,
            _ if packet.first() == Some(&FLAC_FRAME) || self.taken >= MAX_FLAC_HEADERS => {
                self.is_complete = true;
                return Some(packet);
            }
            Mapping::OldFlac if self.taken == 0 => {
                // The block has a header of four bytes.
                self.setup = packet.get(4..4 + STREAM_INFO_BYTES).map(<[u8]>::to_vec);
            }
            _ => {}
        }
        self.taken += 1;
        None
    }

    /// Makes the decoder. Where ffmpeg reads the source for librosa, because the stream is not the
    /// first of the file, it is by ffmpeg's rules.
    ///
    /// # Errors
    /// If the headers contradict themselves, are outside the limits, or ask for too much.
    pub(super) fn finish(self, by_ffmpeg: bool, limits: &Limits) -> Result<Setup, ExtractError> {
        match self.mapping {
            Mapping::Vorbis { ident } => {
                check_channels(ident[11].into(), limits)?;
                let setup = self.setup.unwrap_or_default();
                vorbis::check(&setup)?;
                let data = [&ident[..], &setup].concat();
                let decoder = decoder(CODEC_ID_VORBIS, data)?;
                Ok(Setup { decoder, codec: "vorbis", clock: Clock::vorbis(), frames: None })
            }
            Mapping::Opus { head } => {
                check_channels(head.channels(), limits)?;
                let divisor = if by_ffmpeg { NonZeroU8::MIN } else { divisor(head.input_rate) };
                let clock = Clock::opus(head.pre_skip, divisor, by_ffmpeg);
                let decoder = Box::new(OpusDecoder::new(head, divisor).map_err(undecodable)?);
                Ok(Setup { decoder, codec: "opus", clock, frames: None })
            }
            Mapping::Flac { stream_info } => flac(&stream_info),
            Mapping::OldFlac => flac(&self.setup.unwrap_or_default()),
            Mapping::Foreign(codec) => Err(ExtractError::UnsupportedCodec { codec }),
            Mapping::NoAudio => Err(ExtractError::NoAudioTrack),
        }
    }
}

/// What [`opus::RATE`] is divided by: libsndfile decodes at the lowest rate of the codec that is
/// not below the one of the encoder's input (1.2.2, `ogg_opus_setup_decoder`).
fn divisor(input_rate: u32) -> NonZeroU8 {
    let divisors = [6, 4, 3, 2].into_iter().filter_map(NonZeroU8::new);
    let mut fitting =
        divisors.filter(|divisor| input_rate <= opus::RATE / u32::from(divisor.get()));
    fitting.next().unwrap_or(NonZeroU8::MIN)
}

fn flac(stream_info: &[u8]) -> Result<Setup, ExtractError> {
    let decoder = decoder(CODEC_ID_FLAC, stream_info.to_vec())?;
    // 36 bits behind rate, channels and depth; 0 is unknown.
    let [a, bytes @ ..] = [13, 14, 15, 16, 17].map(|i| stream_info.get(i).copied().unwrap_or(0));
    let frames = u64::from(a & 0xf) << 32 | u64::from(u32::from_be_bytes(bytes));
    let frames = Some(frames).filter(|&frames| frames > 0);
    Ok(Setup { decoder, codec: "flac", clock: Clock::flac(), frames })
}

fn decoder(codec: AudioCodecId, data: Vec<u8>) -> Result<Box<dyn AudioDecoder>, ExtractError> {
    let mut params = AudioCodecParameters::new();
    params.for_codec(codec).with_extra_data(data.into_boxed_slice());
    let options = AudioDecoderOptions::default();
    registry::decoders().make_audio_decoder(&params, &options).map_err(undecodable)
}

fn undecodable(error: Error) -> ExtractError {
    ExtractError::UndecodableAudio { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::divisor;

    #[test]
    fn opus_is_decoded_at_the_lowest_rate_that_holds_the_input() {
        let rates = [
            (0, 8000),
            (8000, 8000),
            (8001, 12_000),
            (11_025, 12_000),
            (16_000, 16_000),
            (22_050, 24_000),
            (24_000, 24_000),
            (24_001, 48_000),
            (44_100, 48_000),
            (192_000, 48_000),
        ];
        for (input, rate) in rates {
            assert_eq!(48_000 / u32::from(divisor(input).get()), rate, "{input}");
        }
    }
}
