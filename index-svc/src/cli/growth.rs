//! Flags of the commands that make a version from something other than tables alone: `append`,
//! `remove`, `import`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use storage::StorageArgs;

use super::{BuildEngineArg, DuplicatesArg, FormatArg, NanArg};

pub(super) const APPEND_HELP: &str = "\
Examples:
  index-svc append --index library --input new.csv
  index-svc append --index library --input tonight.csv --duplicates keep-first   # may run twice
  index-svc append --index indexes/2026-01 --input new.csv --output indexes/2026-02
  index-svc append --index library --input new.csv --refit --format json

Exit codes:
  0  the new version is complete and verified, and CURRENT names it if it is in a folder of versions; or no
     row was new, and no version was made (the report says so): a job may run twice
  1  a table was refused, or the version could not be written; the one before is as it was
  2  the command line is wrong";

pub(super) const REMOVE_HELP: &str = "\
Examples:
  index-svc remove --index library --ids 10250 10251
  index-svc remove --index library --ids-from gone.txt --unknown skip            # may run twice
  index-svc remove --index indexes/2026-01 --ids-from gone.txt --output indexes/2026-02

Exit codes:
  0  the new version is complete and verified, and CURRENT names it if it is in a folder of versions; or no
     track was to go, and no version was made (the report says so)
  1  a track is not in the index, or the version could not be written; the one before is as it was
  2  the command line is wrong";

pub(super) const IMPORT_HELP: &str = "\
Examples:
  index-svc import --features features.npy --metadata metadata.csv --scaler scaler.pkl \\
      --output library --profile fma-2017
  index-svc import --features features.npy --metadata metadata.csv --scaler scaler.json \\
      --columns joined.csv --output library --profile fma-2017

Exit codes:
  0  the index was built and verified
  1  a file was refused, or the index could not be written; nothing is left behind
  2  the command line is wrong";

/// Flags of `append`.
#[derive(Args, Debug)]
pub(crate) struct AppendArgs {
    /// Index directory, or a folder of versions.
    #[arg(long, value_name = "DIR")]
    pub(crate) index: PathBuf,
    /// Feature tables, in row order; files or URLs, as for build.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE or URL")]
    pub(crate) input: Vec<PathBuf>,
    /// Index directory to make, where the index is not a folder of versions; it must not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Profile of the tables, where they do not say it themselves; it must be the index's.
    #[arg(long, value_name = "ID")]
    pub(crate) profile: Option<String>,
    /// What a missing value becomes; the index's own rule if not given.
    #[arg(long, value_name = "RULE")]
    pub(crate) nan: Option<NanArg>,
    /// What a track id means that is repeated, or in the index already.
    #[arg(long, default_value = "error", value_name = "RULE")]
    pub(crate) duplicates: DuplicatesArg,
    /// Fit the scaler again, to all rows, and build everything again.
    #[arg(long)]
    pub(crate) refit: bool,
    /// Form of the report.
    #[arg(long, default_value = "text")]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// Flags of `remove`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["ids", "ids_from"])))]
pub(crate) struct RemoveArgs {
    /// Index directory, or a folder of versions.
    #[arg(long, value_name = "DIR")]
    pub(crate) index: PathBuf,
    /// Tracks to remove, by id.
    #[arg(long, num_args = 1.., value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// File of tracks to remove, an id a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) ids_from: Option<PathBuf>,
    /// What an id means that is not in the index.
    #[arg(long, default_value = "error", value_name = "RULE")]
    pub(crate) unknown: UnknownArg,
    /// Index directory to make, where the index is not a folder of versions; it must not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Fit the scaler again, to the rows that stay, and build everything again.
    #[arg(long)]
    pub(crate) refit: bool,
    /// Form of the report.
    #[arg(long, default_value = "text")]
    pub(crate) format: FormatArg,
}

/// What an id to remove means that is not in the index.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum UnknownArg {
    /// Nothing is removed.
    Error,
    /// It is left aside: it may have been removed before.
    Skip,
}

/// Flags of `import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Scaled features, `[rows, columns]`, as numpy saves them.
    #[arg(long, value_name = "FILE")]
    pub(crate) features: PathBuf,
    /// Metadata of the same rows: CSV or JSONL with `track_id`.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: PathBuf,
    /// The scaler: JSON with `mean` and `scale`, or scikit-learn's StandardScaler, pickled.
    #[arg(long, value_name = "FILE")]
    pub(crate) scaler: PathBuf,
    /// Names of the columns of the features: a table with them in its header, a text file with a name
    /// a line, or `profile` for the profile's own order. Not needed where the scaler knows them.
    #[arg(long, value_name = "FILE")]
    pub(crate) columns: Option<PathBuf>,
    /// Index directory to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Profile of the features: what computed them.
    #[arg(long, value_name = "ID")]
    pub(crate) profile: String,
    /// Engines to build.
    #[arg(long, default_value = "both", value_name = "WHICH")]
    pub(crate) engine: BuildEngineArg,
    /// Trees of the forest: more find more and cost more.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) trees: u32,
    /// Seed; the same files and seed give the same answers.
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// Takes features whose columns have not mean 0 and deviation 1, such as a part of those that the
    /// scaler was fitted to.
    #[arg(long)]
    pub(crate) force: bool,
}
