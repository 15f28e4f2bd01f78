//! Limits of the batch command at their edges, what is no limit, and flags by environment.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use clap::{Arg, CommandFactory as _};
use extractor_svc::{cli::Cli, findings::WarningCode};

use crate::process::{command, extract, library, log, run};

/// A WAV file of 16-bit noise.
fn wav(rate: u32, channels: u16, frames: u32) -> Vec<u8> {
    let block = channels * 2;
    let data = frames * u32::from(block);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(data.to_le_bytes());
    let mut state = 1_u32;
    for _ in 0..data / 2 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(&state.to_le_bytes()[2..]);
    }
    bytes
}

/// `row`, or the reason in the list of failures, of one file.
fn outcome(folder: &Path, bytes: &[u8], flags: &str) -> String {
    let (file, failures) = (folder.join("a.wav"), folder.join("failures.csv"));
    fs::write(&file, bytes).expect("writable");
    let table = folder.join("t.csv");
    let args = format!("extract {} --failures {}", file.display(), failures.display());
    let args = format!("{args} --overwrite --output {} {flags}", table.display());
    let output = command(&args.split_whitespace().collect::<Vec<_>>()).output().expect("it runs");
    listed(&failures).map_or_else(
        || {
            assert!(
                output.status.success(),
                "{flags}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            "row".to_owned()
        },
        |reason| {
            assert_eq!(output.status.code(), Some(1), "{flags}");
            reason
        },
    )
}

/// The reason of the first failure.
fn listed(failures: &Path) -> Option<String> {
    let mut failures = csv::Reader::from_path(failures).expect("a list of failures");
    failures.records().next().map(|failure| failure.expect("a well-formed row")[1].to_owned())
}

#[test]
fn what_is_just_within_a_limit_gives_a_row() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (rate, channels, frames, flags, expected) in [
        (22_050, 1, 978, "--max-file-bytes 2000", "row"),
        (22_050, 1, 979, "--max-file-bytes 2000", "STREAM_TOO_LARGE"),
        (8_000, 1, 8_000, "--max-audio 1s", "row"),
        (8_000, 1, 8_001, "--max-audio 1s", "AUDIO_TOO_LONG"),
        (8_000, 1, 9_000, "--max-audio 1s --duration 1", "row"),
        (8_000, 1, 9_000, "--max-audio 1s --duration 1.01", "AUDIO_TOO_LONG"),
        (4_000, 1, 500, "", "row"),
        (3_999, 1, 500, "", "SAMPLE_RATE_UNSUPPORTED"),
        (3_999, 1, 500, "--min-sample-rate 3999", "row"),
        (384_000, 1, 5_000, "", "row"),
        (384_001, 1, 5_000, "", "SAMPLE_RATE_UNSUPPORTED"),
        (768_000, 1, 5_000, "--max-sample-rate 768000", "row"),
        (22_050, 64, 500, "", "row"),
        (22_050, 65, 500, "", "TOO_MANY_CHANNELS"),
        (22_050, 2, 500, "--max-channels 2", "row"),
        (22_050, 3, 500, "--max-channels 2", "TOO_MANY_CHANNELS"),
        (22_050, 1, 50_000, "--max-wall 1ns", "WALL_TIME_EXCEEDED"),
        (22_050, 1, 22_050, "--max-damage 0", "row"),
        (22_050, 1, 22_050, "--refuse CLIPPED,DURATION_MISMATCH", "row"),
        (22_050, 1, 22_050, "--refuse CLIPPED,SHORT_WINDOW", "SHORT_WINDOW"),
        (22_050, 1, 22_050, "--refuse CLIPPED --refuse SHORT_WINDOW", "SHORT_WINDOW"),
    ] {
        let found = outcome(folder.path(), &wav(rate, channels, frames), flags);
        assert_eq!(found, expected, "{rate} Hz, {channels} channels, {frames} frames, {flags}");
    }
}

/// A header that claims twice the audio that is there.
#[test]
fn damage_is_refused_beyond_its_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = wav(22_050, 1, 60_000);
    let half = &whole[..44 + (whole.len() - 44) / 2];
    for (flags, expected) in [
        ("", "TOO_DAMAGED"),
        ("--max-damage 0.499", "TOO_DAMAGED"),
        ("--max-damage 0.5", "row"),
        ("--max-damage 1 --refuse TRUNCATED_STREAM", "TRUNCATED_STREAM"),
    ] {
        assert_eq!(outcome(folder.path(), half, flags), expected, "{flags}");
    }
    let file = folder.path().join("a.wav");
    let file = file.to_str().expect("text");
    run(&["inspect", file], 1);
    let json = run(&["inspect", file, "--format", "json", "--max-damage", "1"], 0).stdout;
    let facts: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(facts["damaged_share"], 0.5);
    assert_eq!(facts["warnings"][0]["code"], "TRUNCATED_STREAM");
    let text = run(&["inspect", file, "--max-damage", "1"], 0).stdout;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("damaged     50.0 %") && text.contains("TRUNCATED_STREAM"), "{text}");
}

/// A file that failed by a limit is tried again when the limit is another one.
#[test]
fn resuming_with_other_limits_tries_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (music, table) = (folder.path().join("music"), folder.path().join("t.csv"));
    library(&music, &[("a.wav", "bells_f64_22050.wav")]);
    for (name, bytes) in [("b.wav", wav(22_050, 3, 500)), ("c.wav", wav(3_999, 1, 500))] {
        fs::write(music.join(name), bytes).expect("writable");
    }
    let known = |output: &Output| {
        let log = log(output);
        let last = log.last().expect("a line");
        (last["rows"].as_u64(), last["known"].as_u64())
    };
    let output = extract(&[&music], "--max-channels 2", &table, 0);
    assert_eq!(known(&output), (Some(1), Some(0)));
    let output = extract(&[&music], "--resume --min-sample-rate 3999", &table, 0);
    assert_eq!(known(&output), (Some(3), Some(1)));
}

/// A pipe has no end that could be waited for.
#[test]
fn what_is_no_regular_file_is_a_failure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe.wav");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let failures = folder.path().join("failures.csv");
    let flags = format!("--failures {}", failures.display());
    let table = folder.path().join("t.csv");
    extract(&[&pipe, Path::new("/dev/zero")], &flags, &table, 1);
    assert_eq!(listed(&failures).as_deref(), Some("SOURCE_FAILED"));
    run(&["inspect".as_ref(), pipe.as_os_str()], 1);
}

#[test]
fn a_limit_that_is_none_is_code_2() {
    for flags in [
        "--max-file-bytes 0",
        "--max-file-bytes 18446744073709551615",
        "--max-audio 0s",
        "--max-audio 25h",
        "--max-wall 0s",
        "--min-sample-rate 999",
        "--max-sample-rate 768001",
        "--min-sample-rate 48000 --max-sample-rate 44100",
        "--max-channels 0",
        "--max-channels 65",
        "--max-header-bytes 65535",
        "--max-damage 1.01",
        "--max-damage=-0.01",
        "--max-damage nan",
        "--refuse clipped",
        "--refuse CLIPPED,NOISE",
    ] {
        for command in ["extract", "inspect"] {
            let mut args = vec![command, "a.wav"];
            args.extend(flags.split(' '));
            run(&args, 2);
        }
    }
    for flags in [
        "--max-stream-bytes 0",
        "--max-idle 0s",
        "--max-idle 25h",
        "--max-wall 25h",
        "--max-uploads 0",
        "--max-channels 65",
        "--max-damage 2",
        "--refuse NOISE",
    ] {
        let mut args = vec!["serve", "--listen", "127.0.0.1:0"];
        args.extend(flags.split(' '));
        run(&args, 2);
    }
}

/// All that is wrong is said at once, and what would be right.
#[test]
fn wrong_names_of_findings_are_told_with_the_right_ones() {
    let args = ["extract", "a.wav", "--refuse", "NOISE,CLIPPED,HISS", "--max-damage", "2"];
    let text = String::from_utf8(run(&args, 2).stderr).expect("text");
    for part in ["NOISE", "HISS", "--max-damage", "TRUNCATED_STREAM", "TUNING_AMBIGUOUS"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    // The help names every kind.
    let help = String::from_utf8(run(&["serve", "--help"], 0).stdout).expect("text");
    for code in WarningCode::ALL {
        assert!(help.contains(code.name()), "no {} in {help}", code.name());
    }
}

#[test]
fn every_flag_has_a_help_text_and_for_jobs_and_services_a_variable() {
    // A variable that lies about in a shell must not choose what a person's command replaces.
    let by_hand =
        ["output", "format", "pattern", "jobs", "resume", "overwrite", "failures", "strict"];
    let mut command = Cli::command();
    command.build();
    let mut seen = 0;
    let mut commands = vec![&command];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().filter(|command| command.get_name() != "help"));
        let is_flag = |arg: &&Arg| {
            !arg.is_positional() && !["help", "version"].contains(&arg.get_id().as_str())
        };
        for arg in command.get_arguments().filter(is_flag) {
            let name = format!("{} --{}", command.get_name(), arg.get_long().unwrap_or("?"));
            assert!(arg.get_help().is_some(), "{name}: no help");
            let id = arg.get_long().unwrap_or("?");
            let is_by_hand = match command.get_name() {
                "extract" => by_hand.contains(&id),
                "inspect" => ["format", "plot"].contains(&id),
                _ => false,
            };
            if is_by_hand {
                assert_eq!(arg.get_env(), None, "{name}");
                continue;
            }
            let variable = arg.get_env().unwrap_or_else(|| panic!("{name}: no variable"));
            let variable = variable.to_str().expect("text");
            // Kubernetes gives the number of an indexed job's pod by a name of its own.
            let ours = variable.starts_with("SOUNDALIKE_") || variable == "JOB_COMPLETION_INDEX";
            assert!(ours, "{name}: {variable}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} flags");
}

#[test]
fn variables_do_what_flags_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, table) = (folder.path().join("a.wav"), folder.path().join("t.jsonl"));
    fs::write(&file, wav(22_050, 1, 22_050)).expect("writable");
    let attempt = |variables: &[(&str, &str)], code: i32| {
        let mut command = command(&["extract".as_ref(), file.as_os_str()]);
        command.arg("--overwrite").arg("--output").arg(&table).envs(variables.iter().copied());
        let output = command.output().expect("the binary starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{variables:?}: {text}");
        assert!(output.stdout.is_empty(), "the table goes to a file");
    };
    attempt(&[], 0);
    let whole = fs::read(&table).expect("a table");
    attempt(&[("SOUNDALIKE_MAX_AUDIO", "500ms")], 1);
    attempt(&[("SOUNDALIKE_MAX_AUDIO", "500ms"), ("SOUNDALIKE_DURATION", "0.5")], 0);
    assert_ne!(fs::read(&table).expect("a table"), whole);
    attempt(&[("SOUNDALIKE_PROFILE", "nonsense")], 2);
    attempt(&[("SOUNDALIKE_REFUSE", "CLIPPED,SHORT_WINDOW")], 1);
    attempt(&[("SOUNDALIKE_REFUSE", "")], 0);
    attempt(&[("SOUNDALIKE_MAX_DAMAGE", "2")], 2);
    attempt(&[("SOUNDALIKE_OFFSET", "0.25")], 0);
}
