//! `plan`: a store's files to a manifest, cut into shards.

use std::{
    io::{Write as _, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use storage::{Created, StorageError, Store};

use super::{extract::NOTHING, spool};
use crate::{
    batch::{FileError, PassedOver, Recipe, Walker, source_path_of_text},
    cli::PlanArgs,
    config::{ConfigError, PlanConfig},
    shards::{Manifest, ManifestWriter, PLAN_NAME, Plan, SourceFile},
};

/// Files between two lines of the log.
const SAY_EVERY: u64 = 1_000_000;

/// Runs the command.
///
/// # Errors
/// On a wrong command line, when a store or the local disk fails, or when the batch has another plan.
pub fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let config = PlanConfig::from_args(args)?;
    let walker =
        Walker::new(&config.patterns).map_err(|error| ConfigError(vec![error.to_string()]))?;
    let source = Store::open(&config.source, &config.storage)?;
    let batch = Store::open(&config.batch, &config.storage)?;
    let (mut manifest, left_out) = list(&source, &walker, &config)?;
    if manifest.files == 0 {
        tracing::error!(source = %config.source, "no audio file is there");
        return Ok(ExitCode::from(NOTHING));
    }
    let recipe = Recipe {
        profile_id: config.profile.id().to_owned(),
        offset_seconds: config.window.offset(),
        duration_seconds: config.window.duration(),
    };
    let digests = manifest.list_digests(config.workers);
    let digests = digests.context("cannot read the manifest from local disk")?;
    let plan = Plan::new(config.source.to_string(), &manifest, &digests, config.workers, recipe)
        .map_err(|error| ConfigError(vec![error.to_string()]))?;
    if !is_there(&batch, &plan)? {
        write_lists(&batch, &plan, &mut manifest, digests)?;
        // Last: a batch that has a plan has all its lists.
        if batch.create(PLAN_NAME, plan.to_text().into())? == Created::Other {
            bail!("{} has another plan already", config.batch);
        }
    }
    let mut out = stdout().lock();
    writeln!(out, "batch    {} at {}", plan.batch_id, config.batch)?;
    writeln!(out, "files    {} of {} bytes in all", plan.files, plan.bytes)?;
    if left_out > 0 {
        writeln!(out, "left out {left_out} entries that cannot be listed; the log names them")?;
    }
    writeln!(out, "workers  {}, up to {} files each", plan.workers, most_files(&plan))?;
    writeln!(out, "profile  {}", plan.recipe.profile_id)?;
    Ok(ExitCode::SUCCESS)
}

/// All files of the source that are taken, in the order of their keys, and how many entries of it cannot
/// be listed.
fn list(source: &Store, walker: &Walker, config: &PlanConfig) -> anyhow::Result<(Manifest, u64)> {
    let spool = spool(config.spool.as_deref())?;
    let mut manifest = ManifestWriter::new(spool.path());
    let (mut seen, mut too_long, mut left_out) = (0_u64, 0_u64, 0_u64);
    let mut passed_over = PassedOver::default();
    for object in source.list("")? {
        let object = match object {
            Err(StorageError::Entry { cause, .. }) => {
                left_out += 1;
                tracing::warn!(cause, "entry of the source is left out: it cannot be listed");
                continue;
            }
            object => object?,
        };
        seen += 1;
        if seen.is_multiple_of(SAY_EVERY) {
            tracing::info!(seen, "listing");
        }
        if walker.takes_name(&object.name) {
            let source_path = source_path_of_text(&object.name);
            too_long += u64::from(FileError::check_source_path(&source_path).is_err());
            let file = SourceFile { key: object.name, bytes: object.bytes, etag: object.tag };
            manifest.push(file).context("cannot keep the manifest on local disk")?;
        } else {
            passed_over.add(Path::new(&object.name));
        }
    }
    if too_long > 0 {
        tracing::warn!(too_long, "keys are too long for a row; workers list them as failures");
    }
    let manifest = manifest.finish().context("cannot sort the manifest on local disk")?;
    let (taken, source) = (manifest.files, &config.source);
    let not_taken = passed_over.kinds();
    tracing::info!(seen, taken, left_out, not_taken, %source, "source is listed");
    Ok((manifest, left_out))
}

/// Whether the batch has this very plan.
fn is_there(batch: &Store, plan: &Plan) -> anyhow::Result<bool> {
    let text = plan.to_text();
    match batch.get(PLAN_NAME, 1 << 20)? {
        Some(found) if found.bytes == text => Ok(true),
        Some(_) => bail!("{} has another plan already", batch.location()),
        None => Ok(false),
    }
}

fn write_lists(
    batch: &Store,
    plan: &Plan,
    manifest: &mut Manifest,
    digests: String,
) -> anyhow::Result<()> {
    let create = |name: String, bytes: Vec<u8>| {
        if batch.create(&name, bytes.into())? == Created::Other {
            bail!("{} holds something else", batch.location().of(&name));
        }
        Ok(())
    };
    for shard in 0..plan.workers {
        let places = plan.places(shard);
        let lines = manifest.next_lines(places.end - places.start);
        let lines = lines.context("cannot read the manifest from local disk")?;
        create(plan.list_name(shard), lines)?;
    }
    create(plan.digests_name(), digests.into_bytes())
}

fn most_files(plan: &Plan) -> u64 {
    plan.files.div_ceil(plan.workers.into())
}
