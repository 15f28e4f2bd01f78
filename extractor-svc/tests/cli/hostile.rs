//! The whole corpus of broken and hostile files in one run, in a process that the operating system
//! gives little memory.

use std::{collections::BTreeMap, fs, path::Path};

use crate::process::{names, rows};

/// Data memory of the process in KiB, touched or not, stacks included. Honest work takes 8 MiB.
const MAX_DATA_KIB: usize = 32 * 1024;

/// What the list of failures, or the table, says of each file.
fn outcomes(corpus: &Path, folder: &Path, data_kib: usize) -> BTreeMap<String, String> {
    let (table, failures) = (folder.join("t.csv"), folder.join("failures.csv"));
    let limited = format!("ulimit -d {data_kib}; exec \"$0\" \"$@\"");
    let output = std::process::Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_extractor-svc"), "extract"])
        .arg(corpus)
        .args(["--pattern", "**/*", "--jobs", "1", "--output"])
        .arg(&table)
        .arg("--failures")
        .arg(&failures)
        .output()
        .expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, String> =
        names(&rows(&table)).into_iter().map(|name| (name, "VECTOR".to_owned())).collect();
    for failure in csv::Reader::from_path(failures).expect("a list").into_records() {
        let failure = failure.expect("a well-formed row");
        let name = failure[0].rsplit('/').next().expect("a name").to_owned();
        found.insert(name, failure[1].to_owned());
    }
    found
}

#[test]
fn hostile_files_are_listed_and_take_little_memory() {
    let Some(corpus) = crate::process::shared("corpus/bad") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/hostile.csv");
    let expected: BTreeMap<String, String> = csv::Reader::from_path(table)
        .expect("the table is there")
        .into_records()
        .map(|row| row.expect("a well-formed row"))
        .map(|row| {
            let outcome = if row[5].is_empty() { &row[1] } else { &row[5] };
            (row[0].to_owned(), outcome.to_owned())
        })
        .collect();
    assert_eq!(outcomes(&corpus, folder.path(), MAX_DATA_KIB), expected);
}

/// Memory does not grow with the number of files: what a few take is enough for thousands.
#[test]
fn thousands_of_files_take_the_memory_of_a_few() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    crate::process::library(&music, &[("0000.wav", "bells_mulaw_22050.wav")]);
    for i in 1..3_000 {
        let link = music.join(format!("{i:04}.wav"));
        std::os::unix::fs::symlink("0000.wav", link).expect("a link");
    }
    let table = folder.path().join("t.csv");
    let limited = format!("ulimit -d {MAX_DATA_KIB}; exec \"$0\" \"$@\"");
    let output = std::process::Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_extractor-svc"), "extract"])
        .arg(&music)
        .args(["--jobs", "2", "--duration", "0.05", "--output"])
        .arg(&table)
        .output()
        .expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = fs::read_to_string(&table).expect("a table").lines().count();
    assert_eq!(lines, 3_001);
}

/// A fragment of an MP4 that claims a million packets, twice, in a hundred bytes.
#[test]
fn what_is_claimed_takes_no_memory() {
    let boxed = |kind: &[u8; 4], body: &[u8]| {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    };
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decode/audio/fragments_aac.mp4");
    let whole = fs::read(clip).expect("the clip is there");
    let movie = &whole[..733];
    let run = boxed(b"trun", &[0_u32, 1 << 19].map(u32::to_be_bytes).concat());
    let header = boxed(b"tfhd", &[0_u32, 1].map(u32::to_be_bytes).concat());
    let fragment = boxed(b"moof", &boxed(b"traf", &[header, run.clone(), run].concat()));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = folder.path().join("music");
    fs::create_dir(&music).expect("a folder");
    fs::write(music.join("claims.mp4"), [movie, &fragment].concat()).expect("a file");
    fs::write(music.join("whole.mp4"), &whole).expect("a file");
    let expected = [("claims.mp4", "UNDECODABLE_AUDIO"), ("whole.mp4", "VECTOR")];
    let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&music, folder.path(), MAX_DATA_KIB), expected.into());
}
