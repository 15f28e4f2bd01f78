//! Workers and batches that break: files that end their workers, what was changed behind a plan, and what a
//! store does not give.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    process::{clip, log, rows},
    shop::{Shop, keys, long, reasons, wait_for_object},
};

/// A file that ends its worker ends at most two; all others of the shard get their rows.
#[test]
fn a_file_that_ends_two_workers_is_given_up() {
    let shop = Shop::with(&[("0.wav", "chords_s16_22050.wav"), ("2.wav", "bells_f64_22050.wav")]);
    long(&shop.path("music/1.wav"));
    shop.plan(1, "", 0);
    let marker = |name: &str| shop.path(&format!("batch/working/00000-of-00001/{name}"));
    // Its first worker is ended with all of the files in work, its second with the long one alone.
    for name in ["group-000000", "file-000001"] {
        let mut worker = shop.start(0);
        wait_for_object(&mut worker, &marker(name));
        worker.kill().expect("it runs");
        worker.wait().expect("it ends");
        assert!(marker(name).exists(), "{name} is left");
        assert!(!shop.path("batch/tables").exists(), "it had not finished");
    }
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["0.wav", "2.wav"]);
    let reason = ("1.wav".to_owned(), "WORKER_ENDED".to_owned());
    assert_eq!(reasons(&shop.failures(0, 1)), [reason]);
    assert!(shop.markers().is_empty(), "no marker is left");
}

/// A worker that is stopped while it works on a suspect blames nothing.
#[test]
fn a_worker_that_is_stopped_blames_no_file() {
    let shop = Shop::with(&[("0.wav", "chords_s16_22050.wav")]);
    long(&shop.path("music/1.wav"));
    shop.plan(1, "", 0);
    let marker = |name: &str| shop.path(&format!("batch/working/00000-of-00001/{name}"));
    for (name, signal) in [("group-000000", Signal::KILL), ("file-000001", Signal::TERM)] {
        let mut worker = shop.start(0);
        wait_for_object(&mut worker, &marker(name));
        kill_process(Pid::from_child(&worker), signal).expect("it runs");
        worker.wait().expect("it ends");
    }
    assert!(!marker("file-000001").exists());
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["0.wav", "1.wav"]);
}

/// What is wrong with the batch itself is wrong on every try.
#[test]
fn a_plan_or_list_that_was_changed_is_refused_for_good() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav"), ("2.wav", "bells_f64_22050.wav")]);
    shop.plan(1, "", 0);
    let planned = shop.objects();
    for (path, bytes) in &planned {
        let text = String::from_utf8(bytes.clone()).expect("text");
        let changes =
            [("\"bytes\":", "\"bytes\":1"), ("1.wav", "../1.wav"), ("0.0", "0.5"), ("a", "b")];
        for (from, to) in changes {
            let changed = text.replacen(from, to, 1);
            if changed == text {
                continue;
            }
            fs::write(path, changed).expect("writable");
            shop.work(0, 2);
            assert!(!shop.path("batch/tables").exists(), "{} {from}", path.display());
        }
        fs::write(path, bytes).expect("writable");
    }
    for name in ["sha256.txt", "00000.jsonl"] {
        let path = planned.keys().find(|path| path.ends_with(name)).expect("planned");
        fs::remove_file(path).expect("there");
        shop.work(0, 2);
        fs::write(path, &planned[path]).expect("writable");
    }
    shop.work(0, 0);
    assert_eq!(rows(&shop.table(0, 1)).len(), 2);
}

#[test]
fn a_table_that_is_not_the_shards_is_refused_for_good() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav"), ("2.wav", "bells_f64_22050.wav")]);
    shop.plan(2, "", 0);
    shop.work(0, 0);
    shop.work(1, 0);
    let (first, failures) = (shop.table(0, 2), shop.path("batch/failures/00000-of-00002.csv"));
    let (table, listed) = (fs::read(&first).expect("there"), fs::read(&failures).expect("there"));
    let other = fs::read(shop.table(1, 2)).expect("there");
    for bytes in [&b""[..], &table[..table.len() / 2], &other] {
        fs::write(&first, bytes).expect("writable");
        shop.work(0, 2);
    }
    fs::write(&first, &table).expect("writable");
    fs::write(&failures, "garbage").expect("writable");
    shop.work(0, 2);
    fs::write(&failures, listed).expect("writable");
    shop.work(0, 0);
}

/// Entries of a folder that cannot be named or followed are left out of the plan, and told.
#[test]
fn a_folder_is_planned_around_what_cannot_be_listed() {
    use std::os::unix::ffi::OsStrExt as _;
    let shop = Shop::with(&[("a/1.wav", "chords_s16_22050.wav"), ("z.wav", "bells_f64_22050.wav")]);
    let music = shop.path("music");
    std::os::unix::fs::symlink("..", music.join("a/loop")).expect("a link");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.wav");
    fs::copy(clip("chords_s16_22050.wav"), music.join(name)).expect("writable");
    let output = shop.plan(1, "", 0);
    let said = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(said.contains("files    2 of") && said.contains("left out 2 entries"), "{said}");
    let told = log(&output).into_iter().filter(|line| line["level"] == "WARN").count();
    assert_eq!(told, 2);
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["a/1.wav", "z.wav"]);
}

/// A file that the store does not give, while it gives others, is that file's failure. A link to itself
/// stands for the right that is lacking, which a test that runs as root always has.
#[test]
fn a_file_that_cannot_be_read_does_not_block_its_shard() {
    let shop = Shop::with(&[("1.wav", "chords_s16_22050.wav"), ("2.wav", "bells_f64_22050.wav")]);
    shop.plan(1, "", 0);
    fs::remove_file(shop.path("music/1.wav")).expect("there");
    std::os::unix::fs::symlink("1.wav", shop.path("music/1.wav")).expect("a link to itself");
    shop.work(0, 0);
    assert_eq!(keys(&rows(&shop.table(0, 1))), ["2.wav"]);
    let reason = ("1.wav".to_owned(), "SOURCE_FAILED".to_owned());
    assert_eq!(reasons(&shop.failures(0, 1)), [reason]);
}
