//! Has a file changed since it was written? The seal of a manifest, and quick digests of the others.
//!
//! Both are against accidents (a cut copy, a flipped bit), not against an adversary, who would seal
//! anew; signatures belong to whoever distributes an index.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use proto::features::hex;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_128;

/// What stands before the seal, at the end of a manifest.
const SEAL_FIELD: &[u8] = b",\n  \"seal\": \"";
/// What stands after it.
const SEAL_END: &[u8] = b"\"\n}\n";
/// Hex digits of a SHA-256.
const SEAL_DIGITS: usize = 64;
/// Bytes of a file that are digested together; parts are digested side by side.
const PART_BYTES: u64 = 16 << 20;
/// Bytes of a part that are read together: few, because an allocator keeps what was freed.
const PIECE_BYTES: u64 = 256 << 10;

/// A JSON object's text with a last field `seal`, the SHA-256 of all text before that field.
///
/// # Panics
/// Never on the text of a pretty-printed object with a field.
#[must_use]
pub fn sealed(mut object: Vec<u8>) -> Vec<u8> {
    debug_assert!(object.ends_with(b"\n}"), "a pretty-printed object ends so");
    object.truncate(object.len() - b"\n}".len());
    let seal = hex(&Sha256::digest(&object));
    object.extend_from_slice(SEAL_FIELD);
    object.extend_from_slice(seal.as_bytes());
    object.extend_from_slice(SEAL_END);
    object
}

/// Whether the text ends in its own seal. Every byte counts, those of the seal too.
#[must_use]
pub fn is_sealed(text: &[u8]) -> bool {
    let tail = SEAL_FIELD.len() + SEAL_DIGITS + SEAL_END.len();
    let Some(body) = text.len().checked_sub(tail) else { return false };
    let (body, tail) = text.split_at(body);
    let expected = [SEAL_FIELD, hex(&Sha256::digest(body)).as_bytes(), SEAL_END].concat();
    tail == expected
}

/// The XXH3 digest (128 bits, lower-case hex) of the XXH3 digests (128 bits, little-endian) of a
/// file's parts of 16 MiB: as fast as memory, so that it can be compared at every opening.
///
/// # Errors
/// When the file cannot be read.
pub fn quick_digest(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let starts: Vec<u64> = (0..bytes).step_by(PART_BYTES as usize).collect();
    let parts = starts
        .par_iter()
        .map(|start| {
            let (mut at, end) = (*start, bytes.min(start + PART_BYTES));
            let mut piece = vec![0; PIECE_BYTES.min(end - at) as usize];
            let mut digest = XxHash3_128::new();
            while at < end {
                let piece = &mut piece[..PIECE_BYTES.min(end - at) as usize];
                file.read_exact_at(piece, at)?;
                digest.write(piece);
                at += piece.len() as u64;
            }
            Ok(digest.finish_128().to_le_bytes())
        })
        .collect::<io::Result<Vec<[u8; 16]>>>()?;
    Ok(format!("{:032x}", XxHash3_128::oneshot(&parts.concat())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_sealed_text_can_be_changed_or_cut() {
        let text = sealed(b"{\n  \"rows\": 17,\n  \"name\": \"x\"\n}".to_vec());
        assert!(is_sealed(&text));
        let object: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(object["rows"], 17);
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                assert!(!is_sealed(&changed), "byte {at}, bit {bit}");
            }
            assert!(!is_sealed(&text[..at]), "cut at {at}");
            assert!(!is_sealed(&text[at + 1..]), "begun after {at}");
        }
        assert!(!is_sealed(b"{\n  \"rows\": 17\n}\n"));
    }

    #[test]
    fn a_quick_digest_sees_every_part() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut bytes: Vec<u8> = (0..PART_BYTES + 70_000).map(|i| (i * 31 % 251) as u8).collect();
        let mut seen = std::collections::BTreeSet::new();
        let mut digest = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("writable");
            assert!(seen.insert(quick_digest(&path).expect("readable")), "seen before");
        };
        digest(&bytes);
        for at in [0, PART_BYTES as usize - 1, PART_BYTES as usize, bytes.len() - 1] {
            bytes[at] ^= 1;
            digest(&bytes);
        }
        digest(&bytes[..PART_BYTES as usize]);
        digest(&[]);
    }
}
