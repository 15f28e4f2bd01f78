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

    /// The pattern that finds this one anywhere in a text, by [`Self::within`]: stars at the ends say nothing
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

    /// What tells whether it is all of a text.
    pub(super) fn whole(&self) -> Whole {
        let [first, middle @ .., last] = &self.parts[..] else {
            let only = self.parts.first().cloned().unwrap_or_default();
            return Whole { first: only, rest: None };
        };
        let bytes = self.bytes();
        let rest = Rest { last: last.clone(), middle: finders(middle), bytes };
        Whole { first: first.clone(), rest: Some(rest) }
    }

    /// What tells whether a text contains it.
    pub(super) fn within(&self) -> Within {
        Within { parts: finders(&self.parts), bytes: self.bytes() }
    }

    /// Bytes of all parts; no shorter text matches.
    fn bytes(&self) -> usize {
        self.parts.iter().map(String::len).sum()
    }
}

/// A pattern, prepared to be compared with many texts.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// What texts begin with, or all of them where the pattern has no star.
    first: String,
    rest: Option<Rest>,
}

/// What is behind the first star.
#[derive(Clone, Debug)]
struct Rest {
    last: String,
    /// Between the first and the last star.
    middle: Vec<Finder<'static>>,
    bytes: usize,
}

/// A pattern, prepared to be looked for in many texts: what a search takes beforehand, in proportion to the
/// pattern's length, is done once.
#[derive(Clone, Debug)]
pub(super) struct Within {
    parts: Vec<Finder<'static>>,
    bytes: usize,
}

impl Whole {
    /// Whether the pattern is all of a text.
    pub(super) fn is(&self, text: &str) -> bool {
        let Self { first, rest: Some(Rest { last, middle, bytes }) } = self else {
            return self.first == text;
        };
        // A longer text has room for both ends, so they do not overlap.
        text.len() >= *bytes
            && text.ends_with(last.as_str())
            && text.starts_with(first.as_str())
            && in_order(middle, &text.as_bytes()[first.len()..text.len() - last.len()])
    }
}

impl Within {
    /// Whether a text contains the pattern.
    pub(super) fn is_in(&self, text: &str) -> bool {
        text.len() >= self.bytes && in_order(&self.parts, text.as_bytes())
    }
}

fn finders(parts: &[String]) -> Vec<Finder<'static>> {
    parts.iter().map(|part| Finder::new(part).into_owned()).collect()
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
            prop_assert_eq!(wild(&pattern).whole().is(&text), expected);
            let within = wild(&format!("*{pattern}*")).whole().is(&text);
            let anywhere = wild(&pattern).anywhere();
            prop_assert_eq!(anywhere.is_none_or(|part| part.within().is_in(&text)), within);
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
            assert_eq!(wild(pattern).whole().is(text), expected, "{pattern} {text}");
        }
    }

    /// A pattern that would take for ever where each part is tried at each place.
    #[test]
    fn many_parts_take_one_pass() {
        let text = "a".repeat(100_000);
        let pattern = wild(&format!("{}b", "a*".repeat(2000)));
        assert!(!pattern.whole().is(&text) && !pattern.within().is_in(&text));
    }
}
