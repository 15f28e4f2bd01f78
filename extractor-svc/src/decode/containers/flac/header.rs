//! The header of a FLAC frame (RFC 9639, section 9.1), held against the stream information.

/// Bytes of the longest header.
pub(super) const MAX_HEADER_BYTES: usize = 16;

/// What the headers of all frames of a stream have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) sample_rate: u32,
    channels: u8,
    bits: u8,
    total: u64,
    /// Of the first frame: whether frames are numbered by samples, and its length in samples.
    numbering: Option<(bool, u32)>,
}

impl Shape {
    /// Reads the body of a stream information block.
    pub(super) fn of(stream_info: &[u8; 34]) -> Self {
        let [_, _, _, _, _, _, _, _, _, _, packed @ ..] = stream_info;
        let packed = packed.iter().take(8).fold(0, |word, &byte| word << 8 | u64::from(byte));
        Self {
            sample_rate: (packed >> 44) as u32,
            channels: (packed >> 41 & 7) as u8 + 1,
            bits: (packed >> 36 & 31) as u8 + 1,
            total: packed & 0xf_ffff_ffff,
            numbering: None,
        }
    }

    /// Takes a frame of which the checksum fits as the first, if there was none.
    pub(super) fn confirm(&mut self, header: &FrameHeader) {
        self.numbering.get_or_insert((header.by_sample, header.samples));
    }

    /// Samples of each channel, if that is stated.
    pub(super) fn total(&self) -> Option<u64> {
        (self.total > 0).then_some(self.total)
    }
}

/// What is needed of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Samples of each channel.
    pub(super) samples: u32,
    /// Number of the frame, or of its first sample.
    number: u64,
    by_sample: bool,
}

impl FrameHeader {
    /// Reads the header at the start of `bytes`, if it is one of the stream's.
    pub(super) fn parse(bytes: &[u8], shape: &Shape) -> Option<Self> {
        let &[0xff, sync, sizes, form, ref rest @ ..] = bytes else { return None };
        if sync & 0xfc != 0xf8 || form & 1 != 0 {
            return None;
        }
        let by_sample = sync & 1 == 1;
        let (number, mut rest) = coded_number(rest)?;
        let mut take = |count: usize| {
            let (taken, behind) = rest.split_at_checked(count)?;
            rest = behind;
            Some(taken.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
        };
        let samples = match sizes >> 4 {
            0 => return None,
            1 => 192,
            size @ 2..=5 => 576 << (size - 2),
            6 => take(1)? + 1,
            7 => take(2)? + 1,
            size => 256 << (size - 8),
        };
        let sample_rate = match sizes & 0xf {
            0 => None,
            code @ 1..=11 => Some(RATES[usize::from(code) - 1]),
            12 => Some(take(1)? * 1000),
            13 => Some(take(2)?),
            14 => Some(take(2)? * 10),
            _ => return None,
        };
        let channels = match form >> 4 {
            count @ 0..=7 => count + 1,
            8..=10 => 2,
            _ => return None,
        };
        let bits = match form >> 1 & 7 {
            0 => None,
            3 => return None,
            code => Some([8, 12, 0, 16, 20, 24, 32][usize::from(code) - 1]),
        };
        let (&sum, _) = rest.split_first()?;
        let header_bytes = bytes.len() - rest.len();
        let is_ours = channels == shape.channels
            && sample_rate.is_none_or(|rate| rate == shape.sample_rate)
            && bits.is_none_or(|bits| bits == shape.bits)
            && shape.numbering.is_none_or(|(numbering, _)| numbering == by_sample)
            && samples <= 0xffff
            && crc8(&bytes[..header_bytes]) == sum;
        is_ours.then_some(Self { samples, number, by_sample })
    }

    /// The first sample of the frame in the stream. Where frames are numbered, they are as long as
    /// the first of them, but for the last.
    pub(super) fn first_sample(&self, shape: &Shape) -> u64 {
        match shape.numbering {
            Some((false, samples)) => self.number.saturating_mul(samples.into()),
            _ => self.number,
        }
    }
}

/// Sample rates by code, from 1 on.
const RATES: [u32; 11] =
    [88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

/// A number coded as UTF-8 codes characters, of up to 36 bits; and what is behind it.
fn coded_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let more = match first.leading_ones() {
        0 => 0,
        1 | 8 => return None,
        ones => ones as usize - 1,
    };
    let (tail, rest) = rest.split_at_checked(more)?;
    let mut number = u64::from(first) & if more == 0 { 0x7f } else { 0x3f >> more };
    for byte in tail {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = number << 6 | u64::from(byte & 0x3f);
    }
    Some((number, rest))
}

/// CRC-8 with the polynomial x^8 + x^2 + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |mut crc, &byte| {
        crc ^= byte;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc & 0x80 == 0 { 0 } else { 7 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::{FrameHeader, Shape, coded_number, crc8};

    fn shape() -> Shape {
        let mut info = [0; 34];
        // 44,100 Hz, 2 channels, 16 bits, 352,800 samples.
        info[10..18].copy_from_slice(&[0x0a, 0xc4, 0x42, 0xf0, 0x00, 0x05, 0x62, 0x20]);
        Shape::of(&info)
    }

    fn parse(head: &[u8], shape: &mut Shape) -> Option<FrameHeader> {
        let header = FrameHeader::parse(&[head, &[crc8(head), 1, 2]].concat(), shape);
        header.inspect(|header| shape.confirm(header))
    }

    #[test]
    fn headers_are_held_against_the_stream() {
        assert_eq!(shape().total(), Some(352_800));
        let ours = [0xff, 0xf8, 0xc9, 0x18, 5];
        let mut stream = shape();
        let header = parse(&ours, &mut stream).unwrap();
        assert_eq!((header.samples, header.first_sample(&stream)), (4096, 5 * 4096));
        // A short last block, and a block numbered by its sample.
        let short = parse(&[0xff, 0xf8, 0x69, 0x18, 6, 99], &mut stream).unwrap();
        assert_eq!((short.samples, short.first_sample(&stream)), (100, 6 * 4096));
        let by_sample = [0xff, 0xf9, 0x79, 0x18, 0xc4, 0x80, 0x03, 0xe7];
        assert_eq!(parse(&by_sample, &mut stream), None, "the stream numbers frames");
        let mut variable = shape();
        let header = parse(&by_sample, &mut variable).unwrap();
        assert_eq!((header.samples, header.first_sample(&variable)), (1000, 256));

        for (at, byte) in
            [(0, 0xfe), (1, 0xfc), (2, 0xca), (2, 0x09), (3, 0x08), (3, 0x1c), (3, 0x19), (3, 0xb8)]
        {
            let mut other = ours;
            other[at] = byte;
            assert_eq!(parse(&other, &mut shape()), None, "{other:02x?}");
        }
        assert_eq!(FrameHeader::parse(&[&ours[..], &[0]].concat(), &shape()), None);
        assert_eq!(FrameHeader::parse(&ours, &shape()), None);
    }

    #[test]
    fn numbers_have_up_to_36_bits() {
        let check = |bytes: &[u8], expected: Option<u64>| {
            assert_eq!(coded_number(bytes).map(|(number, _)| number), expected, "{bytes:02x?}");
        };
        check(&[0x7f], Some(0x7f));
        check(&[0xc2, 0xa2], Some(162));
        check(&[0xe2, 0x82, 0xac], Some(0x20ac));
        check(&[0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf], Some(0xf_ffff_ffff));
        check(&[0x80], None);
        check(&[0xff, 0x80], None);
        check(&[0xc2, 0x22], None);
        check(&[0xc2], None);
        check(&[], None);
    }
}
