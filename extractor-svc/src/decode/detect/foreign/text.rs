//! Text: pages, lists of files, documents. Only where nothing but text is in the bytes, because a
//! radio capture may begin with lines of a protocol.

use super::kind::Kind::{List, Other};
use super::kind::{Doubt, Foreign, Kind};

/// How the first line begins, ASCII in lower case, and what it tells.
const BEGINNINGS: [(&str, Kind, &str); 14] = [
    ("#extm3u", List, "an M3U playlist"),
    ("[playlist]", List, "a PLS playlist"),
    ("[reference]", List, "an ASX playlist"),
    ("<asx", List, "an ASX playlist"),
    ("file \"", List, "a CUE sheet"),
    ("rem ", List, "a CUE sheet"),
    ("performer \"", List, "a CUE sheet"),
    ("title \"", List, "a CUE sheet"),
    ("<!doctype html", Other, "an HTML page"),
    ("<html", Other, "an HTML page"),
    ("<?xml", Other, "an XML document"),
    ("<svg", Other, "an XML document"),
    ("<", Other, "a document of tags"),
    ("{", Other, "a JSON document"),
];

/// Fewest bytes that are called text, and fewest where samples are as likely.
const MIN_BYTES: usize = 8;
const MIN_BYTES_OF_DOUBT: usize = 32;

/// What kind of text `head` is; `is_whole` tells that nothing follows it.
pub(super) fn find(head: &[u8], is_whole: bool, doubt: Doubt) -> Option<Foreign> {
    let min = if doubt == Doubt::Little { MIN_BYTES } else { MIN_BYTES_OF_DOUBT };
    let is_wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if is_wide && head.len() >= min && head.len().is_multiple_of(2) {
        let units = head.as_chunks::<2>().0.iter().map(|&pair| {
            if head[0] == 0xff { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
        });
        return units.skip(1).all(is_plain_unit).then_some((Other, "UTF-16 text"));
    }
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // What was read may end within a character.
        Err(error) if !is_whole && error.error_len().is_none() => {
            str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let is_printable =
        text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c'));
    if text.len() < min || !is_printable {
        return None;
    }
    let line = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let begins = |beginning: &str| {
        line.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    let known = BEGINNINGS.iter().find(|(beginning, ..)| begins(beginning));
    Some(known.map_or((Other, "text"), |&(_, kind, name)| (kind, name)))
}

/// A letter, digit or mark of the Latin alphabet, or an end of a line.
fn is_plain_unit(unit: u16) -> bool {
    matches!(unit, 0x09 | 0x0a | 0x0d | 0x20..=0x7e | 0xa0..=0x24f)
}

#[cfg(test)]
mod tests {
    use super::{Doubt, find};

    fn name(text: &[u8]) -> Option<&'static str> {
        find(text, true, Doubt::Little).map(|(_, name)| name)
    }

    #[test]
    fn texts_have_names() {
        assert_eq!(name(b"\xef\xbb\xbf#EXTM3U\nsong.mp3\n"), Some("an M3U playlist"));
        assert_eq!(name(b"[playlist]\r\nFile1=a.mp3"), Some("a PLS playlist"));
        assert_eq!(name(b"REM GENRE Rock\nFILE \"a.wav\" WAVE"), Some("a CUE sheet"));
        assert_eq!(name(b"\n  <!DOCTYPE HTML><title>404"), Some("an HTML page"));
        assert_eq!(name(b"<?xml version=\"1.0\"?>"), Some("an XML document"));
        assert_eq!(name(b"{\"error\": \"not found\"}"), Some("a JSON document"));
        assert_eq!(name("Grüße an alle\n".as_bytes()), Some("text"));
        assert_eq!(name(b"\xff\xfeh\0e\0l\0l\0o\0"), Some("UTF-16 text"));
        assert_eq!(
            find(b"Gr\xc3\xbc\xc3\x9fe, \xc3", false, Doubt::Little).map(|(_, name)| name),
            Some("text")
        );
    }

    #[test]
    fn what_is_not_all_text_has_none() {
        assert_eq!(name(b"HTTP/1.0 200 OK\r\n\r\n\xff\xfb\x90\x64"), None);
        assert_eq!(name(b"\xff\xfe\x90\x64\0\0\0\0\0\0"), None);
        assert_eq!(name(b"Gr\xc3\xbc\xc3"), None);
        assert_eq!(name(b"text\0\0\0\0text"), None);
        assert_eq!(name(b"few"), None);
    }
}
