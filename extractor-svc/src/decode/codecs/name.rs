//! Short names of audio codecs, also of those that are not supported: an error should name them.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as id;

use super::registry;

/// PCM with a plane per channel, of any form of sample.
const PLANAR: &str = "pcm in planes";

/// Names of codecs that symphonia (0.6.1) has an identifier for and no decoder.
const FOREIGN: &[(AudioCodecId, &str)] = &[
    (id::CODEC_ID_SPEEX, "speex"),
    (id::CODEC_ID_MUSEPACK, "musepack"),
    (id::CODEC_ID_AC3, "ac3"),
    (id::CODEC_ID_EAC3, "eac3"),
    (id::CODEC_ID_AC4, "ac4"),
    (id::CODEC_ID_DCA, "dts"),
    (id::CODEC_ID_ATRAC1, "atrac1"),
    (id::CODEC_ID_ATRAC3, "atrac3"),
    (id::CODEC_ID_ATRAC3PLUS, "atrac3plus"),
    (id::CODEC_ID_ATRAC9, "atrac9"),
    (id::CODEC_ID_WMA, "wma"),
    (id::CODEC_ID_RA10, "realaudio 14.4"),
    (id::CODEC_ID_RA20, "realaudio 28.8"),
    (id::CODEC_ID_SIPR, "realaudio sipr"),
    (id::CODEC_ID_COOK, "realaudio cook"),
    (id::CODEC_ID_RALF, "realaudio lossless"),
    (id::CODEC_ID_BINK_AUDIO, "bink"),
    (id::CODEC_ID_SMACKER_AUDIO, "smacker"),
    (id::CODEC_ID_SBC, "sbc"),
    (id::CODEC_ID_APTX, "aptx"),
    (id::CODEC_ID_APTX_HD, "aptx-hd"),
    (id::CODEC_ID_LDAC, "ldac"),
    (id::CODEC_ID_WAVPACK, "wavpack"),
    (id::CODEC_ID_MONKEYS_AUDIO, "monkeys-audio"),
    (id::CODEC_ID_TTA, "tta"),
    (id::CODEC_ID_TRUEHD, "truehd"),
    (id::CODEC_ID_ADPCM_G722, "adpcm_g722"),
    (id::CODEC_ID_ADPCM_G726, "adpcm_g726"),
    (id::CODEC_ID_ADPCM_G726LE, "adpcm_g726"),
    (id::CODEC_ID_PCM_S32LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S32BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S24LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S24BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S16LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S16BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_S8_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U32LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U32BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U24LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U24BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U16LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U16BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_U8_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_F32LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_F32BE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_F64LE_PLANAR, PLANAR),
    (id::CODEC_ID_PCM_F64BE_PLANAR, PLANAR),
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
        assert_eq!(of(id::CODEC_ID_PCM_U8_PLANAR), "pcm in planes");
        assert_eq!(of(Default::default()), "unknown");
    }
}
