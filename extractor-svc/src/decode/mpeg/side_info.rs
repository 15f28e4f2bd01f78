//! The side information of a layer III frame: where its main data begins, how long each channel's
//! part is, and which windows it is transformed with (ISO/IEC 11172-3, sections 2.4.1.7 and
//! 2.4.2.7; 13818-3, the same sections for low sampling frequencies).

use super::header::Header;

/// Samples of a granule, per channel.
pub(super) const GRANULE_SAMPLES: usize = 576;

/// Most pairs of large values: a granule has no more samples.
const MAX_BIG_VALUES: u32 = GRANULE_SAMPLES as u32 / 2;

/// Bytes of the longest side information.
const MAX_BYTES: usize = 32;

/// Bytes that a read of bits may touch.
const WORD_BYTES: usize = 8;

/// What a frame's side information says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SideInfo {
    /// Bytes before this frame's own at which its main data begins.
    pub(super) main_data_begin: usize,
    /// Granules of the frame: 2, or 1 at low sampling frequencies.
    granules: usize,
    /// By granule and channel; what the frame does not have is empty.
    parts: [[Part; 2]; 2],
    channels: usize,
}

/// Side information of one channel of a granule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Part {
    /// Bits of scale factors and Huffman codes.
    bits: u32,
    big_values: u32,
    /// Whether the window is not the normal one.
    is_switched: bool,
    /// The window: 0 normal, 1 start, 2 short, 3 end.
    window: u8,
    /// The two lowest bands have the normal window, whatever the others have.
    is_mixed: bool,
}

impl SideInfo {
    /// Reads the side information of a layer III frame; `None` if the frame is too short for one.
    pub(super) fn parse(header: &Header, frame: &[u8]) -> Option<Self> {
        let bytes = frame.get(header.side_info())?;
        let mut padded = [0; MAX_BYTES + WORD_BYTES];
        padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let mut bits = Bits { bytes: &padded, at: 0 };
        let (granules, channels) = (if header.low_rate { 1 } else { 2 }, header.channels);
        let main_data_begin = bits.take(if header.low_rate { 8 } else { 9 }) as usize;
        bits.skip(match (header.low_rate, channels) {
            // Private bits; of MPEG-1 also four flags for each channel, of scale factors.
            (false, 1) => 5 + 4,
            (false, _) => 3 + 8,
            (true, 1) => 1,
            (true, _) => 2,
        });
        let mut parts = [[Part::default(); 2]; 2];
        for granule in &mut parts[..granules] {
            for part in &mut granule[..channels] {
                *part = Part::read(&mut bits, header.low_rate);
            }
        }
        Some(Self { main_data_begin, granules, parts, channels })
    }

    /// Bits of main data of each granule, over its channels.
    pub(super) fn granule_bits(&self) -> impl Iterator<Item = u32> {
        self.parts[..self.granules].iter().map(|parts| parts.iter().map(|part| part.bits).sum())
    }

    /// Whether no field has a value that the standard forbids.
    pub(super) fn is_valid(&self) -> bool {
        let is_valid = |part: &Part| {
            part.big_values <= MAX_BIG_VALUES && !(part.is_switched && part.window == 0)
        };
        self.parts.iter().flatten().all(is_valid)
    }

    /// Whether a part has mixed blocks.
    pub(super) fn is_mixed(&self) -> bool {
        self.parts.iter().flatten().any(|part| part.is_mixed)
    }

    /// Whether the two channels of a granule have different windows.
    pub(super) fn has_unequal_windows(&self) -> bool {
        self.channels == 2 && self.parts.iter().any(|[left, right]| left.window != right.window)
    }
}

impl Part {
    fn read(bits: &mut Bits<'_>, low_rate: bool) -> Self {
        let (length, big_values) = (bits.take(12), bits.take(9));
        // Global gain, and how the scale factors are packed.
        bits.skip(8 + if low_rate { 9 } else { 4 });
        let is_switched = bits.take(1) == 1;
        let window = bits.take(2) as u8;
        let is_mixed = bits.take(1) == 1;
        // Tables and regions, in two forms of one length; then flags.
        bits.skip(19 + if low_rate { 2 } else { 3 });
        Self {
            bits: length,
            big_values,
            is_switched,
            window: if is_switched { window } else { 0 },
            is_mixed: is_switched && is_mixed,
        }
    }
}

/// Bits, the most significant first.
struct Bits<'a> {
    bytes: &'a [u8; MAX_BYTES + WORD_BYTES],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 32.
    fn take(&mut self, count: usize) -> u32 {
        let word = self.bytes.get(self.at / 8..).and_then(|rest| rest.first_chunk::<WORD_BYTES>());
        let word = word.map_or(0, |word| u64::from_be_bytes(*word)) << (self.at % 8);
        self.at += count;
        (word >> (64 - count)) as u32
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, SideInfo};

    /// Writes `count` bits of `value` at bit `at` of a frame.
    fn put(frame: &mut [u8], at: usize, count: usize, value: u32) {
        for bit in 0..count {
            let (byte, mask) = ((at + bit) / 8, 0x80 >> ((at + bit) % 8));
            let is_set = value >> (count - 1 - bit) & 1 == 1;
            frame[byte] = if is_set { frame[byte] | mask } else { frame[byte] & !mask };
        }
    }

    /// Checks where the fields of every part lie: `first` is the bit of the first part, behind the
    /// header, and `len` the bits of a part.
    fn check(bytes: [u8; 4], first: usize, parts: [usize; 2], len: usize) {
        let header = Header::parse(bytes).unwrap();
        let mut frame = bytes.to_vec();
        frame.resize(header.frame_bytes().unwrap(), 0);
        let empty = SideInfo::parse(&header, &frame).unwrap();
        assert!(empty.is_valid() && !empty.is_mixed() && !empty.has_unequal_windows());
        let start = header.side_info().start * 8;
        put(&mut frame, start, if header.low_rate { 8 } else { 9 }, 201);
        assert_eq!(SideInfo::parse(&header, &frame).unwrap().main_data_begin, 201);
        let [granules, channels] = parts;
        // The flag of switched windows comes behind length, large values, gain and packing.
        let flag = 12 + 9 + 8 + if header.low_rate { 9 } else { 4 };
        for (granule, channel) in (0..granules).flat_map(|g| (0..channels).map(move |c| (g, c))) {
            let at = start + first + len * (granule * channels + channel);
            let mut frame = frame.clone();
            let parse = |frame: &[u8]| SideInfo::parse(&header, frame).unwrap();
            put(&mut frame, at, 12, 4095);
            let bits: Vec<u32> = parse(&frame).granule_bits().collect();
            let expected: Vec<u32> =
                (0..granules).map(|g| if g == granule { 4095 } else { 0 }).collect();
            assert_eq!(bits, expected);
            put(&mut frame, at + 12, 9, 288);
            assert!(parse(&frame).is_valid());
            // Without the flag, these bits are of a table.
            put(&mut frame, at + flag + 1, 3, 0b101);
            assert!(!parse(&frame).has_unequal_windows() && !parse(&frame).is_mixed());
            put(&mut frame, at + flag, 1, 1);
            assert_eq!(parse(&frame).has_unequal_windows(), channels == 2);
            assert!(parse(&frame).is_mixed() && parse(&frame).is_valid());
            put(&mut frame, at + flag + 1, 3, 0b000);
            assert!(!parse(&frame).is_valid() && !parse(&frame).is_mixed());
            put(&mut frame, at + flag, 1, 0);
            put(&mut frame, at + 12, 9, 289);
            assert!(!parse(&frame).is_valid());
        }
    }

    #[test]
    fn every_part_is_read() {
        check([0xff, 0xfb, 0x90, 0x04], 20, [2, 2], 59);
        check([0xff, 0xfa, 0x90, 0x04], 20, [2, 2], 59);
        check([0xff, 0xfb, 0x90, 0xc4], 18, [2, 1], 59);
        check([0xff, 0xf3, 0x80, 0x04], 10, [1, 2], 63);
        check([0xff, 0xe3, 0x80, 0xc4], 9, [1, 1], 63);
    }

    #[test]
    fn a_short_frame_has_none() {
        let header = Header::parse([0xff, 0xfb, 0x90, 0x04]).unwrap();
        assert_eq!(SideInfo::parse(&header, &[0; 35]), None);
        assert!(SideInfo::parse(&header, &[0; 36]).is_some());
    }
}
