//! Findings and damage in tables of every form, in shards, and in what a later run takes over.

use std::{fs, path::Path};

use extractor_svc::{
    batch::journal_path,
    findings::WarningCode::{Clipped, ShortWindow, TruncatedStream},
    table::{Row, sidecar_path},
    version::BUILD,
};

use crate::process::{clip, extract, library, log, rows, run};

/// A whole recording, one that lacks its last 3 %, and one that lacks three quarters.
fn music(folder: &Path) {
    library(folder, &[("whole.wav", "chords_s16_22050.wav"), ("zz.wav", "sweep_f32_22050.wav")]);
    let bytes = fs::read(clip("chords_s16_22050.wav")).expect("readable");
    fs::write(folder.join("cut.wav"), &bytes[..bytes.len() * 97 / 100]).expect("writable");
    fs::write(folder.join("ruin.wav"), &bytes[..bytes.len() / 4]).expect("writable");
}

/// Names, thousandths of damage and kinds of warnings.
fn found(rows: &[Row]) -> Vec<(String, u32, Vec<extractor_svc::findings::WarningCode>)> {
    let name = |row: &Row| row.source_path.rsplit('/').next().expect("a name").to_owned();
    let damage = |row: &Row| (1000.0 * row.measured.damaged_share).round() as u32;
    rows.iter().map(|row| (name(row), damage(row), row.measured.warnings.clone())).collect()
}

#[test]
fn every_form_of_a_table_has_the_findings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = folder.path().join("music");
    music(&inputs);
    let expected = [
        ("cut.wav".to_owned(), 30, vec![TruncatedStream, ShortWindow]),
        ("whole.wav".to_owned(), 0, vec![ShortWindow]),
        ("zz.wav".to_owned(), 0, vec![ShortWindow]),
    ];
    for form in ["csv", "jsonl", "parquet"] {
        let table = folder.path().join(format!("t.{form}"));
        let failures = folder.path().join("failures.csv");
        let flags = format!("--failures {}", failures.display());
        let output = extract(&[&inputs], &flags, &table, 0);
        let written = rows(&table);
        assert_eq!(found(&written), expected);
        let last = log(&output).pop().expect("a line");
        assert_eq!(
            (&last["rows"], &last["warned"], &last["failed"]),
            (&3.into(), &3.into(), &1.into())
        );
        let failures = fs::read_to_string(failures).expect("failures");
        assert!(failures.contains("ruin.wav,TOO_DAMAGED,"), "{failures}");

        // All of it is taken over.
        let output = extract(&[&inputs], "--resume", &table, 0);
        let last = log(&output).pop().expect("a line");
        assert_eq!((&last["known"], &last["warned"]), (&3.into(), &3.into()));
        assert_eq!(rows(&table), written);
    }
    let csv = fs::read_to_string(folder.path().join("t.csv")).expect("a table");
    let line = csv.lines().nth(1).expect("a row");
    assert!(line.ends_with(",TRUNCATED_STREAM;SHORT_WINDOW"), "{line}");
}

#[test]
fn a_shard_has_the_findings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    music(&folder.path().join("music"));
    let [source, batch] =
        ["music", "batch"].map(|name| format!("file://{}", folder.path().join(name).display()));
    run(&["plan", "--source", &source, "--batch", &batch, "--workers", "1"], 0);
    let flags = ["--max-damage", "0.01", "--worker-index", "0"];
    run(&[&["work", "--batch", &batch][..], &flags].concat(), 0);
    let table = folder.path().join("batch/tables/00000-of-00001.parquet");
    let of = |name: &str| (name.to_owned(), 0, vec![ShortWindow]);
    assert_eq!(found(&rows(&table)), [of("whole.wav"), of("zz.wav")]);
}

/// What a stricter run would refuse is not taken over from a laxer one, nor the other way round.
#[test]
fn rows_taken_over_stand_under_the_limits_of_this_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = folder.path().join("music");
    music(&inputs);
    let table = folder.path().join("t.csv");
    let extract_with = |flags: &str, expected: &[&str]| {
        extract(&[&inputs], flags, &table, 0);
        let names: Vec<String> = found(&rows(&table)).into_iter().map(|row| row.0).collect();
        assert_eq!(names, expected, "{flags}");
    };
    extract_with("", &["cut.wav", "whole.wav", "zz.wav"]);
    extract_with("--resume --max-damage 0.01", &["whole.wav", "zz.wav"]);
    extract_with("--resume", &["cut.wav", "whole.wav", "zz.wav"]);
    extract_with("--resume --refuse TRUNCATED_STREAM", &["whole.wav", "zz.wav"]);
    extract_with("--resume --max-damage 1", &["cut.wav", "ruin.wav", "whole.wav", "zz.wav"]);
    assert!(!found(&rows(&table)).iter().any(|row| row.2.contains(&Clipped)));
}

/// A row that is known is no better than a new one.
#[test]
fn a_known_warning_is_no_success_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = folder.path().join("music");
    library(&inputs, &[("whole.wav", "chords_s16_22050.wav")]);
    let table = folder.path().join("t.csv");
    extract(&[&inputs], "", &table, 0);
    extract(&[&inputs], "--strict --resume", &table, 3);
    extract(&[&inputs], "--resume", &table, 0);
}

#[test]
fn tables_and_journals_of_the_older_form_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = folder.path().join("music");
    music(&inputs);
    let table = folder.path().join("t.csv");
    extract(&[&inputs], "", &table, 0);
    let (rows, journal) = (fs::read_to_string(&table), fs::read_to_string(journal_path(&table)));
    let (rows, journal) = (rows.expect("a table"), journal.expect("a journal"));
    let older: String = rows
        .lines()
        .map(|line| line.rsplitn(3, ',').last().expect("a part").to_owned() + "\n")
        .collect();
    for (path, whole, older) in [
        (&table, &rows, &older),
        (&journal_path(&table), &journal, &journal.replacen("\"format\":3,", "", 1)),
        (&journal_path(&table), &journal, &journal.replacen("\"format\":3,", "\"format\":2,", 1)),
    ] {
        assert_ne!(whole, older);
        fs::write(path, older).expect("writable");
        extract(&[&inputs], "--resume", &table, 2);
        assert_eq!(&fs::read_to_string(path).expect("there"), older, "nothing is changed");
        fs::write(path, whole).expect("writable");
    }
    extract(&[&inputs], "--resume", &table, 0);
}

/// Rows of two builds: the table says both.
#[test]
fn rows_of_another_version_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = folder.path().join("music");
    library(&inputs, &[("whole.wav", "chords_s16_22050.wav")]);
    let table = folder.path().join("t.csv");
    extract(&[&inputs], "", &table, 0);
    let journal = journal_path(&table);
    let text = fs::read_to_string(&journal).expect("a journal");
    assert!(text.contains(BUILD), "{text}");
    fs::write(&journal, text.replacen(BUILD, "other/1", 1)).expect("writable");
    let output = extract(&[&inputs], "--resume", &table, 0);
    let warned = log(&output).into_iter().find(|line| line["earlier"] == "other/1");
    assert_eq!(warned.expect("a warning")["now"], BUILD);
    let sidecar = fs::read_to_string(sidecar_path(&table)).expect("a sidecar");
    let sidecar: serde_json::Value = serde_json::from_str(&sidecar).expect("JSON");
    assert_eq!(sidecar["extractor_versions"], serde_json::json!(["other/1", BUILD]));
}
