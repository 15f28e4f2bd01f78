//! The identification header of Opus (RFC 7845, section 5.1), and its form in MP4.

use symphonia::core::errors::{Error, Result};

use crate::limits::CHANNEL_CEILING;

/// Value of a channel mapping for a channel without a sound (RFC 7845, section 5.1.1).
pub(super) const SILENT: u8 = 255;

/// Most channels of a stream: as many as the downmix works on.
pub(super) const MAX_CHANNELS: usize = CHANNEL_CEILING;

const MAGIC: &[u8] = b"OpusHead";

/// Bytes of the header before the table of a channel mapping.
const FIXED_BYTES: usize = 19;

/// What the header says of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decode) struct OpusHead {
    /// Frames at 48 kHz that a decoder needs to settle; they are not part of the audio.
    pub(in crate::decode) pre_skip: u16,
    /// Rate of the encoder's input in hertz; 0 if it is not known.
    pub(in crate::decode) input_rate: u32,
    /// Gain of all samples, in 1/256 dB.
    pub(super) gain_q8: i16,
    /// Streams of one packet, of which the first `coupled` have two channels.
    pub(super) streams: u8,
    pub(super) coupled: u8,
    /// For each channel, which of the streams' channels it is, or 255 for silence.
    pub(super) mapping: Vec<u8>,
}

impl OpusHead {
    /// The header of mono or stereo without a gain, where a container has none.
    pub(super) fn plain(channels: usize) -> Result<Self> {
        let coupled = match channels {
            1 => 0,
            2 => 1,
            _ => return Err(Error::Unsupported("no header, and more than two channels")),
        };
        let mapping = (0..=coupled).collect();
        Ok(Self { pre_skip: 0, input_rate: 0, gain_q8: 0, streams: 1, coupled, mapping })
    }

    /// The header as containers other than Ogg give it. Version 0 is that of MP4's `dOps`, whose
    /// numbers are big-endian.
    pub(in crate::decode) fn from_codec_data(data: &[u8]) -> Result<Self> {
        let is_mp4 = data.get(MAGIC.len()) == Some(&0);
        Self::parse(data, is_mp4)
    }

    /// The first packet of an Ogg stream; `None` if it is not Opus.
    pub(in crate::decode) fn from_ogg(packet: &[u8]) -> Option<Result<Self>> {
        packet.starts_with(MAGIC).then(|| Self::parse(packet, false))
    }

    fn parse(data: &[u8], is_big_endian: bool) -> Result<Self> {
        let Some(fixed) = data.first_chunk::<FIXED_BYTES>().filter(|data| data.starts_with(MAGIC))
        else {
            return Err(Error::DecodeError("opus: the header is cut"));
        };
        let &[.., version, channels, a, b, c, d, e, f, g, h, family] = fixed;
        // The upper half of the version is for changes that a reader cannot ignore.
        if version > 15 {
            return Err(Error::Unsupported("a later version of the header"));
        }
        let (pre_skip, input_rate, gain_q8) = if is_big_endian {
            (
                u16::from_be_bytes([a, b]),
                u32::from_be_bytes([c, d, e, f]),
                i16::from_be_bytes([g, h]),
            )
        } else {
            (
                u16::from_le_bytes([a, b]),
                u32::from_le_bytes([c, d, e, f]),
                i16::from_le_bytes([g, h]),
            )
        };
        let fixed = Self { pre_skip, input_rate, gain_q8, ..Self::plain(1)? };
        match family {
            0 => {
                let Self { streams, coupled, mapping, .. } = Self::plain(channels.into())
                    .map_err(|_| Error::DecodeError("opus: neither mono nor stereo in family 0"))?;
                Ok(Self { streams, coupled, mapping, ..fixed })
            }
            // The channels of family 3 are products of a matrix (RFC 8486).
            3 => Err(Error::Unsupported("channel mapping family 3")),
            _ => fixed.with_table(channels, &data[FIXED_BYTES..]),
        }
    }

    /// Takes the table of a channel mapping: streams, coupled streams, and an entry per channel.
    fn with_table(self, channels: u8, table: &[u8]) -> Result<Self> {
        let [streams, coupled, mapping @ ..] = table else {
            return Err(Error::DecodeError("opus: the channel mapping is cut"));
        };
        let Some(mapping) = mapping.get(..channels.into()).filter(|mapping| !mapping.is_empty())
        else {
            return Err(Error::DecodeError("opus: the channel mapping is cut"));
        };
        let decoded = usize::from(*streams) + usize::from(*coupled);
        let is_there = |&source: &u8| source == SILENT || usize::from(source) < decoded;
        if *streams == 0 || coupled > streams || !mapping.iter().all(is_there) {
            return Err(Error::DecodeError("opus: the channel mapping contradicts itself"));
        }
        // Each stream has a decoder of its own.
        if decoded > MAX_CHANNELS || mapping.len() > MAX_CHANNELS {
            return Err(Error::Unsupported("more than 64 channels"));
        }
        Ok(Self { streams: *streams, coupled: *coupled, mapping: mapping.to_vec(), ..self })
    }

    /// Channels that a decoder gives.
    pub(in crate::decode) fn channels(&self) -> usize {
        self.mapping.len()
    }
}

#[cfg(test)]
mod tests {
    use super::OpusHead;

    /// A header of `family` for `channels`, pre-skip 312, input rate 44,100 Hz, gain -6 dB.
    fn head(version: u8, channels: u8, family: u8, table: &[u8]) -> Vec<u8> {
        let fixed = [version, channels, 0x38, 1, 0x44, 0xac, 0, 0, 0, 0xfa, family];
        [&b"OpusHead"[..], &fixed, table].concat()
    }

    fn reason(data: &[u8]) -> String {
        OpusHead::from_codec_data(data).unwrap_err().to_string()
    }

    #[test]
    fn mono_and_stereo_need_no_table() {
        let expected = OpusHead {
            pre_skip: 312,
            input_rate: 44_100,
            gain_q8: -1536,
            streams: 1,
            coupled: 1,
            mapping: vec![0, 1],
        };
        assert_eq!(OpusHead::from_codec_data(&head(1, 2, 0, &[])).unwrap(), expected);
        let mono = OpusHead { coupled: 0, mapping: vec![0], ..expected };
        assert_eq!(OpusHead::from_ogg(&head(1, 1, 0, &[])).unwrap().unwrap(), mono);
        assert!(OpusHead::from_ogg(b"\x01vorbis").is_none());
    }

    #[test]
    fn numbers_of_mp4_are_big_endian() {
        let data = b"OpusHead\0\x02\x01\x38\0\0\xbb\x80\xfa\0\0";
        let head = OpusHead::from_codec_data(data).unwrap();
        assert_eq!((head.pre_skip, head.input_rate, head.gain_q8), (312, 48_000, -1536));
        // In Ogg the version does not say so.
        assert_eq!(OpusHead::from_ogg(data).unwrap().unwrap().pre_skip, 0x3801);
    }

    #[test]
    fn a_table_is_taken_by_any_other_family() {
        let surround = [4, 2, 0, 4, 1, 2, 3, 5];
        let found = OpusHead::from_codec_data(&head(1, 6, 1, &surround)).unwrap();
        assert_eq!((found.streams, found.coupled, &found.mapping[..]), (4, 2, &surround[2..]));
        let found = OpusHead::from_codec_data(&head(1, 3, 255, &[2, 0, 1, 255, 0])).unwrap();
        assert_eq!((found.streams, found.coupled, &found.mapping[..]), (2, 0, &[1, 255, 0][..]));
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        assert!(reason(b"OpusHead\x01").contains("cut"));
        assert!(reason(&head(16, 2, 0, &[])).contains("version"));
        assert!(reason(&head(1, 3, 0, &[])).contains("neither mono nor stereo"));
        assert!(reason(&head(1, 0, 0, &[])).contains("neither mono nor stereo"));
        assert!(reason(&head(1, 4, 3, &[])).contains("family 3"));
        assert!(reason(&head(1, 3, 1, &[2, 1, 0, 1])).contains("cut"));
        assert!(reason(&head(1, 0, 1, &[1, 0])).contains("cut"));
        assert!(reason(&head(1, 2, 1, &[0, 0, 0, 0])).contains("contradicts"));
        assert!(reason(&head(1, 2, 1, &[1, 2, 0, 1])).contains("contradicts"));
        assert!(reason(&head(1, 2, 1, &[1, 1, 0, 2])).contains("contradicts"));
        assert!(reason(&head(1, 1, 255, &[65, 0, 0])).contains("64"));
    }
}
