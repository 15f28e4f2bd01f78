//! What a run writes: table, journal, failures, progress.

use std::path::Path;

use anyhow::Context as _;
use proto::features::FeatureSchema;

use super::Done;
use crate::{
    batch::{
        Entry, Failure, FailureLog, Identity, JournalWriter, Outcome, Progress, Recipe,
        journal_path,
    },
    config::ExtractConfig,
    table::{Destination, Row, TableWriter},
};

/// How a run went.
pub(super) struct Counts {
    pub(super) rows: usize,
    /// Rows with warnings.
    pub(super) warned: usize,
    pub(super) failed: usize,
}

/// The open files of a run. Called in path order.
pub(super) struct Run<'a> {
    config: &'a ExtractConfig,
    schema: &'a FeatureSchema,
    pub(super) failures: FailureLog,
    journal: Option<JournalWriter>,
    /// Opened with its first row, so that a run without any leaves none behind.
    table: Option<TableWriter>,
    progress: Progress,
    rows: usize,
    /// Files worked on whose rows have warnings.
    warned: usize,
}

impl<'a> Run<'a> {
    pub(super) fn start(
        config: &'a ExtractConfig,
        schema: &'a FeatureSchema,
        recipe: &Recipe,
        files: usize,
    ) -> anyhow::Result<Self> {
        let failures = FailureLog::create(config.failures.as_deref())
            .context("cannot write the failures file")?;
        let journal = match &config.destination {
            Destination::Stdout => None,
            Destination::File(_) if files == 0 => None,
            Destination::File(table) => Some(
                JournalWriter::create(&journal_path(table), recipe)
                    .with_context(|| format!("cannot write {}", journal_path(table).display()))?,
            ),
        };
        let progress = Progress::start(files);
        Ok(Self { config, schema, failures, journal, table: None, progress, rows: 0, warned: 0 })
    }

    /// Writes down what became of the next file.
    pub(super) fn take(
        &mut self,
        path: &Path,
        identity: Option<Identity>,
        done: Done,
    ) -> anyhow::Result<()> {
        let source_path = path.display().to_string();
        let (outcome, audio_seconds) = match done {
            Done::Known(outcome) => (outcome, None),
            Done::Now(Ok(extraction)) => {
                self.progress.findings(&source_path, &extraction.source.warnings);
                self.warned += usize::from(!extraction.source.warnings.is_empty());
                (Outcome::Values(extraction.values), Some(Some(extraction.source.seconds())))
            }
            Done::Now(Err(error)) => {
                let (reason, message) = (error.reason(), error.to_string());
                self.progress.skipped(&source_path, reason, &message);
                (Outcome::Failed { reason: reason.to_owned(), message }, Some(None))
            }
        };
        let has_row = matches!(outcome, Outcome::Values(_));
        let outcome = match outcome {
            Outcome::Values(values) => {
                self.write(&Row { source_path, values })?;
                Outcome::Row
            }
            Outcome::Failed { reason, message } => {
                let failure = Failure { path: source_path, reason, message };
                self.failures.record(&failure)?;
                Outcome::Failed { reason: failure.reason, message: failure.message }
            }
            Outcome::Row => Outcome::Row,
        };
        if let (Some(journal), Some(identity)) = (&mut self.journal, identity) {
            journal.record(&Entry { identity, outcome }).context("cannot write the journal")?;
        }
        match audio_seconds {
            Some(seconds) => self.progress.worked(seconds),
            None => self.progress.known(has_row),
        }
        Ok(())
    }

    fn write(&mut self, row: &Row) -> anyhow::Result<()> {
        let table = match &mut self.table {
            Some(table) => table,
            none => none.insert(TableWriter::create(
                &self.config.destination,
                self.config.format,
                self.config.profile.id(),
                self.schema,
            )?),
        };
        table.write(row)?;
        self.rows += 1;
        Ok(())
    }

    /// Completes the table and says how it went: rows, rows with warnings, failures.
    pub(super) fn finish(self, left: usize) -> anyhow::Result<Counts> {
        let Self { rows, warned, .. } = self;
        let failed = self.failures.count();
        if let Some(table) = self.table {
            table.finish()?;
        }
        let known = self.progress.done() - self.progress.worked_on();
        self.progress.end("files done");
        let profile = self.config.profile.id();
        if left > 0 {
            tracing::warn!(rows, failed, left, "stopped; --resume goes on with the files left");
        } else if rows == 0 {
            tracing::error!(failed, "no audio files produced features");
        } else {
            tracing::info!(rows, warned, failed, known, profile, "table written");
        }
        Ok(Counts { rows, warned, failed })
    }
}
