//! How long a frame of AC-3 is (ATSC A/52, table 5.18; ETSI TS 102 366).

/// Bits per second over 1000 by the upper five bits of the frame size code.
const RATES: [usize; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// Bytes of a frame by its fifth byte: sampling rate and frame size code. `None` if no frame has it.
pub(in crate::decode) fn frame_bytes(code: u8) -> Option<usize> {
    let rate = *RATES.get(usize::from(code & 0x3f) / 2)?;
    match code >> 6 {
        0 => Some(rate * 4),
        // At 44.1 kHz every other frame has a word more.
        1 => Some((rate * 320 / 147 + usize::from(code & 1)) * 2),
        2 => Some(rate * 6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::frame_bytes;

    #[test]
    fn frames_are_as_long_as_the_standard_says() {
        // 192 kbit/s at 48, 44.1 and 32 kHz.
        let found = [0x14, 0x54, 0x55, 0x94].map(frame_bytes);
        assert_eq!(found, [Some(768), Some(834), Some(836), Some(1152)]);
        assert_eq!([0xd4, 0x26, 0x3f].map(frame_bytes), [None; 3]);
        assert_eq!(frame_bytes(0x25), Some(2560));
    }
}
