//! The plan: everything that decides what a shard holds, said once, so that every worker and every
//! later try does the same. It is the last object that planning writes, and is never changed.

use std::ops::Range;

use proto::features::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Manifest, SourceFile};
use crate::batch::Recipe;

/// Name of the plan, below the place of a batch.
pub const PLAN_NAME: &str = "plan.json";
/// Most workers of a batch; an Indexed Job takes 100,000.
pub const MAX_WORKERS: u32 = 100_000;
/// Most files of a shard: what a worker keeps of them stays below 100 MB.
pub const MAX_SHARD_FILES: u64 = 100_000;
/// Largest list of a shard's files that is read, in bytes.
pub const MAX_LIST_BYTES: u64 = 256 << 20;

/// Form of plans that this program writes and reads.
const FORMAT: u32 = 1;
/// Characters of a batch's id.
const ID_CHARACTERS: usize = 32;

/// What a batch is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Form of the plan.
    format: u32,
    /// Name of the batch by its content: manifest, source, recipe and number of workers.
    pub batch_id: String,
    /// URL that the keys are below.
    pub source: String,
    /// Files of the batch.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Workers, which is the number of shards.
    pub workers: u32,
    /// What decides the numbers.
    #[serde(flatten)]
    pub recipe: Recipe,
}

/// Why there is no plan to work by.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Too many files for so few workers.
    #[error(
        "{files} files are too many for {workers} workers: a shard has at most {MAX_SHARD_FILES}; expected --workers {expected} or more"
    )]
    ShardTooLarge {
        /// Files of the batch.
        files: u64,
        /// Workers asked for.
        workers: u32,
        /// Fewest workers.
        expected: u64,
    },
    /// The plan was written by another program, or has been damaged.
    #[error("the plan cannot be used: {0}")]
    Unreadable(String),
    /// The list of a shard's files is not what the plan says.
    #[error("the list of shard {shard} cannot be used: {why}")]
    List {
        /// The shard.
        shard: u32,
        /// What is wrong.
        why: String,
    },
}

impl Plan {
    /// Cuts a manifest among workers.
    ///
    /// # Errors
    /// When a shard would be too large.
    pub fn new(
        source: String,
        manifest: &Manifest,
        workers: u32,
        recipe: Recipe,
    ) -> Result<Self, PlanError> {
        let Manifest { files, bytes, sha256, .. } = *manifest;
        let mut plan =
            Self { format: FORMAT, batch_id: String::new(), source, files, bytes, workers, recipe };
        plan.check()?;
        let mut digest = Sha256::new();
        digest.update(plan.to_text());
        digest.update(sha256);
        plan.batch_id = hex(&digest.finalize())[..ID_CHARACTERS].to_owned();
        Ok(plan)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// When it is none, or one of another form.
    pub fn parse(text: &[u8]) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_slice(text)
            .map_err(|error| PlanError::Unreadable(error.to_string()))?;
        if plan.format != FORMAT {
            let why = format!("its format is {}, expected {FORMAT}", plan.format);
            return Err(PlanError::Unreadable(why));
        }
        let is_id = plan.batch_id.len() == ID_CHARACTERS
            && plan.batch_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id || !(1..=MAX_WORKERS).contains(&plan.workers) {
            return Err(PlanError::Unreadable("its batch_id or workers are none".to_owned()));
        }
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), PlanError> {
        let Self { files, workers, .. } = *self;
        let expected = files.div_ceil(MAX_SHARD_FILES);
        if expected > workers.into() {
            return Err(PlanError::ShardTooLarge { files, workers, expected });
        }
        Ok(())
    }

    /// The plan as it is stored.
    ///
    /// # Panics
    /// Never: numbers and texts are JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and texts are JSON") + "\n"
    }

    /// Files of a shard, by their places in the manifest: as many as of any other, or one more.
    ///
    /// # Panics
    /// Never: a place is at most the number of files.
    #[must_use]
    pub fn places(&self, shard: u32) -> Range<u64> {
        let until = |shard: u32| {
            let place = u128::from(self.files) * u128::from(shard) / u128::from(self.workers);
            u64::try_from(place).expect("at most the files")
        };
        until(shard)..until(shard + 1)
    }

    /// Name of the list of a shard's files. The batch's id is in it: two who plan at the same time
    /// write the same lists or other ones.
    #[must_use]
    pub fn list_name(&self, shard: u32) -> String {
        format!("lists/{}/{shard:05}.jsonl", self.batch_id)
    }

    /// Name of a shard's table.
    #[must_use]
    pub fn table_name(&self, shard: u32) -> String {
        format!("tables/{shard:05}-of-{:05}.parquet", self.workers)
    }

    /// Name of a shard's failures file.
    #[must_use]
    pub fn failures_name(&self, shard: u32) -> String {
        format!("failures/{shard:05}-of-{:05}.csv", self.workers)
    }

    /// The files of a shard from their list.
    ///
    /// # Errors
    /// When the list is not that of the plan.
    pub fn files_of(&self, shard: u32, list: &[u8]) -> Result<Vec<SourceFile>, PlanError> {
        let wrong = |why: String| PlanError::List { shard, why };
        let lines = list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let files: Vec<SourceFile> = lines
            .map(|line| serde_json::from_slice(line).map_err(|error| wrong(error.to_string())))
            .collect::<Result<_, _>>()?;
        let places = self.places(shard);
        let expected = places.end - places.start;
        if files.len() as u64 != expected {
            return Err(wrong(format!("it has {} files, expected {expected}", files.len())));
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::ManifestWriter, *};

    fn plan(files: u64, workers: u32) -> Plan {
        let recipe = Recipe {
            profile_id: "some".to_owned(),
            offset_seconds: 0.0,
            duration_seconds: Some(30.0),
        };
        let source = "s3://music/in".to_owned();
        let folder = tempfile::tempdir().expect("a folder");
        let mut manifest = ManifestWriter::new(folder.path()).finish().expect("writable");
        manifest.files = files;
        Plan::new(source, &manifest, workers, recipe).expect("small shards")
    }

    #[test]
    fn shards_are_all_files_once_and_even() {
        for (files, workers) in [(0, 3), (2, 8), (1000, 7), (100_000_000, 4096), (8, 8)] {
            let plan = plan(files, workers);
            let mut next = 0;
            for shard in 0..workers {
                let places = plan.places(shard);
                assert_eq!(places.start, next);
                let (count, even) = (places.end - places.start, files / u64::from(workers));
                assert!((even..=even + 1).contains(&count), "{count} of {files} in {workers}");
                next = places.end;
            }
            assert_eq!(next, files);
        }
    }

    #[test]
    fn a_plan_reads_back_and_is_named_by_its_content() {
        let one = plan(1000, 7);
        assert_eq!(Plan::parse(one.to_text().as_bytes()).expect("whole"), one);
        assert_ne!(one.batch_id, plan(1000, 8).batch_id);
        assert_eq!(one.batch_id, plan(1000, 7).batch_id);
        let other = one.to_text().replacen("\"format\": 1", "\"format\": 2", 1);
        assert!(matches!(Plan::parse(other.as_bytes()), Err(PlanError::Unreadable(_))));
        assert!(matches!(Plan::parse(b"{"), Err(PlanError::Unreadable(_))));
    }

    #[test]
    fn what_a_worker_could_not_hold_is_refused() {
        let large = Plan { files: 10 * MAX_SHARD_FILES + 1, ..plan(1, 10) };
        let error = Plan::parse(large.to_text().as_bytes()).expect_err("too large");
        assert!(matches!(error, PlanError::ShardTooLarge { expected: 11, .. }), "{error}");
    }

    #[test]
    fn a_list_of_other_files_is_refused() {
        let plan = plan(3, 2);
        let line = "{\"key\":\"a\",\"bytes\":1}\n";
        assert_eq!(plan.files_of(0, line.as_bytes()).expect("one").len(), 1);
        assert_eq!(plan.files_of(1, line.repeat(2).as_bytes()).expect("two").len(), 2);
        for list in [String::new(), line.repeat(2), "{}\n".to_owned()] {
            let error = plan.files_of(0, list.as_bytes()).expect_err("not its list");
            assert!(matches!(error, PlanError::List { shard: 0, .. }), "{error}");
        }
    }
}
