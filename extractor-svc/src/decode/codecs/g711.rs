//! A-law and mu-law (ITU-T G.711): eight bits a sample, on a scale of 16 bits.

/// Samples of the A-law by byte.
pub(in crate::decode) const A_LAW: [i16; 256] = table(true);

/// Samples of the mu-law by byte.
pub(in crate::decode) const MU_LAW: [i16; 256] = table(false);

const fn table(is_a_law: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = if is_a_law { a_law(byte as u8) } else { mu_law(byte as u8) };
        byte += 1;
    }
    table
}

const fn a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let steps = (code as i16 & 0xf) << 4;
    let magnitude = match code >> 4 & 7 {
        0 => steps + 8,
        segment => (steps + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

const fn mu_law(byte: u8) -> i16 {
    let code = !byte;
    // The bias that makes every segment begin at a power of two.
    let biased = ((code as i32 & 0xf) << 3 | 0x84) << (code >> 4 & 7);
    let magnitude = (biased - 0x84) as i16;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::{A_LAW, MU_LAW};

    /// Values of libsndfile 1.2, times 32,768.
    #[test]
    fn bytes_are_the_standards_samples() {
        assert_eq!(
            [0x10, 0x80, 0x00, 0xff, 0x7f].map(|byte: usize| MU_LAW[byte]),
            [-15_996, 32_124, -32_124, 0, 0]
        );
        assert_eq!(
            [0x10, 0x80, 0x40, 0xd5, 0x55, 0x2a].map(|byte: usize| A_LAW[byte]),
            [-2752, 5504, -344, 8, -8, -32_256]
        );
    }
}
