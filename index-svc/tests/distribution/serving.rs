//! Servers that follow a store: swaps, damaged objects, broken downloads, a store that is gone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    library::{CUT, FILES, FLIP, Library, damage},
    running::{Running, wait_for},
    slow_store::{SlowStore, URL},
};

impl Library {
    fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    fn serve(&self) -> Running {
        let cache = self.cache();
        let cache = cache.to_str().expect("UTF-8");
        Running::start(Path::new(&self.url()), &["--cache", cache])
    }

    /// The names in the cache, in order.
    fn cached(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache()).expect("there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Leaves a broken download of version `two` in the cache.
    fn break_download(&self, change: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let partial = self.cache().join(format!(".{}.partial", self.two));
        fs::create_dir_all(&partial).expect("writable");
        let path = partial.join("data.mdb");
        fs::copy(self.path("two").join("data.mdb"), &path).expect("copied");
        damage(&path, change);
        fs::metadata(&path).expect("there").len()
    }
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

fn answers(server: &Running, version: &str) {
    let series = format!("index_version_info{{version=\"{version}\"}}");
    wait_for(&series, || (server.metric(&series) == Some(1.0)).then_some(()));
}

#[test]
fn a_server_follows_the_pointer_and_keeps_two_versions() {
    let library = Library::new();
    library.publish("one");
    let server = library.serve();
    answers(&server, &library.one);
    assert_eq!(library.cached(), sorted(&["CURRENT", &library.one]));
    library.publish("two");
    answers(&server, &library.two);
    wait_for("the cache", || {
        let both = sorted(&["CURRENT", &library.one, &library.two]);
        (library.cached() == both).then_some(())
    });
    library.at_store("rollback", &[]);
    answers(&server, &library.one);
    // Going back fetches nothing.
    server.told("a version is fetched", 2);

    // A third version: the one that is neither served nor open any more goes.
    let table = library.path("one.csv");
    let text = fs::read_to_string(&table).expect("readable");
    let rows: Vec<&str> = text.lines().take(200).collect();
    fs::write(library.path("three.csv"), rows.join("\n")).expect("writable");
    let built = Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["build", "--trees", "3", "--profile", "librosa-0.11-22050", "--input"])
        .arg(library.path("three.csv"))
        .arg("--output")
        .arg(library.path("three"))
        .output();
    assert!(built.expect("the binary runs").status.success());
    let three = library.publish("three")["index_version"].as_str().expect("a name").to_owned();
    answers(&server, &three);
    wait_for("the cache", || {
        (library.cached() == sorted(&["CURRENT", &library.one, &three])).then_some(())
    });
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_damaged_object_is_never_served_and_a_repaired_one_is() {
    for (file, change) in FILES.iter().flat_map(|file| [(file, FLIP), (file, CUT)]) {
        let library = Library::new();
        library.publish("one");
        let server = library.serve();
        answers(&server, &library.one);
        drop(server);
        library.publish("two");
        damage(&library.object(&library.two, file), change);

        // A server that starts now serves the one before from its cache, and says why it stays.
        let server = library.serve();
        answers(&server, &library.one);
        let told = server.told("a version is refused; the old one stays", 1);
        assert!(told[0]["error"].as_str().expect("why").contains(*file), "{told:?}");
        wait_for("the refusal", || {
            let refused = server.metric("index_swaps_total{outcome=\"refused\"}");
            (refused == Some(1.0)).then_some(())
        });
        assert!(!library.cache().join(&library.two).exists(), "{file} got its name");

        library.publish("two");
        answers(&server, &library.two);
    }
}

#[test]
fn a_store_that_is_gone_stops_no_server() {
    let library = Library::new();
    library.publish("one");
    let server = library.serve();
    answers(&server, &library.one);
    let seen = server.metric("index_source_last_answer_timestamp_seconds").expect("there");
    assert!(seen > 1.7e9, "{seen}");
    let away = library.path("away");
    fs::rename(library.store(), &away).expect("renamed");
    let failed = "index_source_looks_total{outcome=\"failed\"}";
    wait_for("looks that fail", || (server.metric(failed) >= Some(3.0)).then_some(()));
    answers(&server, &library.one);
    assert!(server.page("/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(server.terminate(), Some(0));

    // It starts again without the store, and follows it when it is back.
    let server = library.serve();
    answers(&server, &library.one);
    assert_eq!(server.metric("index_source_last_answer_timestamp_seconds"), Some(0.0));
    wait_for("a look that fails", || (server.metric(failed) >= Some(1.0)).then_some(()));
    fs::rename(&away, library.store()).expect("renamed");
    library.publish("two");
    answers(&server, &library.two);
    server.told("the source says again which version is wanted", 1);
}

/// A restart during a roll: the version that was served answers before the store has said a word.
#[test]
fn a_store_that_keeps_a_restart_waiting_keeps_no_caller_waiting() {
    let library = Library::new();
    library.publish("one");
    drop(library.serve());
    library.publish("two");

    let store = SlowStore::start(library.store());
    let cache = library.cache();
    let server = Running::start(
        Path::new(URL),
        &[
            "--cache",
            cache.to_str().expect("UTF-8"),
            "--storage-endpoint",
            &store.endpoint,
            "--storage-allow-http",
            "true",
            "--storage-anonymous",
            "true",
            // The store answers when the test says so, however long that is.
            "--storage-timeout",
            "1h",
        ],
    );
    wait_for("the store to be asked", || (store.asked() > 0).then_some(()));
    answers(&server, &library.one);
    assert!(server.page("/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(server.metric("index_source_looks_total{outcome=\"answered\"}"), Some(0.0));

    store.open();
    answers(&server, &library.two);
    server.told("a version is fetched", 1);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn without_a_store_and_without_a_cache_there_is_no_server() {
    let library = Library::new();
    let start = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_index-svc"))
            .args(["serve", "--listen", "127.0.0.1:0", "--index", &library.url()])
            .args(more)
            .output()
            .expect("the binary runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let (code, said) = start(&[]);
    assert!(said.contains("expected --cache"), "{said}");
    assert_eq!(code, Some(2), "the command line is wrong");
    let cache = library.cache();
    let (code, said) = start(&["--cache", cache.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("publish an index there first"), "{said}");

    library.publish("one");
    let _server = library.serve();
    let (code, said) = start(&["--cache", cache.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is the cache of another process"), "{said}");
}

#[test]
fn a_broken_download_is_resumed() {
    let library = Library::new();
    library.publish("one");
    library.publish("two");
    let total: u64 = FILES[..FILES.len() - 1]
        .iter()
        .map(|file| fs::metadata(library.path("two").join(file)).expect("built").len())
        .sum();
    let data = fs::metadata(library.path("two").join("data.mdb")).expect("built").len();
    let fetched = |library: &Library| {
        let server = library.serve();
        answers(&server, &library.two);
        let told = server.told("a version is fetched", 1);
        // Logged before it.
        let restarts =
            server.logged("a resumed file is not what was built; fetched from its beginning");
        drop(server);
        let bytes = told[0]["fetched_bytes"].as_u64().expect("a number");
        assert_eq!(library.cached(), sorted(&["CURRENT", &library.two]));
        fs::remove_dir_all(library.cache()).expect("removable");
        (bytes, restarts.len())
    };
    assert_eq!(fetched(&library), (total, 0));
    let half = library.break_download(CUT);
    assert_eq!(fetched(&library), (total - half, 0), "the missing half");
    library.break_download(|_| ());
    assert_eq!(fetched(&library), (total - data, 0), "only the manifest and the other file");
    library.break_download(|bytes| {
        CUT(bytes);
        FLIP(bytes);
    });
    assert_eq!(fetched(&library).1, 1, "begun again");
    library.break_download(|bytes| bytes.push(0));
    assert_eq!(fetched(&library), (total, 0), "longer than the file");
    let strange = library.cache().join(format!(".{}.partial", library.two));
    fs::create_dir_all(strange.join("folder")).expect("writable");
    fs::write(strange.join("of-another-time"), "x").expect("writable");
    assert_eq!(fetched(&library), (total, 0));
}

/// What rots on the local disk is fetched again.
#[test]
fn a_damaged_cache_is_fetched_again() {
    let library = Library::new();
    library.publish("one");
    drop(library.serve());
    damage(&library.cache().join(&library.one).join("blocks.bin"), FLIP);
    let server = library.serve();
    answers(&server, &library.one);
    server.told("a version is fetched", 1);
}
