//! The name of a file as text: in tables, journals, lists of failures and logs, and the track id of its
//! row in an index.
//!
//! A name is its own text. One that is not UTF-8 gets the prefix `bytes:`, and `%` and two upper-case
//! hexadecimal digits for each byte that is part of no character, and for each `%`. So does a name that
//! begins with the prefix itself: two names never share a text, and a text leads back to its name.

use std::{
    ffi::OsString,
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

/// What begins the text of a name that is not simply its own text.
const PREFIX: &str = "bytes:";

/// The text of a file's name.
#[must_use]
pub fn source_path(path: &Path) -> String {
    match path.to_str() {
        Some(text) => source_path_of_text(text),
        None => escaped(path.as_os_str().as_bytes()),
    }
}

/// The same of a name that is text, such as an object's key.
#[must_use]
pub fn source_path_of_text(name: &str) -> String {
    if name.starts_with(PREFIX) { escaped(name.as_bytes()) } else { name.to_owned() }
}

/// The name that has this text.
#[must_use]
pub fn path_of(source_path: &str) -> PathBuf {
    let Some(escaped) = source_path.strip_prefix(PREFIX) else { return source_path.into() };
    let (mut rest, mut name) = (escaped.as_bytes(), Vec::with_capacity(escaped.len()));
    while let Some((byte, behind)) = rest.split_first() {
        let digits = behind.split_at_checked(2).filter(|_| *byte == b'%');
        let written = digits.and_then(|(digits, _)| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        name.push(written.unwrap_or(*byte));
        rest = if written.is_some() { &behind[2..] } else { behind };
    }
    OsString::from_vec(name).into()
}

fn escaped(name: &[u8]) -> String {
    let mut text = PREFIX.to_owned();
    for part in name.utf8_chunks() {
        text.push_str(&part.valid().replace('%', "%25"));
        for byte in part.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn only_what_is_no_text_is_escaped() {
        let check = |name: &[u8], expected: &str| {
            let path = Path::new(OsStr::from_bytes(name));
            assert_eq!(source_path(path), expected);
            assert_eq!(path_of(expected), path);
        };
        check("a/é 100%.wav".as_bytes(), "a/é 100%.wav");
        check(b"a/\xe9.wav", "bytes:a/%E9.wav");
        check(b"a/\xe8.wav", "bytes:a/%E8.wav");
        check("é/\u{fffd}.wav".as_bytes(), "é/\u{fffd}.wav");
        check(b"\xc3\xa9/100%\xff", "bytes:é/100%25%FF");
        // A name that looks as if it had been escaped is another one.
        check(b"bytes:a/%E9.wav", "bytes:bytes:a/%25E9.wav");
        check(b"bytes:", "bytes:bytes:");
        check(b"%E9", "%E9");
    }

    #[test]
    fn names_and_texts_are_one_to_one() {
        let bytes = [b'%', b'E', b'9', 0xe9, 0xc3, 0xa9, b':', b'b'];
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..8_usize.pow(4) {
            let name: Vec<u8> = (0..4).map(|at| bytes[number / 8_usize.pow(at) % 8]).collect();
            for name in [name.clone(), [PREFIX.as_bytes(), &name].concat()] {
                let path = PathBuf::from(OsString::from_vec(name));
                let text = source_path(&path);
                assert_eq!(path_of(&text), path, "{text}");
                assert!(seen.insert(text), "{path:?}");
            }
        }
    }
}
