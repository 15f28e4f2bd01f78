//! Every operation on a folder, which needs no other program. The same operations on S3 are in
//! `tests/faults/storage/run.sh`.

use std::{
    fs,
    io::Read as _,
    sync::{Arc, Barrier},
    thread,
};

use storage::{Created, StorageError, StorageOptions, Store, Swap};
use tempfile::TempDir;

const MAX: u64 = 1 << 20;

fn store() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    (folder, store)
}

fn open(folder: &TempDir) -> Store {
    let url = format!("file://{}/deep/in", folder.path().display());
    Store::open(&url.parse().expect("a URL"), &StorageOptions::default()).expect("a folder")
}

fn names(store: &Store, prefix: &str) -> Vec<String> {
    let objects = store.list(prefix).expect("a prefix");
    let mut names: Vec<_> = objects.map(|object| object.expect("listed").name).collect();
    names.sort();
    names
}

#[test]
fn what_is_not_there_is_no_error_and_makes_nothing() {
    let (folder, store) = store();
    assert!(store.get("CURRENT", MAX).expect("asked").is_none());
    assert_eq!(store.size("CURRENT").expect("asked"), None);
    assert_eq!(names(&store, ""), [""; 0]);
    assert_eq!(store.folder("").expect("asked"), (vec![], vec![]));
    store.delete("CURRENT").expect("nothing to remove");
    assert!(matches!(store.read("CURRENT", 0), Err(StorageError::Missing { .. })));
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn an_object_is_created_once() {
    let (folder, store) = store();
    assert_eq!(store.create("a/b", "first".into()).expect("written"), Created::New);
    assert_eq!(store.create("a/b", "first".into()).expect("asked"), Created::Same);
    assert_eq!(store.create("a/b", "other".into()).expect("asked"), Created::Other);
    assert_eq!(store.create("a/b", "longer".into()).expect("asked"), Created::Other);
    let file = folder.path().join("deep/in/a/b");
    assert_eq!(fs::read(file).expect("readable"), b"first");
    assert_eq!(names(&store, ""), ["a/b"]);
}

#[test]
fn of_many_creators_one_wins() {
    let (_folder, store) = store();
    let start = Arc::new(Barrier::new(8));
    let creators: Vec<_> = (0..8)
        .map(|i| {
            let (store, start) = (store.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                store.create("one", format!("by {i}").into()).expect("asked")
            })
        })
        .collect();
    let outcomes: Vec<_> = creators.into_iter().map(|thread| thread.join().expect("ran")).collect();
    let won = outcomes.iter().filter(|outcome| **outcome == Created::New).count();
    assert_eq!(won, 1, "{outcomes:?}");
    let winner = outcomes.iter().position(|outcome| *outcome == Created::New).expect("counted");
    let there = store.get("one", MAX).expect("read").expect("created");
    assert_eq!(there.bytes, format!("by {winner}"));
}

#[test]
fn a_swap_is_refused_when_the_object_has_moved() {
    let (_folder, store) = store();
    assert_eq!(store.swap("p", None, "1".into()).expect("asked"), Swap::Done);
    assert_eq!(store.swap("p", None, "2".into()).expect("asked"), Swap::Lost);
    let first = store.get("p", MAX).expect("read").expect("there");
    assert_eq!(store.swap("p", Some(&first), "2".into()).expect("asked"), Swap::Done);
    assert_eq!(store.swap("p", Some(&first), "3".into()).expect("asked"), Swap::Lost);
    assert_eq!(store.swap("p", Some(&first), "2".into()).expect("asked"), Swap::Done, "an echo");
    assert_eq!(store.get("p", MAX).expect("read").expect("there").bytes, "2");
    let second = store.get("p", MAX).expect("read").expect("there");
    store.delete("p").expect("removed");
    assert_eq!(store.swap("p", Some(&second), "4".into()).expect("asked"), Swap::Lost);
}

/// Eight writers, each of its own opening as different processes have, count up together; a lost
/// update would leave the count short.
#[test]
fn no_update_is_lost() {
    let (folder, first) = store();
    assert_eq!(first.create("count", "0".into()).expect("written"), Created::New);
    let count = |store: &Store| {
        let there = store.get("count", MAX).expect("read").expect("there");
        let text = std::str::from_utf8(&there.bytes).expect("text").to_owned();
        let count: u32 = text.split(' ').next().expect("one word").parse().expect("a number");
        (there, count)
    };
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = open(&folder);
            thread::spawn(move || {
                for _ in 0..10 {
                    loop {
                        let (there, count) = count(&store);
                        // Who writes what another has just written has won too; so each signs.
                        let next = format!("{} by {writer}", count + 1).into();
                        if store.swap("count", Some(&there), next).expect("asked") == Swap::Done {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("ran");
    }
    assert_eq!(count(&first).1, 80);
}

#[test]
fn a_large_file_goes_in_parts_and_comes_in_windows() {
    let (folder, store) = store();
    let file = folder.path().join("large");
    let block: Vec<u8> = (0..1 << 20).map(|i: u32| (i ^ (i >> 13)) as u8).collect();
    let mut bytes = Vec::new();
    for first in 0..70 {
        bytes.push(first);
        bytes.extend_from_slice(&block);
    }
    fs::write(&file, &bytes).expect("writable");
    let mut moved = 0;
    store.upload("v/large", &file, &mut |part| moved += part).expect("uploaded");
    assert_eq!(moved, bytes.len() as u64);
    for from in [0, 1, (64 << 20) - 1, 64 << 20, bytes.len() - 3, bytes.len()] {
        let mut reader = store.read("v/large", from as u64).expect("there");
        assert_eq!(reader.size(), bytes.len() as u64);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).expect("readable");
        assert!(read == bytes[from..], "from {from}");
    }
    let behind = store.read("v/large", bytes.len() as u64 + 1);
    assert!(matches!(behind, Err(StorageError::Changed { .. })), "{behind:?}");
    assert_eq!(names(&store, "v"), ["v/large"]);
    assert_eq!(store.folder("").expect("asked"), (vec![], vec!["v".to_owned()]));
    assert_eq!(store.folder("v").expect("asked").0[0].bytes, bytes.len() as u64);
}

#[test]
fn an_object_that_is_replaced_is_not_read_on() {
    let (folder, store) = store();
    let file = folder.path().join("large");
    fs::write(&file, vec![1; 65 << 20]).expect("writable");
    store.upload("x", &file, &mut |_| ()).expect("uploaded");
    let mut reader = store.read("x", 0).expect("there");
    reader.next_chunk().expect("readable").expect("not empty");
    fs::write(&file, vec![2; 65 << 20]).expect("writable");
    store.upload("x", &file, &mut |_| ()).expect("uploaded");
    let error = loop {
        match reader.next_chunk() {
            Ok(chunk) => assert!(chunk.expect("the second window is refused")[0] == 1),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StorageError::Changed { .. }), "{error:?}");
}

#[test]
fn an_object_is_not_read_beyond_its_limit() {
    let (_folder, store) = store();
    store.create("x", vec![0; 11].into()).expect("written");
    assert!(matches!(store.get("x", 10), Err(StorageError::TooLarge { bytes: 11, .. })));
    assert!(store.get("x", 11).expect("read").is_some());
}

#[test]
fn a_folder_that_cannot_be_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("deep"), "a file").expect("writable");
    let error = open(&folder).create("x", "y".into()).expect_err("deep is a file");
    assert!(error.to_string().contains("deep/in"), "{error}");
}

#[test]
fn a_listed_object_is_read_as_it_was_listed_or_not_at_all() {
    let (folder, store) = store();
    store.create("a", "first".into()).expect("written");
    store.create("b", "gone".into()).expect("written");
    let objects: Vec<_> = store.list("").expect("a prefix").map(|o| o.expect("listed")).collect();
    let read = |name: &str| {
        let object = objects.iter().find(|object| object.name == name).expect("listed");
        assert!(object.tag.is_some(), "a folder names its files");
        let mut reader = store.read_listed(name, object.bytes, object.tag.as_deref())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            bytes.extend(chunk);
        }
        Ok::<_, StorageError>(bytes)
    };
    assert_eq!(read("a").expect("there"), b"first");
    fs::remove_file(folder.path().join("deep/in/b")).expect("there");
    assert!(matches!(read("b"), Err(StorageError::Missing { .. })));
    fs::write(folder.path().join("deep/in/new"), "other").expect("writable");
    fs::rename(folder.path().join("deep/in/new"), folder.path().join("deep/in/a")).expect("there");
    assert!(matches!(read("a"), Err(StorageError::Changed { .. })));
}

/// A file that is written in place keeps its number and may keep its size.
#[test]
fn a_file_that_is_written_while_it_is_read_is_another_one() {
    let (folder, store) = store();
    store.create("a", "first".into()).expect("written");
    let file = folder.path().join("deep/in/a");
    let mut reader = store.read("a", 0).expect("there");
    assert_eq!(reader.next_chunk().expect("readable").expect("a chunk"), "first");
    let later = fs::metadata(&file).expect("there").modified().expect("known")
        + std::time::Duration::from_secs(1);
    fs::write(&file, "other").expect("writable");
    fs::File::open(&file).expect("there").set_modified(later).expect("settable");
    assert!(matches!(reader.next_chunk(), Err(StorageError::Changed { .. })));
}

#[test]
fn an_entry_that_cannot_be_listed_is_one_entry() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let (folder, store) = store();
    store.create("a/1", "1".into()).expect("written");
    store.create("z/2", "2".into()).expect("written");
    let place = folder.path().join("deep/in");
    std::os::unix::fs::symlink("..", place.join("a/loop")).expect("a link");
    fs::write(place.join(OsStr::from_bytes(b"caf\xe9")), "").expect("writable");
    let (mut names, mut broken) = (Vec::new(), 0);
    for object in store.list("").expect("a prefix") {
        match object {
            Ok(object) => names.push(object.name),
            Err(StorageError::Entry { .. }) => broken += 1,
            Err(error) => panic!("{error}"),
        }
    }
    names.sort();
    assert_eq!((names, broken), (vec!["a/1".to_owned(), "z/2".to_owned()], 2));
}
