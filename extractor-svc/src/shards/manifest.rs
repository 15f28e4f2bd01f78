//! The manifest: one line for each file, JSON, in the order of their keys. It is made on local disk in
//! sorted runs that are merged, so that neither its length nor the store's own order matters.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _},
    ops::Range,
    path::{Path, PathBuf},
};

use proto::features::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Files that are sorted in memory; about 100 MB of keys.
const RUN_FILES: usize = 500_000;
/// Longest line, in bytes: a key has at most 1,024 of them in most stores.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// A file of the source, as it was when the batch was planned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name below the source.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The store's name for just these bytes, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// A manifest in the making.
#[derive(Debug)]
pub struct ManifestWriter {
    folder: PathBuf,
    run_files: usize,
    run: Vec<SourceFile>,
    runs: Vec<BufReader<File>>,
}

/// A whole manifest on local disk, in a file without a name.
#[derive(Debug)]
pub struct Manifest {
    lines: BufReader<File>,
    /// Its lines.
    pub files: u64,
    /// Bytes of all its files.
    pub bytes: u64,
}

impl ManifestWriter {
    /// Begins a manifest whose parts are kept in `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self::with_runs(folder, RUN_FILES)
    }

    fn with_runs(folder: &Path, run_files: usize) -> Self {
        Self { folder: folder.to_owned(), run_files, run: Vec::new(), runs: Vec::new() }
    }

    /// Adds a file, in any order.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn push(&mut self, file: SourceFile) -> io::Result<()> {
        self.run.push(file);
        if self.run.len() == self.run_files { self.end_run() } else { Ok(()) }
    }

    fn end_run(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let mut sink = BufWriter::new(tempfile::tempfile_in(&self.folder)?);
        for file in self.run.drain(..) {
            write_line(&mut sink, &file)?;
        }
        self.runs.push(BufReader::new(rewound(sink)?));
        Ok(())
    }

    /// Puts all of it in order.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> io::Result<Manifest> {
        self.end_run()?;
        let mut next = BinaryHeap::new();
        for (number, run) in self.runs.iter_mut().enumerate() {
            next.extend(read_line(run)?.map(|file| Reverse((file, number))));
        }
        let mut sink = BufWriter::new(tempfile::tempfile_in(&self.folder)?);
        let (mut files, mut bytes) = (0, 0_u64);
        while let Some(Reverse((file, number))) = next.pop() {
            write_line(&mut sink, &file)?;
            files += 1;
            bytes = bytes.saturating_add(file.bytes);
            let more = read_line(&mut self.runs[number])?;
            next.extend(more.map(|file| Reverse((file, number))));
        }
        let lines = BufReader::new(rewound(sink)?);
        Ok(Manifest { lines, files, bytes })
    }
}

impl Manifest {
    /// The SHA-256 of each shard's lines, in hexadecimal, one on a line. Lines are read from the first
    /// on, and are at the first again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn list_digests(&mut self, workers: u32) -> io::Result<String> {
        let mut digests = String::new();
        for shard in 0..workers {
            let places = places(self.files, workers, shard);
            let mut digest = Sha256::new();
            for _ in places {
                digest.update(self.next_lines(1)?);
            }
            digests.push_str(&hex(&digest.finalize()));
            digests.push('\n');
        }
        self.lines.rewind()?;
        Ok(digests)
    }

    /// The next `files` lines, as they stand.
    ///
    /// # Errors
    /// When the disk refuses, or there are fewer.
    pub fn next_lines(&mut self, files: u64) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        for _ in 0..files {
            if self.lines.read_until(b'\n', &mut lines)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(lines)
    }
}

/// Files of a shard, by their places in the manifest: as many as of any other, or one more.
///
/// # Panics
/// Never: a place is at most the number of files.
pub(super) fn places(files: u64, workers: u32, shard: u32) -> Range<u64> {
    let until = |shard: u32| {
        let place = u128::from(files) * u128::from(shard) / u128::from(workers);
        u64::try_from(place).expect("at most the files")
    };
    until(shard)..until(shard + 1)
}

fn rewound(sink: BufWriter<File>) -> io::Result<File> {
    let mut file = sink.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

fn write_line(sink: &mut impl io::Write, file: &SourceFile) -> io::Result<()> {
    let mut line = serde_json::to_string(file)?;
    line.push('\n');
    if line.len() as u64 > MAX_LINE_BYTES {
        return Err(io::Error::other(format!("a line has more than {MAX_LINE_BYTES} bytes")));
    }
    sink.write_all(line.as_bytes())
}

fn read_line(run: &mut BufReader<File>) -> io::Result<Option<SourceFile>> {
    let mut line = String::new();
    run.take(MAX_LINE_BYTES).read_line(&mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(keys: &[&str], run_files: usize) -> Manifest {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = ManifestWriter::with_runs(folder.path(), run_files);
        for key in keys {
            let etag = key.starts_with('a').then(|| format!("\"{key}\""));
            writer.push(SourceFile { key: (*key).into(), bytes: 3, etag }).expect("writable");
        }
        writer.finish().expect("writable")
    }

    #[test]
    fn order_and_runs_change_nothing() {
        let expected = r#"{"key":"a/1","bytes":3,"etag":"\"a/1\""}
{"key":"a/10","bytes":3,"etag":"\"a/10\""}
{"key":"b","bytes":3}
{"key":"é","bytes":3}
"#;
        let mut digests = Vec::new();
        for (keys, run_files) in [
            (["a/1", "a/10", "b", "é"], 100),
            (["é", "b", "a/10", "a/1"], 1),
            (["b", "a/1", "é", "a/10"], 3),
            (["b", "é", "a/1", "a/10"], 2),
        ] {
            let mut manifest = manifest(&keys, run_files);
            assert_eq!((manifest.files, manifest.bytes), (4, 12));
            digests.push(manifest.list_digests(3).expect("readable"));
            let mut lines = manifest.next_lines(1).expect("there");
            lines.extend(manifest.next_lines(3).expect("there"));
            assert_eq!(String::from_utf8(lines).expect("text"), expected);
            assert!(manifest.next_lines(1).is_err());
        }
        digests.dedup();
        assert_eq!(digests.len(), 1);
        let of = |lines: &str| hex(&Sha256::digest(lines)) + "\n";
        let lines: Vec<&str> = expected.split_inclusive('\n').collect();
        let shards = [of(lines[0]), of(lines[1]), of(&lines[2..].concat())];
        assert_eq!(digests[0], shards.concat());
    }
}
