//! Versions swapped under load: no call fails, no answer mixes two, bad versions are refused.

mod catalogue;
mod running;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use catalogue::{golden_rows, held_out, plan, write_csv};
use index_svc::{Searcher, builder::build, versions::move_pointer};
use proto::{
    features::DEFAULT_PROFILE,
    v1::{
        FeatureVector, GetIndexInfoRequest, LookupRequest, LookupView, Neighbor,
        QueryByFeaturesRequest, QueryByTrackIndexRequest, QueryOptions,
        index_service_client::IndexServiceClient,
    },
};
use running::{Running, wait_for};
use tempfile::TempDir;
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt as _;

/// A track as far as answers are compared: id, row, distance.
type Near = (String, i64, f64);

/// What a version answers, found by opening it here.
#[derive(Debug)]
struct Expected {
    rows: Vec<Vec<f64>>,
    by_row: Vec<Vec<Near>>,
    held_out: Vec<Near>,
}

/// Rows that are asked for.
const ROWS: usize = 24;

struct Library {
    folder: TempDir,
    /// By index version.
    expected: BTreeMap<String, Expected>,
    /// Name to index version.
    versions: BTreeMap<&'static str, String>,
}

impl Library {
    /// Three versions whose ids and rows mean other vectors in each; the first one is wanted.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut library = Self { folder, expected: BTreeMap::new(), versions: BTreeMap::new() };
        let rows = golden_rows();
        let backwards: Vec<Vec<f64>> = rows.iter().rev().cloned().collect();
        library.add("one", &rows);
        library.add("two", &backwards);
        library.add("three", &rows[50..350]);
        library.want("one");
        library
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&mut self, name: &'static str, rows: &[Vec<f64>]) {
        let table = self.path(&format!("{name}.csv"));
        write_csv(&table, rows, str::to_owned);
        let trees =
            index_svc::builder::BuildPlan { trees: 3, ..plan(vec![table], self.path(name)) };
        let version = build(&trees).expect("a sound table").version;
        let index = Searcher::open(&self.path(name)).expect("just built");
        let expected = Expected {
            rows: rows.to_vec(),
            by_row: (0..ROWS).map(|row| brute_force(&index, &rows[row], Some(row))).collect(),
            held_out: brute_force(&index, &held_out(), None),
        };
        self.expected.insert(version.clone(), expected);
        self.versions.insert(name, version);
    }

    fn want(&self, name: &str) {
        move_pointer(self.folder.path(), name).expect("writable");
    }
}

/// The five nearest rows by plain arithmetic over raw vectors, exact duplicates left out.
fn brute_force(index: &Searcher, raw: &[f64], seed: Option<usize>) -> Vec<Near> {
    let query = index.scaler().transform(raw);
    let mut all: Vec<Near> = (0..index.rows())
        .map(|row| {
            let other = index.scaler().transform(&index.raw(row).expect("readable"));
            let squares = query.iter().zip(&other).map(|(a, b)| (a - b) * (a - b));
            let distance = squares.sum::<f64>().sqrt();
            let id = index.metadata(row).expect("readable").track_id;
            (id, i64::from(row), distance)
        })
        .filter(|(_, row, distance)| *distance > 0.0 && Some(*row as usize) != seed)
        .collect();
    all.sort_by(|a, b| a.2.total_cmp(&b.2).then(a.1.cmp(&b.1)));
    all.truncate(5);
    all
}

fn near(neighbors: &[Neighbor]) -> Vec<Near> {
    let one = |neighbor: &Neighbor| {
        let track = neighbor.track.as_ref().expect("set");
        (track.track_id.clone(), track.track_index, neighbor.distance)
    };
    neighbors.iter().map(one).collect()
}

#[track_caller]
fn same(got: &[Near], expected: &[Near]) {
    let keys = |near: &[Near]| near.iter().map(|n| (n.0.clone(), n.1)).collect::<Vec<_>>();
    assert_eq!(keys(got), keys(expected));
    for (got, expected) in got.iter().zip(expected) {
        // The same sums in another order: a few roundings of 74 terms.
        assert!((got.2 - expected.2).abs() <= 1e-12 * expected.2, "{got:?} {expected:?}");
    }
}

fn options() -> QueryOptions {
    QueryOptions { page_size: 5, exact: true, include_duplicates: true, ..QueryOptions::default() }
}

/// One call of each kind; each answer must be that of the version it names.
async fn ask(
    client: &mut IndexServiceClient<Channel>,
    expected: &BTreeMap<String, Expected>,
    turn: usize,
) {
    let row = turn % ROWS;
    let request =
        QueryByTrackIndexRequest { track_index: Some(row as i64), options: Some(options()) };
    let answer = client.query_by_track_index(request).await.expect("answers").into_inner();
    let version = answer.stats.expect("set").index_version;
    same(&near(&answer.neighbors), &expected[&version].by_row[row]);
    assert_eq!(answer.seed.expect("set").track_id, format!("t{row}"));

    let vector = FeatureVector {
        values: held_out(),
        profile_id: DEFAULT_PROFILE.to_owned(),
        ..FeatureVector::default()
    };
    let request = QueryByFeaturesRequest { feature_vector: Some(vector), options: Some(options()) };
    let answer = client.query_by_features(request).await.expect("answers").into_inner();
    let version = answer.stats.expect("set").index_version;
    same(&near(&answer.neighbors), &expected[&version].held_out);

    let request = LookupRequest { track_id: format!("t{row}"), view: LookupView::Features.into() };
    let found = client.lookup(request).await.expect("answers").into_inner();
    let values = found.feature_vector.expect("asked for").values;
    assert_eq!(values, expected[&found.index_version].rows[row]);

    let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers").into_inner();
    assert_eq!(info.track_count as usize, expected[&info.index_version].rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_no_answer_mixes_versions() {
    let library = Arc::new(Library::new());
    let server = Running::start(library.folder.path(), &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let turns = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let (library, stop, turns) = (Arc::clone(&library), Arc::clone(&stop), Arc::clone(&turns));
        let mut client = server.client().await;
        callers.spawn(async move {
            for turn in caller.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                ask(&mut client, &library.expected, turn).await;
                turns.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // Back and forth: to a new version, and to the one before, which is still open.
    let mut client = server.client().await;
    let mut before = library.versions["one"].clone();
    let names = ["two", "three", "two", "one", "three", "one", "two"];
    for name in names {
        library.want(name);
        let version = &library.versions[name];
        loop {
            let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers");
            match info.into_inner().index_version {
                now if now == *version => break,
                now => assert_eq!(now, before, "the old one answers until the new one does"),
            }
        }
        // Every caller has gone around a few times on the new version.
        let enough = turns.load(Ordering::Relaxed) + 8 * 4;
        while turns.load(Ordering::Relaxed) < enough {
            assert!(callers.try_join_next().is_none(), "a caller ended early");
            tokio::task::yield_now().await;
        }
        // Who expects the version before is answered by it.
        let held = QueryOptions { expected_index_version: before.clone(), ..options() };
        let request = QueryByTrackIndexRequest { track_index: Some(3), options: Some(held) };
        let answer = client.query_by_track_index(request).await.expect("still open").into_inner();
        assert_eq!(answer.stats.expect("set").index_version, before);
        same(&near(&answer.neighbors), &library.expected[&before].by_row[3]);
        before.clone_from(version);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.expect("no call failed and every answer was of one version");
    }
    // Who expects a version that is closed is told so. The last three were one, three, one, two.
    let held =
        QueryOptions { expected_index_version: library.versions["three"].clone(), ..options() };
    let request = QueryByTrackIndexRequest { track_index: Some(3), options: Some(held) };
    let status = client.query_by_track_index(request).await.expect_err("closed");
    assert_eq!(status.code(), Code::Aborted);
    let reason = status.get_error_details().error_info().expect("set").reason.clone();
    assert_eq!(reason, "INDEX_VERSION_MISMATCH");

    let swaps = names.len() as f64;
    assert_eq!(server.metric("index_swaps_total{outcome=\"swapped\"}"), Some(swaps));
    assert_eq!(server.metric("index_swaps_total{outcome=\"refused\"}"), Some(0.0));
    assert_eq!(server.metric("index_rows"), Some(400.0));
    let two = &library.versions["two"];
    let info = server.page("/metrics");
    let infos: Vec<&str> = info.lines().filter(|l| l.starts_with("index_version_info")).collect();
    assert_eq!(infos, [format!("index_version_info{{version=\"{two}\"}} 1")]);
    server.told("another version answers", names.len());
    // Not for a moment were there more than two, though calls held each of them to their ends.
    let open = server.messages().into_iter().scan(0, |open, message| {
        match message.as_str() {
            "a version is being opened" => *open += 1,
            "a version is closed" => *open -= 1,
            _ => {}
        }
        Some(*open)
    });
    assert_eq!(open.max(), Some(2));
    drop(client);
    assert_eq!(server.terminate(), Some(0));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copyable");
    }
}

/// Changes the file `name` of an index.
fn damage(index: &Path, name: &str, change: impl Fn(&mut Vec<u8>)) {
    let path = index.join(name);
    let mut bytes = fs::read(&path).expect("readable");
    change(&mut bytes);
    fs::write(&path, bytes).expect("writable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_is_refused_and_the_old_one_goes_on() {
    let library = Library::new();
    let server = Running::start(library.folder.path(), &[]);
    let mut client = server.client().await;
    let one = &library.versions["one"];
    // The counter and the line are written one after the other: neither tells that the other is there.
    let refusals = |count: usize| {
        let logged = wait_for("the refusal", || {
            let refused = server.metric("index_swaps_total{outcome=\"refused\"}");
            let logged = server.logged("a version is refused; the old one stays");
            (refused == Some(count as f64) && logged.len() >= count).then_some(logged)
        });
        assert_eq!(logged.len(), count, "each is told once");
        assert_eq!(logged[count - 1]["version"], one.as_str());
        assert!(server.page("/readyz").starts_with("HTTP/1.1 200"), "readiness does not change");
    };

    let two = library.path("two");
    let bad = |name: &str| {
        let path = library.path(name);
        copy(&two, &path);
        path
    };
    damage(&bad("flipped"), "data.mdb", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
    });
    damage(&bad("cut"), "data.mdb", |bytes| bytes.truncate(bytes.len() - 4096));
    damage(&bad("vectors"), "vectors.bin", |bytes| bytes[5000] ^= 1);
    damage(&bad("tracks"), "tracks.bin", |bytes| bytes[500] ^= 32);
    damage(&bad("image"), "blocks.bin", |bytes| *bytes.last_mut().expect("bytes") ^= 1);
    damage(&bad("empty"), "blocks.bin", Vec::clear);
    damage(&bad("manifest"), "manifest.json", |bytes| bytes.truncate(bytes.len() / 2));
    fs::remove_file(bad("bare").join("manifest.json")).expect("removable");
    let names = [
        "flipped", "cut", "vectors", "tracks", "image", "empty", "manifest", "bare", "nowhere",
        "one.csv",
    ];
    for (at, name) in names.iter().enumerate() {
        library.want(name);
        refusals(at + 1);
        ask(&mut client, &library.expected, at).await;
        let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers");
        assert_eq!(info.into_inner().index_version, *one, "{name}");
    }
    let pointer = library.path("CURRENT");
    fs::write(&pointer, "../elsewhere").expect("writable");
    refusals(names.len() + 1);
    // A pointer that cannot be read is the same trouble as one that makes no sense, and told once.
    fs::remove_file(&pointer).expect("removable");
    ask(&mut client, &library.expected, 0).await;
    refusals(names.len() + 1);

    // A version that was still being copied is taken when it is whole, under the same name.
    library.want("late");
    refusals(names.len() + 2);
    copy(&two, &library.path("late.part"));
    fs::rename(library.path("late.part"), library.path("late")).expect("renamable");
    wait_for("the late version", || {
        (server.metric("index_swaps_total{outcome=\"swapped\"}") == Some(1.0)).then_some(())
    });
    let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers");
    assert_eq!(info.into_inner().index_version, library.versions["two"]);
    ask(&mut client, &library.expected, 1).await;
    drop(client);
    assert_eq!(server.terminate(), Some(0));
}

/// A server does not begin with a version that it would not swap in.
#[test]
fn a_bad_first_version_is_no_server() {
    let library = Library::new();
    damage(&library.path("one"), "data.mdb", |bytes| bytes[9000] ^= 1);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["serve", "--listen", "127.0.0.1:0", "--verify", "--index"])
        .arg(library.folder.path())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "it never listened");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_index_is_followed() {
    let library = Library::new();
    let link = library.path("link");
    let point = |name: &str| {
        let next = library.path("link.next");
        std::os::unix::fs::symlink(name, &next).expect("linkable");
        fs::rename(&next, &link).expect("renamable");
    };
    point("one");
    let server = Running::start(&link, &[]);
    let mut client = server.client().await;
    ask(&mut client, &library.expected, 0).await;
    point("three");
    wait_for("the swap", || (server.metric("index_rows") == Some(300.0)).then_some(()));
    ask(&mut client, &library.expected, 1).await;
}
