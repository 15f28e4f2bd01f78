//! Bits of a byte slice, most significant first, with a position.

/// Reads bits; `None` where there are none left.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bits read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Bits that are left.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// The next `count` bits, 32 at most.
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        if count > self.left() {
            return None;
        }
        let first = self.at / 8;
        let window = self.bytes.iter().skip(first).take(5);
        let word = window.fold((0_u64, 40), |(word, shift), &byte| {
            (word | u64::from(byte) << (shift - 8), shift - 8)
        });
        let bits = word.0 << (24 + self.at % 8) >> (64 - count.max(1));
        self.at += count;
        Some(if count == 0 { 0 } else { bits as u32 })
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.read(1)? == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        if count > self.left() {
            return None;
        }
        self.at += count;
        Some(())
    }

    /// Goes on to the next byte, counted from the first bit.
    pub(super) fn align(&mut self) -> Option<()> {
        self.skip(self.at.wrapping_neg() % 8)
    }
}

/// Puts bits together to bytes, most significant first.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    filled: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`.
    pub(super) fn write(&mut self, value: u32, count: usize) {
        for bit in (0..count).rev() {
            if self.filled.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.filled % 8);
            }
            self.filled += 1;
        }
    }

    /// Appends bits `from` to `to` of `bytes`.
    pub(super) fn copy(&mut self, bytes: &[u8], from: usize, to: usize) {
        let mut bits = Bits::new(bytes);
        if bits.skip(from).is_none() {
            return;
        }
        let mut left = to.saturating_sub(from);
        while left > 0 {
            // Whole bytes where the target is aligned.
            let count = left.min(8 - self.filled % 8);
            let Some(value) = bits.read(count) else { return };
            self.write(value, count);
            left -= count;
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{BitWriter, Bits};

    #[test]
    fn bits_come_most_significant_first() {
        let bytes = [0b1010_0101, 0xff, 0x00, 0x12, 0x34, 0x56];
        let mut bits = Bits::new(&bytes);
        assert_eq!(bits.read(3), Some(0b101));
        assert_eq!(bits.read(0), Some(0));
        assert_eq!(bits.read(32), Some(0x2ff8_0091));
        bits.align().unwrap();
        assert_eq!(bits.position(), 40);
        assert_eq!(bits.read(9), None);
        assert_eq!(bits.read(8), Some(0x56));
        assert_eq!(bits.flag(), None);
    }

    #[test]
    fn a_copy_of_bits_reads_the_same() {
        let bytes = [0x12, 0x34, 0x56, 0x78, 0x9a];
        let mut writer = BitWriter::default();
        writer.write(0b101, 3);
        writer.copy(&bytes, 5, 37);
        let copied = writer.into_bytes();
        let (mut from, mut to) = (Bits::new(&bytes), Bits::new(&copied));
        from.skip(5).unwrap();
        to.skip(3).unwrap();
        assert_eq!(from.read(32), to.read(32));
    }
}
