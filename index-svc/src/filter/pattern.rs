//! Texts with wildcards, as AIP-160 has them: a star stands for any text, also for none.
//!
//! Parts are looked for from left to right, each at its first place behind the one before; no other choice can
//! do better, so nothing is tried twice and a match takes time in proportion to the text.

use std::fmt;

use memchr::memmem::Finder;

use super::fold::fold;

/// Literal texts with a star between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// At least one; none in the middle is empty.
    parts: Vec<String>,
}

impl Pattern {
    /// A text whose characters at these byte offsets are stars.
    pub(super) fn new(text: &str, stars: &[usize]) -> Self {
        let begins = std::iter::once(0).chain(stars.iter().map(|star| star + 1));
        let ends = stars.iter().copied().chain([text.len()]);
        let mut parts: Vec<String> = Vec::with_capacity(stars.len() + 1);
        for (place, (begin, end)) in begins.zip(ends).enumerate() {
            // Stars beside each other are one.
            if begin < end || place == 0 || place == stars.len() {
                parts.push(text[begin..end].to_owned());
            }
        }
        Self { parts }
    }

    /// The pattern that finds this one anywhere in a text, by [`Matcher::is_within`]: stars at the ends say nothing
    /// there. None if nothing is left but stars.
    pub(super) fn anywhere(self) -> Option<Self> {
        let stars = self.parts.len() > 1;
        let mut parts = self.parts;
        if stars {
            parts.retain(|part| !part.is_empty());
        }
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// The pattern of the folded parts.
    pub(super) fn folded(&self) -> Self {
        Self { parts: self.parts.iter().map(|part| fold(part).into_owned()).collect() }
    }

    /// What finds it in texts.
    pub(super) fn matcher(&self) -> Matcher {
        let parts = self.parts.iter().map(|part| Finder::new(part).into_owned()).collect();
        Matcher { parts, bytes: self.parts.iter().map(String::len).sum() }
    }
}

/// A pattern, prepared to be looked for in many texts: what a search takes beforehand, in proportion to the
/// pattern's length, is done once.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    parts: Vec<Finder<'static>>,
    /// Bytes of all parts; no shorter text matches.
    bytes: usize,
}

impl Matcher {
    /// Whether it is all of a text.
    pub(super) fn is(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.iter().all(|only| only.needle() == text.as_bytes());
        };
        if text.len() < self.bytes {
            return false;
        }
        let rest = text.as_bytes().strip_prefix(first.needle());
        let rest = rest.and_then(|rest| rest.strip_suffix(last.needle()));
        rest.is_some_and(|rest| in_order(middle, rest))
    }

    /// Whether a text contains it.
    pub(super) fn is_within(&self, text: &str) -> bool {
        text.len() >= self.bytes && in_order(&self.parts, text.as_bytes())
    }
}

/// Whether a text has all parts, each behind the one before.
fn in_order(parts: &[Finder<'static>], text: &[u8]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| match part.find(rest) {
        Some(at) => {
            rest = &rest[at + part.needle().len()..];
            true
        }
        None => false,
    })
}

impl fmt::Display for Pattern {
    /// As a quoted text holds it: stars bare, literal ones escaped.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts.iter().enumerate() {
            let star = if place > 0 { "*" } else { "" };
            write!(out, "{star}{}", escaped(part))?;
        }
        Ok(())
    }
}

/// A literal text as a quoted one holds it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pattern whose every star is a wildcard.
    fn wild(text: &str) -> Pattern {
        let stars: Vec<usize> = text.match_indices('*').map(|(at, _)| at).collect();
        Pattern::new(text, &stars)
    }

    /// What a pattern means, tried in every way.
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|from| matches(rest, &text[from..])),
            [c, rest @ ..] => text.first() == Some(c) && matches(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_match_is_one_by_trying_everything(pattern in "[a*é]{0,5}", text in "[aé]{0,5}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = matches(&chars(&pattern), &chars(&text));
            prop_assert_eq!(wild(&pattern).matcher().is(&text), expected);
            let within = wild(&format!("*{pattern}*")).matcher().is(&text);
            let anywhere = wild(&pattern).anywhere();
            prop_assert_eq!(anywhere.is_none_or(|part| part.matcher().is_within(&text)), within);
        }
    }

    #[test]
    fn parts_do_not_overlap() {
        for (pattern, text, expected) in [
            ("Artist 1*", "Artist 10", true),
            ("Artist 1*", "Artist 2", false),
            ("*ab", "aab", true),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(wild(pattern).matcher().is(text), expected, "{pattern} {text}");
        }
    }

    /// A pattern that would take for ever where each part is tried at each place.
    #[test]
    fn many_parts_take_one_pass() {
        let text = "a".repeat(100_000);
        let pattern = wild(&format!("{}b", "a*".repeat(2000))).matcher();
        assert!(!pattern.is(&text) && !pattern.is_within(&text));
    }
}
