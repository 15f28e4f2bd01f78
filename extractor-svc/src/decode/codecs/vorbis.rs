//! A guard in front of the Vorbis decoder: how much memory its codebooks would take, and whether
//! their words are of lengths that exist.
//!
//! A codebook of 16 MiB can be written in some forty bytes, and a stream may have 256 of them. So
//! the sizes are summed before anything is unpacked. Words listed by length may grow beyond the 32
//! bits that a word can have, which symphonia (0.6.1) does not look at. The codebooks are not
//! byte-aligned; they are found by their synchronisation word (Vorbis I specification, section
//! 3.2.1).

use crate::error::ExtractError;

/// Values that all codebooks together may unpack to; encoders in use stay below a million.
const MAX_VALUES: u64 = 4 << 20;

/// The synchronisation word, read least significant bit first.
const SYNC: u64 = 0x56_4342;

/// Most bits of a word.
const MAX_WORD_BITS: u64 = 32;

/// Refuses codec data whose codebooks would unpack to more than [`MAX_VALUES`], or list words of more
/// than [`MAX_WORD_BITS`].
pub(in crate::decode) fn check(codec_data: &[u8]) -> Result<(), ExtractError> {
    let mut values = 0;
    for bit in 0..codec_data.len() * 8 {
        let Some(Codebook { dimensions, entries }) = codebook(codec_data, bit) else { continue };
        values += dimensions.max(1) * entries;
        if lists_overlong_words(codec_data, bit + HEAD_BITS, entries) {
            let detail = format!("a Vorbis codebook of words of more than {MAX_WORD_BITS} bits");
            return Err(ExtractError::UndecodableAudio { detail });
        }
    }
    if values > MAX_VALUES {
        let detail = format!("Vorbis codebooks of {values} values, expected at most {MAX_VALUES}");
        return Err(ExtractError::UndecodableAudio { detail });
    }
    Ok(())
}

/// Bits of synchronisation word, dimensions and entries.
const HEAD_BITS: usize = 64;

struct Codebook {
    dimensions: u64,
    entries: u64,
}

/// The codebook that begins at `bit`, if one does.
fn codebook(data: &[u8], bit: usize) -> Option<Codebook> {
    // Three bytes decide nearly always.
    if bits(data, bit, 24) != SYNC {
        return None;
    }
    let word = bits(data, bit, HEAD_BITS);
    Some(Codebook { dimensions: word >> 24 & 0xffff, entries: word >> 40 })
}

/// Whether the codebook whose list of lengths begins at `bit` is ordered by length, and gets to a
/// length that no word can have before all entries have one.
fn lists_overlong_words(data: &[u8], mut bit: usize, entries: u64) -> bool {
    let mut read = |count: usize| {
        let value = bits(data, bit, count);
        bit += count;
        value
    };
    if read(1) == 0 {
        return false;
    }
    let (mut listed, mut word_bits) = (0, read(5) + 1);
    while listed < entries {
        if word_bits > MAX_WORD_BITS {
            return true;
        }
        let width = u64::BITS - (entries - listed).leading_zeros();
        let count = read(width as usize);
        listed += count;
        word_bits += 1;
    }
    false
}

/// `count` bits from `bit` on, at most 64, least significant first; beyond the end there are zeros.
fn bits(data: &[u8], bit: usize, count: usize) -> u64 {
    let bytes = data.get(bit / 8..).unwrap_or_default();
    let needed = (bit % 8 + count).div_ceil(8);
    let word = bytes.iter().take(needed).rev().fold(0_u128, |word, &b| word << 8 | u128::from(b));
    ((word >> (bit % 8)) & ((1 << count) - 1)) as u64
}

#[cfg(test)]
mod tests {
    use super::check;

    /// `count` codebook heads of `dimensions` x `entries`, `shift` bits off the byte grid.
    fn books(count: usize, dimensions: u16, entries: u32, shift: u32) -> Vec<u8> {
        let mut bytes = b"\x05vorbis".to_vec();
        for _ in 0..count {
            let word = 0x56_4342 | u128::from(dimensions) << 24 | u128::from(entries) << 40;
            bytes.extend_from_slice(&(word << shift).to_le_bytes()[..9]);
        }
        bytes
    }

    #[test]
    fn codebooks_are_summed_wherever_they_begin() {
        for shift in 0..8 {
            check(&books(30, 8, 6561, shift)).unwrap();
            let error = check(&books(2, 32, 128 * 1024, shift)).unwrap_err();
            assert_eq!(error.reason(), "UNDECODABLE_AUDIO", "shift {shift}");
        }
        check(&[]).unwrap();
    }

    /// A codebook of two words in length order, the first of `first` bits, the second `later` longer.
    fn ordered(first: u32, later: u32) -> Vec<u8> {
        let (mut word, mut length) = (0x56_4342_u128 | 1 << 24 | 2 << 40 | 1 << 64, 65);
        let mut write = |value: u128, count: u32| {
            word |= value << length;
            length += count;
        };
        write(u128::from(first - 1), 5);
        // Two entries are left: the count of this length takes two bits, and then one bit each.
        write(1, 2);
        for _ in 1..later {
            write(0, 1);
        }
        write(1, 1);
        word.to_le_bytes().to_vec()
    }

    #[test]
    fn words_have_at_most_32_bits() {
        check(&ordered(31, 1)).unwrap();
        check(&ordered(1, 31)).unwrap();
        for (first, later) in [(32, 1), (1, 32), (30, 20)] {
            assert!(check(&ordered(first, later)).is_err(), "{first} bits, then {later} more");
        }
    }
}
