//! A batch that many workers share: which files it is of (the manifest), how they are cut into shards
//! (the plan), and where in the object store everything lies. Worker `i` of `n` extracts shard `i`.
//!
//! What belongs elsewhere: talking to the store (`commands/plan.rs`, `commands/work`), and the form
//! of a shard's table (`table/shard.rs`).

mod manifest;
mod plan;

pub use self::{
    manifest::{Manifest, ManifestWriter, SourceFile},
    plan::{
        MAX_DIGESTS_BYTES, MAX_LIST_BYTES, MAX_SHARD_FILES, MAX_WORKERS, PLAN_NAME, Plan, PlanError,
    },
};
