//! What the first packet of a logical stream says: its codec, or that it is no audio.

use symphonia::core::errors::Error;

use crate::decode::codecs::opus::{self, OpusHead};

/// Bytes of the identification header of Vorbis (Vorbis I specification, section 4.2.2).
const VORBIS_BYTES: usize = 30;

/// Bytes of FLAC's block STREAMINFO.
pub(super) const STREAM_INFO_BYTES: usize = 34;

/// Bytes before STREAMINFO in the first packet: marker and version, and the block's own header.
const STREAM_INFO_AT: usize = 17;

/// A logical stream by its first packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    Vorbis {
        ident: [u8; VORBIS_BYTES],
    },
    Opus {
        head: OpusHead,
    },
    /// FLAC whose first packet holds STREAMINFO.
    Flac {
        stream_info: [u8; STREAM_INFO_BYTES],
    },
    /// FLAC as `flac` 1.1.0 and older wrote it: the native stream, cut into packets.
    OldFlac,
    /// Audio that is not decoded, by the name of its codec.
    Foreign(String),
    /// Video, text, or a table of contents.
    NoAudio,
}

impl Mapping {
    pub(super) fn of(packet: &[u8]) -> Self {
        match packet {
            [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => match packet.first_chunk() {
                Some(&ident) => Self::Vorbis { ident },
                None => Self::Foreign("vorbis (its header is cut)".into()),
            },
            // The major version of the mapping is 1.
            [0x7f, b'F', b'L', b'A', b'C', version, ..] => {
                let stream_info = packet.get(STREAM_INFO_AT..).and_then(<[u8]>::first_chunk);
                match stream_info.filter(|_| *version == 1) {
                    Some(&stream_info) => Self::Flac { stream_info },
                    None => Self::Foreign(format!("flac (version {version} in Ogg)")),
                }
            }
            b"fLaC" => Self::OldFlac,
            [b'S', b'p', b'e', b'e', b'x', b' ', b' ', b' ', ..] => Self::Foreign("speex".into()),
            [b'C', b'E', b'L', b'T', b' ', b' ', b' ', b' ', ..] => Self::Foreign("celt".into()),
            [b'P', b'C', b'M', b' ', b' ', b' ', b' ', b' ', ..] => Self::Foreign("oggpcm".into()),
            // OGM: behind the type stands the tag of the wave format, in hexadecimal digits.
            [1, b'a', b'u', b'd', b'i', b'o', 0, 0, 0, tag @ ..] => Self::Foreign(
                match tag.first_chunk() {
                    Some(b"0001") => "pcm in OGM",
                    Some(b"0055") => "mp3 in OGM",
                    Some(b"00ff") => "aac in OGM",
                    Some(b"2000") => "ac3 in OGM",
                    _ => "unknown in OGM",
                }
                .into(),
            ),
            _ => match OpusHead::from_ogg(packet) {
                Some(Ok(head)) => Self::Opus { head },
                Some(Err(Error::Unsupported(what))) => Self::Foreign(format!("opus ({what})")),
                Some(Err(error)) => Self::Foreign(format!("opus ({error})")),
                None => Self::NoAudio,
            },
        }
    }

    /// Whether it is audio that is decoded.
    pub(super) fn is_decoded(&self) -> bool {
        !matches!(self, Self::Foreign(_) | Self::NoAudio)
    }

    /// Whether it is audio.
    pub(super) fn is_audio(&self) -> bool {
        !matches!(self, Self::NoAudio)
    }

    /// Granules per second; `None` where the first packet does not say.
    pub(super) fn granule_rate(&self) -> Option<u32> {
        match self {
            Self::Vorbis { ident } => Some(u32::from_le_bytes([12, 13, 14, 15].map(|i| ident[i]))),
            Self::Opus { .. } => Some(opus::RATE),
            Self::Flac { stream_info } => {
                let [a, b, c] = [10, 11, 12].map(|i| u32::from(stream_info[i]));
                Some((a << 16 | b << 8 | c) >> 4)
            }
            Self::OldFlac | Self::Foreign(_) | Self::NoAudio => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mapping;

    fn foreign(packet: &[u8]) -> String {
        match Mapping::of(packet) {
            Mapping::Foreign(name) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn codecs_are_told_by_their_first_packet() {
        let mut vorbis = [&b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0"[..], &[0; 14]].concat();
        let mapping = Mapping::of(&vorbis);
        assert!(mapping.is_decoded());
        assert_eq!(mapping.granule_rate(), Some(44_100));
        vorbis.truncate(29);
        assert_eq!(foreign(&vorbis), "vorbis (its header is cut)");

        let opus = Mapping::of(b"OpusHead\x01\x02\x38\x01\x80\x3e\0\0\0\0\0");
        assert!(opus.is_decoded());
        assert_eq!(opus.granule_rate(), Some(48_000));
        assert_eq!(
            foreign(b"OpusHead\x01\x02\x38\x01\x80\x3e\0\0\0\0\x03"),
            "opus (channel mapping family 3)"
        );

        let info = [&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x40][..], &[0; 21]].concat();
        let flac = [&b"\x7fFLAC\x01\0\0\x02fLaC\0\0\0\x22"[..], &info].concat();
        assert_eq!(Mapping::of(&flac).granule_rate(), Some(44_100));
        assert_eq!(foreign(&flac[..50]), "flac (version 1 in Ogg)");
        assert_eq!(foreign(b"\x7fFLAC\x02"), "flac (version 2 in Ogg)");
        assert_eq!(Mapping::of(b"fLaC"), Mapping::OldFlac);
        assert_eq!(foreign(b"Speex   1.2"), "speex");
        assert_eq!(foreign(b"\x01audio\0\0\x000055"), "mp3 in OGM");
        for other in [&b"fishead\0"[..], b"\x80theora", b"\x01video\0\0\0", b"", b"\x80kate"] {
            assert_eq!(Mapping::of(other), Mapping::NoAudio);
        }
    }
}
