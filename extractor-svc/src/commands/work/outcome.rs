//! What a worker gathers of its shard: rows into a table on local disk, failures into a list.

use std::path::Path;

use anyhow::{Context as _, bail};
use proto::features::FeatureSchema;

use crate::{
    batch::{Failure, FileError, Progress, failures_text},
    decode::Window,
    pipeline::Extraction,
    shards::Plan,
    table::{Measured, Row, Shard, ShardFooter, ShardWriter, TableOrigin},
    version::BUILD,
};

/// A shard in the making. Called in the order of the list.
pub(super) struct ShardOutcome<'a> {
    plan: &'a Plan,
    shard: u32,
    table: ShardWriter,
    failures: Vec<Failure>,
    /// Files that are gone or changed.
    gone: usize,
    rows: usize,
    progress: Progress,
}

impl<'a> ShardOutcome<'a> {
    pub(super) fn begin(
        table: &Path,
        plan: &'a Plan,
        shard: u32,
        files: usize,
        schema: FeatureSchema,
        window: Window,
    ) -> anyhow::Result<Self> {
        let origin = TableOrigin {
            profile_id: plan.recipe.profile_id.clone(),
            extractor_versions: vec![BUILD.to_owned()],
            schema,
            window,
        };
        Ok(Self {
            plan,
            shard,
            table: ShardWriter::create(table, &origin)?,
            failures: Vec::new(),
            gone: 0,
            rows: 0,
            progress: Progress::start(files),
        })
    }

    /// Takes what became of the next file.
    pub(super) fn take(
        &mut self,
        source_path: String,
        result: Result<Extraction, FileError>,
    ) -> anyhow::Result<()> {
        match result {
            Ok(extraction) => {
                self.progress.findings(&source_path, &extraction.source.warnings);
                let seconds = extraction.source.seconds();
                let measured = Measured::from(extraction);
                self.progress.worked(Some((&measured, seconds)));
                self.rows += 1;
                self.table.write(&Row { source_path, measured })?;
            }
            Err(error) => {
                let (reason, message) = (error.reason(), error.to_string());
                self.progress.skipped(&source_path, reason, &message);
                self.progress.worked(None);
                let is_gone =
                    matches!(error, FileError::Missing { .. } | FileError::Changed { .. });
                self.gone += usize::from(is_gone);
                self.failures.push(Failure {
                    path: source_path,
                    reason: reason.to_owned(),
                    message,
                });
            }
        }
        Ok(())
    }

    /// Files that are finished.
    pub(super) fn done(&self) -> usize {
        self.rows + self.failures.len()
    }

    /// Completes the table.
    pub(super) fn finish(self) -> anyhow::Result<ShardFooter> {
        let files = self.done();
        if files > 0 && self.gone == files {
            // A bucket that is gone looks just so, and a store that is not asked for the tags it listed.
            let source = &self.plan.source;
            bail!("none of the {files} files of the shard is there as planned; look at {source}");
        }
        let footer = ShardFooter {
            shard: Shard {
                batch_id: self.plan.batch_id.clone(),
                shard: self.shard,
                shards: self.plan.workers,
                files: files as u64,
                failures: self.failures.len() as u64,
            },
            failures: failures_text(&self.failures).context("cannot list the failures")?,
        };
        self.table.finish(&footer)?;
        self.progress.end("files done");
        Ok(footer)
    }
}
