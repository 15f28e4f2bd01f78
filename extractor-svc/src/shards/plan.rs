//! The plan: everything that decides what a shard holds, said once, so that every worker and every
//! later try does the same. It is the last object that planning writes, and is never changed.

use std::ops::Range;

use proto::features::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Manifest, SourceFile, manifest::places};
use crate::batch::Recipe;

/// Name of the plan, below the place of a batch.
pub const PLAN_NAME: &str = "plan.json";
/// Most workers of a batch; an Indexed Job takes 100,000.
pub const MAX_WORKERS: u32 = 100_000;
/// Most files of a shard: what a worker keeps of them stays below 100 MB.
pub const MAX_SHARD_FILES: u64 = 100_000;
/// Largest list of a shard's files that is read, in bytes.
pub const MAX_LIST_BYTES: u64 = 256 << 20;

/// Largest list of the lists' digests that is read, in bytes.
pub const MAX_DIGESTS_BYTES: u64 = 16 << 20;

/// Form of plans that this program writes and reads. The one before had no digests of its lists.
const FORMAT: u32 = 2;
/// Characters of a batch's id.
const ID_CHARACTERS: usize = 32;

/// What a batch is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Form of the plan.
    format: u32,
    /// Name of the batch by its content: everything else in the plan, and so each list of files.
    pub batch_id: String,
    /// URL that the keys are below.
    pub source: String,
    /// Files of the batch.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Workers, which is the number of shards.
    pub workers: u32,
    /// SHA-256 of the [digests](Manifest::list_digests) of the lists.
    pub lists_sha256: String,
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
    /// Cuts a manifest, whose lists have these digests, among workers.
    ///
    /// # Errors
    /// When a shard would be too large.
    pub fn new(
        source: String,
        manifest: &Manifest,
        list_digests: &str,
        workers: u32,
        recipe: Recipe,
    ) -> Result<Self, PlanError> {
        let Manifest { files, bytes, .. } = *manifest;
        let lists_sha256 = hex(&Sha256::digest(list_digests));
        let (format, batch_id) = (FORMAT, String::new());
        let mut plan =
            Self { format, batch_id, source, files, bytes, workers, lists_sha256, recipe };
        plan.check()?;
        plan.batch_id = plan.id();
        Ok(plan)
    }

    /// The name that this content has.
    fn id(&self) -> String {
        let nameless = Self { batch_id: String::new(), ..self.clone() };
        hex(&Sha256::digest(nameless.to_text()))[..ID_CHARACTERS].to_owned()
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
        if !(1..=MAX_WORKERS).contains(&plan.workers) {
            return Err(PlanError::Unreadable("its workers are none".to_owned()));
        }
        plan.check()?;
        let (named, expected) = (&plan.batch_id, plan.id());
        if *named != expected {
            let why = format!(
                "its batch_id is {}, that of its content {expected}: it was changed since it was written",
                named.escape_debug()
            );
            return Err(PlanError::Unreadable(why));
        }
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
    #[must_use]
    pub fn places(&self, shard: u32) -> Range<u64> {
        places(self.files, self.workers, shard)
    }

    /// Name of the list of a shard's files. The batch's id is in it: two who plan at the same time
    /// write the same lists or other ones.
    #[must_use]
    pub fn list_name(&self, shard: u32) -> String {
        format!("lists/{}/{shard:05}.jsonl", self.batch_id)
    }

    /// Name of the list of the lists' digests.
    #[must_use]
    pub fn digests_name(&self) -> String {
        format!("lists/{}/sha256.txt", self.batch_id)
    }

    /// Name of the folder of a shard's markers of files in work.
    #[must_use]
    pub fn markers_name(&self, shard: u32) -> String {
        format!("working/{shard:05}-of-{:05}", self.workers)
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

    /// The files of a shard from their list, which is checked by the list of digests.
    ///
    /// # Errors
    /// When one of the two is not that of the plan.
    pub fn files_of(
        &self,
        shard: u32,
        list: &[u8],
        digests: &[u8],
    ) -> Result<Vec<SourceFile>, PlanError> {
        let wrong = |why: String| PlanError::List { shard, why };
        if hex(&Sha256::digest(digests)) != self.lists_sha256 {
            return Err(wrong("the digests of the lists are not those of the plan".to_owned()));
        }
        let expected = digests.split(|byte| *byte == b'\n').nth(shard as usize);
        if expected != Some(hex(&Sha256::digest(list)).as_bytes()) {
            return Err(wrong("it was changed since it was planned".to_owned()));
        }
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

    const LINE: &str = "{\"key\":\"a\",\"bytes\":1}\n";

    /// Digests of the lists of three equal files in two shards.
    fn digests() -> String {
        [LINE, &LINE.repeat(2)].map(|list| hex(&Sha256::digest(list)) + "\n").concat()
    }

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
        Plan::new(source, &manifest, &digests(), workers, recipe).expect("small shards")
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
        let other = one.to_text().replacen("\"format\": 2", "\"format\": 3", 1);
        assert!(matches!(Plan::parse(other.as_bytes()), Err(PlanError::Unreadable(_))));
        assert!(matches!(Plan::parse(b"{"), Err(PlanError::Unreadable(_))));
    }

    #[test]
    fn what_a_worker_could_not_hold_is_refused() {
        let large = Plan { files: 10 * MAX_SHARD_FILES + 1, ..plan(1, 10) };
        let error = Plan::parse(large.to_text().as_bytes()).expect_err("too large");
        assert!(matches!(error, PlanError::ShardTooLarge { expected: 11, .. }), "{error}");
    }

    /// Each thing that a plan says is in its name.
    #[test]
    fn a_plan_that_was_changed_is_refused() {
        let one = plan(1000, 7);
        let text = one.to_text();
        for (from, to) in [
            ("s3://music/in", "s3://music/other"),
            ("\"files\": 1000", "\"files\": 1001"),
            ("\"bytes\": 0", "\"bytes\": 1"),
            ("\"workers\": 7", "\"workers\": 8"),
            ("\"offset_seconds\": 0.0", "\"offset_seconds\": 1.0"),
            ("\"duration_seconds\": 30.0", "\"duration_seconds\": null"),
            ("\"some\"", "\"other\""),
            (&one.lists_sha256, &"0".repeat(64)),
            (&one.batch_id, &"0".repeat(32)),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = Plan::parse(changed.as_bytes()).expect_err("changed");
            assert!(matches!(error, PlanError::Unreadable(_)), "{from}: {error}");
        }
    }

    #[test]
    fn a_list_of_other_files_is_refused() {
        let (plan, digests) = (plan(3, 2), digests());
        let files = |shard, list: &str| plan.files_of(shard, list.as_bytes(), digests.as_bytes());
        assert_eq!(files(0, LINE).expect("one").len(), 1);
        assert_eq!(files(1, &LINE.repeat(2)).expect("two").len(), 2);
        for list in [String::new(), LINE.repeat(2), LINE.replace("1}", "2}")] {
            let error = files(0, &list).expect_err("not its list");
            assert!(matches!(error, PlanError::List { shard: 0, .. }), "{error}");
        }
        let other = digests.replacen('0', "1", 1);
        let error =
            plan.files_of(0, LINE.as_bytes(), other.as_bytes()).expect_err("not its digests");
        assert!(matches!(error, PlanError::List { shard: 0, .. }), "{error}");
    }
}
