//! ALAC, in any container: symphonia's decoder behind a check of each packet.
//!
//! A packet of ALAC has no sum, and symphonia (0.6.1) stops reading where all channels have their
//! samples: after a flipped bit it takes other codes for them, and gives noise. So each packet is
//! walked over first, and one that does not end where its bytes end is a decoding error.

mod bits;
mod walk;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, FinalizeResult,
};
use symphonia::core::codecs::registry::{RegisterableAudioDecoder, SupportedAudioCodec};
use symphonia::core::errors::{Error, Result};
use symphonia::core::packet::PacketRef;
use symphonia::default::codecs;

use self::walk::Walker;

/// Decodes packets that are whole.
pub(super) struct AlacDecoder {
    inner: codecs::AlacDecoder,
    walker: Walker,
}

impl AudioDecoder for AlacDecoder {
    fn reset(&mut self) {
        self.inner.reset();
    }

    fn codec_info(&self) -> &CodecInfo {
        self.inner.codec_info()
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        self.inner.codec_params()
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.walker.check(packet.data).map_err(Error::DecodeError)?;
        self.inner.decode_ref(packet)
    }

    fn finalize(&mut self) -> FinalizeResult {
        self.inner.finalize()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.inner.last_decoded()
    }
}

impl RegisterableAudioDecoder for AlacDecoder {
    fn try_registry_new(
        params: &AudioCodecParameters,
        options: &AudioDecoderOptions,
    ) -> Result<Box<dyn AudioDecoder>> {
        let inner = codecs::AlacDecoder::try_new(params, options)?;
        let cookie = params.extra_data.as_deref().unwrap_or_default();
        let walker =
            Walker::new(cookie).ok_or(Error::DecodeError("alac: the configuration is cut"))?;
        Ok(Box::new(Self { inner, walker }))
    }

    fn supported_codecs() -> &'static [SupportedAudioCodec] {
        codecs::AlacDecoder::supported_codecs()
    }
}
