//! Walks over a packet of ALAC without making a sample: whether its codes end with its bytes.
//!
//! Codes depend on all before them, so after a damage they go astray and do not come out at the end
//! element, of three ones, with less than a byte behind it. What ffmpeg refuses is refused as well.
//! Damage to what no code depends on (coefficients, low bits that are stored apart, samples that are
//! not coded) is not seen, here or there.

use super::bits::Bits;

/// Bytes of the configuration that are read.
const COOKIE_BYTES: usize = 10;

/// Types of elements: one channel, two, one of low frequencies, and the end.
const SINGLE: u32 = 0;
const PAIR: u32 = 1;
const LOW: u32 = 3;
const END: u32 = 7;

/// Below this average of the residuals, a number of zeros follows.
const ZEROS_BELOW: u32 = 128;

/// Largest average; a larger residual sets it.
const MAX_AVERAGE: u32 = 0xffff;

/// What is wrong with a packet.
type Fault = &'static str;

/// Checks the packets of one stream.
#[derive(Debug)]
pub(super) struct Walker {
    frames: u32,
    depth: u32,
    /// Weight of a new residual in the average, the average at the start, and most bits of a
    /// remainder.
    weight: u32,
    average: u32,
    max_k: u32,
    channels: u32,
    bits: Bits,
}

impl Walker {
    /// A walker by the configuration; `None` if it is cut.
    pub(super) fn new(mut cookie: &[u8]) -> Option<Self> {
        // Atoms may stand before it.
        for name in [b"frma", b"alac"] {
            if cookie.get(4..8) == Some(name) {
                cookie = cookie.get(12..)?;
            }
        }
        let &[a, b, c, d, _, depth, weight, average, max_k, channels] =
            cookie.first_chunk::<COOKIE_BYTES>()?;
        Some(Self {
            frames: u32::from_be_bytes([a, b, c, d]),
            depth: depth.into(),
            weight: weight.into(),
            average: average.into(),
            max_k: max_k.into(),
            channels: channels.into(),
            bits: Bits::default(),
        })
    }

    /// # Errors
    /// What shows that the packet is damaged.
    pub(super) fn check(&mut self, packet: &[u8]) -> Result<(), Fault> {
        self.bits.start(packet);
        let (mut channels, mut frames) = (0, None);
        loop {
            let count = match self.bits.read(3) {
                SINGLE | LOW => 1,
                PAIR => 2,
                END => break,
                _ => return Err("alac: an element that no encoder writes"),
            };
            channels += count;
            if channels > self.channels {
                return Err("alac: more channels than the configuration says");
            }
            let found = self.element(count)?;
            if *frames.get_or_insert(found) != found {
                return Err("alac: elements of different lengths");
            }
        }
        if channels < self.channels {
            return Err("alac: fewer channels than the configuration says");
        }
        match self.bits.is_at_end() {
            true => Ok(()),
            false => Err("alac: the codes do not end where the packet ends"),
        }
    }

    /// Walks over an element of one channel or two; returns its frames.
    fn element(&mut self, channels: u32) -> Result<u32, Fault> {
        let bits = &mut self.bits;
        // Number of the element.
        bits.read(4);
        if bits.read(12) != 0 {
            return Err("alac: reserved bits are set");
        }
        let (is_partial, low_bytes, is_plain) =
            (bits.read(1) == 1, bits.read(2), bits.read(1) == 1);
        let frames = if is_partial { bits.read(32) } else { self.frames };
        if frames == 0 || frames > self.frames {
            return Err("alac: a length that cannot be");
        }
        let low = 8 * low_bytes;
        // The difference of two channels has a bit more.
        let depth = match self.depth.checked_sub(low) {
            Some(depth @ 1..) => depth + channels - 1,
            _ => return Err("alac: more low bits than there are"),
        };
        let samples = u64::from(frames) * u64::from(channels);
        if is_plain {
            return self.skip(samples * u64::from(self.depth)).map(|()| frames);
        }
        if depth > 32 {
            return Err("alac: samples of more than 32 bits");
        }
        let mix = [bits.read(8), bits.read(8)];
        if channels == 1 && mix != [0, 0] {
            return Err("alac: one channel is mixed with another");
        }
        if channels == 2 && mix[0] > 31 && mix[1] != 0 {
            return Err("alac: a shift of more than 31 bits");
        }
        let mut weights = [0; 2];
        for weight in &mut weights[..channels as usize] {
            *weight = self.predictor()?;
        }
        self.skip(samples * u64::from(low))?;
        for &weight in &weights[..channels as usize] {
            self.residuals(frames, depth, weight)?;
        }
        Ok(frames)
    }

    /// Walks over a channel's predictor; returns the weight of a new residual.
    fn predictor(&mut self) -> Result<u32, Fault> {
        let bits = &mut self.bits;
        let (mode, shift, weight, order) = (bits.read(4), bits.read(4), bits.read(3), bits.read(5));
        if !matches!(mode, 0 | 15) || shift == 0 || order >= self.frames {
            return Err("alac: a predictor that no encoder writes");
        }
        self.skip(16 * u64::from(order))?;
        Ok(weight * self.weight / 4)
    }

    fn skip(&mut self, count: u64) -> Result<(), Fault> {
        self.bits.skip(count.try_into().unwrap_or(usize::MAX));
        self.inside()
    }

    fn inside(&self) -> Result<(), Fault> {
        match self.bits.is_past_end() {
            true => Err("alac: the packet ends before its codes"),
            false => Ok(()),
        }
    }

    /// Walks over the codes of a channel.
    fn residuals(&mut self, frames: u32, depth: u32, weight: u32) -> Result<(), Fault> {
        let (mut average, mut after_zeros, mut left) = (self.average, 0, frames);
        while left > 0 {
            let k = ((average >> 9) + 3).ilog2();
            let value = self.bits.code(k.min(self.max_k), depth).wrapping_add(after_zeros);
            // Else zeros behind the end would be codes without end.
            self.inside()?;
            (after_zeros, left) = (0, left - 1);
            average = if value > MAX_AVERAGE {
                MAX_AVERAGE
            } else {
                average.wrapping_add(weight * value).wrapping_sub(weight.wrapping_mul(average) >> 9)
            };
            if average < ZEROS_BELOW && left > 0 {
                let k = average.leading_zeros() - 24 + ((average + 16) >> 6);
                let zeros = self.bits.code(k.min(self.max_k), 16);
                left = left.checked_sub(zeros).ok_or("alac: more zeros than frames")?;
                // A run of the greatest length may go on.
                after_zeros = u32::from(zeros < MAX_AVERAGE);
                average = 0;
            }
        }
        self.inside()
    }
}

#[cfg(test)]
mod tests {
    use super::Walker;

    /// Frames of 4, 16 bits, two channels at most.
    fn walker(channels: u8) -> Walker {
        Walker::new(&[0, 0, 0, 4, 0, 16, 40, 10, 14, channels]).unwrap()
    }

    /// Bits, written as digits with spaces between them, and zeros up to a whole byte.
    fn packet(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
        let byte = |digits: &[u8]| {
            let bits = digits.iter().zip((0..8).rev());
            bits.fold(0, |byte, (digit, bit)| byte | (digit - b'0') << bit)
        };
        digits.chunks(8).map(byte).collect()
    }

    /// An element of one channel: tag, instance, reserved; a full frame, no low bits, not coded.
    const PLAIN: &str = "000 0000 000000000000 0 00 1";
    /// The same, coded: not mixed; mode 0, shift 9, weight 4 and no coefficients.
    const CODED: &str = "000 0000 000000000000 0 00 0 00000000 00000000 0000 1001 100 00000";

    fn check(channels: u8, digits: &str) -> Result<(), &'static str> {
        walker(channels).check(&packet(digits))
    }

    #[test]
    fn samples_that_are_not_coded_have_a_length() {
        let samples = "1010101010101010 ".repeat(4);
        let one = format!("{PLAIN} {samples}");
        assert_eq!(check(1, &format!("{one} 111")), Ok(()));
        assert_eq!(check(2, &format!("{one} {one} 111")), Ok(()));
        assert!(check(2, &format!("{one} 111")).is_err(), "a channel is missing");
        assert!(check(1, &format!("{one} {one} 111")).is_err(), "a channel too many");
        assert!(check(1, &one).is_err(), "no end");
        assert!(check(1, &format!("{one} 110")).is_err(), "another element");
        assert!(check(1, &one[..40]).is_err(), "cut");
        // Zeros may be added to the end, and nothing else.
        assert_eq!(check(1, &format!("{one} 111 000000 00000000 00000000")), Ok(()));
        assert!(check(1, &format!("{one} 111 000000 00000000 00000001")).is_err());
        let reserved = one.replacen("000000000000", "000000100000", 1);
        assert!(check(1, &format!("{reserved} 111")).is_err());
        // Of two frames, and of five.
        let part = |frames| format!("000 0000 000000000000 1 00 1 {frames:032b} {samples}");
        assert_eq!(check(1, &format!("{} 111", part(4))), Ok(()));
        assert!(check(1, &format!("{} 111", part(5))).is_err());
        assert!(check(1, &format!("{} 111", part(0))).is_err());
    }

    #[test]
    fn codes_are_walked_over_to_their_end() {
        // The average begins at 10, so that the first sample's parameter is 1: its code is its ones.
        // Below 128, a number of zeros follows: its parameter is 4, for the leading zeros of a byte.
        let end = |codes: &str| check(1, &format!("{CODED} {codes} 111"));
        assert_eq!(end("0 0 0100"), Ok(()));
        assert!(end("0 0 0101").is_err(), "four zeros are more than are left");
        assert!(end("0 0 0011").is_err(), "two zeros leave a sample");
        // Numbers in full: nine ones, and 16 bits. No zeros follow them.
        let full = "111111111 1111111111111111";
        assert_eq!(end(&format!("{full} {full} {full} {full}")), Ok(()));
        assert!(end(&format!("{full} {full} {full}")).is_err());
    }

    #[test]
    fn what_no_encoder_writes_is_refused() {
        let samples = "0 0 0100 111";
        let check = |from: &str, to: &str| {
            let changed = CODED.replacen(from, to, 1);
            assert_ne!(changed, CODED);
            check(1, &format!("{changed} {samples}"))
        };
        assert!(check("0 00 0 00000000", "0 11 0 00000000").is_err(), "24 low bits of 16");
        assert!(check("0 00 0 00000000", "0 00 0 00000001").is_err(), "mixed with no other");
        assert!(check("0000 1001 100", "0001 1001 100").is_err(), "a mode that there is not");
        assert!(check("0000 1001 100", "0000 0000 100").is_err(), "no shift");
        assert!(check("100 00000", "100 00100").is_err(), "as many coefficients as frames");
        assert!(Walker::new(&[0; 9]).is_none());
        assert!(Walker::new(b"\0\0\0\x0cfrmaalac\0\0\0\x24alac\0\0\0\0\0\0\x10\0").is_none());
    }
}
