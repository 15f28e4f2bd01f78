//! Versions that calls hold: not more than two are open, a third one waits, and one that is still held
//! is found again instead of opened.

mod catalogue;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use catalogue::{golden_rows, plan, write_csv};
use index_svc::{
    Searcher,
    builder::{BuildEngines, BuildPlan, build},
    versions::{Follower, Opening, Seen, move_pointer, source_at},
};
use tempfile::TempDir;

struct Library(TempDir);

impl Library {
    /// Three versions, of which the first is wanted.
    fn new() -> Self {
        let library = Self(tempfile::tempdir().expect("a folder"));
        let rows = golden_rows();
        for (name, rows) in [("one", &rows[..100]), ("two", &rows[50..]), ("three", &rows[20..90])]
        {
            let table = library.path(&format!("{name}.csv"));
            write_csv(&table, rows, str::to_owned);
            let plan = plan(vec![table], library.path(name));
            build(&BuildPlan { engines: BuildEngines::Blocks, ..plan }).expect("a sound table");
        }
        library.want("one");
        library
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn want(&self, name: &str) {
        move_pointer(self.0.path(), name).expect("writable");
    }

    fn follow(&self) -> Follower {
        let follower = Follower::open(source_at(self.0.path()), Opening::default());
        follower.expect("a sound version")
    }

    /// Which versions this process has mapped, as the system knows it.
    fn open(&self) -> BTreeSet<String> {
        let folder = self.0.path().canonicalize().expect("there");
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
        let version = |line: &str| {
            let path =
                Path::new(line.split_once('/')?.1).strip_prefix(folder.strip_prefix("/").ok()?);
            let path = path.ok()?;
            let name = path.parent()?.to_str()?.to_owned();
            path.ends_with("data.mdb").then_some(name)
        };
        maps.lines().filter_map(version).collect()
    }

    #[track_caller]
    fn assert_open(&self, names: &[&str]) {
        let expected: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(self.open(), expected);
    }
}

#[track_caller]
fn swapped(seen: Seen) -> Arc<Searcher> {
    match seen {
        Seen::Swapped { to, .. } => to,
        other => panic!("no swap: {other:?}"),
    }
}

#[test]
fn a_third_version_waits_for_the_calls_on_the_first() {
    let library = Library::new();
    let mut follower = library.follow();
    let call = follower.served().current();
    library.want("two");
    let two = swapped(follower.look()).version().to_owned();
    library.assert_open(&["one", "two"]);

    library.want("three");
    let seen = follower.look();
    assert!(matches!(&seen, Seen::Waits { name } if name == "three"), "{seen:?}");
    assert!(matches!(follower.look(), Seen::Nothing), "it is told once");
    library.assert_open(&["one", "two"]);
    // New calls do not hold the first one any longer; the one that does is answered by it.
    assert_eq!(follower.served().pick(call.version()).version(), two);
    assert!(call.metadata(99).is_ok());

    drop(call);
    library.assert_open(&["two"]);
    assert_eq!(swapped(follower.look()).rows(), 70);
    library.assert_open(&["two", "three"]);
}

#[test]
fn what_a_call_holds_is_found_again() {
    let library = Library::new();
    let mut follower = library.follow();
    let call = follower.served().current();
    library.want("two");
    swapped(follower.look());
    library.want("three");
    assert!(matches!(follower.look(), Seen::Waits { .. }));
    // Back while the call runs, forward again, and on when it has ended.
    library.want("one");
    assert!(Arc::ptr_eq(&swapped(follower.look()), &call));
    library.assert_open(&["one", "two"]);
    library.want("two");
    swapped(follower.look());
    library.want("three");
    assert!(matches!(follower.look(), Seen::Waits { .. }));
    drop(call);
    swapped(follower.look());
    library.assert_open(&["two", "three"]);
}

#[test]
fn a_bad_version_does_not_cost_the_one_before() {
    let library = Library::new();
    let mut follower = library.follow();
    library.want("two");
    swapped(follower.look());
    let file = library.path("three").join("vectors.bin");
    let mut bytes = fs::read(&file).expect("readable");
    bytes[5000] ^= 1;
    fs::write(&file, bytes).expect("writable");
    library.want("three");
    assert!(matches!(follower.look(), Seen::Refused { .. }));
    let served = follower.served();
    assert_eq!(served.previous().map(|index| index.rows()), Some(100));
    library.assert_open(&["one", "two"]);
}

#[cfg(unix)]
#[test]
fn two_names_of_a_directory_are_one_version() {
    let library = Library::new();
    let mut follower = library.follow();
    std::os::unix::fs::symlink("one", library.path("alias")).expect("linkable");
    library.want("alias");
    assert!(matches!(follower.look(), Seen::Nothing));
    assert!(matches!(follower.look(), Seen::Nothing), "and not one that is refused later");
    library.want("two");
    swapped(follower.look());
    library.assert_open(&["one", "two"]);
}
