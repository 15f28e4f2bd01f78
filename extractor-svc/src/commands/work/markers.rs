//! Which files a worker has in work, as objects of the batch, so that the next worker knows what ended it.
//!
//! Each [`GROUP`] of files has a marker from before the first of them is fetched until all are done. A
//! worker that ends by itself removes its markers; one that is killed, or broken by a file, leaves them.
//! The next one works on the files of those groups alone, one after the other and before all others,
//! each under a marker of its own. A file whose own marker was left has ended a worker that did nothing
//! else, after another one: it is given up.
//!
//! Two workers of one shard at a time see each other's markers, and are then only slower.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use storage::Store;

use crate::shards::Plan;

/// Files that share a marker: so many cost one object written and one removed.
const GROUP: usize = 64;

/// The markers of a shard.
#[derive(Debug)]
pub(super) struct Markers<'a> {
    batch: &'a Store,
    folder: String,
    /// Groups whose markers this worker wrote.
    held: Mutex<BTreeSet<usize>>,
    /// Groups whose markers an earlier worker left.
    left: BTreeSet<usize>,
}

/// What an earlier worker left.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Files to be worked on alone, by their places in the list.
    pub(super) alone: BTreeSet<usize>,
    /// Files that have ended two workers.
    pub(super) given_up: BTreeSet<usize>,
}

impl<'a> Markers<'a> {
    /// Looks for what earlier workers of the shard, which has so many files, left.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(super) fn look(
        batch: &'a Store,
        plan: &Plan,
        shard: u32,
        files: usize,
    ) -> anyhow::Result<(Self, Suspects)> {
        let folder = plan.markers_name(shard);
        let (mut left, mut suspects) = (BTreeSet::new(), Suspects::default());
        for object in batch.list(&folder)? {
            let name = object?.name;
            let name = name.rsplit('/').next().unwrap_or_default();
            let number = |kind: &str| name.strip_prefix(kind)?.parse::<usize>().ok();
            if let Some(group) = number("group-") {
                left.insert(group);
            } else if let Some(file) = number("file-") {
                suspects.given_up.insert(file);
            }
        }
        for group in &left {
            let first = group.saturating_mul(GROUP);
            suspects.alone.extend(first..first.saturating_add(GROUP).min(files));
        }
        suspects.alone.retain(|file| !suspects.given_up.contains(file));
        Ok((Self { batch, folder, held: Mutex::default(), left }, suspects))
    }

    /// Marks the group of a file that is about to be fetched. Files come in the order of the list.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub(super) fn begin(&self, file: usize) -> anyhow::Result<()> {
        let group = file / GROUP;
        if self.held().contains(&group) {
            return Ok(());
        }
        self.write(&self.group(group))?;
        self.held().insert(group);
        Ok(())
    }

    /// The file, and all before it in the list, are done.
    pub(super) fn done(&self, file: usize) {
        let below = (file + 1) / GROUP;
        let over: Vec<usize> = self.held().range(..below).copied().collect();
        for group in over {
            self.remove(&self.group(group));
            self.held().remove(&group);
        }
    }

    /// Works on a file that may end this worker.
    ///
    /// # Errors
    /// When the marker cannot be written, or with what `work` gives.
    pub(super) fn alone<T>(
        &self,
        file: usize,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let name = format!("{}/file-{file:06}", self.folder);
        self.write(&name)?;
        let worked = work();
        self.remove(&name);
        worked
    }

    /// All files that were worked on alone are done; they ended nothing.
    pub(super) fn acquit(&self) {
        for group in &self.left {
            self.remove(&self.group(*group));
        }
    }

    /// This worker ends by itself.
    pub(super) fn release(&self) {
        let held = std::mem::take(&mut *self.held());
        for group in held {
            self.remove(&self.group(group));
        }
    }

    /// The shard is written; nobody needs markers of it any more.
    pub(super) fn clear(batch: &Store, plan: &Plan, shard: u32) {
        let names = batch.list(&plan.markers_name(shard)).into_iter().flatten();
        for object in names.flatten() {
            remove(batch, &object.name);
        }
    }

    fn group(&self, group: usize) -> String {
        format!("{}/group-{group:06}", self.folder)
    }

    fn write(&self, name: &str) -> anyhow::Result<()> {
        // One that is there already, of whomever, says the same.
        self.batch.create(name, Bytes::from_static(b"in work\n"))?;
        Ok(())
    }

    fn remove(&self, name: &str) {
        remove(self.batch, name);
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        // Nothing that can panic runs under the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Markers<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

/// A marker that stays costs time when the shard is done again, and nothing else.
fn remove(batch: &Store, name: &str) {
    if let Err(error) = batch.delete(name) {
        tracing::debug!(name, %error, "marker cannot be removed");
    }
}
