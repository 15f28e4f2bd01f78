//! What an earlier run knows already, as a stream in path order beside the stream of files.
//!
//! Before the table is written anew, its rows and its journal are gathered into one file,
//! `<output>.previous`, which lives until the new table has all of them. A run that is killed in
//! between leaves both, and the next one gathers both: nothing is lost, and at no time more than
//! one row of each is in memory.

use std::{
    cmp::Ordering,
    fs, io,
    iter::Peekable,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::journal::{
    Entry, Identity, JournalReader, JournalWriter, Outcome, Recipe, journal_path,
};
use crate::table::{Row, TableError};

/// Reasons that say nothing about a file's content, or hang on limits that this run may set
/// otherwise: such a file is tried again.
const TRY_AGAIN: [&str; 7] = [
    "SOURCE_FAILED",
    "STREAM_TOO_LARGE",
    "HEADER_TOO_LARGE",
    "AUDIO_TOO_LONG",
    "WALL_TIME_EXCEEDED",
    "SAMPLE_RATE_UNSUPPORTED",
    "TOO_MANY_CHANNELS",
];

/// Why a run cannot be resumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The operating system refused.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The table is not what the journal says.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rows that are there were made in another way.
    #[error("{} was written with {found}, expected {expected}", path.display())]
    OtherRecipe {
        /// The journal.
        path: PathBuf,
        /// Its recipe.
        found: String,
        /// The recipe asked for.
        expected: String,
    },
}

/// `features.csv` has its earlier rows at `features.csv.previous` while they are copied.
fn previous_path(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".previous");
    PathBuf::from(name)
}

/// Forgets what an abandoned run left for a later one.
///
/// # Errors
/// When the file is there and cannot be removed.
pub fn forget(table: &Path) -> io::Result<()> {
    match fs::remove_file(previous_path(table)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What earlier runs know, in path order.
pub struct Known {
    entries: Option<Peekable<JournalReader>>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("any", &self.entries.is_some()).finish()
    }
}

impl Known {
    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { entries: None }
    }

    /// All that earlier runs left for the table at `table`, whose `rows` are as they stand now.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds rows of another recipe.
    pub fn gather(
        table: &Path,
        rows: impl Iterator<Item = Row>,
        recipe: &Recipe,
    ) -> Result<Self, ResumeError> {
        let open = |path: PathBuf| -> Result<Option<JournalReader>, ResumeError> {
            let fail = |source| ResumeError::Io { path: path.clone(), source };
            let Some((found, entries)) = JournalReader::open(&path).map_err(fail)? else {
                return Ok(None);
            };
            if found != *recipe {
                let (found, expected) = (found.to_string(), recipe.to_string());
                return Err(ResumeError::OtherRecipe { path, found, expected });
            }
            Ok(Some(entries))
        };
        let previous = previous_path(table);
        let journal = open(journal_path(table))?;
        let older = open(previous.clone())?;
        if journal.is_none() && older.is_none() {
            return Ok(Self::nothing());
        }
        let fail = |source| ResumeError::Io { path: previous.clone(), source };
        let mut gathered = previous.clone().into_os_string();
        gathered.push(".new");
        let mut writer = JournalWriter::create(gathered.as_ref(), recipe).map_err(fail)?;
        let newer = WithRows { journal: journal.into_iter().flatten(), rows };
        for entry in merge(newer, older.into_iter().flatten()) {
            writer.record(&entry).map_err(fail)?;
        }
        drop(writer);
        fs::rename(&gathered, &previous).map_err(fail)?;
        let entries = open(previous)?.map(Iterator::peekable);
        Ok(Self { entries })
    }

    /// What is known of this file, if it has not changed. Files must be asked for in path order.
    pub fn take(&mut self, file: &Identity) -> Option<Outcome> {
        let entries = self.entries.as_mut()?;
        let is_before = |entry: &Entry| order(&entry.identity.path, &file.path) == Ordering::Less;
        while entries.next_if(is_before).is_some() {}
        let entry = entries.next_if(|entry| entry.identity == *file)?;
        match &entry.outcome {
            Outcome::Failed { reason, .. } if TRY_AGAIN.contains(&reason.as_str()) => None,
            _ => Some(entry.outcome),
        }
    }
}

/// The order in which files are walked: by the parts of their paths.
fn order(one: &str, other: &str) -> Ordering {
    Path::new(one).cmp(Path::new(other))
}

/// Entries of a journal with the rows of its table put in.
struct WithRows<J, R> {
    journal: J,
    rows: R,
}

impl<J: Iterator<Item = Entry>, R: Iterator<Item = Row>> Iterator for WithRows<J, R> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let mut entry = self.journal.next()?;
        if entry.outcome == Outcome::Row {
            // A row that the journal does not know was being written when the run was killed.
            let row = self.rows.find(|row| row.source_path == entry.identity.path)?;
            entry.outcome = Outcome::Values(row.values);
        }
        Some(entry)
    }
}

/// Two streams in path order as one; what `newer` knows of a file counts.
fn merge(
    newer: impl Iterator<Item = Entry>,
    older: impl Iterator<Item = Entry>,
) -> impl Iterator<Item = Entry> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    std::iter::from_fn(move || {
        let which = match (newer.peek(), older.peek()) {
            (Some(new), Some(old)) => order(&new.identity.path, &old.identity.path),
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        match which {
            Ordering::Less => newer.next(),
            Ordering::Greater => older.next(),
            Ordering::Equal => {
                older.next();
                newer.next()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe { profile_id: "some".to_owned(), offset_seconds: 0.0, duration_seconds: None }
    }

    fn identity(path: &str) -> Identity {
        Identity { path: path.to_owned(), size: 1, mtime_ns: 2 }
    }

    fn write(path: &Path, entries: &[(&str, Outcome)]) {
        let mut journal = JournalWriter::create(path, &recipe()).expect("writable");
        for (path, outcome) in entries {
            let entry = Entry { identity: identity(path), outcome: outcome.clone() };
            journal.record(&entry).expect("writable");
        }
    }

    fn row(path: &str, value: f64) -> Row {
        Row { source_path: path.to_owned(), values: vec![value] }
    }

    fn failed(reason: &str) -> Outcome {
        Outcome::Failed { reason: reason.to_owned(), message: "why".to_owned() }
    }

    /// `a/b` is walked before `a-b`, which as text comes first.
    #[test]
    fn table_and_leftovers_are_gathered_in_path_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        let journal = [
            ("a/b", Outcome::Row),
            ("a/bad", failed("EMPTY_AUDIO")),
            ("a-b", Outcome::Row),
            ("lost", Outcome::Row),
        ];
        write(&journal_path(&table), &journal);
        let older = [
            ("a/b", Outcome::Values(vec![-1.0])),
            ("a/c", Outcome::Values(vec![3.0])),
            ("b", failed("SOURCE_FAILED")),
            ("c", Outcome::Values(vec![4.0])),
        ];
        write(&previous_path(&table), &older);
        let rows = [row("a/b", 1.0), row("not in the journal", 9.0), row("a-b", 2.0)];
        let mut known = Known::gather(&table, rows.into_iter(), &recipe()).expect("readable");

        assert_eq!(known.take(&identity("a/b")), Some(Outcome::Values(vec![1.0])));
        assert_eq!(known.take(&identity("a/bad")), Some(failed("EMPTY_AUDIO")));
        assert_eq!(known.take(&identity("a/c")), Some(Outcome::Values(vec![3.0])));
        let changed = Identity { size: 7, ..identity("a-b") };
        assert_eq!(known.take(&changed), None);
        assert_eq!(known.take(&identity("b")), None, "a failure of the disk is tried again");
        assert_eq!(known.take(&identity("c")), Some(Outcome::Values(vec![4.0])));
        assert_eq!(known.take(&identity("lost")), None);
        forget(&table).expect("removable");
        assert!(!previous_path(&table).exists());
        forget(&table).expect("nothing to remove");
    }

    #[test]
    fn another_recipe_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        write(&journal_path(&table), &[]);
        let other = Recipe { offset_seconds: 1.0, ..recipe() };
        let error = Known::gather(&table, std::iter::empty(), &other).expect_err("other window");
        assert!(matches!(error, ResumeError::OtherRecipe { .. }), "{error}");
    }
}
