//! Every decoder there is: symphonia's, and those that are added here.

use std::sync::LazyLock;

use symphonia::core::codecs::registry::CodecRegistry;

use super::aac::AacDecoder;
use super::alac::AlacDecoder;
use super::ima4::Ima4Decoder;
use super::opus::OpusDecoder;
use crate::decode::mpeg::MpegDecoder;

/// The decoders of this build.
pub(in crate::decode) fn decoders() -> &'static CodecRegistry {
    static DECODERS: LazyLock<CodecRegistry> = LazyLock::new(|| {
        let mut registry = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut registry);
        // In the place of symphonia's own.
        registry.register_audio_decoder::<AacDecoder>();
        registry.register_audio_decoder::<AlacDecoder>();
        registry.register_audio_decoder::<MpegDecoder>();
        registry.register_audio_decoder::<Ima4Decoder>();
        registry.register_audio_decoder::<OpusDecoder>();
        registry
    });
    &DECODERS
}
