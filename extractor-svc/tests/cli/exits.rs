//! Exit codes, and what is said of files that failed.

use std::{fs, path::Path};

use serde_json::Value;

use crate::process::{clip, extract, log, names, rows, run};

#[test]
fn a_failed_file_is_told_and_counts_only_when_strict() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    let failures = folder.path().join("new/failures.csv");
    let missing = folder.path().join("missing.wav");
    let inputs = [clip("bells_f64_22050.wav"), clip("chords_speex_16000.ogg"), missing.clone()];
    let inputs: Vec<&Path> = inputs.iter().map(AsRef::as_ref).collect();
    let flags = format!("--failures {}", failures.display());
    let output = extract(&inputs, &flags, &table, 0);
    assert_eq!(names(&rows(&table)), ["bells_f64_22050.wav"]);
    // Findings about recordings that gave a row have a code.
    let is_failure = |line: &Value| line["level"] == "WARN" && line["code"].is_null();
    let warned: Vec<_> = log(&output).into_iter().filter(is_failure).collect();
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert_eq!(warned[0]["path"], missing.to_str().expect("text"));
    assert_eq!(warned[1]["reason"], "UNSUPPORTED_CODEC");

    let listed = fs::read_to_string(&failures).expect("a failures file");
    let mut lines = csv::Reader::from_reader(listed.as_bytes());
    assert_eq!(lines.headers().expect("a header"), vec!["path", "reason", "message"]);
    let lines: Vec<_> = lines.records().map(|line| line.expect("a line")).collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert_eq!((&lines[0][0], &lines[0][1]), (missing.to_str().expect("text"), "UNREADABLE"));
    assert!(lines[1][0].ends_with("chords_speex_16000.ogg"), "{listed}");
    assert_eq!(&lines[1][1], "UNSUPPORTED_CODEC");
    assert!(lines[1][2].contains("speex"), "{listed}");

    extract(&inputs, "--strict --overwrite", &table, 3);
}

/// A clip of 1.5 s has a row and a warning.
#[test]
fn strict_counts_warnings_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    let (warned, sound) = (clip("bells_f64_22050.wav"), clip("chords_s16_44100.flac"));
    extract(&[&sound], "--strict", &table, 0);
    extract(&[&sound, &warned], "--overwrite", &table, 0);
    extract(&[&sound, &warned], "--strict --overwrite", &table, 3);
    assert_eq!(rows(&table).len(), 2);
    extract(&[&sound, &warned], "--refuse SHORT_WINDOW --overwrite", &table, 0);
    assert_eq!(names(&rows(&table)), ["chords_s16_44100.flac"]);
    extract(&[&sound, &warned], "--strict --refuse SHORT_WINDOW --overwrite", &table, 3);
}

#[test]
fn nothing_extracted_is_an_error_and_leaves_no_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    extract(&[&clip("chords_speex_16000.ogg")], "", &table, 1);
    assert!(!table.exists());
    extract(&[folder.path()], "", &table, 1);
    extract(&[&folder.path().join("missing")], "--strict", &table, 1);
    assert!(!table.exists());
    let unwritable = folder.path().join("file/t.csv");
    fs::write(folder.path().join("file"), "").expect("writable");
    extract(&[&clip("bells_f64_22050.wav")], "", &unwritable, 1);
}

#[test]
fn a_wrong_command_line_is_code_2() {
    run(&["extract"], 2);
    for flags in [
        "--jobs 0",
        "--format xml",
        "--pattern a[",
        "--profile nonsense",
        "--offset -1",
        "--duration 0",
        "--resume",
    ] {
        let mut args = vec!["extract", "."];
        args.extend(flags.split(' '));
        let output = run(&args, 2);
        assert!(!output.stderr.is_empty(), "{flags} is refused without a word");
    }
}
