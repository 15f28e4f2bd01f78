//! The demo, small: what a newcomer runs first must work and clean up after itself.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use e2e::{library::binaries, process::Signal};

/// The demo on short songs with the test run's own binaries, in a temp folder of its own.
fn demo(temp: &tempfile::TempDir, songs: u32) -> Command {
    let binaries = binaries().expect("the services compile");
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(["--songs", &songs.to_string(), "--seconds", "3"])
        .arg("--extractor-svc")
        .arg(&binaries.extractor)
        .arg("--index-svc")
        .arg(&binaries.index)
        .env("TMPDIR", temp.path());
    command
}

#[test]
fn it_finds_songs_of_the_same_style() {
    let temp = tempfile::tempdir().expect("a writable temp folder");
    let output = demo(&temp, 3).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("it prints UTF-8");
    assert!(output.status.success(), "{text}");
    for style in ["piano", "drums", "ambient", "chiptune", "strings"] {
        assert!(text.contains(&format!("({style})")), "{style} in\n{text}");
    }
    // Two songs of each style are in the index and three neighbours are shown: at most 10 of 15.
    let verdict = text.lines().find(|line| line.contains("of 15 neighbours")).expect("a verdict");
    let same: u32 =
        verdict.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a count");
    assert!((8..=10).contains(&same), "{verdict}");
    let left = std::fs::read_dir(temp.path()).expect("it is there").count();
    assert_eq!(left, 0, "the demo removes its files");
}

#[test]
fn it_stops_and_cleans_up_when_it_is_interrupted() {
    let temp = tempfile::tempdir().expect("a writable temp folder");
    // Enough songs to be interrupted in the middle of the streams.
    let mut child = demo(&temp, 40).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines =
        BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("listening on")).expect("the extractor starts");
    let address = line.rsplit(' ').next().expect("it ends with the address").to_owned();
    Signal::Int.send(child.id()).expect("it runs");
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest:?}");
    assert!(std::net::TcpStream::connect(&address).is_err(), "the extractor at {address} is gone");
    assert_eq!(std::fs::read_dir(temp.path()).expect("it is there").count(), 0);
}
