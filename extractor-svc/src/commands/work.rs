//! `work`: one shard of a batch, from its list of files to its table and its list of failures.
//!
//! Files are fetched ahead of those that are worked on; nothing is written to the store before the
//! whole shard is done, and then its table in one request that only the first worker wins.

mod fetch;
mod outcome;
mod publish;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Context as _, anyhow};
use storage::{Location, Store};

use self::{
    fetch::{Fetched, Source},
    outcome::ShardOutcome,
};
use super::{extract::STOPPED, signals, spool};
use crate::{
    batch::{Extractor, FileError, Pace, for_each_ordered},
    cli::WorkArgs,
    config::{ConfigError, WorkConfig},
    error::ExtractError,
    pipeline::Extraction,
    profile::Profile,
    shards::{MAX_LIST_BYTES, PLAN_NAME, Plan, SourceFile},
    window::Window,
};

/// Largest plan that is read, in bytes.
const MAX_PLAN_BYTES: u64 = 1 << 20;

/// Runs the command.
///
/// # Errors
/// On a wrong command line or plan, or when a store or the local disk fails.
pub fn run(args: &WorkArgs) -> anyhow::Result<ExitCode> {
    let config = WorkConfig::from_args(args)?;
    let stop = signals::install().context("cannot listen for signals")?;
    let batch = Store::open(&config.batch, &config.storage)?;
    let plan = plan(&batch, &config)?;
    let shard = config.worker_index;
    if publish::is_done(&batch, &plan, shard)? {
        tracing::info!(shard, workers = plan.workers, "shard is there already");
        return Ok(ExitCode::SUCCESS);
    }
    let files = files(&batch, &plan, shard)?;
    let source: Location = unusable(plan.source.parse())?;
    let source = Store::open(&source, &config.storage)?;
    let extractor = Extractor {
        window: unusable(Window::new(plan.recipe.offset_seconds, plan.recipe.duration_seconds))?,
        profile: unusable(Profile::parse(&plan.recipe.profile_id))?,
        limits: config.limits.clone(),
        max_wall: config.max_wall,
    };

    let spool = spool(config.spool.as_deref())?;
    let table = spool.path().join("table.parquet");
    let source = Source {
        store: source,
        max_file_bytes: config.limits.max_stream_bytes,
        spool: spool.path(),
        stop: &stop,
    };
    let total = files.len();
    let mut outcome = ShardOutcome::begin(&table, &plan, shard, total)?;
    extract_all(files, &source, &extractor, &config, &mut outcome)?;
    if stop.load(Ordering::Relaxed) {
        tracing::warn!(shard, done = outcome.done(), total, "stopped; nothing is written");
        return Ok(ExitCode::from(STOPPED));
    }
    let footer = outcome.finish()?;
    let (files, failures) = (footer.shard.files, footer.shard.failures);
    publish::publish(&batch, &plan, shard, &table, footer)?;
    tracing::info!(shard, workers = plan.workers, files, failures, "shard is written");
    Ok(ExitCode::SUCCESS)
}

/// The plan of the batch, which must know this worker.
fn plan(batch: &Store, config: &WorkConfig) -> anyhow::Result<Plan> {
    let text = batch.get(PLAN_NAME, MAX_PLAN_BYTES)?;
    let text = text.ok_or_else(|| anyhow!("{} has no plan", batch.location()))?;
    let plan = unusable(Plan::parse(&text.bytes))?;
    if let Some(workers) = config.workers.filter(|workers| *workers != plan.workers) {
        let planned = plan.workers;
        return unusable(Err(format!("--workers: {workers} given, the plan is for {planned}")));
    }
    if config.worker_index >= plan.workers {
        let (index, last) = (config.worker_index, plan.workers - 1);
        return unusable(Err(format!("--worker-index: {index} given, expected 0 to {last}")));
    }
    Ok(plan)
}

/// What is wrong with a plan is wrong on every try, as with a command line.
fn unusable<T>(result: Result<T, impl ToString>) -> anyhow::Result<T> {
    result.map_err(|error| ConfigError(vec![error.to_string()]).into())
}

fn files(batch: &Store, plan: &Plan, shard: u32) -> anyhow::Result<Vec<SourceFile>> {
    let name = plan.list_name(shard);
    let list = batch.get(&name, MAX_LIST_BYTES)?;
    let list = list.ok_or_else(|| anyhow!("{} is missing", batch.location().of(&name)))?;
    unusable(plan.files_of(shard, &list.bytes))
}

/// What became of one file.
struct Done {
    source_path: String,
    result: Result<Extraction, FileError>,
}

/// Fetches on some threads, works on others, and gives the outcomes in the order of the list.
fn extract_all(
    files: Vec<SourceFile>,
    source: &Source<'_>,
    extractor: &Extractor,
    config: &WorkConfig,
    outcome: &mut ShardOutcome<'_>,
) -> anyhow::Result<()> {
    let stop: &AtomicBool = source.stop;
    let is_stopped = {
        let stop = Arc::clone(source.stop);
        move || stop.load(Ordering::Relaxed)
    };
    let ahead = Pace { jobs: config.downloads, ahead: 2 * config.downloads };
    // A file waits here only while all workers are busy.
    let (sender, fetched) = mpsc::sync_channel::<Fetched>(1);
    thread::scope(|scope| {
        let fetching = scope.spawn(move || {
            let files = files.into_iter().take_while(|_| !stop.load(Ordering::Relaxed));
            for_each_ordered(
                files,
                ahead,
                |file| source.fetch(file),
                |file| {
                    let file = file?;
                    // Nobody takes it when the workers have ended; they say why.
                    sender.send(file).map_err(|_| anyhow!("the workers have ended"))
                },
            )
        });
        let worked = for_each_ordered(
            fetched.into_iter(),
            Pace::wide(config.jobs),
            |Fetched { source_path, audio }| {
                let audio = match audio {
                    Ok(audio) => audio,
                    Err(error) => return Done { source_path, result: Err(error) },
                };
                let result = extractor.extract(|| Ok(audio), is_stopped.clone());
                Done { source_path, result: result.map_err(Into::into) }
            },
            |done| match done.result {
                // Said by nobody but the signal.
                Err(FileError::Extract(ExtractError::Cancelled)) if is_stopped() => Ok(()),
                result => outcome.take(done.source_path, result),
            },
        );
        let fetching = fetching.join().map_err(|_| anyhow!("a thread that fetches has broken"))?;
        worked?;
        match fetching {
            Err(_) if is_stopped() => Ok(()),
            fetching => fetching,
        }
    })
}
