//! Bits of a packet of ALAC, first bit first, and its adaptive codes.

/// Bytes behind the packet that may be looked at, and are zero.
const MARGIN: usize = 8;

/// Ones in front of a number that is written out in full.
const ESCAPE: u32 = 9;

/// Reads bits. What is read behind the end is zero, and [`Bits::is_past_end`] says so.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the packet, and those that were read.
    len: usize,
    at: usize,
}

impl Bits {
    /// Begins anew with `packet`.
    pub(super) fn start(&mut self, packet: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(packet);
        self.bytes.extend_from_slice(&[0; MARGIN]);
        (self.len, self.at) = (8 * packet.len(), 0);
    }

    /// The next bits, in the upper half of the word at least.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).and_then(<[u8]>::first_chunk);
        rest.map_or(0, |&word| u64::from_be_bytes(word) << (self.at % 8))
    }

    /// The next `count` bits, 32 at most.
    #[inline(always)]
    pub(super) fn read(&mut self, count: u32) -> u32 {
        let value = top(self.peek(), count);
        self.at += count as usize;
        value
    }

    /// Passes over `count` bits, or to just behind the end.
    pub(super) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.len + 1);
    }

    pub(super) fn is_past_end(&self) -> bool {
        self.at > self.len
    }

    /// Whether what is left is the rest of a byte, or only zeros.
    pub(super) fn is_at_end(&self) -> bool {
        let Some(left) = self.len.checked_sub(self.at) else { return false };
        left < 8 || {
            let whole = &self.bytes[self.at.div_ceil(8)..self.len / 8];
            let begun = self.bytes[self.at / 8] << (self.at % 8);
            whole.iter().all(|&byte| byte == 0) && (self.at.is_multiple_of(8) || begun == 0)
        }
    }

    /// The next code of parameter `k` (23 at most): so many ones, a zero, and a remainder of `k`
    /// bits or one less; or a number of `full` bits behind nine ones.
    #[inline(always)]
    pub(super) fn code(&mut self, k: u32, full: u32) -> u32 {
        let word = self.peek();
        let ones = word.leading_ones();
        if ones >= ESCAPE {
            self.at += (ESCAPE + full) as usize;
            return top(word << ESCAPE, full);
        }
        self.at += ones as usize + 1;
        match k {
            0 => 0,
            1 => ones,
            _ => {
                let whole = ones * ((1 << k) - 1);
                let rest = top(word << (ones + 1), k);
                // A remainder of 0 is a bit shorter.
                let is_long = rest > 1;
                self.at += (k - 1 + u32::from(is_long)) as usize;
                if is_long { whole + rest - 1 } else { whole }
            }
        }
    }
}

/// The upper `count` bits of a word, 32 at most.
#[inline(always)]
fn top(word: u64, count: u32) -> u32 {
    // In two steps, because none may be of 64.
    ((word >> 1) >> (63 - count)) as u32
}

#[cfg(test)]
mod tests {
    use super::Bits;

    fn bits(bytes: &[u8]) -> Bits {
        let mut bits = Bits::default();
        bits.start(bytes);
        bits
    }

    #[test]
    fn codes_have_a_shorter_remainder_of_zero() {
        // 110 00 | 110 010 | 0 111 | and nine ones before 0x123.
        let mut found = bits(&[0b1100_0110, 0b0100_1111, 0b1111_1111, 0b0001_0010, 0b0011_0000]);
        assert_eq!(found.code(3, 12), 14);
        assert_eq!(found.code(3, 12), 14 + 1);
        assert_eq!(found.code(3, 12), 6);
        assert_eq!(found.at, 15);
        assert_eq!(found.code(3, 12), 0x123);
        let mut found = bits(&[0b1110_1100]);
        assert_eq!((found.code(1, 16), found.code(0, 16), found.at), (3, 0, 7));
    }

    #[test]
    fn the_end_is_known() {
        let mut found = bits(&[0xff, 0x80, 0]);
        assert_eq!((found.read(9), found.is_at_end()), (0x1ff, true));
        found.at = 8;
        assert!(!found.is_at_end(), "a one is left, and more than a byte");
        found.at = 17;
        assert!(found.is_at_end() && !found.is_past_end());
        assert_eq!(found.read(32), 0);
        assert!(found.is_past_end() && !found.is_at_end());
        found.skip(usize::MAX);
        assert_eq!((found.read(3), found.is_past_end()), (0, true));
    }
}
