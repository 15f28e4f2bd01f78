//! A forest on a host with little memory: vectors and trees stay in files, of which the system keeps what it has
//! room for, and answers are the same.
#![cfg(target_os = "linux")]

mod catalogue;
mod running;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use catalogue::{lcg, plan, write_csv};
use index_svc::builder::{BuildEngines, BuildPlan, build};
use proto::{
    features::DIMS,
    v1::{QueryByTrackIndexRequest, QueryOptions},
};
use running::Running;

const MIB: u64 = 1 << 20;
const ROWS: usize = 60_000;
/// Rows around one centre.
const CLUSTER: usize = 300;
/// What the server may have of its own. The scaled vectors alone take 17 MiB.
const MOST_ANONYMOUS: u64 = 14 * MIB;
/// What it and the pages of its files may have together: less than half of the files.
const LIMIT: u64 = 40 * MIB;

/// A control group with a limit on memory, of either version; it is removed when dropped.
struct MemoryGroup {
    folder: PathBuf,
}

impl MemoryGroup {
    /// `None`, said aloud, where nobody may make one.
    #[expect(clippy::disallowed_methods, reason = "what must not be skipped is no configuration")]
    fn with_limit(bytes: u64) -> Option<Self> {
        let name = format!("soundalike-test-{}", std::process::id());
        let places = [("memory", "memory.limit_in_bytes"), ("", "memory.max")];
        let made = places.into_iter().find_map(|(controller, limit)| {
            let folder = Path::new("/sys/fs/cgroup").join(controller).join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self { folder };
            fs::write(group.folder.join(limit), bytes.to_string()).ok().map(|()| group)
        });
        if made.is_none() {
            let required = std::env::var_os("SOUNDALIKE_REQUIRE_SHARED");
            assert!(required.is_none_or(|it| it != "1"), "a memory control group is required");
            std::io::stdout()
                .write_all(b"skipped: no memory control group can be made here\n")
                .expect("stdout is there");
        }
        made
    }

    fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The server in it has ended; were it not so, the group would stay.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Clusters of unequal spread.
fn rows() -> Vec<Vec<f64>> {
    let centres: Vec<f64> = lcg(3, ROWS / CLUSTER * DIMS);
    let centres: Vec<&[f64]> = centres.chunks(DIMS).collect();
    let around = |(row, noise): (usize, &[f64])| -> Vec<f64> {
        let cluster = row % centres.len();
        let spread = 0.05 + 0.4 * (cluster % 7) as f64 / 7.0;
        centres[cluster].iter().zip(noise).map(|(c, n)| c + spread * n).collect()
    };
    lcg(5, ROWS * DIMS).chunks(DIMS).enumerate().map(around).collect()
}

async fn answer(server: &Running, row: i64, exact: bool) -> (Vec<i64>, String) {
    let options = QueryOptions { page_size: 10, exact, ..QueryOptions::default() };
    let request = QueryByTrackIndexRequest { track_index: Some(row), options: Some(options) };
    let answer = server.client().await.query_by_track_index(request).await;
    let answer = answer.expect("it is answered").into_inner();
    let rows = answer.neighbors.iter().filter_map(|near| Some(near.track.as_ref()?.track_index));
    (rows.collect(), answer.stats.expect("set").engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forest_answers_in_less_memory_than_its_files_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
    write_csv(&table, &rows(), str::to_owned);
    let engines = BuildEngines::Forest;
    let plan = plan(vec![table], index.clone());
    build(&BuildPlan { engines, trees: 10, ..plan }).expect("a sound table");
    let files = fs::read_dir(&index).expect("built");
    let files: u64 =
        files.map(|file| file.expect("readable").metadata().expect("there").len()).sum();
    assert!(files > 2 * LIMIT, "{} MiB of files", files / MIB);

    let asked: Vec<i64> = (0..ROWS as i64).step_by(ROWS / 60).collect();
    let server = Running::start(&index, &["--engine", "forest"]);
    let mut free = Vec::new();
    for row in &asked {
        free.push(answer(&server, *row, false).await);
    }
    let anonymous = server.anonymous_memory();
    println!("{} MiB of files, {} KiB anonymous", files / MIB, anonymous / 1024);
    assert!(anonymous <= MOST_ANONYMOUS, "{} KiB", anonymous / 1024);
    drop(server);

    let Some(group) = MemoryGroup::with_limit(LIMIT) else { return };
    let server = Running::start_within(&group.processes(), &index, &["--engine", "forest"]);
    let members = fs::read_to_string(group.processes()).expect("readable");
    assert!(members.lines().any(|line| line == server.child.id().to_string()), "{members}");
    let (mut found, mut all) = (0, 0);
    for (row, free) in asked.iter().zip(&free) {
        let held = answer(&server, *row, false).await;
        assert_eq!(&held, free, "row {row}");
        assert_eq!(held.1, "forest");
        // Every row is looked at, more than there is room for.
        let (truth, engine) = answer(&server, *row, true).await;
        assert_eq!(engine, "scan");
        all += truth.len();
        found += truth.iter().filter(|row| held.0.contains(row)).count();
    }
    let recall = f64::from(found as u32) / all as f64;
    assert!(recall >= 0.97, "{recall} where 0.99 is promised");
    drop(server);
}
