//! The journal of a run: what became of each file, in path order, so that a later run can go on.
//!
//! JSON lines. The first is the [`JournalHead`]; each further one an [`Entry`], written after its row
//! is in the table. A last line that was cut by a kill is no line.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::batch::source_path;
use crate::table::Measured;

/// Form of journals that this program writes and reads. The one before knew no digests of rows.
const FORMAT: u32 = 3;

/// What decides the numbers besides the file: rows of another recipe must not be mixed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Profile of the rows.
    pub profile_id: String,
    /// Start of the window in seconds.
    pub offset_seconds: f64,
    /// Length of the window in seconds, or to the end.
    pub duration_seconds: Option<f64>,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "profile {}, offset {} s, ", self.profile_id, self.offset_seconds)?;
        match self.duration_seconds {
            Some(seconds) => write!(f, "duration {seconds} s"),
            None => write!(f, "to the end"),
        }
    }
}

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalHead {
    #[serde(default)]
    format: u32,
    /// What decides the numbers.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Builds of this program that made the rows, those of earlier runs first.
    #[serde(default)]
    pub extractor_versions: Vec<String>,
}

impl JournalHead {
    /// The head of a journal in today's form.
    #[must_use]
    pub fn new(recipe: Recipe, extractor_versions: Vec<String>) -> Self {
        Self { format: FORMAT, recipe, extractor_versions }
    }

    /// Whether the entries below it can be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.format == FORMAT
    }
}

/// A file as it was: the same path, size and time of change mean the same content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The file, as `source_path` names it.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Last change, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Identity {
    /// What the file at `path` was by this stamp.
    #[must_use]
    pub fn of(path: &Path, stamp: Stamp) -> Self {
        Self { path: source_path(path), size: stamp.size, mtime_ns: stamp.mtime_ns }
    }
}

/// What of a file changes when it is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Which file it is on its device, and the device.
    file: (u64, u64),
}

impl Stamp {
    /// What the file is now; `None` if that cannot be known.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let mtime = metadata.modified().ok()?;
        let mtime_ns = match mtime.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_nanos()).ok()?,
        };
        Some(Self { size: metadata.len(), mtime_ns, file: (metadata.ino(), metadata.dev()) })
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has a row in the table, with the [digest](Measured::digest) of what it says.
    Row(String),
    /// The same, with what the row says: only where there is no table beside.
    Values(Measured),
    /// It gave no row.
    Failed {
        /// Build of this program that it failed with; another one may read it.
        extractor_version: String,
        /// Stable reason.
        reason: String,
        /// What happened.
        message: String,
    },
}

/// One file of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The file.
    #[serde(flatten)]
    pub identity: Identity,
    /// What became of it.
    pub outcome: Outcome,
}

/// `features.csv` has its journal at `features.csv.journal`.
#[must_use]
pub fn journal_path(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".journal");
    PathBuf::from(name)
}

/// An open journal.
#[derive(Debug)]
pub struct JournalWriter {
    sink: BufWriter<File>,
}

impl JournalWriter {
    /// Begins a journal.
    ///
    /// # Errors
    /// When its folder or file cannot be made or written.
    pub fn create(path: &Path, head: &JournalHead) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut journal = Self { sink: BufWriter::new(File::create(path)?) };
        journal.line(head)?;
        Ok(journal)
    }

    /// Appends an entry, at once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, entry: &Entry) -> io::Result<()> {
        self.line(entry)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_string(value)?;
        line.push('\n');
        self.sink.write_all(line.as_bytes())?;
        self.sink.flush()
    }
}

/// The entries of a journal, to its end or its first broken line.
#[derive(Debug)]
pub struct JournalReader {
    source: BufReader<File>,
    line: String,
}

impl JournalReader {
    /// Opens a journal; `None` if there is none, or it has no whole first line. Whether the entries are
    /// [of this form](JournalHead::is_readable) is the head's to say.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or its first line is no journal's.
    pub fn open(path: &Path) -> io::Result<Option<(JournalHead, Self)>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut reader = Self { source: BufReader::new(file), line: String::new() };
        reader.source.read_line(&mut reader.line)?;
        let Some(line) = reader.line.strip_suffix('\n') else { return Ok(None) };
        let head = serde_json::from_str(line)?;
        Ok(Some((head, reader)))
    }

    fn parse<T: DeserializeOwned>(&mut self) -> Option<T> {
        self.line.clear();
        self.source.read_line(&mut self.line).ok()?;
        serde_json::from_str(self.line.strip_suffix('\n')?).ok()
    }
}

impl Iterator for JournalReader {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::WarningCode;

    #[test]
    fn entries_read_back_up_to_a_cut_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/features.csv.journal");
        let recipe = Recipe {
            profile_id: "some".to_owned(),
            offset_seconds: 0.1 + 0.2,
            duration_seconds: None,
        };
        let head = JournalHead::new(recipe, vec!["some/1".to_owned()]);
        let measured = Measured {
            values: vec![0.1 + 0.2, -1e-300],
            damaged_share: 0.1 + 0.2,
            warnings: vec![WarningCode::Clipped],
        };
        let failed = Outcome::Failed {
            extractor_version: "some/1".to_owned(),
            reason: "EMPTY_AUDIO".to_owned(),
            message: "none".to_owned(),
        };
        let row = Outcome::Row(measured.digest());
        let entries = [row, failed, Outcome::Values(measured)].map(|outcome| Entry {
            identity: Identity { path: "é \"x\"\n.wav".to_owned(), size: 3, mtime_ns: -5 },
            outcome,
        });
        let mut journal = JournalWriter::create(&path, &head).expect("writable");
        for entry in &entries {
            journal.record(entry).expect("writable");
        }
        let read = |path| {
            let (head, entries) = JournalReader::open(path).expect("readable").expect("whole");
            assert!(head.is_readable());
            (head, entries.collect::<Vec<_>>())
        };
        assert_eq!(read(&path), (head.clone(), entries.to_vec()));
        let whole = fs::read(&path).expect("readable");
        fs::write(&path, &whole[..whole.len() - 1]).expect("writable");
        assert_eq!(read(&path), (head, entries[..2].to_vec()));
        assert!(JournalReader::open(folder.path().join("none").as_path()).expect("none").is_none());
    }
}
