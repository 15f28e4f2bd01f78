//! `plan` and `work` on a folder as the store: what each worker writes, run again, run twice at the
//! same time, killed, and with files that go or change after the plan.

use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt as _};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    process::{clip, clips, extract, library, log, rows, run},
    shop::{Shop, keys, long, reasons, wait_for, wait_for_object},
};

#[test]
fn the_shards_of_all_clips_are_the_table_of_all_clips() {
    let shop = Shop::new();
    let whole = shop.path("whole.csv");
    let failures = shop.path("failures.csv");
    let flags = format!("--failures {}", failures.display());
    extract(&[&clips()], &flags, &whole, 0);
    // By a link, so that both read the same files.
    fs::remove_dir(shop.path("music")).expect("empty");
    std::os::unix::fs::symlink(clips(), shop.path("music")).expect("a link");
    let output = shop.plan(3, "", 0);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("files    57 of"), "{said}");
    let mut found = BTreeMap::new();
    let mut failed = Vec::new();
    for index in 0..3 {
        shop.work(index, 0);
        let rows = rows(&shop.table(index, 3));
        assert!(keys(&rows).is_sorted(), "rows are in the order of the keys");
        let shard = shop.footer(index, 3).shard;
        assert_eq!(shard.files, 19, "shards are even");
        assert_eq!(shard.files - shard.failures, rows.len() as u64);
        for row in rows {
            assert!(
                found.insert(row.source_path, row.measured.values).is_none(),
                "a row is there twice"
            );
        }
        failed.extend(reasons(&shop.failures(index, 3)));
    }
    let name = |path: &str| path.rsplit('/').next().expect("a name").to_owned();
    let expected: BTreeMap<_, _> =
        rows(&whole).into_iter().map(|row| (name(&row.source_path), row.measured.values)).collect();
    assert_eq!(found, expected, "the same numbers, whichever way the bytes came");
    let expected = reasons(&fs::read_to_string(failures).expect("there"));
    let expected: Vec<_> = expected.iter().map(|(path, reason)| (name(path), reason)).collect();
    assert_eq!(
        failed.iter().map(|(path, reason)| (path.clone(), reason)).collect::<Vec<_>>(),
        expected
    );
    shop.assert_spool_is_empty();
}

#[test]
fn a_worker_that_is_run_again_changes_nothing() {
    let shop = Shop::with(&[
        ("a/1.wav", "chords_s16_22050.wav"),
        ("a/2.flac", "drums_s16_11025.flac"),
        ("b.mp3", "arpeggio_cbr64_44100_mono.mp3"),
        ("cover.jpg", "chords_s16_22050.wav"),
    ]);
    fs::write(shop.path("music/broken.wav"), b"no audio").expect("writable");
    shop.plan(2, "", 0);
    shop.work(1, 0);
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 2))), ["a/1.wav", "a/2.flac"]);
    assert_eq!(keys(&rows(&shop.table(1, 2))), ["b.mp3"]);
    let reason = ("broken.wav".to_owned(), "UNSUPPORTED_CONTAINER".to_owned());
    assert_eq!(reasons(&shop.failures(1, 2)), [reason]);
    let before = shop.objects();
    assert_eq!(before.len(), 2 + 3 * 2, "{:?}", before.keys());

    shop.work(0, 0);
    // Whatever has become of the source: what is written stays.
    fs::remove_file(shop.path("music/a/1.wav")).expect("there");
    shop.work(0, 0);
    assert_eq!(shop.objects(), before);

    // A worker that was killed between its table and its failures: the next one completes it.
    fs::remove_file(shop.path("batch/failures/00001-of-00002.csv")).expect("there");
    shop.work(1, 0);
    assert_eq!(shop.objects(), before);

    // The same shard worked on again gives the same bytes.
    fs::remove_file(shop.table(1, 2)).expect("there");
    shop.work(1, 0);
    assert_eq!(shop.objects(), before);
    shop.assert_spool_is_empty();
}

#[test]
fn two_workers_with_one_index_write_one_shard() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav"), ("2.wav", "bells_f64_22050.wav")]);
    shop.plan(1, "", 0);
    for _ in 0..3 {
        let workers = [shop.start(0), shop.start(0)];
        for worker in workers {
            let output = worker.wait_with_output().expect("it ends");
            let log = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{log}");
        }
        assert_eq!(keys(&rows(&shop.table(0, 1))), ["1.wav", "2.wav"]);
        assert_eq!(reasons(&shop.failures(0, 1)), []);
        fs::remove_file(shop.table(0, 1)).expect("there");
    }
}

/// The table that won decides, also over a worker that came to another end.
#[test]
fn rows_and_failures_are_of_the_worker_that_was_first() {
    let shop = Shop::with(&[("2.wav", "bells_f64_22050.wav")]);
    long(&shop.path("music/1.wav"));
    shop.plan(1, "", 0);
    let mut args = shop.args(0);
    args.extend(["--max-audio", "60s"].map(str::to_owned));
    run(&args, 0);
    let reason = ("1.wav".to_owned(), "AUDIO_TOO_LONG".to_owned());
    assert_eq!(reasons(&shop.failures(0, 1)), [reason]);
    let first = shop.objects();
    // The second finds no table when it begins, and another one than its own when it ends.
    let hidden = shop.path("hidden.parquet");
    fs::rename(shop.table(0, 1), &hidden).expect("there");
    fs::remove_file(shop.path("batch/failures/00000-of-00001.csv")).expect("there");
    let mut worker = shop.start(0);
    wait_for(&shop.path("spool"));
    assert_eq!(worker.try_wait().expect("a process"), None, "it works on the long file");
    fs::rename(&hidden, shop.table(0, 1)).expect("there");
    let output = worker.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("other than this one"), "{log}");
    assert_eq!(shop.objects(), first, "neither its rows nor its failures");
}

#[test]
fn files_that_are_gone_changed_or_too_large_are_failures() {
    let shop = Shop::with(&[
        ("1.wav", "chords_s16_22050.wav"),
        ("2.wav", "drums_s24_22050.wav"),
        ("3.wav", "bells_f64_22050.wav"),
        ("4.wav", "sweep_f32_22050.wav"),
    ]);
    shop.plan(1, "", 0);
    fs::remove_file(shop.path("music/1.wav")).expect("there");
    fs::copy(clip("noise_u8_22050.wav"), shop.path("music/2.wav")).expect("writable");
    let limit = fs::metadata(shop.path("music/3.wav")).expect("there").len() - 1;
    let fourth = fs::metadata(shop.path("music/4.wav")).expect("there").len();
    assert!(fourth <= limit, "{fourth} bytes are above the limit too");
    let mut args = shop.args(0);
    args.extend(["--max-file-bytes".to_owned(), limit.to_string()]);
    run(&args, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["4.wav"]);
    let expected =
        [("1.wav", "SOURCE_MISSING"), ("2.wav", "SOURCE_CHANGED"), ("3.wav", "STREAM_TOO_LARGE")];
    let expected = expected.map(|(path, reason)| (path.to_owned(), reason.to_owned()));
    assert_eq!(reasons(&shop.failures(0, 1)), expected);
}

/// A bucket that is gone must not become a batch of failures.
#[test]
fn a_source_that_is_gone_is_to_be_tried_again() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav")]);
    shop.plan(1, "", 0);
    fs::rename(shop.path("music"), shop.path("elsewhere")).expect("there");
    shop.work(0, 1);
    assert!(!shop.path("batch/tables").exists());
    fs::rename(shop.path("elsewhere"), shop.path("music")).expect("there");
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["1.wav"]);
    shop.assert_spool_is_empty();

    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav")]);
    shop.plan(1, "", 0);
    fs::copy(clip("drums_s24_22050.wav"), shop.path("music/1.wav")).expect("writable");
    shop.work(0, 1);
    assert!(!shop.path("batch/tables").exists(), "not one file was as planned");
}

#[test]
fn plans_and_workers_that_do_not_fit_are_refused_for_good() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav")]);
    shop.work(0, 1);
    shop.plan(2, "", 0);
    let before = shop.objects();
    shop.plan(2, "", 0);
    assert_eq!(shop.objects(), before, "the same plan again");
    shop.plan(3, "", 1);
    shop.plan(2, "--duration 3", 1);
    assert_eq!(
        shop.objects()[&shop.path("batch/plan.json")],
        before[&shop.path("batch/plan.json")]
    );
    shop.work(2, 2);
    let mut args = shop.args(0);
    args.extend(["--workers".to_owned(), "4".to_owned()]);
    let log = log(&run(&args, 2));
    assert!(log.last().expect("a line").to_string().contains("4 given, the plan is for 2"));
    let plan = shop.path("batch/plan.json");
    let text = fs::read_to_string(&plan).expect("there").replacen("librosa-0.11-22050", "none", 1);
    fs::write(&plan, text).expect("writable");
    shop.work(0, 2);
    assert!(!shop.path("batch/tables").exists());
}

#[test]
fn a_source_without_audio_is_no_batch() {
    let shop = Shop::with(&[("cover.jpg", "chords_s16_22050.wav")]);
    shop.plan(2, "", 1);
    assert!(!shop.path("batch").exists());
    shop.plan(2, "--pattern *.jpg", 0);
    // More workers than files: a shard without rows is a table too.
    shop.work(0, 0);
    shop.work(1, 0);
    let count = |index| rows(&shop.table(index, 2)).len();
    assert_eq!((count(0), count(1)), (0, 1));
}

fn ends_by(signal: Signal, code: Option<i32>, killed: Option<i32>) {
    let shop = Shop::new();
    for name in ["1.wav", "2.wav", "3.wav"] {
        long(&shop.path("music").join(name));
    }
    library(&shop.path("music"), &[("0.wav", "chords_s16_22050.wav")]);
    shop.plan(1, "", 0);
    let planned = shop.objects();
    let mut worker = shop.start(0);
    // It has files in work, for seconds yet.
    let marker = shop.path("batch/working/00000-of-00001/group-000000");
    wait_for_object(&mut worker, &marker);
    assert_eq!(worker.try_wait().expect("a process"), None, "there was nothing to stop");
    kill_process(Pid::from_child(&worker), signal).expect("the process runs");
    let output = worker.wait_with_output().expect("it ends");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.status.signal()), (code, killed), "{log}");
    let mut left = shop.objects();
    if killed.is_none() {
        shop.assert_spool_is_empty();
    } else {
        assert!(left.remove(&marker).is_some(), "it says what the worker had in work");
    }
    assert_eq!(left, planned, "nothing is left half");
    // Short ones instead of the long: the plan is of the files' names, and says that they changed.
    for name in ["1.wav", "2.wav", "3.wav"] {
        fs::write(shop.path("music").join(name), b"").expect("writable");
    }
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["0.wav"]);
    assert_eq!(reasons(&shop.failures(0, 1)).len(), 3);
    assert!(shop.markers().is_empty(), "no marker is left");
}

#[test]
fn sigterm_ends_a_worker_at_once_and_writes_nothing() {
    ends_by(Signal::TERM, Some(130), None);
}

#[test]
fn a_killed_worker_leaves_nothing_and_its_shard_is_done_by_the_next() {
    ends_by(Signal::KILL, None, Some(9));
}
