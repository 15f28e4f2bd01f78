//! Killed builders, full disks, read-only file systems, two at once: nothing is lost, nothing half is
//! served, and the next attempt succeeds.

mod catalogue;
mod running;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use catalogue::{csv_text, golden_rows, plan, write_csv};
use index_svc::{
    Searcher,
    builder::{BuildPlan, build},
    versions::{move_pointer, read_pointer},
};
use proto::v1::{GetIndexInfoRequest, QueryByTrackIndexRequest};
use running::{Running, wait_for};
use tempfile::TempDir;

struct Shop {
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { folder: tempfile::tempdir().expect("a folder") };
        write_csv(&shop.path("table.csv"), &golden_rows()[..300], str::to_owned);
        let text = csv_text(&golden_rows()[300..], str::to_owned).replace("\nt", "\nnew");
        fs::write(shop.path("new.csv"), text).expect("writable");
        shop
    }

    /// With a folder of versions whose first one has 300 rows.
    fn with_library() -> Self {
        let shop = Self::new();
        let first = shop.library().join("first");
        build(&BuildPlan { trees: 40, ..plan(vec![shop.path("table.csv")], first) })
            .expect("sound");
        move_pointer(&shop.library(), "first").expect("writable");
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("library")
    }

    fn build_command(&self, output: &Path, trees: &str) -> Command {
        let mut command = self.command("build", "table.csv");
        command.args(["--trees", trees, "--output"]).arg(output);
        command
    }

    fn append_command(&self) -> Command {
        let mut command = self.command("append", "new.csv");
        command.arg("--index").arg(self.library());
        command
    }

    fn command(&self, name: &str, table: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_index-svc"));
        command
            .args([name, "--profile", "librosa-0.11-22050", "--log-format", "json", "--input"])
            .arg(self.path(table))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// The version that the pointer names is whole, and the first one is as it was.
    fn is_sound(&self) -> u32 {
        let index = Searcher::open(&self.library()).expect("the pointer names a whole version");
        Searcher::verify_files(&self.library(), index.manifest()).expect("as it was made");
        let rows = index.rows();
        drop(index);
        let first = Searcher::open(&self.library().join("first")).expect("it is never changed");
        Searcher::verify_files(&self.library().join("first"), first.manifest())
            .expect("never changed");
        assert_eq!(first.rows(), 300);
        rows
    }
}

/// Directories that builders work in.
fn workplaces(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.to_string_lossy().contains(".building-")).collect()
}

/// A point of a build or an append at which it is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// When its log says so.
    Logged(&'static str),
    /// When this file is in its workplace, or the work is done.
    Has(&'static str),
}

/// Lets the child come to `point`, and kills it.
fn kill_at(mut child: Child, folder: &Path, point: Point) {
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    match point {
        Point::Logged(message) => {
            let mut line = String::new();
            while !line.contains(message) {
                line.clear();
                assert!(log.read_line(&mut line).expect("readable") > 0, "{message} never came");
            }
        }
        Point::Has(name) => loop {
            let there =
                folder.exists() && workplaces(folder).iter().any(|path| path.join(name).exists());
            if there || child.try_wait().expect("waitable").is_some() {
                break;
            }
            std::thread::yield_now();
        },
    }
    // SIGKILL; it may have come to its end by now.
    let _ = child.kill();
    child.wait().expect("waitable");
}

#[test]
fn a_build_killed_anywhere_leaves_no_half_index() {
    let shop = Shop::new();
    let output = shop.path("index");
    let points = [
        Point::Has(""),
        Point::Has("data.mdb"),
        Point::Has("tracks.bin"),
        Point::Logged("tables are read"),
        Point::Has("vectors.bin"),
        Point::Has("scaled.bin"),
        Point::Logged("growing the forest"),
        Point::Logged("packing the blocks"),
        Point::Has("blocks.bin"),
        Point::Logged("measuring recall"),
        Point::Has("manifest.json"),
    ];
    for point in points {
        let child = shop.build_command(&output, "40").spawn().expect("the binary runs");
        kill_at(child, shop.folder.path(), point);
        if output.exists() {
            let index = Searcher::open(&output).expect("whole, if it has its name");
            Searcher::verify_files(&output, index.manifest()).expect("whole");
            drop(index);
            fs::remove_dir_all(&output).expect("removable");
        }
        // At most what this one left: the next builder removes it.
        assert!(workplaces(shop.folder.path()).len() <= 1, "{point:?}");
    }
    let done = shop.build_command(&output, "3").output().expect("the binary runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(
        workplaces(shop.folder.path()),
        Vec::<PathBuf>::new(),
        "nothing is left lying about"
    );
    assert_eq!(Searcher::open(&output).expect("whole").rows(), 300);
}

#[test]
fn an_append_killed_anywhere_loses_nothing() {
    let points = [
        Point::Has("data.mdb"),
        Point::Has("vectors.bin"),
        Point::Has("scaled.bin"),
        Point::Logged("rows are changed"),
        Point::Logged("packing the blocks"),
        Point::Has("blocks.bin"),
        Point::Logged("measuring recall"),
        Point::Has("manifest.json"),
    ];
    let mut shop = Shop::with_library();
    for point in points {
        let child = shop.append_command().spawn().expect("the binary runs");
        kill_at(child, &shop.library(), point);
        match shop.is_sound() {
            300 => {}
            400 => shop = Shop::with_library(),
            rows => panic!("{rows} rows after {point:?}"),
        }
    }
    // Killed between the version's name and the pointer, it is there and not wanted: harmless.
    let done = shop.append_command().output().expect("the binary runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(shop.is_sound(), 400);
    assert_eq!(workplaces(&shop.library()), Vec::<PathBuf>::new());
}

/// A pointer that was being written when its writer was killed is the old one, and the next is whole.
#[test]
fn a_half_written_pointer_is_not_one() {
    let shop = Shop::with_library();
    for half in ["", "fir", "../../x"] {
        fs::write(shop.library().join(".CURRENT.next"), half).expect("writable");
        assert_eq!(read_pointer(&shop.library()).expect("the old one"), "first");
        assert_eq!(shop.is_sound(), 300);
    }
    let done = shop.append_command().output().expect("the binary runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(shop.is_sound(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_swap_comes_back_with_what_is_wanted() {
    let shop = Shop::with_library();
    let second = shop.library().join("second");
    let table = vec![shop.path("new.csv")];
    build(&BuildPlan { trees: 3, ..plan(table, second) }).expect("sound");
    let mut names = ["second", "first"].iter().cycle();
    for calls in 0..12 {
        let server = Running::start(&shop.library(), &[]);
        let mut client = server.client().await;
        let name = names.next().expect("a cycle");
        let before = Searcher::open(&shop.library()).expect("sound").version().to_owned();
        move_pointer(&shop.library(), name).expect("writable");
        let wanted = Searcher::open(&shop.library()).expect("sound").version().to_owned();
        // Killed some calls later: before, in, or after the swap.
        for _ in 0..calls * 8 {
            let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers");
            let version = info.into_inner().index_version;
            assert!(version == before || version == wanted, "{version}");
        }
        let mut server = server;
        server.child.kill().expect("killable");
        server.child.wait().expect("waitable");
        drop(server);
        let server = Running::start(&shop.library(), &["--verify"]);
        let mut client = server.client().await;
        let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers");
        assert_eq!(info.into_inner().index_version, wanted);
        let ask = QueryByTrackIndexRequest { track_index: Some(3), options: None };
        let answer = client.query_by_track_index(ask).await.expect("answers").into_inner();
        assert_eq!(answer.stats.expect("set").index_version, wanted);
        assert_eq!(answer.neighbors.len(), 10);
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that may write files of at most so many blocks of 512 bytes. A write beyond that
/// fails as on a full disk, and the signal that comes with it is ignored.
fn limited(command: &Command, blocks: u64) -> Output {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\" && exec \"$@\""])
        .arg(blocks.to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .expect("sh runs")
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let shop = Shop::with_library();
    let bytes = |path: PathBuf| fs::metadata(path).expect("built").len();
    let data = bytes(shop.library().join("first/data.mdb"));
    let image = bytes(shop.library().join("first/blocks.bin"));
    let output = shop.path("index");
    for share in [1, 10, 25, 50, 75, 95] {
        // `ulimit -f` counts 512 bytes in some shells and 1024 in others: half of it is little enough.
        let blocks = data * share / 100 / 1024;
        let ended = limited(&shop.build_command(&output, "40"), blocks);
        assert_eq!(ended.status.code(), Some(1), "{share} %: {}", text(&ended));
        assert!(!output.exists(), "{share} %");
        assert_eq!(workplaces(shop.folder.path()), Vec::<PathBuf>::new(), "{share} %");
        let ended = limited(&shop.append_command(), blocks);
        assert_eq!(ended.status.code(), Some(1), "{share} %: {}", text(&ended));
        assert_eq!(shop.is_sound(), 300, "{share} %");
        assert_eq!(workplaces(&shop.library()), Vec::<PathBuf>::new(), "{share} %");
    }
    // Enough for everything.
    let enough = 64 * (data + image) / 512;
    let ended = limited(&shop.append_command(), enough);
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended));
    assert_eq!(shop.is_sound(), 400);
}

/// A file system of memory, unmounted when it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// None, and the reason on standard error, where this process may not mount.
    #[expect(clippy::disallowed_methods, reason = "what must not be skipped is no configuration")]
    fn new(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).expect("writable");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(&path);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(path)),
            other => {
                let required = std::env::var_os("SOUNDALIKE_REQUIRE_SHARED");
                assert!(
                    required.is_none_or(|value| value != "1"),
                    "a mount is required: {other:?}"
                );
                let skipped = format!("skipped: no file system can be mounted here ({other:?})\n");
                std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes())
                    .expect("stderr is there");
                None
            }
        }
    }

    fn read_only(&self) {
        let mounted = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status()
            .expect("mount runs");
        assert!(mounted.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A folder that is in use stays mounted until it is not.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_really_full_is_an_error_too() {
    let shop = Shop::with_library();
    let first = fs::read_dir(shop.library().join("first")).expect("built");
    let bytes = |file: fs::DirEntry| file.metadata().expect("readable").len();
    let data: u64 = first.map(|file| bytes(file.expect("readable"))).sum();
    for share in [5, 40, 110, 160] {
        let size = (data * share / 100).max(4096).to_string();
        let Some(disk) = Mounted::new(shop.path(&format!("disk{share}")), &size) else { return };
        let ended = shop.build_command(&disk.0.join("index"), "40").output().expect("runs");
        if ended.status.success() {
            assert!(share > 100, "it cannot fit into {share} %");
            Searcher::open(&disk.0.join("index")).expect("whole");
        } else {
            assert_eq!(ended.status.code(), Some(1), "{}", text(&ended));
            assert_eq!(fs::read_dir(&disk.0).expect("readable").count(), 0, "nothing is left");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_system_serves_and_takes_nothing() {
    let shop = Shop::with_library();
    let Some(disk) = Mounted::new(shop.path("disk"), "64m") else { return };
    let library = disk.0.join("library");
    fs::create_dir(&library).expect("writable");
    let copied =
        Command::new("cp").arg("-r").arg(shop.library().join("first")).arg(&library).status();
    assert!(copied.expect("cp runs").success());
    move_pointer(&library, "first").expect("writable still");
    disk.read_only();
    let server = Running::start(&library, &["--verify"]);
    let mut client = server.client().await;
    let ask = QueryByTrackIndexRequest { track_index: Some(3), options: None };
    let answer = client.query_by_track_index(ask).await.expect("answers").into_inner();
    assert_eq!(answer.neighbors.len(), 10);
    for mut command in [shop.build_command(&disk.0.join("index"), "3"), {
        let mut append = shop.command("append", "new.csv");
        append.arg("--index").arg(&library);
        append
    }] {
        let ended = command.output().expect("runs");
        assert_eq!(ended.status.code(), Some(1), "{}", text(&ended));
        assert!(text(&ended).contains("Read-only file system"), "{}", text(&ended));
    }
    assert_eq!(read_pointer(&library).expect("a name"), "first");
    assert_eq!(fs::read_dir(&library).expect("readable").count(), 2);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn of_two_builders_at_once_one_wins_and_the_other_is_told() {
    let shop = Shop::new();
    for round in 0..3 {
        let output = shop.path(&format!("index{round}"));
        let children: Vec<Child> = (0..3)
            .map(|_| shop.build_command(&output, "10").spawn().expect("the binary runs"))
            .collect();
        let ended: Vec<Output> =
            children.into_iter().map(|child| child.wait_with_output().expect("ends")).collect();
        let won = ended.iter().filter(|output| output.status.success()).count();
        assert_eq!(won, 1, "{:?}", ended.iter().map(text).collect::<Vec<_>>());
        for output in ended.iter().filter(|output| !output.status.success()) {
            assert_eq!(output.status.code(), Some(1));
            assert!(text(output).contains("exists"), "{}", text(output));
        }
        let index = Searcher::open(&output).expect("whole");
        Searcher::verify_files(&output, index.manifest()).expect("of one builder");
        assert_eq!(workplaces(shop.folder.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn of_appends_at_once_none_that_succeeded_is_lost() {
    let shop = Shop::with_library();
    let batches: Vec<PathBuf> = (0..4)
        .map(|batch| {
            let rows = &golden_rows()[300 + 10 * batch..310 + 10 * batch];
            let text = csv_text(rows, str::to_owned).replace("\nt", &format!("\nbatch{batch}-"));
            let path = shop.path(&format!("batch{batch}.csv"));
            fs::write(&path, text).expect("writable");
            path
        })
        .collect();
    let mut left: Vec<usize> = (0..batches.len()).collect();
    let mut refusals = 0;
    while !left.is_empty() {
        let children: Vec<(usize, Child)> = left
            .iter()
            .map(|batch| {
                let name = format!("batch{batch}.csv");
                let mut command = shop.command("append", &name);
                command.arg("--index").arg(shop.library());
                (*batch, command.spawn().expect("the binary runs"))
            })
            .collect();
        left.clear();
        for (batch, child) in children {
            let ended = child.wait_with_output().expect("ends");
            if !ended.status.success() {
                assert!(text(&ended).contains("another process"), "{}", text(&ended));
                refusals += 1;
                left.push(batch);
            }
        }
        // One at least gets on in every round.
        assert!(refusals < 32, "they keep each other out");
    }
    assert!(refusals > 0, "they were at it at the same time");
    let index = Searcher::open(&shop.library()).expect("whole");
    assert_eq!(index.rows(), 340);
    for batch in 0..4 {
        for row in 0..10 {
            let id = format!("batch{batch}-{row}");
            assert!(index.row_of(&id).expect("readable").is_some(), "{id} is lost");
        }
    }
}

/// The reader at the end of a pipe that is closed early does not change what was built.
#[test]
fn a_report_that_nobody_reads_is_no_failure() {
    let shop = Shop::new();
    let output = shop.path("index");
    let mut child =
        shop.build_command(&output, "3").stdout(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let mut log = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut log).expect("readable");
    assert!(child.wait().expect("waitable").success(), "{log}");
    let index = wait_for("the index", || Searcher::open(&output).ok());
    assert_eq!(index.rows(), 300);
}
