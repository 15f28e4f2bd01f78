//! `work`: one shard of a batch, from its list of files to its table and its list of failures.
//!
//! Files are fetched ahead of those that are worked on; nothing is written to the store before the
//! whole shard is done, and then its table in one request that only the first worker wins.

mod fetch;
mod markers;
mod outcome;
mod publish;

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
};

use anyhow::{Context as _, anyhow};
use storage::{Location, Store};

use self::{
    fetch::{Fetched, Source},
    markers::{Markers, Suspects},
    outcome::ShardOutcome,
};
use super::{extract::STOPPED, signals, spool, unusable};
use crate::{
    batch::{Extractor, FileError, Pace, for_each_ordered, source_path_of_text},
    cli::WorkArgs,
    config::WorkConfig,
    decode::Window,
    error::ExtractError,
    pipeline::Extraction,
    recipe::Profile,
    shards::{MAX_DIGESTS_BYTES, MAX_LIST_BYTES, PLAN_NAME, Plan, SourceFile},
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
        Markers::clear(&batch, &plan, shard);
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

    let total = files.len();
    let (markers, suspects) = Markers::look(&batch, &plan, shard, total)?;
    let spool = spool(config.spool.as_deref())?;
    let table = spool.path().join("table.parquet");
    let source = Source {
        store: source,
        files: &files,
        max_file_bytes: config.limits.max_stream_bytes,
        spool: spool.path(),
        stop: &stop,
    };
    let mut outcome = ShardOutcome::begin(
        &table,
        &plan,
        shard,
        total,
        extractor.profile.schema(),
        extractor.window,
    )?;
    let worker = Worker { source: &source, extractor: &extractor, markers: &markers };
    let early = worker.extract_suspects(suspects)?;
    worker.extract_all(early, &config, &mut outcome)?;
    if stop.load(Ordering::Relaxed) {
        tracing::warn!(shard, done = outcome.done(), total, "stopped; nothing is written");
        return Ok(ExitCode::from(STOPPED));
    }
    let footer = outcome.finish()?;
    let (files, failures) = (footer.shard.files, footer.shard.failures);
    publish::publish(&batch, &plan, shard, &table, footer)?;
    Markers::clear(&batch, &plan, shard);
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

fn files(batch: &Store, plan: &Plan, shard: u32) -> anyhow::Result<Vec<SourceFile>> {
    let name = plan.list_name(shard);
    let list = batch.get(&name, MAX_LIST_BYTES)?;
    let digests_name = plan.digests_name();
    let digests = batch.get(&digests_name, MAX_DIGESTS_BYTES)?;
    // They were there before the plan was.
    let missing = |name: &str| format!("{} is missing", batch.location().of(name));
    let list = unusable(list.ok_or_else(|| missing(&name)))?;
    let digests = unusable(digests.ok_or_else(|| missing(&digests_name)))?;
    unusable(plan.files_of(shard, &list.bytes, &digests.bytes))
}

/// What became of one file.
struct Done {
    place: usize,
    source_path: String,
    result: Result<Extraction, FileError>,
}

/// What works on the files of a shard.
struct Worker<'a> {
    source: &'a Source<'a>,
    extractor: &'a Extractor,
    markers: &'a Markers<'a>,
}

impl Worker<'_> {
    fn is_stopped(&self) -> bool {
        self.source.stop.load(Ordering::Relaxed)
    }

    /// Extracts what may have ended an earlier worker, one file after the other with nothing beside.
    fn extract_suspects(&self, suspects: Suspects) -> anyhow::Result<BTreeMap<usize, Done>> {
        let Suspects { alone, given_up } = suspects;
        let mut early = BTreeMap::new();
        for place in given_up {
            if let Some(file) = self.source.files.get(place) {
                let source_path = source_path_of_text(&file.key);
                let result = Err(FileError::EndedWorkers);
                early.insert(place, Done { place, source_path, result });
            }
        }
        if !alone.is_empty() {
            let files = alone.len();
            tracing::warn!(
                files,
                "a worker ended on some of these files; they are done alone first"
            );
        }
        for place in alone {
            if self.is_stopped() {
                return Ok(early);
            }
            let work = || Ok(self.extract(self.source.fetch(place)?));
            let done = match self.markers.alone(place, work) {
                Err(_) if self.is_stopped() => return Ok(early),
                done => done?,
            };
            early.insert(place, done);
        }
        if !self.is_stopped() {
            self.markers.acquit();
        }
        Ok(early)
    }

    fn extract(&self, Fetched { place, source_path, audio }: Fetched) -> Done {
        let stop = Arc::clone(self.source.stop);
        let is_stopped = move || stop.load(Ordering::Relaxed);
        let result = audio.and_then(|audio| {
            self.extractor.extract(|| Ok(audio), is_stopped).map_err(FileError::from)
        });
        Done { place, source_path, result }
    }

    /// Fetches on some threads, works on others, and gives the outcomes in the order of the list, those
    /// that are known already among them.
    fn extract_all(
        &self,
        mut early: BTreeMap<usize, Done>,
        config: &WorkConfig,
        outcome: &mut ShardOutcome<'_>,
    ) -> anyhow::Result<()> {
        let ahead = Pace { jobs: config.downloads, ahead: 2 * config.downloads };
        let (total, is_known) =
            (self.source.files.len(), |place: &usize| early.contains_key(place));
        let left: Vec<usize> = (0..total).filter(|place| !is_known(place)).collect();
        // A file waits here only while all workers are busy.
        let (sender, fetched) = mpsc::sync_channel::<Fetched>(1);
        thread::scope(|scope| {
            let fetching = scope.spawn(move || {
                let places = left.into_iter().take_while(|_| !self.is_stopped());
                let marked = places.map(|place| self.markers.begin(place).map(|()| place));
                for_each_ordered(
                    marked,
                    ahead,
                    |place| self.source.fetch(place?),
                    |file| {
                        let file = file?;
                        // Nobody takes it when the workers have ended; they say why.
                        sender.send(file).map_err(|_| anyhow!("the workers have ended"))
                    },
                )
            });
            let worked: anyhow::Result<()> = for_each_ordered(
                fetched.into_iter(),
                Pace::wide(config.jobs),
                |fetched| self.extract(fetched),
                |done| {
                    while let Some(known) = early.first_entry() {
                        if *known.key() > done.place {
                            break;
                        }
                        let known = known.remove();
                        outcome.take(known.source_path, known.result)?;
                    }
                    match done.result {
                        // Said by nobody but the signal.
                        Err(FileError::Extract(ExtractError::Cancelled)) if self.is_stopped() => {
                            return Ok(());
                        }
                        result => outcome.take(done.source_path, result)?,
                    }
                    self.markers.done(done.place);
                    Ok(())
                },
            );
            let fetching =
                fetching.join().map_err(|_| anyhow!("a thread that fetches has broken"))?;
            worked?;
            match fetching {
                Err(_) if self.is_stopped() => return Ok(()),
                fetching => fetching?,
            }
            if !self.is_stopped() {
                for known in early.into_values() {
                    outcome.take(known.source_path, known.result)?;
                }
            }
            Ok(())
        })
    }
}
