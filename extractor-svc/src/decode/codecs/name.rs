//! Short names of audio codecs, also of those that are not supported: an error should name them.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as id;

use super::registry;

/// Names of codecs that containers here may hold, and that have no decoder.
const FOREIGN: &[(AudioCodecId, &str)] = &[
    (id::CODEC_ID_MUSEPACK, "musepack"),
    (id::CODEC_ID_AC3, "ac3"),
    (id::CODEC_ID_EAC3, "eac3"),
    (id::CODEC_ID_AC4, "ac4"),
    (id::CODEC_ID_DCA, "dts"),
    (id::CODEC_ID_ATRAC1, "atrac1"),
    (id::CODEC_ID_ATRAC3, "atrac3"),
    (id::CODEC_ID_WMA, "wma"),
    (id::CODEC_ID_RA10, "realaudio 14.4"),
    (id::CODEC_ID_RA20, "realaudio 28.8"),
    (id::CODEC_ID_SIPR, "realaudio sipr"),
    (id::CODEC_ID_COOK, "realaudio cook"),
    (id::CODEC_ID_RALF, "realaudio lossless"),
    (id::CODEC_ID_WAVPACK, "wavpack"),
    (id::CODEC_ID_TTA, "tta"),
    (id::CODEC_ID_TRUEHD, "truehd"),
    (id::CODEC_ID_ADPCM_IMA_QT, "adpcm_ima_qt"),
];

/// The codec's short name, `unknown` if it has none here.
pub(in crate::decode) fn of(codec: AudioCodecId) -> &'static str {
    if let Some(decoder) = registry::decoders().get_audio_decoder(codec) {
        return decoder.codec.info.short_name;
    }
    FOREIGN.iter().find(|(id, _)| *id == codec).map_or("unknown", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{id, of};

    #[test]
    fn codecs_have_names() {
        assert_eq!(of(id::CODEC_ID_VORBIS), "vorbis");
        assert_eq!(of(id::CODEC_ID_OPUS), "opus");
        assert_eq!(of(id::CODEC_ID_COOK), "realaudio cook");
        assert_eq!(of(Default::default()), "unknown");
    }
}
