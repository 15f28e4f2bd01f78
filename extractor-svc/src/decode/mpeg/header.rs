//! The four bytes in front of every MPEG audio frame (ISO/IEC 11172-3, section 2.4.2.3; 13818-3).

/// Bytes of a frame header.
pub(super) const HEADER_BYTES: usize = 4;

/// Bit rates in kbit/s by index 1..=14. Rows: MPEG-1 layers I, II, III; MPEG-2 layer I, layers II
/// and III.
const BIT_RATES: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// MPEG audio layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    One,
    Two,
    Three,
}

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layer: Layer,
    /// MPEG-2 and 2.5: low sampling frequencies.
    pub(super) low_rate: bool,
    pub(super) sample_rate: u32,
    pub(super) channels: usize,
    pub(super) has_crc: bool,
    /// The mode extension of joint stereo; `None` in the other modes.
    pub(super) joint: Option<u8>,
    /// Bytes of the frame with its header; `None` for the free format.
    size: Option<usize>,
}

impl Header {
    /// Reads a header; `None` if the bytes are not one.
    pub(super) fn parse(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let word = u32::from_be_bytes(bytes);
        if word >> 21 != 0x7ff {
            return None;
        }
        let (low_rate, rate_shift) = match word >> 19 & 3 {
            0 => (true, 2),
            2 => (true, 1),
            3 => (false, 0),
            _ => return None,
        };
        let layer = match word >> 17 & 3 {
            1 => Layer::Three,
            2 => Layer::Two,
            3 => Layer::One,
            _ => return None,
        };
        let sample_rate = [44_100, 48_000, 32_000].get((word >> 10 & 3) as usize)? >> rate_shift;
        let row = match (low_rate, layer) {
            (false, Layer::One) => 0,
            (false, Layer::Two) => 1,
            (false, Layer::Three) => 2,
            (true, Layer::One) => 3,
            (true, _) => 4,
        };
        let padding = word >> 9 & 1;
        let size = match word >> 12 & 15 {
            0 => None,
            15 => return None,
            index => {
                let bit_rate = u32::from(BIT_RATES[row][index as usize - 1]) * 1000;
                let slots = match layer {
                    Layer::One => 4 * (12 * bit_rate / sample_rate + padding),
                    Layer::Three if low_rate => 72 * bit_rate / sample_rate + padding,
                    _ => 144 * bit_rate / sample_rate + padding,
                };
                Some(slots as usize)
            }
        };
        let channels = if word >> 6 & 3 == 3 { 1 } else { 2 };
        let has_crc = word >> 16 & 1 == 0;
        let joint = (word >> 6 & 3 == 1).then_some((word >> 4 & 3) as u8);
        Some(Self { layer, low_rate, sample_rate, channels, has_crc, joint, size })
    }

    /// Bytes of the frame with its header; `None` for the free format.
    pub(super) fn frame_bytes(&self) -> Option<usize> {
        self.size
    }

    /// Whether two frames can belong to one stream (mpg123's test: version, layer, rate, and
    /// whether it is mono; the bit rate and the kind of stereo may change).
    pub(super) fn is_compatible(&self, other: &Self) -> bool {
        (self.layer, self.low_rate, self.sample_rate, self.channels)
            == (other.layer, other.low_rate, other.sample_rate, other.channels)
    }

    /// Samples per channel of one frame.
    pub(super) fn frame_samples(&self) -> usize {
        match self.layer {
            Layer::One => 384,
            Layer::Three if self.low_rate => 576,
            Layer::Two | Layer::Three => 1152,
        }
    }

    /// Where the side information of a layer III frame lies in the frame.
    pub(super) fn side_info(&self) -> std::ops::Range<usize> {
        let start = HEADER_BYTES + if self.has_crc { 2 } else { 0 };
        let len = match (self.low_rate, self.channels) {
            (false, 1) => 17,
            (false, _) => 32,
            (true, 1) => 9,
            (true, _) => 17,
        };
        start..start + len
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, Layer};

    fn check(bytes: [u8; 4], layer: Layer, rate: u32, channels: usize, size: Option<usize>) {
        let header = Header::parse(bytes).unwrap();
        assert_eq!((header.layer, header.sample_rate), (layer, rate), "{bytes:02x?}");
        assert_eq!((header.channels, header.frame_bytes()), (channels, size), "{bytes:02x?}");
    }

    #[test]
    fn headers_are_read() {
        check([0xff, 0xfb, 0x90, 0x64], Layer::Three, 44_100, 2, Some(417));
        check([0xff, 0xfb, 0x92, 0x64], Layer::Three, 44_100, 2, Some(418));
        check([0xff, 0xf3, 0x40, 0xc4], Layer::Three, 22_050, 1, Some(104));
        check([0xff, 0xe3, 0x18, 0xc4], Layer::Three, 8_000, 1, Some(72));
        check([0xff, 0xfd, 0xa4, 0x04], Layer::Two, 48_000, 2, Some(576));
        check(
            [0xff, 0xff, 0xc2, 0x04],
            Layer::One,
            44_100,
            2,
            Some(4 * (12 * 384_000 / 44_100 + 1)),
        );
        check([0xff, 0xfb, 0x00, 0x64], Layer::Three, 44_100, 2, None);
    }

    #[test]
    fn joint_stereo_has_an_extension() {
        let joint = |mode| Header::parse([0xff, 0xfb, 0x90, mode]).unwrap().joint;
        assert_eq!([0x04, 0x40, 0x64, 0x70, 0xb4, 0xc4].map(joint), {
            [None, Some(0), Some(2), Some(3), None, None]
        });
    }

    #[test]
    fn other_bytes_are_none() {
        for bytes in [
            [0xff, 0xdb, 0x90, 0x64],
            [0xfe, 0xfb, 0x90, 0x64],
            [0xff, 0xeb, 0x90, 0x64],
            [0xff, 0xf9, 0x90, 0x64],
            [0xff, 0xfb, 0xf0, 0x64],
            [0xff, 0xfb, 0x9c, 0x64],
        ] {
            assert_eq!(Header::parse(bytes), None, "{bytes:02x?}");
        }
    }
}
