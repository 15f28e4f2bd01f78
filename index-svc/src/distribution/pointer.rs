//! `CURRENT` in a store: the version that is wanted in the first line, as in a local folder, and below
//! it who moved it, when, which versions were wanted before, and which are being removed.

use std::time::SystemTime;

use super::error::DistributionError;
use crate::versions::is_version_name;

/// Largest pointer that is read, in bytes.
pub(super) const MAX_POINTER_BYTES: u64 = 16 << 10;
/// Versions before the wanted one that are remembered.
const MAX_BEFORE: usize = 32;

/// What a pointer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The version that is wanted.
    pub version: String,
    /// Who moved it.
    pub by: Option<String>,
    /// When, as RFC 3339.
    pub at: Option<String>,
    /// The versions that were wanted before, the last one first.
    pub before: Vec<String>,
    /// The versions that are being removed: no pointer moves to one of them.
    pub going: Vec<String>,
    /// How often it was written. No two pointers have the same text, so a swap never takes a later one for
    /// the one that was seen.
    pub(super) writes: u64,
}

impl Pointer {
    /// A pointer that `by` moves now.
    pub(super) fn new(version: &str, by: &str, before: Vec<String>) -> Self {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let mut before = before;
        before.truncate(MAX_BEFORE);
        let by: String = by.chars().filter(|c| !c.is_control()).take(100).collect();
        let (version, by, at) = (version.to_owned(), Some(by), Some(at));
        Self { version, by, at, before, going: Vec::new(), writes: 1 }
    }

    /// The pointer to `version` that follows this one: this one's version was wanted before.
    pub(super) fn followed_by(&self, version: &str, by: &str) -> Self {
        let mut before = vec![self.version.clone()];
        before.extend(self.before.iter().filter(|name| **name != self.version).cloned());
        before.retain(|name| name != version);
        self.moved(Self::new(version, by, before))
    }

    /// The pointer that goes back to `version`: what was wanted after it is forgotten.
    pub(super) fn back_to(&self, version: &str, by: &str) -> Self {
        let at = self.before.iter().position(|name| name == version);
        let before = at.map_or(&self.before[..], |at| &self.before[at + 1..]);
        self.moved(Self::new(version, by, before.to_vec()))
    }

    /// The same pointer while `going` are being removed; empty when they are gone.
    pub(super) fn without(&self, going: &[String]) -> Self {
        let mut before = self.before.clone();
        before.retain(|name| !going.contains(name));
        Self { before, going: going.to_vec(), writes: self.writes.wrapping_add(1), ..self.clone() }
    }

    /// What is said of the place, and not of a move, stays.
    fn moved(&self, to: Self) -> Self {
        Self { going: self.going.clone(), writes: self.writes.wrapping_add(1), ..to }
    }

    /// Reads the text of the pointer at `url`. Lines that are not known are left out, so that a later
    /// program may say more.
    pub(super) fn parse(url: &str, text: &[u8]) -> Result<Self, DistributionError> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default();
        if !is_version_name(version) {
            let line = version.chars().take(64).collect();
            return Err(DistributionError::Pointer { url: url.to_owned(), line });
        }
        let mut pointer = Self {
            version: version.to_owned(),
            by: None,
            at: None,
            before: Vec::new(),
            going: Vec::new(),
            writes: 0,
        };
        for line in lines {
            match line.split_once(' ') {
                Some(("by", by)) => pointer.by = Some(by.to_owned()),
                Some(("at", at)) => pointer.at = Some(at.to_owned()),
                Some(("before", name)) if is_version_name(name) => {
                    pointer.before.push(name.to_owned());
                }
                Some(("writes", count)) => pointer.writes = count.parse().unwrap_or_default(),
                Some(("going", name)) if is_version_name(name) => {
                    pointer.going.push(name.to_owned());
                }
                _ => {}
            }
        }
        pointer.before.truncate(MAX_BEFORE);
        Ok(pointer)
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.version);
        let notes = [("by", &self.by), ("at", &self.at)];
        for (key, value) in
            notes.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)))
        {
            text.push_str(&format!("{key} {value}\n"));
        }
        for name in &self.before {
            text.push_str(&format!("before {name}\n"));
        }
        text.push_str(&format!("writes {}\n", self.writes));
        for name in &self.going {
            text.push_str(&format!("going {name}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(version: &str, before: &[&str]) -> Pointer {
        Pointer::new(version, "ci", before.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let written = pointer("c", &["b", "a"]).without(&["z".into(), "a".into()]);
        assert_eq!((&written.before[..], written.going.len()), (&["b".into()][..], 2));
        assert_eq!(Pointer::parse("x", written.text().as_bytes()).expect("ours"), written);
        let (by, at, before, going) = (None, None, vec![], vec![]);
        let plain = Pointer { version: "c".into(), by, at, before, going, writes: 0 };
        for text in ["c", "c\n", "c\r\n", "c\nlater words\nbefore ../b\n"] {
            assert_eq!(Pointer::parse("x", text.as_bytes()).expect("a name"), plain, "{text:?}");
        }
        for text in ["", "\nc", "../c", ".c", "a/b", "\0"] {
            let read = Pointer::parse("x", text.as_bytes());
            assert!(matches!(read, Err(DistributionError::Pointer { .. })), "{text:?}: {read:?}");
        }
        let long = pointer("v", &["b"; 100]);
        assert_eq!(long.before.len(), MAX_BEFORE);
    }

    #[test]
    fn going_on_and_back_is_a_stack() {
        let first = pointer("a", &[]);
        let second = first.followed_by("b", "ci");
        let third = second.followed_by("c", "ci");
        assert_eq!((&*third.version, &third.before[..]), ("c", &["b".into(), "a".into()][..]));
        assert_eq!(third.back_to("b", "ops").before, ["a"]);
        assert_eq!(third.back_to("a", "ops").before, [""; 0]);
        assert_eq!(third.back_to("x", "ops").before, ["b", "a"], "not one of those before");
        assert_eq!(third.followed_by("a", "ci").before, ["c", "b"], "each is there once");
        let going = third.without(&["a".into()]);
        assert_eq!((&*going.version, &going.by, &going.at), ("c", &third.by, &third.at));
        for moved in [going.followed_by("d", "ci"), going.back_to("b", "ops")] {
            assert_eq!(moved.going, ["a"], "whoever moves the pointer leaves them in it");
        }
        let plain = pointer("c", &["b"]);
        let gone = plain.without(&["z".into()]).without(&[]);
        assert_eq!((&gone.before, &gone.going), (&plain.before, &plain.going));
        assert_ne!(gone.text(), plain.text(), "who saw the first must not swap the last");
    }
}
