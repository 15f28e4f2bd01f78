//! Files that a walk does not take, counted by kind, so that nobody misses a recording unknowingly.

use std::{cmp::Reverse, collections::BTreeMap, path::Path};

/// Most kinds that are told one by one.
const MAX_TOLD: usize = 12;

/// Most kinds that are counted one by one: a folder may have as many extensions as files.
const MAX_KINDS: usize = 1000;

/// What files without an extension, and those of too many kinds, are counted as.
const WITHOUT: &str = "without extension";
const OTHERS: &str = "others";

/// Files that were passed over, by their extension in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PassedOver(BTreeMap<String, usize>);

impl PassedOver {
    /// Counts a file.
    pub fn add(&mut self, file: &Path) {
        let kind = file.extension().map(|kind| kind.to_string_lossy().to_ascii_lowercase());
        let kind = kind.unwrap_or_else(|| WITHOUT.to_owned());
        let is_full = self.0.len() >= MAX_KINDS && !self.0.contains_key(&kind);
        *self.0.entry(if is_full { OTHERS.to_owned() } else { kind }).or_default() += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn files(&self) -> usize {
        self.0.values().sum()
    }

    /// How many there are of each kind, the most frequent first, such as `jpg 12, txt 3`.
    #[must_use]
    pub fn kinds(&self) -> String {
        let mut kinds: Vec<_> = self.0.iter().collect();
        kinds.sort_by_key(|(kind, count)| (Reverse(**count), *kind));
        let rest: usize = kinds.iter().skip(MAX_TOLD).map(|(_, count)| **count).sum();
        let told = kinds.iter().take(MAX_TOLD).map(|(kind, count)| format!("{kind} {count}"));
        let rest = (rest > 0).then(|| format!("of other kinds {rest}"));
        told.chain(rest).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted<'a>(names: impl IntoIterator<Item = &'a str>) -> PassedOver {
        let mut counted = PassedOver::default();
        names.into_iter().for_each(|name| counted.add(Path::new(name)));
        counted
    }

    #[test]
    fn kinds_are_told_by_their_number() {
        assert_eq!(counted([]).kinds(), "");
        let some = counted(["a.txt", "b/c.JPG", "d.jpg", "e", "f.tar.gz"]);
        assert_eq!(
            (some.files(), some.kinds().as_str()),
            (5, "jpg 2, gz 1, txt 1, without extension 1")
        );
    }

    #[test]
    fn many_kinds_are_told_in_one() {
        let names: Vec<_> = (0..5000).map(|number| format!("a.{number:04}")).collect();
        let many = counted(names.iter().map(String::as_str));
        assert_eq!(many.files(), 5000);
        assert!(many.0.len() <= MAX_KINDS + 1);
        assert!(many.kinds().starts_with("others 4000, 0000 1, "), "{}", many.kinds());
        assert!(many.kinds().ends_with(", of other kinds 989"), "{}", many.kinds());
    }
}
