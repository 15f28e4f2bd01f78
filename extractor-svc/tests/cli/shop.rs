//! A batch on a folder as the store, and its workers.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use extractor_svc::table::{Row, ShardFooter};
use tempfile::TempDir;

use crate::process::{clip, command, library, run};

/// A source, a batch and a spool.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["music", "spool"] {
            fs::create_dir(shop.path(folder)).expect("writable");
        }
        shop
    }

    /// One with these clips.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let shop = Self::new();
        library(&shop.path("music"), files);
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    pub(crate) fn plan(&self, workers: u32, more: &str, exit_code: i32) -> std::process::Output {
        let (source, batch) = (self.url("music"), self.url("batch"));
        let workers = workers.to_string();
        let mut args = vec!["plan", "--source", &source, "--batch", &batch, "--workers", &workers];
        args.extend(more.split_whitespace());
        run(&args, exit_code)
    }

    pub(crate) fn args(&self, index: u32) -> Vec<String> {
        let batch = self.url("batch");
        let spool = self.path("spool").display().to_string();
        let index = index.to_string();
        ["work", "--batch", &batch, "--worker-index", &index, "--spool", &spool, "--jobs", "2"]
            .map(str::to_owned)
            .to_vec()
    }

    pub(crate) fn work(&self, index: u32, exit_code: i32) -> std::process::Output {
        run(&self.args(index), exit_code)
    }

    pub(crate) fn start(&self, index: u32) -> Child {
        command(&self.args(index)).spawn().expect("the binary starts")
    }

    pub(crate) fn table(&self, index: u32, of: u32) -> PathBuf {
        self.path(&format!("batch/tables/{index:05}-of-{of:05}.parquet"))
    }

    pub(crate) fn footer(&self, index: u32, of: u32) -> ShardFooter {
        let bytes = fs::read(self.table(index, of)).expect("the table is there");
        ShardFooter::of_table(bytes.into(), "a table").expect("a shard's table")
    }

    pub(crate) fn failures(&self, index: u32, of: u32) -> String {
        let path = self.path(&format!("batch/failures/{index:05}-of-{of:05}.csv"));
        let text = fs::read_to_string(path).expect("the failures are there");
        assert_eq!(text, self.footer(index, of).failures, "table and failures are of one run");
        text
    }

    /// What says that files are in work. A worker that is killed while it writes a marker may leave the
    /// staged file of `file://` beside it, `marker#1`, which no listing has.
    pub(crate) fn markers(&self) -> Vec<PathBuf> {
        let working = self.path("batch/working");
        let is_staged = |path: &PathBuf| path.to_string_lossy().contains('#');
        self.objects()
            .into_keys()
            .filter(|path| path.starts_with(&working) && !is_staged(path))
            .collect()
    }

    /// Everything below the batch, with its bytes.
    pub(crate) fn objects(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("batch")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).expect("readable");
                    found.insert(path, bytes);
                }
            }
        }
        found
    }

    /// Nothing of any worker is left on the local disk.
    pub(crate) fn assert_spool_is_empty(&self) {
        let left = fs::read_dir(self.path("spool")).expect("readable").count();
        assert_eq!(left, 0, "something is left in the spool");
    }
}

pub(crate) fn keys(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.source_path.as_str()).collect()
}

/// Paths and reasons of a failures file.
pub(crate) fn reasons(text: &str) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let record = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a record");
        (record[0].to_owned(), record[1].to_owned())
    };
    reader.records().map(record).collect()
}

/// Five minutes of noise, which take a second or two.
pub(crate) fn long(path: &Path) {
    let frames = 5 * 60 * 22_050_u32;
    let mut bytes = fs::read(clip("noise_u8_22050.wav")).expect("readable")[..44].to_vec();
    assert_eq!(&bytes[36..40], b"data", "a plain header");
    bytes[4..8].copy_from_slice(&(36 + frames).to_le_bytes());
    bytes[40..44].copy_from_slice(&frames.to_le_bytes());
    let mut state = 1_u32;
    bytes.extend((0..frames).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    fs::write(path, bytes).expect("writable");
}

/// Waits until a worker has begun.
pub(crate) fn wait_for(spool: &Path) {
    let begun = Instant::now();
    while fs::read_dir(spool).expect("readable").next().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no worker begins");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until the batch has such an object.
pub(crate) fn wait_for_object(worker: &mut Child, object: &Path) {
    let begun = Instant::now();
    while !object.exists() {
        assert_eq!(worker.try_wait().expect("a process"), None, "{} never came", object.display());
        assert!(begun.elapsed() < Duration::from_secs(60), "{} never came", object.display());
        thread::sleep(Duration::from_millis(1));
    }
}
