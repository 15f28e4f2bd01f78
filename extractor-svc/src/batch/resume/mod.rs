//! What an earlier run knows already, as a stream in path order beside the stream of files.
//!
//! Before the table is written anew, its rows and its journal are gathered into one file,
//! `<output>.previous`, which lives until the new table has all of them. A run that is killed in
//! between leaves both, and the next one gathers both: nothing is lost, and at no time more than
//! one row of each is in memory.

mod again;
mod journal;
mod scope;

use std::{
    cmp::Ordering,
    fs, io,
    iter::Peekable,
    path::{Path, PathBuf},
};

use thiserror::Error;

pub use self::{
    journal::{
        Entry, Identity, JournalHead, JournalReader, JournalWriter, Outcome, Recipe, Stamp,
        journal_path,
    },
    scope::Scope,
};
use super::source_path::path_of;

use crate::table::{Measured, Row, TableError};

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
    /// The journal is of another form.
    #[error("{} is not a journal as this program writes it", path.display())]
    OtherForm {
        /// The journal.
        path: PathBuf,
    },
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

/// Files that a run which is gone on with has beside the table at `table`, for a while.
#[must_use]
pub fn previous_paths(table: &Path) -> [PathBuf; 2] {
    let previous = previous_path(table);
    let mut gathered = previous.clone().into_os_string();
    gathered.push(".new");
    [previous, gathered.into()]
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
    entries: Option<JournalReader>,
    extractor_versions: Vec<String>,
    altered: usize,
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
        Self { entries: None, extractor_versions: Vec::new(), altered: 0 }
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
        let mut extractor_versions = Vec::new();
        let mut open = |path: PathBuf| -> Result<Option<JournalReader>, ResumeError> {
            let fail = |source| ResumeError::Io { path: path.clone(), source };
            let Some((head, entries)) = JournalReader::open(&path).map_err(fail)? else {
                return Ok(None);
            };
            if !head.is_readable() {
                return Err(ResumeError::OtherForm { path });
            }
            if head.recipe != *recipe {
                let (found, expected) = (head.recipe.to_string(), recipe.to_string());
                return Err(ResumeError::OtherRecipe { path, found, expected });
            }
            for version in head.extractor_versions {
                if !extractor_versions.contains(&version) {
                    extractor_versions.push(version);
                }
            }
            Ok(Some(entries))
        };
        let [previous, gathered] = previous_paths(table);
        let older = open(previous.clone())?;
        let journal = open(journal_path(table))?;
        if journal.is_none() && older.is_none() {
            return Ok(Self::nothing());
        }
        let fail = |source| ResumeError::Io { path: previous.clone(), source };
        let head = JournalHead::new(recipe.clone(), extractor_versions.clone());
        let mut writer = JournalWriter::create(&gathered, &head).map_err(fail)?;
        let journal = journal.into_iter().flatten();
        let mut newer = WithRows { journal, rows: rows.peekable(), altered: 0 };
        for entry in merge(&mut newer, older.into_iter().flatten()) {
            writer.record(&entry).map_err(fail)?;
        }
        drop(writer);
        let altered = newer.altered;
        fs::rename(&gathered, &previous).map_err(fail)?;
        let entries = JournalReader::open(&previous).map_err(fail)?;
        let entries = entries.map(|(_, entries)| entries);
        Ok(Self { entries, extractor_versions, altered })
    }

    /// Rows of the table that are gone or are not as they were written; their files are not known.
    #[must_use]
    pub fn altered(&self) -> usize {
        self.altered
    }

    /// Builds of this program that made what is known.
    #[must_use]
    pub fn extractor_versions(&self) -> &[String] {
        &self.extractor_versions
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_none()
    }

    /// `files`, which are in path order, each with what is known of it, and between them what is known of
    /// files that are not among them.
    pub fn beside(
        self,
        files: impl Iterator<Item = PathBuf>,
    ) -> impl Iterator<Item = (PathBuf, Found, Option<Entry>)> {
        let (mut files, mut entries) =
            (files.peekable(), self.entries.into_iter().flatten().peekable());
        std::iter::from_fn(move || {
            let which = match (files.peek(), entries.peek()) {
                (Some(file), Some(entry)) => path_of(&entry.identity.path).cmp(file),
                (None, _) => Ordering::Less,
                (_, None) => Ordering::Greater,
            };
            if which == Ordering::Less {
                let entry = entries.next()?;
                return Some((path_of(&entry.identity.path), Found::BeforeOnly, Some(entry)));
            }
            let entry = if which == Ordering::Equal { entries.next() } else { None };
            Some((files.next()?, Found::Now, entry))
        })
    }
}

/// Whether a run came upon a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It did.
    Now,
    /// An earlier run did.
    BeforeOnly,
}

/// The order in which files are walked: by the parts of their paths.
fn order(one: &str, other: &str) -> Ordering {
    path_of(one).cmp(&path_of(other))
}

/// Entries of a journal with the rows of its table put in; without those whose rows are not as they were
/// written.
struct WithRows<J, R: Iterator<Item = Row>> {
    journal: J,
    rows: Peekable<R>,
    altered: usize,
}

impl<J: Iterator<Item = Entry>, R: Iterator<Item = Row>> WithRows<J, R> {
    /// What the row of this file says, if it says what was written.
    fn measured(&mut self, path: &str, digest: &str) -> Option<Measured> {
        // A row that the journal does not know was being written when the run was killed.
        let is_before = |row: &Row| order(&row.source_path, path) == Ordering::Less;
        while self.rows.next_if(is_before).is_some() {}
        let row = self.rows.next_if(|row| row.source_path == path)?;
        Some(row.measured).filter(|measured| measured.digest() == digest)
    }
}

impl<J: Iterator<Item = Entry>, R: Iterator<Item = Row>> Iterator for WithRows<J, R> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let mut entry = self.journal.next()?;
            if let Outcome::Row(digest) = &entry.outcome {
                let Some(measured) = self.measured(&entry.identity.path, digest) else {
                    self.altered += 1;
                    continue;
                };
                entry.outcome = Outcome::Values(measured);
            }
            return Some(entry);
        }
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
    use crate::batch::resume::journal::Identity;
    use crate::{findings::WarningCode, limits::Limits, version::BUILD};

    fn recipe() -> Recipe {
        Recipe { profile_id: "some".to_owned(), offset_seconds: 0.0, duration_seconds: None }
    }

    fn identity(path: &str) -> Identity {
        Identity { path: path.to_owned(), size: 1, mtime_ns: 2 }
    }

    fn write(path: &Path, version: &str, entries: &[(&str, Outcome)]) {
        let head = JournalHead::new(recipe(), vec![version.to_owned()]);
        let mut journal = JournalWriter::create(path, &head).expect("writable");
        for (path, outcome) in entries {
            let entry = Entry { identity: identity(path), outcome: outcome.clone() };
            journal.record(&entry).expect("writable");
        }
    }

    fn measured(value: f64) -> Measured {
        Measured { values: vec![value], damaged_share: 0.0, warnings: Vec::new() }
    }

    fn values(value: f64) -> Outcome {
        Outcome::Values(measured(value))
    }

    fn row(path: &str, value: f64) -> Row {
        Row { source_path: path.to_owned(), measured: measured(value) }
    }

    fn failed(reason: &str) -> Outcome {
        failed_with(BUILD, reason)
    }

    fn failed_with(version: &str, reason: &str) -> Outcome {
        Outcome::Failed {
            extractor_version: version.to_owned(),
            reason: reason.to_owned(),
            message: "why".to_owned(),
        }
    }

    /// What a run over `files` comes to.
    fn taken(
        known: Known,
        files: &[&str],
        limits: &Limits,
    ) -> impl Iterator<Item = (String, Option<Outcome>)> {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        known.beside(files.into_iter()).map(|(path, found, entry)| {
            let name = path.to_str().expect("text");
            let outcome = entry.and_then(|entry| entry.outcome_of(&identity(name), limits));
            let before = if found == Found::BeforeOnly { "before only: " } else { "" };
            (format!("{before}{name}"), outcome)
        })
    }

    fn written(value: f64) -> Outcome {
        Outcome::Row(measured(value).digest())
    }

    /// `a/b` is walked before `a-b`, which as text comes first.
    #[test]
    fn table_and_leftovers_are_gathered_in_path_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        let journal = [
            ("a/b", written(1.0)),
            ("a/bad", failed("EMPTY_AUDIO")),
            ("a/edited", written(5.0)),
            ("a/gone", written(6.0)),
            ("a/newer", failed_with("some/1", "UNSUPPORTED_CODEC")),
            ("a-b", written(2.0)),
            ("a-c", written(7.0)),
            ("lost", written(8.0)),
        ];
        write(&journal_path(&table), "some/2", &journal);
        let older = [
            ("a/b", values(-1.0)),
            ("a/c", values(3.0)),
            ("b", failed("SOURCE_FAILED")),
            ("c", values(4.0)),
        ];
        write(&previous_path(&table), "some/1", &older);
        let edited = 5.0 + 1e-12;
        let rows = [
            row("a/b", 1.0),
            row("a/edited", edited),
            row("a/not in the journal", 9.0),
            row("a-b", 2.0),
            row("a-c", 7.0),
        ];
        let known = Known::gather(&table, rows.into_iter(), &recipe()).expect("readable");
        assert_eq!(known.extractor_versions(), ["some/1", "some/2"]);
        assert_eq!(known.altered(), 3, "edited, gone, lost");
        let files =
            ["a/b", "a/bad", "a/edited", "a/gone", "a/newer", "a-b", "a-c", "b", "c", "lost"];
        let limits = Limits::default();
        let mut come = taken(known, &files, &limits);
        let mut next = || come.next().expect("one more");

        assert_eq!(next(), ("a/b".into(), Some(values(1.0))));
        assert_eq!(next(), ("a/bad".into(), Some(failed("EMPTY_AUDIO"))));
        assert_eq!(next(), ("before only: a/c".into(), Some(values(3.0))));
        assert_eq!(next(), ("a/edited".into(), None), "a row that was edited is made again");
        assert_eq!(next(), ("a/gone".into(), None));
        assert_eq!(next(), ("a/newer".into(), None), "another version may read it");
        assert_eq!(next(), ("a-b".into(), Some(values(2.0))));
        assert_eq!(next(), ("a-c".into(), Some(values(7.0))), "the rows behind are not lost");
        assert_eq!(next(), ("b".into(), None), "a failure of the disk is tried again");
        assert_eq!(next(), ("c".into(), Some(values(4.0))));
        assert_eq!(next(), ("lost".into(), None));
        assert_eq!(come.next(), None);
        forget(&table).expect("removable");
        assert!(!previous_path(&table).exists());
        forget(&table).expect("nothing to remove");
    }

    /// A row that this run would refuse is made again, and so is a file that it would not.
    #[test]
    fn limits_decide_what_is_known() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        let clipped = vec![WarningCode::Clipped];
        let damaged = Outcome::Values(Measured { damaged_share: 0.04, ..measured(1.0) });
        let clipped = Outcome::Values(Measured { warnings: clipped, ..measured(2.0) });
        let entries = [
            ("a", damaged.clone()),
            ("b", clipped.clone()),
            ("c", failed("TOO_DAMAGED")),
            ("d", failed("CLIPPED")),
            ("e", failed("PATH_TOO_LONG")),
        ];
        write(&journal_path(&table), "some/1", &entries);
        let take_all = |limits: &Limits| {
            let rows = std::iter::empty();
            let known = Known::gather(&table, rows, &recipe()).expect("readable");
            let come = taken(known, &["a", "b", "c", "d", "e"], limits);
            come.map(|(_, outcome)| outcome).collect::<Vec<_>>()
        };
        let kept = Some(failed("PATH_TOO_LONG"));
        let found = take_all(&Limits::default());
        assert_eq!(found, [Some(damaged), Some(clipped), None, None, kept.clone()]);
        let refused = vec![WarningCode::Clipped];
        let strict = Limits { max_damage: 0.03, refused, ..Limits::default() };
        assert_eq!(take_all(&strict), [None, None, None, None, kept]);
    }

    /// `bytes:` comes behind `a` as text, and the name it stands for before it.
    #[test]
    fn names_that_are_not_text_keep_their_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        let entries =
            [("bytes:A%E8", values(1.0)), ("bytes:A%E9", values(2.0)), ("a", values(3.0))];
        write(&journal_path(&table), "some/1", &entries);
        let rows = std::iter::empty();
        let known = Known::gather(&table, rows, &recipe()).expect("readable");
        let come = known.beside(entries.iter().map(|(path, _)| path_of(path)));
        let come: Vec<_> = come.map(|(_, found, entry)| (found, entry.expect("known"))).collect();
        assert!(come.iter().all(|(found, _)| *found == Found::Now));
        let outcomes: Vec<_> = come.into_iter().map(|(_, entry)| entry.outcome).collect();
        assert_eq!(outcomes, entries.map(|(_, outcome)| outcome));
    }

    #[test]
    fn journals_of_another_form_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        let gather = || Known::gather(&table, std::iter::empty(), &recipe()).map(|_| ());
        let before = serde_json::to_string(&recipe()).expect("JSON") + "\n";
        for path in [journal_path(&table), previous_path(&table)] {
            fs::write(&path, &before).expect("writable");
            assert!(matches!(gather(), Err(ResumeError::OtherForm { .. })));
            fs::write(&path, "a text\n").expect("writable");
            assert!(matches!(gather(), Err(ResumeError::Io { .. })));
            fs::write(&path, "{\"profile_id").expect("writable");
            assert!(gather().is_ok(), "a first line that is cut is none");
            fs::remove_file(path).expect("removable");
        }
    }

    #[test]
    fn another_recipe_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let table = folder.path().join("t.csv");
        write(&journal_path(&table), "some/1", &[]);
        let other = Recipe { offset_seconds: 1.0, ..recipe() };
        let error = Known::gather(&table, std::iter::empty(), &other).expect_err("other window");
        assert!(matches!(error, ResumeError::OtherRecipe { .. }), "{error}");
    }
}
