//! A finished shard into the store. The table is created once and decides; the failures file is made
//! from what the table that won says, by whoever comes by, so that both are of one run.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use storage::{Created, StorageError, Store};

use crate::commands::unusable;
use crate::{shards::Plan, table::ShardFooter};

/// Largest table of a shard that is read, in bytes: 100,000 rows take less than 100 MB.
const MAX_TABLE_BYTES: u64 = 1 << 30;

/// Whether the shard's table is there; its failures file is then, too.
pub(super) fn is_done(batch: &Store, plan: &Plan, shard: u32) -> anyhow::Result<bool> {
    if batch.size(&plan.table_name(shard))?.is_none() {
        return Ok(false);
    }
    let footer = published(batch, plan, shard)?;
    write_failures(batch, plan, shard, footer)?;
    Ok(true)
}

/// Writes the shard, unless another worker was first.
pub(super) fn publish(
    batch: &Store,
    plan: &Plan,
    shard: u32,
    table: &Path,
    footer: ShardFooter,
) -> anyhow::Result<()> {
    let bytes = fs::read(table).with_context(|| format!("cannot read {}", table.display()))?;
    let footer = match batch.create(&plan.table_name(shard), bytes.into())? {
        Created::New | Created::Same => footer,
        Created::Other => {
            tracing::warn!(shard, "another worker's table is there, and other than this one");
            published(batch, plan, shard)?
        }
    };
    write_failures(batch, plan, shard, footer)
}

/// What the table in the store says; it must be of this batch.
fn published(batch: &Store, plan: &Plan, shard: u32) -> anyhow::Result<ShardFooter> {
    let name = plan.table_name(shard);
    let url = batch.location().of(&name);
    let table = match batch.get(&name, MAX_TABLE_BYTES) {
        Err(error @ StorageError::TooLarge { .. }) => return unusable(Err(error)),
        table => table?,
    };
    let Some(table) = table else { bail!("{url} has gone") };
    // What is there once stays, whoever tries again.
    let footer: ShardFooter = unusable(ShardFooter::of_table(table.bytes, &url))?;
    if (&footer.shard.batch_id, footer.shard.shard) != (&plan.batch_id, shard) {
        let (found, number) = (footer.shard.batch_id, footer.shard.shard);
        let expected = &plan.batch_id;
        return unusable(Err(format!(
            "{url} is part {number} of batch {found}, expected {shard} of {expected}"
        )));
    }
    Ok(footer)
}

fn write_failures(
    batch: &Store,
    plan: &Plan,
    shard: u32,
    footer: ShardFooter,
) -> anyhow::Result<()> {
    let name = plan.failures_name(shard);
    match batch.create(&name, footer.failures.into())? {
        Created::New | Created::Same => Ok(()),
        Created::Other => {
            let url = batch.location().of(&name);
            unusable(Err(format!("{url} is not of the shard's table")))
        }
    }
}
