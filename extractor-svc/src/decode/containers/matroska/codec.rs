//! From a track's codec identifier and private data to what a decoder needs.
//!
//! Identifiers are those of the Matroska codec registry. A codec that has no decoder here keeps its
//! name, so that the refusal says it.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::broken;
use super::track::TrackEntry;
use crate::decode::codecs::aac::RATES;
use crate::error::ExtractError;

/// Codecs with an identifier that says all; those that begin alike are one.
const CODECS: [(&str, AudioCodecId); 24] = [
    ("A_MPEG/L1", codec::CODEC_ID_MP1),
    ("A_MPEG/L2", codec::CODEC_ID_MP2),
    ("A_MPEG/L3", codec::CODEC_ID_MP3),
    ("A_FLAC", codec::CODEC_ID_FLAC),
    ("A_OPUS", codec::CODEC_ID_OPUS),
    ("A_VORBIS", codec::CODEC_ID_VORBIS),
    ("A_AAC", codec::CODEC_ID_AAC),
    ("A_ALAC", codec::CODEC_ID_ALAC),
    ("A_AC3", codec::CODEC_ID_AC3),
    ("A_EAC3", codec::CODEC_ID_EAC3),
    ("A_AC4", codec::CODEC_ID_AC4),
    ("A_DTS", codec::CODEC_ID_DCA),
    ("A_TRUEHD", codec::CODEC_ID_TRUEHD),
    ("A_MLP", codec::CODEC_ID_TRUEHD),
    ("A_TTA1", codec::CODEC_ID_TTA),
    ("A_WAVPACK4", codec::CODEC_ID_WAVPACK),
    ("A_MPC", codec::CODEC_ID_MUSEPACK),
    ("A_ATRAC/AT1", codec::CODEC_ID_ATRAC1),
    ("A_REAL/ATRC", codec::CODEC_ID_ATRAC3),
    ("A_REAL/14_4", codec::CODEC_ID_RA10),
    ("A_REAL/28_8", codec::CODEC_ID_RA20),
    ("A_REAL/COOK", codec::CODEC_ID_COOK),
    ("A_REAL/SIPR", codec::CODEC_ID_SIPR),
    ("A_REAL/RALF", codec::CODEC_ID_RALF),
];

/// Frames of the decoder's own before the first sample of an Opus stream, at 48 kHz.
pub(super) fn opus_pre_skip(head: &[u8]) -> u32 {
    match *head {
        // `OpusHead`, version, channels, pre-skip (RFC 7845, section 5.1).
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, _, a, b, ..] => {
            u16::from_le_bytes([a, b]).into()
        }
        _ => 0,
    }
}

/// The parameters of the decoder for `track`.
///
/// # Errors
/// If the codec is unknown, or its private data are broken.
pub(super) fn params(track: &TrackEntry) -> Result<AudioCodecParameters, ExtractError> {
    let mut params = AudioCodecParameters::new();
    // A rate or a number of channels that no source can have is refused by the limits.
    params.with_sample_rate(track.rate.round().clamp(0.0, 1e9) as u32);
    params.with_channels(Channels::Discrete(track.channels.min(u16::MAX.into()) as u16));
    let name = track.codec.as_str();
    if name == "A_MS/ACM" {
        return wave(&track.private, params);
    }
    let id = CODECS.iter().find(|(known, _)| {
        name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let Some(&(_, id)) = id else {
        let id = pcm(name, track.bits).ok_or_else(|| unsupported(track))?;
        return Ok(decodable(params, id, None));
    };
    let private = match id {
        codec::CODEC_ID_VORBIS => Some(vorbis_headers(&track.private)?),
        codec::CODEC_ID_FLAC => Some(flac_stream_info(&track.private)?),
        codec::CODEC_ID_AAC if track.private.is_empty() => aac_config(name, track),
        _ => Some(track.private.clone()).filter(|private| !private.is_empty()),
    };
    Ok(decodable(params, id, private))
}

fn decodable(
    mut params: AudioCodecParameters,
    id: AudioCodecId,
    private: Option<Vec<u8>>,
) -> AudioCodecParameters {
    params.for_codec(id);
    if let Some(private) = private {
        params.with_extra_data(private.into_boxed_slice());
    }
    params
}

fn unsupported(track: &TrackEntry) -> ExtractError {
    let name: String = track.codec.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    let bits = if track.codec.starts_with("A_PCM") { track.bits } else { 0 };
    let codec = match (name.is_empty(), bits) {
        (true, _) => "unknown".to_owned(),
        (_, 0) => name,
        (_, bits) => format!("{name} of {bits} bits"),
    };
    ExtractError::UnsupportedCodec { codec }
}

/// PCM by identifier and bits; ffmpeg takes 16 where no bits are stated.
fn pcm(name: &str, bits: u64) -> Option<AudioCodecId> {
    Some(match (name, bits) {
        // Of eight bits, and only then, samples have no sign.
        ("A_PCM/INT/LIT" | "A_PCM/INT/BIG", 8) => codec::CODEC_ID_PCM_U8,
        ("A_PCM/INT/LIT", 16 | 0) => codec::CODEC_ID_PCM_S16LE,
        ("A_PCM/INT/LIT", 24) => codec::CODEC_ID_PCM_S24LE,
        ("A_PCM/INT/LIT", 32) => codec::CODEC_ID_PCM_S32LE,
        ("A_PCM/INT/BIG", 16 | 0) => codec::CODEC_ID_PCM_S16BE,
        ("A_PCM/INT/BIG", 24) => codec::CODEC_ID_PCM_S24BE,
        ("A_PCM/INT/BIG", 32) => codec::CODEC_ID_PCM_S32BE,
        ("A_PCM/FLOAT/IEEE", 32 | 0) => codec::CODEC_ID_PCM_F32LE,
        ("A_PCM/FLOAT/IEEE", 64) => codec::CODEC_ID_PCM_F64LE,
        _ => return None,
    })
}

/// A `WAVEFORMATEX` in place of a codec identifier.
fn wave(
    private: &[u8],
    mut params: AudioCodecParameters,
) -> Result<AudioCodecParameters, ExtractError> {
    let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1, ref extra @ ..] = private
    else {
        return Err(broken("A_MS/ACM without a wave format"));
    };
    let mut tag = u16::from_le_bytes([t0, t1]);
    if let (0xfffe, Some(&[s0, s1])) = (tag, extra.get(8..10).and_then(|tag| tag.first_chunk())) {
        tag = u16::from_le_bytes([s0, s1]);
    }
    params.with_sample_rate(u32::from_le_bytes([r0, r1, r2, r3]));
    params.with_channels(Channels::Discrete(u16::from_le_bytes([c0, c1])));
    let bits = u16::from_le_bytes([b0, b1]);
    let id = match (tag, bits) {
        (1, 8) => codec::CODEC_ID_PCM_U8,
        (1, 16) => codec::CODEC_ID_PCM_S16LE,
        (1, 24) => codec::CODEC_ID_PCM_S24LE,
        (1, 32) => codec::CODEC_ID_PCM_S32LE,
        (3, 32) => codec::CODEC_ID_PCM_F32LE,
        (3, 64) => codec::CODEC_ID_PCM_F64LE,
        (6, _) => codec::CODEC_ID_PCM_ALAW,
        (7, _) => codec::CODEC_ID_PCM_MULAW,
        (0x50, _) => codec::CODEC_ID_MP2,
        (0x55, _) => codec::CODEC_ID_MP3,
        (0x160..=0x163, _) => codec::CODEC_ID_WMA,
        (0x2000, _) => codec::CODEC_ID_AC3,
        (0x2001, _) => codec::CODEC_ID_DCA,
        (0xff, _) => {
            let config = extra.get(2..).unwrap_or_default().to_vec();
            return Ok(decodable(params, codec::CODEC_ID_AAC, Some(config)));
        }
        _ => {
            let codec = format!("wave format {tag:#06x} of {bits} bits");
            return Err(ExtractError::UnsupportedCodec { codec });
        }
    };
    Ok(decodable(params, id, None))
}

/// The identification and the set-up header of the three in Xiph's lacing, as the decoder wants them.
fn vorbis_headers(private: &[u8]) -> Result<Vec<u8>, ExtractError> {
    let wrong = || broken("Vorbis headers");
    let (&[2], mut rest) = private.split_first_chunk().ok_or_else(wrong)? else {
        return Err(wrong());
    };
    let lens = super::lacing::xiph_lens(&mut rest, 2).ok_or_else(wrong)?;
    let (identification, rest) = rest.split_at_checked(lens[0]).ok_or_else(wrong)?;
    let (_, setup) = rest.split_at_checked(lens[1]).ok_or_else(wrong)?;
    if identification.first() != Some(&1) || setup.first() != Some(&5) {
        return Err(wrong());
    }
    Ok([identification, setup].concat())
}

/// The contents of the block STREAMINFO, which is the first.
fn flac_stream_info(private: &[u8]) -> Result<Vec<u8>, ExtractError> {
    match private {
        [b'f', b'L', b'a', b'C', kind, 0, 0, 34, rest @ ..] if kind & 0x7f == 0 => {
            rest.get(..34).map(<[u8]>::to_vec)
        }
        _ => None,
    }
    .ok_or_else(|| broken("FLAC headers"))
}

/// An AAC configuration (ISO 14496-3, 1.6.2.1) from the old identifiers, which say the kind.
fn aac_config(name: &str, track: &TrackEntry) -> Option<Vec<u8>> {
    let rate = track.rate.round().clamp(0.0, 1e9) as u32;
    let rate = RATES.iter().position(|&known| known == rate)? as u32;
    let channels = track.channels.min(7) as u32;
    let config = |kind: u32| kind << 27 | rate << 23 | channels << 19;
    Some(match name {
        // Spectral band replication: the rate of its output, and the kind of its core.
        name if name.ends_with("/SBR") => {
            let output = if rate < 3 { rate } else { rate - 3 };
            (config(5) | output << 15 | 2 << 10).to_be_bytes().to_vec()
        }
        name if name.ends_with("/MAIN") => config(1).to_be_bytes()[..2].to_vec(),
        name if name.ends_with("/SSR") => config(3).to_be_bytes()[..2].to_vec(),
        name if name.ends_with("/LTP") => config(4).to_be_bytes()[..2].to_vec(),
        _ => config(2).to_be_bytes()[..2].to_vec(),
    })
}
