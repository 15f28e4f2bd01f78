//! What a run writes: table, journal, failures, progress.

use anyhow::Context as _;

use crate::{
    batch::{
        Entry, Failure, FailureLog, FileError, Identity, JournalHead, JournalWriter, Outcome,
        Progress, Recipe, journal_path,
    },
    config::ExtractConfig,
    pipeline::Extraction,
    table::{Destination, Measured, Row, TableOrigin, TableWriter},
    version::BUILD,
};

/// What became of a task.
pub(super) enum Done {
    /// It was known.
    Known(Outcome),
    /// It was worked on.
    Now(Result<Extraction, FileError>),
}

/// How a run went.
pub(super) struct Counts {
    pub(super) rows: usize,
    pub(super) failed: usize,
    /// Rows with warnings.
    pub(super) warned: usize,
}

/// The open files of a run. Called in path order.
pub(super) struct Run<'a> {
    config: &'a ExtractConfig,
    origin: &'a TableOrigin,
    pub(super) failures: FailureLog,
    journal: Option<JournalWriter>,
    /// Opened with its first row, so that a run without any leaves none behind.
    table: Option<TableWriter>,
    progress: Progress,
    rows: usize,
}

/// What a run did not go through.
pub(super) struct End {
    /// Files that it left when it was stopped.
    pub(super) left: usize,
    /// Rows of the earlier table that were not as they had been written.
    pub(super) altered: usize,
    /// Rows, or failures, of files that are not there any more.
    pub(super) dropped: usize,
}

impl<'a> Run<'a> {
    pub(super) fn start(
        config: &'a ExtractConfig,
        origin: &'a TableOrigin,
        recipe: Recipe,
        files: usize,
        is_nothing: bool,
    ) -> anyhow::Result<Self> {
        let failures = FailureLog::create(config.failures.as_deref())
            .context("cannot write the failures file")?;
        let head = JournalHead::new(recipe, origin.extractor_versions.clone());
        let journal = match &config.destination {
            Destination::Stdout => None,
            Destination::File(_) if is_nothing => None,
            Destination::File(table) => Some(
                JournalWriter::create(&journal_path(table), &head)
                    .with_context(|| format!("cannot write {}", journal_path(table).display()))?,
            ),
        };
        let progress = Progress::start(files);
        Ok(Self { config, origin, failures, journal, table: None, progress, rows: 0 })
    }

    /// Writes down what became of the next file.
    pub(super) fn take(
        &mut self,
        source_path: String,
        identity: Option<Identity>,
        done: Done,
    ) -> anyhow::Result<()> {
        let outcome = match done {
            Done::Known(outcome) => {
                self.progress.known(row_of(&outcome));
                outcome
            }
            Done::Now(Ok(extraction)) => {
                self.progress.findings(&source_path, &extraction.source.warnings);
                let seconds = extraction.source.seconds();
                let measured = Measured::from(extraction);
                self.progress.worked(Some((&measured, seconds)));
                Outcome::Values(measured)
            }
            Done::Now(Err(error)) => {
                let (reason, message) = (error.reason(), error.to_string());
                self.progress.skipped(&source_path, reason, &message);
                self.progress.worked(None);
                let extractor_version = BUILD.to_owned();
                Outcome::Failed { extractor_version, reason: reason.to_owned(), message }
            }
        };
        let outcome = match outcome {
            Outcome::Values(measured) => {
                let digest = measured.digest();
                self.write(&Row { source_path, measured })?;
                Outcome::Row(digest)
            }
            Outcome::Failed { extractor_version, reason, message } => {
                let failure = Failure { path: source_path, reason, message };
                self.failures.record(&failure)?;
                let Failure { reason, message, .. } = failure;
                Outcome::Failed { extractor_version, reason, message }
            }
            row @ Outcome::Row(_) => row,
        };
        if let (Some(journal), Some(identity)) = (&mut self.journal, identity) {
            journal.record(&Entry { identity, outcome }).context("cannot write the journal")?;
        }
        Ok(())
    }

    fn write(&mut self, row: &Row) -> anyhow::Result<()> {
        let table = match &mut self.table {
            Some(table) => table,
            none => none.insert(TableWriter::create(
                &self.config.destination,
                self.config.format,
                self.origin,
            )?),
        };
        table.write(row)?;
        self.rows += 1;
        Ok(())
    }

    /// Completes the table and says how it went.
    pub(super) fn finish(self, end: &End) -> anyhow::Result<Counts> {
        let End { left, altered, dropped } = *end;
        let (rows, failed, warned) = (self.rows, self.failures.count(), self.progress.warned());
        if let Some(table) = self.table {
            table.finish()?;
        }
        let known = self.progress.done() - self.progress.worked_on();
        self.progress.end("files done");
        let profile = self.config.profile.id();
        if left > 0 {
            tracing::warn!(
                rows,
                failed,
                warned,
                left,
                "stopped; --resume goes on with the files left"
            );
        } else if rows == 0 {
            tracing::error!(failed, "no audio files produced features");
        } else {
            tracing::info!(rows, failed, warned, known, altered, dropped, profile, "table written");
        }
        Ok(Counts { rows, failed, warned })
    }
}

/// The row that is known, if there is one.
fn row_of(outcome: &Outcome) -> Option<&Measured> {
    match outcome {
        Outcome::Values(measured) => Some(measured),
        _ => None,
    }
}
