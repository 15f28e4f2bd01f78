//! The same tables and options make the same version: every file but the build record is the same byte
//! by byte, whenever and wherever it was built.

mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use catalogue::{golden_rows, plan, write_csv};
use index::build_record::{BUILD_FILE, BuildRecord};
use index_svc::{
    Searcher,
    builder::{AppendPlan, BuildPlan, DuplicateRule, Grown, append, build},
    versions::{move_pointer, read_pointer},
};
use proto::features::DEFAULT_PROFILE;
use tempfile::TempDir;

const FILES: [&str; 6] =
    ["data.mdb", "vectors.bin", "tracks.bin", "scaled.bin", "blocks.bin", "manifest.json"];

/// Tables that are written once, and indexes of them.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().expect("a folder"));
        let rows = golden_rows();
        write_csv(&shop.path("first.csv"), &rows[..300], str::to_owned);
        let more = catalogue::csv_text(&rows[300..340], str::to_owned).replace("\nt", "\nnew");
        fs::write(shop.path("more.csv"), more).expect("writable");
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn build(&self, name: &str) -> String {
        let plan = BuildPlan { trees: 5, ..plan(vec![self.path("first.csv")], self.path(name)) };
        build(&plan).expect("a sound table").version
    }

    /// Appends the second table to the wanted version of a folder.
    fn append_in(&self, folder: &str) -> Grown {
        let plan = AppendPlan {
            index: self.path(folder),
            inputs: vec![self.path("more.csv")],
            output: None,
            profile: Some(DEFAULT_PROFILE.to_owned()),
            nan: None,
            duplicates: DuplicateRule::Error,
            refit: false,
        };
        append(&plan).expect("a sound table").made().expect("rows are new")
    }
}

#[track_caller]
fn assert_same_files(one: &Path, other: &Path) {
    for file in FILES {
        let [a, b] = [one, other].map(|path| fs::read(path.join(file)).expect("readable"));
        assert!(a == b, "{file} differs");
    }
}

fn record(index: &Path) -> BuildRecord {
    Searcher::open(index).expect("sound").build().expect("just built").clone()
}

#[test]
fn two_builds_of_one_table_are_one_version() {
    let shop = Shop::new();
    let one = shop.build("one");
    let first = record(&shop.path("one"));
    // In another second, so that a time that got into the manifest is seen.
    while BuildRecord::now() == first {
        thread::sleep(Duration::from_millis(20));
    }
    let other = shop.build("other");
    assert_ne!(record(&shop.path("other")), first);
    assert_same_files(&shop.path("one"), &shop.path("other"));
    assert_eq!(one, other);
    assert_eq!((one.len(), one.bytes().all(|byte| byte.is_ascii_hexdigit())), (64, true));
}

#[test]
fn growth_is_the_same_each_time_and_a_version_that_is_there_is_wanted_again() {
    let shop = Shop::new();
    for folder in ["a", "b"] {
        fs::create_dir(shop.path(folder)).expect("new");
        shop.build(&format!("{folder}/first"));
        move_pointer(&shop.path(folder), "first").expect("writable");
    }
    let [a, b] = ["a", "b"].map(|folder| shop.append_in(folder));
    assert_same_files(&a.path, &b.path);
    assert_eq!(a.version, b.version);
    // Back to the version before, and the same step once more.
    move_pointer(&shop.path("a"), "first").expect("writable");
    let before = record(&a.path);
    let again = shop.append_in("a");
    assert_eq!((&again.version, &again.path), (&a.version, &a.path));
    assert!(again.pointer_moved);
    assert_eq!(read_pointer(&shop.path("a")).expect("readable"), a.version);
    assert_eq!(record(&a.path), before, "a version never changes");
    // What is there under the name and is damaged is not taken for the version.
    move_pointer(&shop.path("a"), "first").expect("writable");
    let tracks = a.path.join("tracks.bin");
    let mut bytes = fs::read(&tracks).expect("readable");
    bytes[0] ^= 1;
    fs::write(&tracks, bytes).expect("writable");
    let plan = AppendPlan {
        index: shop.path("a"),
        inputs: vec![shop.path("more.csv")],
        output: None,
        profile: Some(DEFAULT_PROFILE.to_owned()),
        nan: None,
        duplicates: DuplicateRule::Error,
        refit: false,
    };
    append(&plan).expect_err("the name is taken");
    assert_eq!(read_pointer(&shop.path("a")).expect("readable"), "first");
}

/// The record is for people: without it, or with one that is none, an index is what it was.
#[test]
fn an_index_without_a_sound_build_record_answers() {
    let shop = Shop::new();
    let version = shop.build("one");
    let record = shop.path("one").join(BUILD_FILE);
    for text in ["{", "{}", "[1]", "{\"built_at_unix\": \"now\", \"built_by\": 1}"] {
        fs::write(&record, text).expect("writable");
        let index = Searcher::open(&shop.path("one")).expect("sound");
        assert_eq!((index.version(), index.build()), (version.as_str(), None), "{text}");
    }
    fs::remove_file(&record).expect("removable");
    let index = Searcher::open(&shop.path("one")).expect("sound");
    assert_eq!((index.version(), index.build()), (version.as_str(), None));
}
