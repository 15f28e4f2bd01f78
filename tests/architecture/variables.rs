//! Variables of the environment that are written down are read.

use std::collections::BTreeSet;

use crate::sources::{assert_none, files};

/// A variable that is documented or deployed is one that a command line reads.
#[test]
fn every_variable_that_is_written_down_exists() {
    let prefix = concat!("SOUND", "ALIKE_");
    let names = |text: &str| -> BTreeSet<String> {
        let tail = |at: usize| {
            text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect()
        };
        text.match_indices(prefix).map(|(at, _)| tail(at)).collect()
    };
    let mut known: BTreeSet<String> =
        ["SHARED", "REQUIRE_SHARED"].map(|name| format!("{prefix}{name}")).into();
    for (_, text) in files(&[".rs"]) {
        for line in text.lines().filter(|line| line.contains("env = \"")) {
            known.extend(names(line));
        }
    }
    let mut found = Vec::new();
    for (path, text) in files(&[".md", ".yaml", ".yml", "Dockerfile", ".sh", ".ci/run"]) {
        let unknown = names(&text).into_iter().filter(|name| !known.contains(name));
        found.extend(unknown.map(|name| format!("{path}: no flag reads {name}")));
    }
    assert_none(found);
}
