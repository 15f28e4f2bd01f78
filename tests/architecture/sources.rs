//! The project's files, and the lines of them that are code.

use std::fs;

use e2e::binaries::project_root;
use walkdir::WalkDir;

/// Every file of the project with one of these endings: path from the root, and text.
pub(crate) fn files(endings: &[&str]) -> Vec<(String, String)> {
    let root = project_root();
    let skipped = ["target", ".git", "artifacts", "corpus"];
    let mut found = Vec::new();
    let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| {
        !(entry.depth() > 0 && skipped.iter().any(|name| entry.file_name() == *name))
    });
    for entry in entries.map(|entry| entry.expect("the project is readable")) {
        let path = entry.path().strip_prefix(root).expect("walked from the root");
        let path = path.to_str().expect("paths of the project are UTF-8").to_owned();
        if entry.file_type().is_file() && endings.iter().any(|ending| path.ends_with(ending)) {
            let text = fs::read_to_string(entry.path()).expect("sources are UTF-8");
            found.push((path, text));
        }
    }
    found
}

/// The lines of a source that are code: number from 1, and text without its comment. Unit tests
/// come last in a file and are cut.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
}

/// Whether `word` stands in `line` and is not the end of a longer word.
pub(crate) fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Fails with all findings, if there are any.
pub(crate) fn assert_none(found: Vec<String>) {
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}
