//! Sample descriptions: codec, rate and channels of an audio track (ISO/IEC 14496-12, 8.5.2 and
//! 12.2; QuickTime File Format, «Sound sample descriptions»).
//!
//! Four letters name the codec, and each has its own box with what its decoder needs. QuickTime puts
//! these boxes into `wave`, and has PCM under a dozen names; without a word (`enda`) it is
//! big-endian.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known as id;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::boxes::{broken, inner};
use super::descriptor;
use crate::decode::codecs::aac;
use crate::error::ExtractError;

/// Most levels of `wave` within `wave`.
const MAX_WAVES: usize = 4;

/// Codecs that are not decoded, by their letters.
const FOREIGN: [(&[u8; 4], &str); 33] = [
    (b"ac-3", "ac3"),
    (b"sac3", "ac3"),
    (b"ec-3", "eac3"),
    (b"ac-4", "ac4"),
    (b"dtsc", "dts"),
    (b"dtsh", "dts"),
    (b"dtsl", "dts"),
    (b"dtse", "dts"),
    (b"dtsx", "dts"),
    (b"mlpa", "truehd"),
    (b"mha1", "mpeg-h"),
    (b"mhm1", "mpeg-h"),
    (b"samr", "amr"),
    (b"sawb", "amr-wb"),
    (b"sawp", "amr-wb+"),
    (b"sevc", "evrc"),
    (b"sqcp", "qcelp"),
    (b"Qclp", "qcelp"),
    (b"QDM2", "qdm2"),
    (b"QDMC", "qdmc"),
    (b"agsm", "gsm"),
    (b"MAC3", "mace3"),
    (b"MAC6", "mace6"),
    (b"wma ", "wma"),
    (b"owma", "wma"),
    (b"spex", "speex"),
    (b"dvca", "dv audio"),
    (b"vdva", "dv audio"),
    (b"ms\0\x02", "adpcm_ms in QuickTime"),
    (b"ms\0\x11", "adpcm_ima_wav in QuickTime"),
    (b"ipcm", "pcm by ISO/IEC 23003-5"),
    (b"fpcm", "pcm by ISO/IEC 23003-5"),
    (b"drmi", "encrypted video"),
];

/// What is known of an audio track's coding.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) params: AudioCodecParameters,
    pub(super) sample_rate: u32,
    /// Channels; 0 if only the packets say it.
    pub(super) channels: u32,
    /// Frames and bytes that belong together, where a sample of the tables is one frame.
    pub(super) block: Option<(u32, u32)>,
    /// Frames that ffmpeg's decoder leaves out at its start, unless an edit cuts the first packet.
    pub(super) settling: u64,
}

/// The fields that all descriptions have.
struct Sound<'a> {
    version: u16,
    channels: u32,
    bits: u32,
    sample_rate: u32,
    /// Version 2: flags of linear PCM.
    flags: u32,
    boxes: &'a [u8],
}

impl<'a> Sound<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let number = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?))
        };
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_be_bytes(*body.get(at..)?.first_chunk()?))
        };
        let version = short(8)?;
        let mut sound = Self {
            version,
            channels: short(16)?.into(),
            bits: short(18)?.into(),
            sample_rate: number(24)? >> 16,
            flags: 0,
            boxes: body.get(28..)?,
        };
        match version {
            0 => {}
            1 => sound.boxes = body.get(44..)?,
            2 => {
                let rate = f64::from_be_bytes(*body.get(32..)?.first_chunk()?);
                sound.sample_rate = rate as u32;
                sound.channels = number(40)?;
                sound.bits = number(48)?;
                sound.flags = number(52)?;
                sound.boxes = body.get(64..)?;
            }
            _ => return None,
        }
        Some(sound)
    }

    /// The first box of a kind, also in `wave`.
    fn find(&self, kind: &[u8; 4]) -> Option<&'a [u8]> {
        find(self.boxes, kind, 0)
    }
}

fn find<'a>(boxes: &'a [u8], kind: &[u8; 4], depth: usize) -> Option<&'a [u8]> {
    let found = inner(boxes);
    let own = found.iter().find(|(name, _)| name == kind).map(|(_, body)| *body);
    own.or_else(|| {
        let waves = found.iter().filter(|(name, _)| name == b"wave" && depth < MAX_WAVES);
        waves.map(|(_, body)| *body).find_map(|body| find(body, kind, depth + 1))
    })
}

impl Entry {
    /// Reads a description; `ticks` is the track's ticks per second, which stand for a rate that is
    /// not there.
    ///
    /// # Errors
    /// [`ExtractError::UnsupportedCodec`] with the codec's name, or
    /// [`ExtractError::UndecodableAudio`] if the description is broken.
    pub(super) fn read(kind: [u8; 4], body: &[u8], ticks: u32) -> Result<Self, ExtractError> {
        if let Some((_, name)) = FOREIGN.iter().find(|(letters, _)| **letters == kind) {
            return Err(unsupported(*name));
        }
        let mut sound =
            Sound::read(body).ok_or_else(|| broken("the sample description is broken"))?;
        if sound.sample_rate == 0 {
            sound.sample_rate = ticks;
        }
        match &kind {
            b"mp4a" => mpeg4(&sound),
            b".mp3" | b"mp3 " | b"ms\0\x55" => Ok(sound.coded(id::CODEC_ID_MP3, None)),
            b"alac" => alac(&mut sound),
            b"Opus" => opus(&mut sound),
            b"fLaC" => flac(&mut sound),
            b"ima4" => Ok(sound.frames(id::CODEC_ID_ADPCM_IMA_QT, 64, 34)),
            b"drms" => Err(unsupported("encrypted AAC (FairPlay)")),
            b"enca" => Err(encrypted(&sound)),
            _ => pcm(kind, &sound),
        }
    }
}

impl Sound<'_> {
    /// Packets with sizes of their own.
    fn coded(&self, codec: AudioCodecId, extra: Option<Vec<u8>>) -> Entry {
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_sample_rate(self.sample_rate);
        if self.channels > 0 {
            params.with_channels(discrete(self.channels));
        }
        if let Some(extra) = extra {
            params.with_extra_data(extra.into_boxed_slice());
        }
        let (sample_rate, channels) = (self.sample_rate, self.channels);
        Entry { params, sample_rate, channels, block: None, settling: 0 }
    }

    /// Samples that are frames: `frames` of each channel take `bytes`.
    fn frames(&self, codec: AudioCodecId, frames: u32, bytes: u32) -> Entry {
        let mut entry = self.coded(codec, None);
        entry.block = Some((frames, self.channels.saturating_mul(bytes)));
        entry.params.with_max_frames_per_packet(1024).with_frames_per_block(frames.into());
        entry
    }
}

fn mpeg4(sound: &Sound<'_>) -> Result<Entry, ExtractError> {
    let esds = sound.find(b"esds").ok_or_else(|| broken("mp4a without a descriptor"))?;
    let stream = descriptor::read(esds).ok_or_else(|| broken("the descriptor is broken"))?;
    match stream.object_type {
        0x40 | 0x66..=0x68 => {
            let config = stream.config.ok_or_else(|| match stream.object_type {
                0x66 => unsupported("aac (AAC Main)"),
                0x68 => unsupported("aac (AAC SSR)"),
                _ => broken("AAC without a configuration"),
            })?;
            let mut entry = sound.coded(id::CODEC_ID_AAC, Some(config.to_vec()));
            // Old encoders write two channels here whatever there are, and any rate.
            if let Some((rate, channels)) = aac::rate_and_channels(config) {
                entry.sample_rate = rate;
                entry.channels = channels.map_or(0, |channels| channels as u32);
                entry.params.with_sample_rate(rate);
                if entry.channels > 0 {
                    entry.params.with_channels(discrete(entry.channels));
                }
            }
            Ok(entry)
        }
        0x69 | 0x6b => Ok(sound.coded(id::CODEC_ID_MP3, None)),
        0xa5 => Err(unsupported("ac3")),
        0xa6 => Err(unsupported("eac3")),
        0xa9..=0xac | 0xb2 => Err(unsupported("dts")),
        0xad => Err(unsupported("opus by MPEG-4 descriptor")),
        0xae => Err(unsupported("ac4")),
        0xa0 => Err(unsupported("evrc")),
        0xa1 => Err(unsupported("smv")),
        0xdd => Err(unsupported("vorbis in MP4")),
        0xe1 => Err(unsupported("qcelp")),
        other => Err(unsupported(format!("MPEG-4 object type indication {other:#04x}"))),
    }
}

fn alac(sound: &mut Sound<'_>) -> Result<Entry, ExtractError> {
    let cookie = sound.find(b"alac").and_then(|body| body.get(4..));
    let Some(cookie @ [_, _, _, _, _, _, _, _, _, channels, .., _, _, _, _]) = cookie else {
        return Err(broken("ALAC without its configuration"));
    };
    let Some(rate) = cookie.get(20..).and_then(<[u8]>::first_chunk) else {
        return Err(broken("ALAC without its configuration"));
    };
    (sound.channels, sound.sample_rate) = ((*channels).into(), u32::from_be_bytes(*rate));
    // Behind it there may be a layout of channels, and padding.
    let len = if cookie.len() >= 48 { 48 } else { 24 };
    let mut entry = sound.coded(id::CODEC_ID_ALAC, Some(cookie[..len].to_vec()));
    entry.params.channels = None;
    Ok(entry)
}

/// The identification header as Ogg has it: the same fields, little-endian (RFC 7845, 5.1).
fn opus(sound: &mut Sound<'_>) -> Result<Entry, ExtractError> {
    let Some(&[_, channels, skip0, skip1, r0, r1, r2, r3, gain0, gain1, ref mapping @ ..]) =
        sound.find(b"dOps")
    else {
        return Err(broken("Opus without its configuration"));
    };
    let fields = [1, channels, skip1, skip0, r3, r2, r1, r0, gain1, gain0];
    (sound.channels, sound.sample_rate) = (channels.into(), 48_000);
    let header = [b"OpusHead", &fields[..], mapping].concat();
    let settling = u16::from_be_bytes([skip0, skip1]).into();
    Ok(Entry { settling, ..sound.coded(id::CODEC_ID_OPUS, Some(header)) })
}

fn flac(sound: &mut Sound<'_>) -> Result<Entry, ExtractError> {
    // Version and flags, and the head of the first block, which is of 34 bytes.
    let info = sound.find(b"dfLa").and_then(|body| body.get(8..42));
    let Some(info) = info else { return Err(broken("FLAC without its stream information")) };
    let packed = u32::from_be_bytes([info[10], info[11], info[12], info[13]]);
    (sound.sample_rate, sound.channels) = (packed >> 12, (packed >> 9 & 7) + 1);
    let mut entry = sound.coded(id::CODEC_ID_FLAC, Some(info.to_vec()));
    entry.params.with_bits_per_sample((packed >> 4 & 31) + 1);
    Ok(entry)
}

fn pcm(kind: [u8; 4], sound: &Sound<'_>) -> Result<Entry, ExtractError> {
    let is_little = sound.find(b"enda").is_some_and(|body| body.get(1) == Some(&1));
    let codec = match (&kind, sound.bits) {
        (b"lpcm", bits) if sound.version == 2 => linear(bits, sound.flags),
        (b"sowt", 24) => Some(id::CODEC_ID_PCM_S24LE),
        (b"sowt", 32) => Some(id::CODEC_ID_PCM_S32LE),
        (b"sowt" | b"twos" | b"NONE", 8) => Some(id::CODEC_ID_PCM_S8),
        (b"sowt", _) => Some(id::CODEC_ID_PCM_S16LE),
        (b"twos", 24) => Some(id::CODEC_ID_PCM_S24BE),
        (b"twos", 32) => Some(id::CODEC_ID_PCM_S32BE),
        (b"raw ", 16) | (b"twos" | b"NONE", _) => Some(id::CODEC_ID_PCM_S16BE),
        (b"raw ", _) => Some(id::CODEC_ID_PCM_U8),
        (b"in24", _) if is_little => Some(id::CODEC_ID_PCM_S24LE),
        (b"in24", _) => Some(id::CODEC_ID_PCM_S24BE),
        (b"in32", _) if is_little => Some(id::CODEC_ID_PCM_S32LE),
        (b"in32", _) => Some(id::CODEC_ID_PCM_S32BE),
        (b"fl32", _) if is_little => Some(id::CODEC_ID_PCM_F32LE),
        (b"fl32", _) => Some(id::CODEC_ID_PCM_F32BE),
        (b"fl64", _) if is_little => Some(id::CODEC_ID_PCM_F64LE),
        (b"fl64", _) => Some(id::CODEC_ID_PCM_F64BE),
        (b"ulaw", _) => Some(id::CODEC_ID_PCM_MULAW),
        (b"alaw", _) => Some(id::CODEC_ID_PCM_ALAW),
        _ => None,
    };
    let Some(codec) = codec else {
        let letters = kind.escape_ascii();
        return Err(unsupported(match &kind {
            b"lpcm" => format!("lpcm (version {}, {} bits)", sound.version, sound.bits),
            _ => format!("MP4 sample entry \"{letters}\""),
        }));
    };
    Ok(sound.frames(codec, 1, bytes(codec)))
}

/// Linear PCM by bits and flags (Core Audio's: float 1, big-endian 2, signed 4, packed 8, high 16).
fn linear(bits: u32, flags: u32) -> Option<AudioCodecId> {
    let [is_float, is_big, is_signed] = [1, 2, 4].map(|flag| flags & flag != 0);
    Some(match (bits, is_float, is_big, is_signed) {
        (32, true, false, _) => id::CODEC_ID_PCM_F32LE,
        (32, true, true, _) => id::CODEC_ID_PCM_F32BE,
        (64, true, false, _) => id::CODEC_ID_PCM_F64LE,
        (64, true, true, _) => id::CODEC_ID_PCM_F64BE,
        (8, false, _, true) => id::CODEC_ID_PCM_S8,
        (8, false, _, false) => id::CODEC_ID_PCM_U8,
        (16, false, false, true) => id::CODEC_ID_PCM_S16LE,
        (16, false, true, true) => id::CODEC_ID_PCM_S16BE,
        (24, false, false, true) => id::CODEC_ID_PCM_S24LE,
        (24, false, true, true) => id::CODEC_ID_PCM_S24BE,
        (32, false, false, true) => id::CODEC_ID_PCM_S32LE,
        (32, false, true, true) => id::CODEC_ID_PCM_S32BE,
        _ => return None,
    })
}

fn bytes(codec: AudioCodecId) -> u32 {
    match codec {
        id::CODEC_ID_PCM_S16LE | id::CODEC_ID_PCM_S16BE => 2,
        id::CODEC_ID_PCM_S24LE | id::CODEC_ID_PCM_S24BE => 3,
        id::CODEC_ID_PCM_F64LE | id::CODEC_ID_PCM_F64BE => 8,
        id::CODEC_ID_PCM_S8
        | id::CODEC_ID_PCM_U8
        | id::CODEC_ID_PCM_MULAW
        | id::CODEC_ID_PCM_ALAW => 1,
        _ => 4,
    }
}

/// The refusal of an encrypted track: what it would be, and by which scheme it is encrypted.
fn encrypted(sound: &Sound<'_>) -> ExtractError {
    let info = sound.find(b"sinf").unwrap_or_default();
    let letters = |kind: &[u8; 4], at: usize| {
        let body = find(info, kind, MAX_WAVES)?;
        let letters: &[u8; 4] = body.get(at..)?.first_chunk()?;
        Some(letters.escape_ascii().to_string())
    };
    let coded = letters(b"frma", 0).unwrap_or_else(|| "audio".into());
    let scheme = letters(b"schm", 4).unwrap_or_else(|| "no scheme".into());
    unsupported(format!("encrypted {coded} ({scheme})"))
}

fn discrete(channels: u32) -> Channels {
    Channels::Discrete(channels.try_into().unwrap_or(u16::MAX))
}

fn unsupported(codec: impl Into<String>) -> ExtractError {
    ExtractError::UnsupportedCodec { codec: codec.into() }
}
