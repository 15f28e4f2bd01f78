//! Tables that are parts of a batch say so, and a batch is indexed whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::TableError;

/// Missing parts that a message names.
const NAMED: usize = 10;

/// Which part of which batch a table is, as the extractor's workers write it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shard {
    /// The batch.
    pub batch_id: String,
    /// Number of the part, from 0.
    pub shard: u32,
    /// Parts of the batch.
    pub shards: u32,
}

/// Parts that were found, by batch.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    batches: BTreeMap<String, (u32, BTreeMap<u32, PathBuf>)>,
}

impl Shards {
    /// Takes note of a table's part.
    ///
    /// # Errors
    /// When its number is none, the batch has another number of parts elsewhere, or the part is there
    /// already.
    pub(crate) fn add(&mut self, path: &Path, shard: Shard) -> Result<(), TableError> {
        let Shard { batch_id, shard, shards } = shard;
        let refuse = |why: String| TableError::Parquet { path: path.to_owned(), why };
        if shard >= shards {
            return Err(refuse(format!("it says it is part {shard} of {shards}, from 0")));
        }
        let (all, found) = self.batches.entry(batch_id).or_insert((shards, BTreeMap::new()));
        if *all != shards {
            return Err(refuse(format!("it says its batch has {shards} parts, others say {all}")));
        }
        match found.insert(shard, path.to_owned()) {
            Some(first) => {
                let first = first.display();
                Err(refuse(format!("it is part {shard} of its batch, as {first} is already")))
            }
            None => Ok(()),
        }
    }

    /// Every part of every batch is there.
    ///
    /// # Errors
    /// With the first that are missing.
    pub(crate) fn check_complete(&self) -> Result<(), TableError> {
        for (batch_id, (shards, found)) in &self.batches {
            let there: BTreeSet<u32> = found.keys().copied().collect();
            if there.len() < *shards as usize {
                let missing = (0..*shards).filter(|shard| !there.contains(shard));
                return Err(TableError::ShardsMissing {
                    batch_id: batch_id.clone(),
                    shards: *shards,
                    missing: shards - there.len() as u32,
                    first: missing.take(NAMED).collect(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(batch: &str, shard: u32, shards: u32) -> Shard {
        Shard { batch_id: batch.to_owned(), shard, shards }
    }

    #[test]
    fn a_batch_is_whole_when_each_part_is_there_once() {
        let mut found = Shards::default();
        found.check_complete().expect("no batch is whole");
        for (batch, shard, shards) in [("a", 1, 3), ("b", 0, 1), ("a", 0, 3)] {
            found.add(Path::new("x"), part(batch, shard, shards)).expect("new");
        }
        let error = found.check_complete().expect_err("one is missing");
        assert!(
            matches!(&error, TableError::ShardsMissing { batch_id, missing: 1, first, .. }
                if batch_id == "a" && *first == [2]),
            "{error}"
        );
        let refused = |shard| found_again(shard).expect_err("refused");
        assert!(refused(part("a", 1, 3)).to_string().contains("already"));
        assert!(refused(part("a", 2, 4)).to_string().contains("others say 3"));
        assert!(refused(part("c", 4, 4)).to_string().contains("part 4 of 4"));
        found.add(Path::new("x"), part("a", 2, 3)).expect("new");
        found.check_complete().expect("whole");
    }

    fn found_again(shard: Shard) -> Result<(), TableError> {
        let mut found = Shards::default();
        found.add(Path::new("x"), part("a", 1, 3))?;
        found.add(Path::new("y"), shard)
    }
}
