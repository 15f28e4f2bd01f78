//! Flags of the commands about an object store: `publish`, `rollback`, `versions`, `prune`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use storage::{Location, StorageArgs};

use super::FormatArg;

pub(super) const PUBLISH_HELP: &str = "\
Examples:
  index-svc publish --index indexes/2026-01 --to s3://bucket/library
  index-svc publish --index library --to gs://bucket/library --by nightly-build --format json
  index-svc publish --index library --to s3://bucket/library \\
      --storage-endpoint https://minio.store:9000 --storage-ca /etc/store/ca.pem

Exit codes:
  0  the version is whole in the store, and the pointer names it
  1  the index or the store is at fault, or another publisher was first; nothing that is served changed
  2  the command line is wrong";

pub(super) const ROLLBACK_HELP: &str = "\
Examples:
  index-svc rollback --at s3://bucket/library
  index-svc rollback --at s3://bucket/library --version \
      5f0c9a31d2e8b7640b1e77a2c4d95f385f0c9a31d2e8b7640b1e77a2c4d95f38

Exit codes:
  0  the pointer names the version
  1  there is no such version, the store is at fault, or another publisher was first
  2  the command line is wrong";

pub(super) const VERSIONS_HELP: &str = "\
Examples:
  index-svc versions --at s3://bucket/library
  index-svc versions --at s3://bucket/library --format json

Exit codes:
  0  listed, even if there are none
  1  the store is at fault
  2  the command line is wrong";

pub(super) const PRUNE_HELP: &str = "\
Examples:
  index-svc prune --at s3://bucket/library --keep 3

Exit codes:
  0  what nobody needs is gone
  1  nothing was ever published there, or the store is at fault
  2  the command line is wrong";

/// Flags of `publish`.
#[derive(Args, Debug)]
pub(crate) struct PublishArgs {
    /// Index directory, or a folder of versions whose wanted one is published.
    #[arg(long, env = "SOUNDALIKE_INDEX", value_name = "DIR")]
    pub(crate) index: PathBuf,
    /// Place in an object store: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or
    /// `file:///folder`.
    #[arg(long, env = "SOUNDALIKE_STORE", value_name = "URL")]
    pub(crate) to: Location,
    /// Who publishes, for the people who find it in the pointer. By default this host's name.
    #[arg(long, env = "SOUNDALIKE_PUBLISHER", value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Form of the report.
    #[arg(long, env = "SOUNDALIKE_FORMAT", default_value = "text")]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// A place in an object store, and how it is told of.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// Place in an object store.
    #[arg(long, value_name = "URL")]
    pub(crate) at: Location,
    /// Form of the report.
    #[arg(long, default_value = "text")]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// Flags of `rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Version to go back to. By default the one that was wanted before the present one.
    #[arg(long = "version", value_name = "VERSION")]
    pub(crate) wanted: Option<String>,
    /// Who rolls back, for the people who find it in the pointer. By default this host's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// Flags of `versions`.
#[derive(Args, Debug)]
pub(crate) struct VersionsArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Flags of `prune`.
#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Versions before the wanted one that stay, so that it can be rolled back.
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=32))]
    pub(crate) keep: u32,
    /// Age, since its last object was written, below which a version stays whatever it is.
    #[arg(long, default_value = "1d", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) grace: Duration,
}
