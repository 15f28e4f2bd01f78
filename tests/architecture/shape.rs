//! How long files are, how many lie side by side, what they begin with, and what they are called.

use std::{collections::BTreeMap, path::Path};

use crate::sources::{assert_none, files, stands_in};

/// Longest source file, in lines.
const MAX_LINES: usize = 500;

/// Most source files side by side in a folder.
const MAX_FILES: usize = 12;

/// Crates whose folders are held to it; others are not yet.
const FEW_FILES: [&str; 2] = ["extractor-svc/src", "proto"];

/// Files that may be longer: generated or plain tables of data, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 8] =
    ["utils", "util", "misc", "helpers", "helper", "common", "manager", "stuff"];

#[test]
fn source_files_stay_below_the_wall_and_say_what_belongs_in_them() {
    let mut found = Vec::new();
    for (path, text) in files(&[".rs", ".proto", ".py"]) {
        let lines = text.lines().count();
        if lines > MAX_LINES && !LONG_FILES.iter().any(|(long, _)| *long == path) {
            found.push(format!("{path}: {lines} lines, the wall is {MAX_LINES}"));
        }
        if path.ends_with(".rs") && !text.starts_with("//!") {
            found.push(format!("{path}: does not begin with `//!`"));
        }
    }
    assert_none(found);
}

#[test]
fn folders_can_be_read_at_a_glance() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for (path, _) in files(&[".rs"]) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            *folders.entry(folder.to_owned()).or_default() += 1;
        }
    }
    let held = |folder: &str| FEW_FILES.iter().any(|root| folder.starts_with(root));
    assert!(folders.keys().any(|folder| held(folder)), "the scan sees the folders");
    let full = folders.into_iter().filter(|(folder, count)| held(folder) && *count > MAX_FILES);
    let told =
        |(folder, count)| format!("{folder}: {count} files, at most {MAX_FILES} side by side");
    assert_none(full.map(told).collect());
}

#[test]
fn names_are_the_fields_own() {
    let mut found = Vec::new();
    for (path, _) in files(&[".rs", ".proto", ".py", ".sh", ".yaml", ".toml"]) {
        for part in Path::new(&path).components() {
            let name = part.as_os_str().to_str().unwrap_or_default();
            let stem = name.split('.').next().unwrap_or_default();
            if BANNED_NAMES.contains(&stem) {
                found.push(format!("{path}: `{stem}` says nothing about what is inside"));
            }
        }
    }
    assert_none(found);
}

#[test]
fn nothing_is_left_undone_and_no_path_of_a_machine_is_written_down() {
    // Spelled in two halves, so that this table does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
    ];
    let endings = [".rs", ".proto", ".py", ".sh", ".md", ".toml", ".yaml", ".csv", ".ci/run"];
    let mut found = Vec::new();
    for (path, text) in files(&endings) {
        for (i, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| stands_in(line, word)) {
                found.push(format!("{path}:{}: `{word}`", i + 1));
            }
        }
    }
    assert_none(found);
}
