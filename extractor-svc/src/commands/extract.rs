//! `extract`: files and folders in, a feature table out.

use std::{fs::File, path::Path, process::ExitCode};

use anyhow::Context as _;
use proto::features::FeatureSchema;

use crate::{
    batch::{Failure, FailureLog, Walker, for_each_ordered},
    cli::ExtractArgs,
    config::{ConfigError, ExtractConfig},
    decode::EncodedAudio,
    error::ExtractError,
    pipeline::{self, Extraction},
    table::{Row, TableWriter},
};

/// Exit code when nothing was extracted.
const NOTHING: u8 = 1;
/// Exit code when some files failed and that matters.
const SOME_FAILED: u8 = 3;

/// Runs the command.
///
/// # Errors
/// On a wrong command line, or when the table or the failures file cannot be written.
pub fn run(args: ExtractArgs) -> anyhow::Result<ExitCode> {
    let config = ExtractConfig::from_args(args)?;
    let walker =
        Walker::new(&config.patterns).map_err(|error| ConfigError(vec![error.to_string()]))?;
    let found = walker.find(&config.inputs);
    let mut failures =
        FailureLog::create(config.failures.as_deref()).context("cannot write the failures file")?;
    for (path, message) in &found.unreadable {
        tracing::warn!(path = %path.display(), message, "input cannot be read");
        failures.record(&Failure {
            path: path.display().to_string(),
            reason: "UNREADABLE".to_owned(),
            message: message.clone(),
        })?;
    }

    // The table is opened with its first row, so that a run without any leaves none behind.
    let schema = FeatureSchema::librosa();
    let mut table: Option<TableWriter> = None;
    let mut rows = 0_usize;
    for_each_ordered(
        &found.files,
        config.jobs,
        |path| extract_file(path, &config),
        |path, outcome| -> anyhow::Result<()> {
            let source_path = path.display().to_string();
            let extraction = match outcome {
                Ok(extraction) => extraction,
                Err(error) => {
                    let (reason, message) = (error.reason(), error.to_string());
                    tracing::warn!(path = %source_path, reason, message, "file skipped");
                    failures.record(&Failure {
                        path: source_path,
                        reason: reason.to_owned(),
                        message,
                    })?;
                    return Ok(());
                }
            };
            for warning in &extraction.source.warnings {
                tracing::warn!(path = %source_path, message = warning.message, "file read with a finding");
            }
            let table = match &mut table {
                Some(table) => table,
                none => none.insert(TableWriter::create(
                    &config.destination,
                    config.format,
                    config.profile.id(),
                    &schema,
                )?),
            };
            table.write(&Row { source_path, values: extraction.values })?;
            rows += 1;
            Ok(())
        },
    )?;

    let Some(table) = table else {
        tracing::error!(failed = failures.count(), "no audio files produced features");
        return Ok(ExitCode::from(NOTHING));
    };
    table.finish()?;
    tracing::info!(rows, failed = failures.count(), profile = config.profile.id(), "table written");
    if config.strict && failures.count() > 0 {
        return Ok(ExitCode::from(SOME_FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

fn extract_file(path: &Path, config: &ExtractConfig) -> Result<Extraction, ExtractError> {
    let file = File::open(path)
        .map_err(|source| ExtractError::SourceFailed { detail: source.to_string() })?;
    let audio = EncodedAudio::from_file(file);
    pipeline::extract(audio, &config.window, &config.profile, &config.limits, &|| false)
}
