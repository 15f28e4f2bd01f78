//! Page tokens: where a list goes on. A token says of which index version and of which query it is,
//! and carries all that a server must know, so that any server with that version can go on.
//!
//! A list is the exact one, from which results are taken in order. Where the first page was approximate,
//! the list that follows is the exact one without the first page's rows: what the first page missed comes
//! at its beginning, so nothing is lost and nothing comes twice.
//!
//! Text: URL-safe base64 without padding. Bytes: form, index version, digest of the query, offset
//! (`u32`), the first page's rows (`u32` each, ascending; only where it was approximate), and the XXH3 of
//! all that. The checksum tells a changed token from a sound one; it is no secret, and what a forged token
//! can reach is what its sender may ask for anyway.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use thiserror::Error;
use twox_hash::XxHash3_64;

use crate::query::MAX_PAGE_SIZE;

/// Results of a list over all its pages.
pub const MAX_LISTED: usize = 100_000;

/// First byte of a token.
const FORM: u8 = 1;
/// Characters of an index version.
const VERSION_BYTES: usize = 64;
const HEAD_BYTES: usize = 1 + VERSION_BYTES + 16 + 4;
const CHECK_BYTES: usize = 8;
const MAX_BYTES: usize = HEAD_BYTES + 4 * MAX_PAGE_SIZE + CHECK_BYTES;
/// Longest token, in characters.
const MAX_TOKEN_CHARS: usize = MAX_BYTES.div_ceil(3) * 4;

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Rows of the first page where it was approximate, ascending.
    pub(crate) first: Vec<u32>,
    /// Results of the list without those that earlier pages have had.
    pub(crate) offset: usize,
}

impl Place {
    /// Whether this is the beginning.
    pub(crate) fn is_first(&self) -> bool {
        self.first.is_empty() && self.offset == 0
    }

    /// Results on the pages before.
    pub(crate) fn passed(&self) -> usize {
        self.first.len() + self.offset
    }
}

/// Why a page token was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageTokenError {
    /// It is not one, or was changed on the way.
    #[error("page_token is not one that this service gave, or it was changed")]
    Malformed,
    /// It is of another index version.
    #[error("page_token is of index version {got}, this one is {expected}")]
    OtherVersion {
        /// The token's version.
        got: String,
        /// The version served.
        expected: String,
    },
    /// It is of another query.
    #[error("page_token is of another request; only page_size, view and version may differ")]
    OtherQuery,
    /// The list has come to the most that is served.
    #[error("a list has at most {MAX_LISTED} results; a filter or max_distance narrows it")]
    TooDeep,
}

/// The index version that a text says it is a token of; whether it is one is for [`decode`] to find out.
pub(crate) fn version_of(token: &str) -> Option<String> {
    // As many letters as make up the form and the version, and one more: 4 letters are 3 bytes.
    let head = token.get(..(1 + VERSION_BYTES).div_ceil(3) * 4)?;
    let bytes = URL_SAFE_NO_PAD.decode(head).ok()?;
    let version = bytes.get(1..=VERSION_BYTES)?;
    String::from_utf8(version.to_vec()).ok()
}

/// The token of a place in the list of a query.
pub(crate) fn encode(version: &str, digest: u128, place: &Place) -> String {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 4 * place.first.len() + CHECK_BYTES);
    bytes.push(FORM);
    bytes.extend_from_slice(&version_bytes(version));
    bytes.extend_from_slice(&digest.to_le_bytes());
    // Offsets end at MAX_LISTED.
    bytes.extend_from_slice(&(place.offset as u32).to_le_bytes());
    for row in &place.first {
        bytes.extend_from_slice(&row.to_le_bytes());
    }
    bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a token names, if it is of this version, with `rows` rows, and of this query.
pub(crate) fn decode(
    token: &str,
    version: &str,
    rows: u32,
    digest: u128,
) -> Result<Place, PageTokenError> {
    let malformed = PageTokenError::Malformed;
    if token.len() > MAX_TOKEN_CHARS {
        return Err(malformed);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed.clone())?;
    let (content, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(malformed.clone())?;
    if u64::from_le_bytes(*check) != XxHash3_64::oneshot(content) {
        return Err(malformed);
    }
    let (form, rest) = content.split_first().ok_or(malformed.clone())?;
    let (of_version, rest) = rest.split_first_chunk::<VERSION_BYTES>().ok_or(malformed.clone())?;
    let (of_query, rest) = rest.split_first_chunk::<16>().ok_or(malformed.clone())?;
    let (offset, first) = rest.split_first_chunk::<4>().ok_or(malformed.clone())?;
    let (first, tail) = first.as_chunks::<4>();
    if *form != FORM || !tail.is_empty() {
        return Err(malformed);
    }
    if *of_version != version_bytes(version) {
        let got = String::from_utf8_lossy(of_version).into_owned();
        return Err(PageTokenError::OtherVersion { got, expected: version.to_owned() });
    }
    if u128::from_le_bytes(*of_query) != digest {
        return Err(PageTokenError::OtherQuery);
    }
    let first: Vec<u32> = first.iter().map(|row| u32::from_le_bytes(*row)).collect();
    if !first.is_sorted_by(|a, b| a < b) || first.last().is_some_and(|last| *last >= rows) {
        return Err(malformed);
    }
    let place = Place { first, offset: u32::from_le_bytes(*offset) as usize };
    if place.passed() >= MAX_LISTED {
        return Err(PageTokenError::TooDeep);
    }
    Ok(place)
}

fn version_bytes(version: &str) -> [u8; VERSION_BYTES] {
    let mut bytes = [0; VERSION_BYTES];
    for (byte, of_version) in bytes.iter_mut().zip(version.bytes()) {
        *byte = of_version;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    proptest! {
        #[test]
        fn tokens_read_back_and_no_change_goes_unseen(
            first in prop::collection::btree_set(0_u32..9000, 0..40),
            offset in 0_usize..5000,
            digest: u128,
            at: prop::sample::Index,
            letter in "[A-Za-z0-9_-]",
        ) {
            let place = Place { first: first.into_iter().collect(), offset };
            let token = encode(VERSION, digest, &place);
            prop_assert_eq!(decode(&token, VERSION, 9000, digest), Ok(place));
            let at = at.index(token.len());
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            if changed != token {
                let refused = decode(&changed, VERSION, 9000, digest);
                prop_assert_eq!(refused, Err(PageTokenError::Malformed));
            }
            for cut in [&token[..at], &token[at + 1..]] {
                prop_assert!(decode(cut, VERSION, 9000, digest).is_err());
            }
        }

        #[test]
        fn any_text_is_refused(token in ".{0,200}") {
            prop_assert_eq!(decode(&token, VERSION, 9, 0), Err(PageTokenError::Malformed));
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let token =
            |first: &[u32], offset| encode(VERSION, 7, &Place { first: first.to_vec(), offset });
        let sound = token(&[1, 2], 3);
        let other = decode(&sound, "fedcba9876543210", 9, 7);
        assert!(matches!(other, Err(PageTokenError::OtherVersion { got, .. }) if got == VERSION));
        assert_eq!(decode(&sound, VERSION, 9, 8), Err(PageTokenError::OtherQuery));
        assert_eq!(decode(&sound, VERSION, 2, 7), Err(PageTokenError::Malformed), "row 2 of 2");
        let unsorted = token(&[2, 2], 3);
        assert_eq!(decode(&unsorted, VERSION, 9, 7), Err(PageTokenError::Malformed));
        assert_eq!(version_of(&sound).as_deref(), Some(VERSION));
        assert_eq!((version_of("AAAA"), version_of("ä".repeat(40).as_str())), (None, None));
        let deep = token(&[], MAX_LISTED);
        assert_eq!(decode(&deep, VERSION, 9, 7), Err(PageTokenError::TooDeep));
        let longest: Vec<u32> = (0..MAX_PAGE_SIZE as u32).collect();
        decode(&token(&longest, 0), VERSION, 1000, 7).expect("a page of the largest size");
    }
}
