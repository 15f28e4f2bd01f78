//! What a run writes is nothing that it reads, and what is written while it is read gives no row.

use std::{fs, os::unix::fs::symlink, path::Path, thread, time::Duration};

use crate::process::{clip, command, extract, library, log, rows, run};

/// Everything below a folder, with its bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found.push((path.display().to_string(), bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn a_run_that_would_ruin_a_file_is_refused_before_it_opens_any() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    library(&at("music"), &[("a.wav", "bells_f64_22050.wav"), ("b.wav", "sweep_f32_22050.wav")]);
    symlink("music/a.wav", at("link.csv")).expect("a link");
    fs::hard_link(at("music/b.wav"), at("hard.csv")).expect("a link");
    symlink("music", at("also")).expect("a link");
    symlink("../new.csv", at("music/dangling")).expect("a link");
    fs::hard_link(at("music/a.wav"), at("t.csv.journal")).expect("a link");
    fs::hard_link(at("music/a.wav"), at("u.parquet.spool.jsonl")).expect("a link");
    let before = contents(folder.path());
    let refused = |input: &str, output: &str, failures: Option<&str>| {
        let flags = failures.map(|name| format!("--failures {}", at(name).display()));
        let output = extract(&[&at(input)], &flags.unwrap_or_default(), &at(output), 2);
        let said = log(&output).pop().expect("a line").to_string();
        assert!(said.contains("--output") || said.contains("--failures"), "{said}");
        assert_eq!(contents(folder.path()), before, "{input} {said}");
    };
    refused("music/a.wav", "music/a.wav", None);
    refused("music", "music/b.wav", None);
    refused("music", "also/b.wav", None);
    refused("music", "link.csv", None);
    refused("music", "hard.csv", None);
    refused("music", "t.csv", None);
    refused("music", "u.parquet", None);
    refused("music", "new.csv", Some("music/a.wav"));
    refused("music", "new.csv", Some("link.csv"));
    refused("music", "new.csv", Some("new.csv"));
    refused("music", "new.csv", Some("music/dangling"));
    refused("music", "new.csv", Some("new.csv.journal"));
    refused("music", "new.csv", Some("new.csv.meta.json"));
    refused("music", "new.csv", Some("music/../new.csv.previous"));
    // What is beside the files is free.
    extract(&[&at("music")], "", &at("music/new.csv"), 0);
}

/// Its row would be neither of the old bytes nor of the new ones. The file is long, so that it is changed
/// while it is read.
#[test]
fn a_file_that_is_written_while_it_is_read_gives_no_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    library(&at("music"), &[("0.wav", "bells_f64_22050.wav")]);
    crate::interrupt::long_wav(&at("music/1.wav"));
    let (music, table, failures) = (at("music"), at("t.csv"), at("failures.csv"));
    let paths = [&music, &table, &failures].map(|path| path.to_str().expect("text"));
    let args = ["extract", paths[0], "--output", paths[1], "--failures", paths[2], "--jobs", "1"];
    let mut child = command(&args).spawn().expect("the binary starts");
    // With the first row, the second file is in work, for seconds.
    crate::interrupt::wait_for_lines(&table, 2);
    loop {
        assert_eq!(child.try_wait().expect("a process"), None, "it reads the long file");
        let open = fs::read_dir(format!("/proc/{}/fd", child.id())).expect("it runs");
        let mut open = open.flatten().filter_map(|link| fs::read_link(link.path()).ok());
        if open.any(|to| to.ends_with("1.wav")) {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let mut bytes = fs::read(at("music/1.wav")).expect("readable");
    bytes[44..].reverse();
    fs::write(at("music/1.wav"), bytes).expect("writable");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let listed = fs::read_to_string(&failures).expect("failures");
    assert!(listed.contains("1.wav,SOURCE_CHANGED,"), "{listed}");
    assert_eq!(rows(&table).len(), 1);
    // It is tried again.
    fs::copy(clip("sweep_f32_22050.wav"), at("music/1.wav")).expect("writable");
    extract(&[&music], "--resume", &table, 0);
    assert_eq!(rows(&table).len(), 2);
}

#[test]
fn what_is_no_file_is_a_failure_and_what_is_passed_over_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    library(&at("music"), &[("0.au", "bells_f64_22050.wav"), ("1.txt", "sweep_f32_22050.wav")]);
    let _socket = std::os::unix::net::UnixListener::bind(at("music/2.wav")).expect("a socket");
    let failures = at("failures.csv");
    let flags = format!("--failures {}", failures.display());
    let output = extract(&[&at("music")], &flags, &at("t.csv"), 0);
    assert_eq!(rows(&at("t.csv")).len(), 1, "how it is read is decided by its bytes");
    let listed = fs::read_to_string(failures).expect("failures");
    assert!(listed.contains("2.wav,UNREADABLE,not a regular file"), "{listed}");
    assert!(log(&output).iter().any(|line| line["kinds"] == "txt 1"), "one is passed over");
}

/// The picture of a recording over the recording itself.
#[test]
fn a_drawing_does_not_go_over_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    library(folder.path(), &[("a.wav", "bells_f64_22050.wav")]);
    let file = folder.path().join("a.wav");
    let before = fs::read(&file).expect("there");
    let name = file.to_str().expect("text");
    run(&["inspect", name, "--plot", name], 2);
    assert_eq!(fs::read(&file).expect("there"), before);
}
