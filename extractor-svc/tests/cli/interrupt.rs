//! Signals: the first finishes the files in work, the second ends at once; a kill leaves whole rows.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Output},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{clip, command, extract, library, log, names, rows};

/// Far more work than the test lets it do: links would do, but a copy needs no rights.
const COUNT: usize = 1500;

fn many(folder: &Path) {
    library(folder, &[("0000.wav", "chords_s16_22050.wav")]);
    for i in 1..COUNT {
        let link = folder.join(format!("{i:04}.wav"));
        std::os::unix::fs::symlink(clip("chords_s16_22050.wav"), link).expect("a link");
    }
}

fn start(music: &Path, table: &Path, flags: &[&str]) -> Child {
    let (music, table) = (music.to_str().expect("text"), table.to_str().expect("text"));
    let mut args = vec!["extract", music, "--jobs", "2", "--output", table];
    args.extend(flags);
    command(&args).spawn().expect("the binary starts")
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process runs");
}

/// Waits until the process has taken the signal: two of a kind that wait are delivered as one.
fn wait_until_taken(child: &Child, signal: Signal) {
    let begun = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
        let waiting = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
        let waiting = u64::from_str_radix(waiting.expect("Linux tells").trim(), 16);
        if waiting.expect("a set of bits") & (1 << (signal.as_raw() - 1)) == 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{signal:?} is not taken");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until `file` has some lines.
pub(crate) fn wait_for_lines(file: &Path, lines: usize) {
    let begun = Instant::now();
    while fs::read_to_string(file).map_or(0, |text| text.lines().count()) < lines {
        assert!(begun.elapsed() < Duration::from_secs(60), "no rows in {}", file.display());
        thread::sleep(Duration::from_millis(5));
    }
}

fn stop(child: Child, code: Option<i32>, signal: Option<i32>) -> Output {
    let output = child.wait_with_output().expect("the process ends");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.status.signal()), (code, signal), "{log}");
    output
}

fn check_signal(signal: Signal) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (music, table) = (folder.path().join("music"), folder.path().join("t.csv"));
    many(&music);
    let child = start(&music, &table, &[]);
    wait_for_lines(&table, 5);
    send(&child, signal);
    let output = stop(child, Some(130), None);
    let done = rows(&table);
    assert!(done.len() < COUNT, "there was nothing to stop");
    let lines = log(&output);
    let last = lines.last().expect("a line");
    assert_eq!(last["rows"].as_u64(), Some(done.len() as u64));
    assert_eq!(last["left"].as_u64(), Some((COUNT - done.len()) as u64));
    let expected: Vec<String> = (0..done.len()).map(|i| format!("{i:04}.wav")).collect();
    assert_eq!(names(&done), expected, "no file is left out");

    // Stopped again while it resumes, the table keeps what it has.
    let child = start(&music, &table, &["--resume"]);
    wait_for_lines(&table, done.len() + 5);
    send(&child, signal);
    stop(child, Some(130), None);
    let more = rows(&table);
    assert!(more.len() > done.len() && more[..done.len()] == done[..]);
}

#[test]
fn ctrl_c_finishes_the_files_in_work() {
    check_signal(Signal::INT);
}

#[test]
fn sigterm_finishes_the_files_in_work() {
    check_signal(Signal::TERM);
}

/// The files in work are long, so that the second signal finds them unfinished.
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (music, table) = (folder.path().join("music"), folder.path().join("t.csv"));
    library(&music, &[("0.wav", "bells_f64_22050.wav")]);
    long_wav(&music.join("1.wav"));
    let child = start(&music, &table, &[]);
    wait_for_lines(&table, 2);
    send(&child, Signal::INT);
    wait_until_taken(&child, Signal::INT);
    send(&child, Signal::INT);
    stop(child, None, Some(Signal::INT.as_raw()));
    assert_eq!(names(&rows(&table)), ["0.wav"]);
}

/// 19 minutes of noise, which take seconds.
pub(crate) fn long_wav(path: &Path) {
    let frames = 19 * 60 * 22_050_u32;
    let mut bytes = Vec::with_capacity(44 + 2 * frames as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + 2 * frames).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(22_050_u32.to_le_bytes());
    bytes.extend(44_100_u32.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((2 * frames).to_le_bytes());
    let mut state = 1_u32;
    for _ in 0..frames {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(&state.to_le_bytes()[2..]);
    }
    fs::write(path, bytes).expect("writable");
}

fn check_kill(name: &str, written: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (music, table) = (folder.path().join("music"), folder.path().join(name));
    many(&music);
    let mut child = start(&music, &table, &[]);
    wait_for_lines(&folder.path().join(written), 20);
    child.kill().expect("the process runs");
    stop(child, None, Some(9));
    let done = rows(&folder.path().join(written));
    let expected: Vec<String> = (0..done.len()).map(|i| format!("{i:04}.wav")).collect();
    assert_eq!(names(&done), expected);
    assert!((19..COUNT).contains(&done.len()), "{} rows", done.len());

    // Only the rest, up to a stop that keeps this test short, is worked on.
    for i in done.len() + 10..COUNT {
        fs::remove_file(music.join(format!("{i:04}.wav"))).expect("there");
    }
    let output = extract(&[&music], "--resume", &table, 0);
    let log = log(&output);
    let known = log.last().expect("a line")["known"].as_u64().expect("a count") as usize;
    assert!((done.len() - 1..=done.len()).contains(&known), "{known} of {}", done.len());
    let resumed = rows(&table);
    assert_eq!(resumed.len(), done.len() + 10);
    assert!(
        resumed.iter().all(|row| row.measured.values == resumed[0].measured.values),
        "rows differ"
    );
}

#[test]
fn a_killed_run_leaves_a_csv_table() {
    check_kill("t.csv", "t.csv");
}

#[test]
fn a_killed_run_leaves_the_spool_of_a_parquet_table() {
    check_kill("t.parquet", "t.parquet.spool.jsonl");
}
