//! `--resume`: what is done is not done again, and the table comes out the same.

use std::{fs, path::Path};

use extractor_svc::batch::journal_path;

use crate::process::{extract, library, log, names, rows};

const FILES: [(&str, &str); 5] = [
    ("a/b.wav", "bells_f64_22050.wav"),
    ("a-b.wav", "sweep_f32_22050.wav"),
    ("c.ogg", "chords_speex_16000.ogg"),
    ("d.flac", "drums_s16_11025.flac"),
    ("e.wav", "drums_s24_22050.wav"),
];

/// Rows, failures, and files known from earlier, as the last line of the log has them.
fn counts(output: &std::process::Output) -> (u64, u64, u64) {
    let log = log(output);
    let last = log.last().expect("a line");
    let count = |name: &str| last[name].as_u64().unwrap_or_else(|| panic!("{last}"));
    (count("rows"), count("failed"), count("known"))
}

/// Leaves what a kill would: the first `entries` files journaled, and a cut row after theirs.
fn cut_short(table: &Path, written: &Path, entries: usize) {
    let journal = journal_path(table);
    let text = fs::read_to_string(&journal).expect("a journal");
    let kept: Vec<&str> = text.split_inclusive('\n').take(1 + entries).collect();
    let lost = text.lines().nth(1 + entries).expect("a further entry");
    let cut_entry = &lost[..lost.len() / 2];
    fs::write(&journal, kept.concat() + cut_entry).expect("writable");
    let table = fs::read_to_string(written).expect("a table");
    fs::write(written, &table[..table.len() - 40]).expect("writable");
}

fn check(name: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    library(&music, &FILES);
    let whole = folder.path().join(format!("whole.{name}"));
    extract(&[&music], "", &whole, 0);
    let expected = rows(&whole);
    assert_eq!(names(&expected), ["b.wav", "a-b.wav", "d.flac", "e.wav"]);

    // As if killed while the fourth file was written.
    let table = folder.path().join(format!("t.{name}"));
    extract(&[&music], "", &table, 0);
    let written = if name == "parquet" {
        let spool = folder.path().join("t.parquet.spool.jsonl");
        let lines = folder.path().join("lines.jsonl");
        extract(&[&music], "", &lines, 0);
        fs::rename(lines, &spool).expect("writable");
        fs::remove_file(&table).expect("there");
        spool
    } else {
        table.clone()
    };
    cut_short(&table, &written, 3);
    let failures = folder.path().join("failures.csv");
    let flags = format!("--resume --failures {}", failures.display());
    let output = extract(&[&music], &flags, &table, 0);
    assert_eq!(counts(&output), (4, 1, 3));
    assert_eq!(rows(&table), expected);
    let failures = fs::read_to_string(failures).expect("a failures file");
    assert_eq!(failures.lines().count(), 2, "an old failure is listed again: {failures}");

    // Finished: nothing is left to do, and nothing is lost.
    let output = extract(&[&music], "--resume", &table, 0);
    assert_eq!(counts(&output), (4, 1, 5));
    assert_eq!(rows(&table), expected);

    // One changed, one new, one gone.
    fs::copy(music.join("e.wav"), music.join("a-b.wav")).expect("writable");
    fs::copy(music.join("e.wav"), music.join("b.wav")).expect("writable");
    fs::remove_file(music.join("d.flac")).expect("there");
    let output = extract(&[&music], "--resume", &table, 0);
    assert_eq!(counts(&output), (4, 1, 3));
    let updated = rows(&table);
    assert_eq!(names(&updated), ["b.wav", "a-b.wav", "b.wav", "e.wav"]);
    assert_eq!(updated[0], expected[0]);
    for row in &updated[1..3] {
        assert_eq!(row.measured.values, expected[3].measured.values, "{}", row.source_path);
    }

    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("text"))
        .filter(|file| file.starts_with("t."))
        .collect();
    left.sort();
    let mut wanted = vec![format!("t.{name}"), format!("t.{name}.journal")];
    if name != "parquet" {
        wanted.push(format!("t.{name}.meta.json"));
    }
    assert_eq!(left, wanted);
}

#[test]
fn a_csv_table_is_gone_on_with() {
    check("csv");
}

#[test]
fn a_jsonl_table_is_gone_on_with() {
    check("jsonl");
}

#[test]
fn a_parquet_table_is_gone_on_with() {
    check("parquet");
}

#[test]
fn rows_of_another_recipe_are_not_mixed_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    library(&music, &FILES[..2]);
    let table = folder.path().join("t.csv");
    extract(&[&music], "", &table, 0);
    let before = fs::read(&table).expect("a table");
    extract(&[&music], "--resume --offset 0.1", &table, 2);
    extract(&[&music], "--resume --profile custom:sr=16000", &table, 2);
    assert_eq!(fs::read(&table).expect("a table"), before, "the table is as it was");
    let output = extract(&[&music], "--offset 0.1 --overwrite", &table, 0);
    assert_eq!(counts(&output), (2, 0, 0));
}

/// The table is a file that anyone can edit.
#[test]
fn a_row_that_was_edited_is_made_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    library(&music, &FILES);
    for (form, damage) in
        [("csv", (",0.0,", ",0.01,")), ("jsonl", ("_share\":0.0", "_share\":0.01"))]
    {
        let table = folder.path().join(format!("t.{form}"));
        extract(&[&music], "--overwrite", &table, 0);
        let (whole, expected) = (fs::read_to_string(&table).expect("a table"), rows(&table));
        let digit = format!("{:?}", expected[1].measured.values[7]);
        let edited = digit.replace('.', "1.");
        for (from, to) in [damage, (&*digit, &*edited), ("SHORT_WINDOW", "CLIPPED")] {
            let text = whole.replacen(from, to, 1);
            assert_ne!(text, whole, "{from}");
            fs::write(&table, text).expect("writable");
            let output = extract(&[&music], "--resume", &table, 0);
            assert_eq!(counts(&output), (4, 1, 4), "{from}");
            let last = log(&output).pop().expect("a line");
            assert_eq!(last["altered"], 1, "{last}");
            assert_eq!(rows(&table), expected, "{from}");
        }
    }
}

#[test]
fn a_failure_of_another_version_is_tried_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    library(&music, &FILES);
    let table = folder.path().join("t.csv");
    extract(&[&music], "", &table, 0);
    let journal = journal_path(&table);
    let text = fs::read_to_string(&journal).expect("a journal");
    let older = text.replace(extractor_svc::version::BUILD, "symphonia/0.5 extractor/0.0.1");
    assert_ne!(older, text);
    fs::write(&journal, older).expect("writable");
    let output = extract(&[&music], "--resume", &table, 0);
    // Four rows are known; the one that failed was read again, and failed again.
    assert_eq!(counts(&output), (4, 1, 4));
    assert_eq!(counts(&extract(&[&music], "--resume", &table, 0)), (4, 1, 5));
}

/// A disk that is not mounted, a part of a library, and a file that is gone.
#[test]
fn rows_that_a_run_does_not_answer_for_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [music, disk, away] = ["music", "disk", "away"].map(|name| folder.path().join(name));
    library(&music, &FILES);
    library(&disk, &FILES[..2]);
    let table = folder.path().join("t.csv");
    extract(&[&music, &disk], "", &table, 0);
    let expected = rows(&table);
    assert_eq!(expected.len(), 6);
    let dropped = |output| log(&output).pop().expect("a line")["dropped"].clone();

    fs::rename(&disk, &away).expect("writable");
    let output = extract(&[&music, &disk], "--resume", &table, 0);
    assert_eq!(counts(&output), (6, 2, 7), "five files and two that cannot be looked at");
    assert_eq!(dropped(output), 0);
    assert_eq!(rows(&table), expected, "the disk is not mounted");
    assert_eq!(dropped(extract(&[&disk], "--resume", &table, 0)), 0);
    assert_eq!(rows(&table), expected, "no input can be looked at");
    fs::rename(&away, &disk).expect("writable");

    let output = extract(&[&music.join("a")], "--resume", &table, 0);
    assert_eq!(counts(&output), (6, 1, 7));
    assert_eq!(rows(&table), expected, "a part of the library");

    // A file that no input names is not read, even if it is another one now.
    fs::copy(music.join("e.wav"), disk.join("a-b.wav")).expect("writable");
    let output =
        extract(&[&music.join("a")], "--resume --max-damage 0 --refuse SHORT_WINDOW", &table, 0);
    assert_eq!(counts(&output).2, 6, "all but the file below the input, which is refused now");
    assert_eq!(rows(&table).len(), 5);
    extract(&[&music.join("a")], "--resume", &table, 0);
    assert_eq!(rows(&table), expected, "it is tried again");

    fs::remove_file(music.join("a/b.wav")).expect("there");
    assert_eq!(dropped(extract(&[&music], "--resume", &table, 0)), 1);
    assert_eq!(
        rows(&table),
        expected
            .into_iter()
            .filter(|row| !row.source_path.ends_with("music/a/b.wav"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_table_that_is_there_is_not_gone_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    library(&music, &FILES[..2]);
    for name in ["t.csv", "t.parquet"] {
        let table = folder.path().join(name);
        extract(&[&music], "", &table, 0);
        let written =
            [table.clone(), journal_path(&table)].map(|path| fs::read(path).expect("there"));
        let output = extract(&[&music.join("a")], "", &table, 2);
        let said = log(&output).pop().expect("a line")["message"].to_string();
        assert!(said.contains("--resume") && said.contains("--overwrite"), "{said}");
        let now = [table.clone(), journal_path(&table)].map(|path| fs::read(path).expect("there"));
        assert_eq!(now, written);
        extract(&[&music.join("a")], "--overwrite", &table, 0);
        assert_eq!(rows(&table).len(), 1);
    }
}
