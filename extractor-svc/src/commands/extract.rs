//! `extract`: files and folders in, a feature table out.

mod run;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use proto::features::FeatureSchema;

use self::run::{Counts, Done, End, Run};
use super::signals;
use crate::{
    batch::{
        Extractor, Failure, FileError, Found, Identity, Known, Outcome, Outputs, Pace, Recipe,
        ResumeError, Scope, Stamp, Walker, for_each_ordered, forget, journal_path, previous_paths,
        source_path,
    },
    cli::ExtractArgs,
    config::{ConfigError, ExtractConfig},
    decode::EncodedAudio,
    table::{
        Destination, TableError, TableFormat, TableOrigin, read_rows, sidecar_path, spool_paths,
    },
    version::BUILD,
};

/// Exit code when nothing was extracted.
pub(super) const NOTHING: u8 = 1;
/// Exit code when some files failed or have warnings, and that matters.
const NOT_ALL_GOOD: u8 = 3;
/// Exit code of a run that a signal stopped, as shells have it.
pub(super) const STOPPED: u8 = 130;

/// One file to do, and what is known of it.
struct Task {
    path: PathBuf,
    source_path: String,
    stamp: Option<Stamp>,
    identity: Option<Identity>,
    known: Option<Outcome>,
}

/// Runs the command.
///
/// # Errors
/// On a wrong command line, or when the table or the failures file cannot be written.
pub fn run(args: ExtractArgs) -> anyhow::Result<ExitCode> {
    let config = ExtractConfig::from_args(args)?;
    let walker =
        Walker::new(&config.patterns).map_err(|error| ConfigError(vec![error.to_string()]))?;
    let schema = config.profile.schema();
    let recipe = Recipe {
        profile_id: config.profile.id().to_owned(),
        offset_seconds: config.window.offset(),
        duration_seconds: config.window.duration(),
    };
    let stop = signals::install().context("cannot listen for signals")?;
    let found = walker.find(&config.inputs);
    let read = found.files.iter().map(PathBuf::as_path);
    outputs(&config).check(read).map_err(|error| ConfigError(vec![error.to_string()]))?;
    check_replaced(&config)?;
    let known = earlier(&config, &schema, &recipe)?;
    let origin = origin(&config, &known, schema);
    let altered = known.altered();
    if altered > 0 {
        tracing::warn!(
            altered,
            "rows of the table are not as they were written; they are made again"
        );
    }
    let files = found.passed_over.files();
    if files > 0 {
        let kinds = found.passed_over.kinds();
        tracing::info!(
            files,
            kinds,
            "files of folders are not taken: neither extension nor pattern fits"
        );
    }
    let is_nothing = found.files.is_empty() && known.is_empty();
    let mut run = Run::start(&config, &origin, recipe, found.files.len(), is_nothing)?;
    for (path, message) in &found.unreadable {
        let path = source_path(path);
        tracing::warn!(path, message, "input cannot be read");
        run.failures.record(&Failure {
            path,
            reason: "UNREADABLE".to_owned(),
            message: message.clone(),
        })?;
    }

    let extractor = Extractor {
        window: config.window,
        profile: config.profile.clone(),
        limits: config.limits.clone(),
        max_wall: config.max_wall,
    };
    let (left, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let unreadable = found.unreadable.iter().map(|(path, _)| path.as_path());
    let scope = Scope::new(config.inputs.iter().map(PathBuf::as_path), unreadable);
    let tasks = known.beside(found.files.into_iter()).filter_map(|(path, found, entry)| {
        if found == Found::BeforeOnly && scope.answers_for(&path) {
            dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (stamp, identity, known) = match (found, entry) {
            // No input names it: it stays as it is.
            (Found::BeforeOnly, entry) => {
                let entry = entry?;
                (None, Some(entry.identity), Some(entry.outcome))
            }
            (Found::Now, entry) => {
                let stamp = Stamp::of(&path);
                let identity = stamp.map(|stamp| Identity::of(&path, stamp));
                let known = entry
                    .zip(identity.as_ref())
                    .and_then(|(entry, identity)| entry.outcome_of(identity, &config.limits));
                (stamp, identity, known)
            }
        };
        // Once stopped, only what is known still goes through: the table keeps its rows.
        if known.is_none() && stop.load(Ordering::Relaxed) {
            left.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Task { source_path: source_path(&path), path, stamp, identity, known })
    });
    for_each_ordered(
        tasks,
        Pace::wide(config.jobs),
        |Task { path, source_path, stamp, identity, known }| {
            let extract = || {
                FileError::check_source_path(&source_path)?;
                let open = || EncodedAudio::open(&path).map(|(audio, _)| audio);
                let extracted = extractor.extract(open, || false);
                // A file that was there and is another one now: what was read is of neither.
                if stamp.is_some() && Stamp::of(&path) != stamp {
                    return Err(FileError::ChangedMeanwhile);
                }
                Ok(extracted?)
            };
            let done = known.map_or_else(|| Done::Now(extract()), Done::Known);
            (source_path, identity, done)
        },
        |(source_path, identity, done)| run.take(source_path, identity, done),
    )?;

    let left = left.into_inner();
    let end = End { left, altered, dropped: dropped.into_inner() };
    let Counts { rows, failed, warned } = run.finish(&end)?;
    if let Destination::File(table) = &config.destination
        && rows > 0
    {
        forget(table).context("cannot remove the rows of the earlier run")?;
    }
    Ok(match rows {
        _ if left > 0 => ExitCode::from(STOPPED),
        0 => ExitCode::from(NOTHING),
        _ if config.strict && failed + warned > 0 => ExitCode::from(NOT_ALL_GOOD),
        _ => ExitCode::SUCCESS,
    })
}

/// All files that the run may write.
fn outputs(config: &ExtractConfig) -> Outputs {
    let mut outputs = Outputs::default();
    if let Destination::File(table) = &config.destination {
        outputs.add("--output", table.clone());
        outputs.add("the journal of --output", journal_path(table));
        outputs.add("the sidecar of --output", sidecar_path(table));
        for path in spool_paths(table).into_iter().chain(previous_paths(table)) {
            outputs.add("a temporary file of --output", path);
        }
    }
    if let Some(failures) = &config.failures {
        outputs.add("--failures", failures.clone());
    }
    outputs
}

/// Refuses to go over the table of an earlier run unless that is asked for: its rows took hours, maybe.
fn check_replaced(config: &ExtractConfig) -> Result<(), ConfigError> {
    let Destination::File(table) = &config.destination else { return Ok(()) };
    if config.resume || config.overwrite {
        return Ok(());
    }
    let ([spool, _], [previous, _]) = (spool_paths(table), previous_paths(table));
    let there = [table.clone(), spool, previous].into_iter().find(|path| path.is_file());
    there.map_or(Ok(()), |path| {
        Err(ConfigError(vec![format!(
            "--output: {} is there already; continue it with --resume, or replace it with --overwrite",
            path.display()
        )]))
    })
}

/// What the table says of itself, with the builds that made the rows that are taken over.
fn origin(config: &ExtractConfig, known: &Known, schema: FeatureSchema) -> TableOrigin {
    let mut extractor_versions = known.extractor_versions().to_vec();
    if !extractor_versions.iter().any(|version| version == BUILD) {
        if !extractor_versions.is_empty() {
            let (earlier, now) = (extractor_versions.join(", "), BUILD);
            tracing::warn!(earlier, now, "the earlier run was of another version");
        }
        extractor_versions.push(BUILD.to_owned());
    }
    let profile_id = config.profile.id().to_owned();
    TableOrigin { profile_id, extractor_versions, schema, window: config.window }
}

/// What is to be taken over from an earlier run.
fn earlier(
    config: &ExtractConfig,
    schema: &FeatureSchema,
    recipe: &Recipe,
) -> anyhow::Result<Known> {
    let Destination::File(table) = &config.destination else { return Ok(Known::nothing()) };
    if !config.resume {
        forget(table).context("cannot remove the rows of an earlier run")?;
        return Ok(Known::nothing());
    }
    if !journal_path(table).exists() {
        tracing::info!(journal = %journal_path(table).display(), "no earlier run, starting anew");
        return Ok(Known::nothing());
    }
    let [spool, _] = spool_paths(table);
    let (path, format) = match config.format {
        TableFormat::Parquet if spool.exists() => (spool, TableFormat::Jsonl),
        format => (table.clone(), format),
    };
    // No retry can continue from this table.
    let other = |error: &dyn std::error::Error| {
        ConfigError(vec![format!(
            "--resume: {error}; with --overwrite instead the table is made again"
        )])
    };
    let rows = read_rows(&path, format, schema).map_err(|error| match error {
        TableError::OtherTable { .. } => other(&error).into(),
        error => anyhow::Error::from(error),
    })?;
    Known::gather(table, rows, recipe).map_err(|error| match error {
        ResumeError::OtherRecipe { .. } | ResumeError::OtherForm { .. } => other(&error).into(),
        error => error.into(),
    })
}
