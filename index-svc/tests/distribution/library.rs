//! Two indexes and a store, and the real binary to bring them together.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use index_svc::builder::{BuildPlan, build};
use serde_json::Value;
use tempfile::TempDir;

use crate::catalogue::{golden_rows, plan, write_csv};

/// What is uploaded of a version, in this order.
pub(crate) const UPLOADED: [&str; 7] = [
    "blocks.bin",
    "data.mdb",
    "scaled.bin",
    "tracks.bin",
    "vectors.bin",
    "build.json",
    "manifest.json",
];
/// Those that a version's name vouches for.
pub(crate) const FILES: [&str; 6] =
    ["blocks.bin", "data.mdb", "scaled.bin", "tracks.bin", "vectors.bin", "manifest.json"];

/// Two built indexes, a store with nothing in it, and a cache.
pub(crate) struct Library {
    folder: TempDir,
    pub(crate) one: String,
    pub(crate) two: String,
}

impl Library {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = golden_rows();
        let built = |name: &str, rows: &[Vec<f64>]| {
            let table = folder.path().join(format!("{name}.csv"));
            write_csv(&table, rows, str::to_owned);
            let plan = BuildPlan { trees: 3, ..plan(vec![table], folder.path().join(name)) };
            build(&plan).expect("a sound table").version
        };
        let (one, two) = (built("one", &rows), built("two", &rows[50..350]));
        Self { folder, one, two }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// The store's URL.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.store().display())
    }

    /// The file of a version in the store.
    pub(crate) fn object(&self, version: &str, file: &str) -> PathBuf {
        self.store().join(version).join(file)
    }

    /// `publish` of the index `name`, not yet run.
    pub(crate) fn publisher(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_index-svc"));
        command.args(["publish", "--format", "json", "--by", name, "--index"]);
        command.arg(self.path(name)).arg("--to").arg(self.url());
        command
    }

    /// Publishes the index `name`; the report.
    #[track_caller]
    pub(crate) fn publish(&self, name: &str) -> Value {
        report(&self.publisher(name).output().expect("the binary runs"))
    }

    /// Runs a command about the store; the report.
    #[track_caller]
    pub(crate) fn at_store(&self, command: &str, more: &[&str]) -> Value {
        report(&self.try_at_store(command, more))
    }

    pub(crate) fn try_at_store(&self, command: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_index-svc"))
            .args([command, "--format", "json", "--at", &self.url()])
            .args(more)
            .output()
            .expect("the binary runs")
    }

    /// The version that the store's pointer names.
    pub(crate) fn wanted(&self) -> Option<String> {
        let text = fs::read_to_string(self.store().join("CURRENT")).ok()?;
        text.lines().next().map(str::to_owned)
    }

    /// Asserts that every object of a version is the file that was built.
    #[track_caller]
    pub(crate) fn assert_whole(&self, name: &str, version: &str) {
        for file in FILES {
            let built = fs::read(self.path(name).join(file)).expect("built");
            let there = fs::read(self.object(version, file)).expect("uploaded");
            assert!(built == there, "{version}/{file} is not what was built");
        }
    }
}

#[track_caller]
pub(crate) fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// Changes the bytes of a file.
pub(crate) fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("readable");
    change(&mut bytes);
    fs::write(path, bytes).expect("writable");
}

/// A way to damage a file.
pub(crate) type Damage = fn(&mut Vec<u8>);

/// Flips a bit in the middle.
pub(crate) const FLIP: Damage = |bytes| {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
};

/// Cuts the second half.
pub(crate) const CUT: Damage = |bytes| bytes.truncate(bytes.len() / 2);
