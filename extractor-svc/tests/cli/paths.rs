//! Names of files that are not UTF-8, that look as if they were written for one, or that are too long
//! for the id of a row.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use extractor_svc::batch::path_of;

use crate::process::{clip, extract, log, rows, run};

/// Names that fell together, or fall together once escaped, each with its text.
const NAMES: [(&[u8], &str); 5] = [
    (b"caf\xe8.wav", "bytes:caf%E8.wav"),
    (b"caf\xe9.wav", "bytes:caf%E9.wav"),
    ("caf\u{fffd}.wav".as_bytes(), "caf\u{fffd}.wav"),
    (b"caf%E9.wav", "caf%E9.wav"),
    (b"100%\xff.wav", "bytes:100%25%FF.wav"),
];

fn name(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The paths of a failures file.
fn failed(path: &Path) -> Vec<(String, String)> {
    let records = csv::Reader::from_path(path).expect("readable").into_records();
    let record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a record");
        (record[0].to_owned(), record[1].to_owned())
    };
    records.map(record).collect()
}

#[test]
fn names_that_are_not_text_are_told_apart_and_found_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    fs::create_dir(&music).expect("writable");
    for (file, _) in NAMES {
        fs::copy(clip("chords_s16_22050.wav"), music.join(name(file))).expect("writable");
    }
    fs::write(music.join(name(b"bad\xe9.wav")), b"no audio").expect("writable");
    for form in ["csv", "jsonl", "parquet"] {
        let table = folder.path().join(format!("t.{form}"));
        let failures = folder.path().join("failures.csv");
        let flags = format!("--resume --failures {}", failures.display());
        let output = extract(&[&music], &flags, &table, 0);
        let written = rows(&table);
        let texts: BTreeSet<&str> = written.iter().map(|row| &*row.source_path).collect();
        let expected: Vec<String> = NAMES
            .map(|(_, text)| match text.strip_prefix("bytes:") {
                Some(text) => format!("bytes:{}/{text}", music.display()),
                None => format!("{}/{text}", music.display()),
            })
            .to_vec();
        assert_eq!(texts, expected.iter().map(String::as_str).collect());
        assert!(texts.iter().all(|text| path_of(text).is_file()), "{texts:?}");
        let bad = format!("bytes:{}/bad%E9.wav", music.display());
        assert_eq!(failed(&failures), [(bad.clone(), "UNSUPPORTED_CONTAINER".to_owned())]);
        assert!(log(&output).iter().any(|line| line["path"] == *bad), "the log has the same name");

        let output = extract(&[&music], "--resume", &table, 0);
        let last = log(&output).pop().expect("a line");
        assert_eq!((&last["known"], &last["rows"]), (&6.into(), &5.into()));
        assert_eq!(rows(&table), written);
    }
}

/// Relative inputs may begin with the prefix themselves.
#[test]
fn a_name_that_begins_as_an_escaped_one_is_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in [name(b"bytes:a%E9.wav"), name(b"a\xe9.wav")] {
        fs::copy(clip("chords_s16_22050.wav"), folder.path().join(file)).expect("writable");
    }
    let mut command = crate::process::command(&["extract", "--output", "t.csv", "--pattern"]);
    let inputs = [OsStr::new("*"), OsStr::from_bytes(b"a\xe9.wav"), OsStr::new("bytes:a%E9.wav")];
    let output = command.args(inputs).current_dir(folder.path()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = rows(&folder.path().join("t.csv"));
    let texts: Vec<&str> = rows.iter().map(|row| &*row.source_path).collect();
    assert_eq!(texts, ["bytes:a%E9.wav", "bytes:bytes:a%25E9.wav"]);
}

/// A name of this many bytes in all, below a folder.
fn long(folder: &Path, bytes: usize) -> PathBuf {
    let (mut path, part) = (folder.to_owned(), "x".repeat(100));
    while path.as_os_str().len() + 1 + part.len() + ".wav".len() < bytes {
        path.push(&part);
    }
    let left = bytes - path.as_os_str().len() - 1 - ".wav".len();
    path.join("y".repeat(left) + ".wav")
}

#[test]
fn a_path_that_no_index_takes_is_a_failure_of_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    let (fits, too_long) = (long(&music, 512), long(&music, 513));
    for path in [&fits, &too_long] {
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::copy(clip("chords_s16_22050.wav"), path).expect("writable");
    }
    let table = folder.path().join("t.csv");
    let failures = folder.path().join("failures.csv");
    for flags in ["", "--resume"] {
        let flags = format!("{flags} --failures {}", failures.display());
        extract(&[&music], &flags, &table, 0);
        let texts: Vec<String> = rows(&table).into_iter().map(|row| row.source_path).collect();
        assert_eq!(texts, [fits.to_str().expect("text")]);
        let path = too_long.to_str().expect("text").to_owned();
        assert_eq!(failed(&failures), [(path, "PATH_TOO_LONG".to_owned())]);
    }
}

#[test]
fn a_key_that_no_index_takes_is_a_failure_of_its_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    let too_long = long(Path::new("m"), 513);
    for path in [Path::new("bytes:1.wav"), &too_long] {
        let path = music.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::copy(clip("chords_s16_22050.wav"), path).expect("writable");
    }
    let [source, batch] =
        ["music", "batch"].map(|name| format!("file://{}", folder.path().join(name).display()));
    let output = run(&["plan", "--source", &source, "--batch", &batch, "--workers", "1"], 0);
    assert!(log(&output).iter().any(|line| line["too_long"] == 1), "planning says so already");
    run(&["work", "--batch", &batch, "--worker-index", "0"], 0);
    let rows = rows(&folder.path().join("batch/tables/00000-of-00001.parquet"));
    let texts: Vec<&str> = rows.iter().map(|row| &*row.source_path).collect();
    assert_eq!(texts, ["bytes:bytes:1.wav"]);
    let path = too_long.to_str().expect("text").to_owned();
    let failures = folder.path().join("batch/failures/00000-of-00001.csv");
    assert_eq!(failed(&failures), [(path, "PATH_TOO_LONG".to_owned())]);
}
