//! A guard in front of the Vorbis decoder: how much memory its codebooks would take.
//!
//! A codebook of 16 MiB can be written in some forty bytes, and a stream may have 256 of them. So
//! the sizes are summed before anything is unpacked. The codebooks are not byte-aligned; they are
//! found by their synchronisation word (Vorbis I specification, section 3.2.1).

use crate::error::ExtractError;

/// Values that all codebooks together may unpack to; encoders in use stay below a million.
const MAX_VALUES: u64 = 4 << 20;

/// The synchronisation word, read least significant bit first.
const SYNC: u64 = 0x56_4342;

/// Refuses codec data whose codebooks would unpack to more than [`MAX_VALUES`].
pub(super) fn check(codec_data: &[u8]) -> Result<(), ExtractError> {
    let values: u64 = (0..codec_data.len() * 8).filter_map(|bit| codebook(codec_data, bit)).sum();
    if values > MAX_VALUES {
        let detail = format!("Vorbis codebooks of {values} values, expected at most {MAX_VALUES}");
        return Err(ExtractError::UndecodableAudio { detail });
    }
    Ok(())
}

/// Entries times dimensions of the codebook that begins at `bit`, if one does.
fn codebook(data: &[u8], bit: usize) -> Option<u64> {
    // Three bytes decide nearly always.
    let at = |len: usize| {
        let bytes = data.get(bit / 8..)?;
        let word = bytes.iter().take(len).rev().fold(0_u128, |word, &b| word << 8 | u128::from(b));
        Some((word >> (bit % 8)) as u64)
    };
    if at(4)? & 0xff_ffff != SYNC {
        return None;
    }
    let word = at(9)?;
    Some((word >> 24 & 0xffff).max(1) * (word >> 40 & 0xff_ffff))
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
}
