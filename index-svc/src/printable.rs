//! Foreign texts on a terminal: titles, ids and names of columns may hold what a terminal obeys.

use std::{borrow::Cow, io};

/// A text of one line whose control characters are escaped: `\u{1b}` for ESC, `\n` for a line's end. So are marks
/// that turn the direction of what follows.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_obeyed(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Lines of text for a terminal: what is written to it is [`printable`] but for the ends of lines.
#[derive(Debug)]
pub struct Lines<W>(pub W);

impl<W: io::Write> io::Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Formatting hands over whole texts, so no character is cut.
        for (place, line) in String::from_utf8_lossy(bytes).split('\n').enumerate() {
            if place > 0 {
                self.0.write_all(b"\n")?;
            }
            self.0.write_all(printable(line).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        for (text, expected) in [
            ("Beyoncé – Halo", "Beyoncé – Halo"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}gnp", "\\u{202e}gnp"),
        ] {
            assert_eq!(printable(text), expected);
        }
        let mut lines = Lines(Vec::new());
        let hostile = "\u{1b}c";
        writeln!(lines, "one {hostile}\ntwo").expect("memory");
        assert_eq!(lines.0, b"one \\u{1b}c\ntwo\n");
    }
}
