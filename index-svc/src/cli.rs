//! The command line, as typed: raw values, environment names, defaults, units. Checked in
//! `config.rs`; the environment is read nowhere else.

mod distribution;
mod growth;
mod serve;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use serving::LogArgs;
use storage::StorageArgs;

use self::{
    distribution::{PRUNE_HELP, PUBLISH_HELP, ROLLBACK_HELP, VERSIONS_HELP},
    growth::{APPEND_HELP, IMPORT_HELP, REMOVE_HELP},
    serve::SERVE_HELP,
};
pub(crate) use self::{
    distribution::{PruneArgs, PublishArgs, RollbackArgs, VersionsArgs},
    growth::{AppendArgs, ImportArgs, RemoveArgs, UnknownArg},
    serve::ServeArgs,
};

/// Finds tracks that sound alike: builds an index from tables of librosa features, checks it,
/// queries it, and serves it over gRPC.
///
/// An index is a directory that never changes. It holds the raw vectors, the scaler fitted to them
/// (standard scaling, as scikit-learn's), the scaled vectors as a forest of random trees and as blocks of
/// near rows, and the metadata; its manifest names the feature profile, and vectors of another profile are refused.
#[derive(Debug, Parser)]
#[command(version, about, long_about, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an index directory from feature tables.
    ///
    /// Tables are CSV or JSON lines, plain, gzip or zstd, or Parquet, or folders of them, on a disk or in an object store. Columns are taken by name: the 74 features of the
    /// profile (also spelt `mfcc_mean_01` or `mfcc_01_mean`), `track_id` (or a first column
    /// `source_path`), `track_title`, `artist_name`, `album_title`; further columns are kept as text
    /// attributes.
    ///
    /// The index is made in a hidden directory beside the output, verified row by row, and renamed:
    /// a build that is killed leaves no half index. A table says which profile its numbers have in
    /// a sidecar, `<table>.meta.json`, or inside, as the extractor writes it; for other tables say it
    /// with --profile. Tables of a batch (`extractor-svc work`) say which part they are, and a build from
    /// a part of a batch is refused.
    #[command(after_long_help = BUILD_HELP)]
    Build(BuildArgs),
    /// Make a version with the rows of more tables behind those of the last one.
    ///
    /// The scaler stays as it was fitted, unless --refit is given, and the report says how far the rows
    /// have drifted from it. Every row that was there is compared with the version before, every check
    /// of a build is made, and recall is measured at the efforts of the version before; they are
    /// chosen again only where a target is missed. With a folder of versions the new one goes into it
    /// and CURRENT is moved, so that a server swaps it in; else --output says where it goes. The version
    /// before is never changed.
    #[command(after_long_help = APPEND_HELP)]
    Append(AppendArgs),
    /// Make a version without some tracks of the last one.
    ///
    /// The last rows take the places of those that are removed. Everything else is as with append.
    #[command(after_long_help = REMOVE_HELP)]
    Remove(RemoveArgs),
    /// Build an index from the folder of the Python system: scaled features, metadata, scaler.
    ///
    /// Raw vectors are made from the scaled ones and the scaler, which is kept. A pickle is read
    /// without being executed: what is not a StandardScaler of numpy arrays is refused. The columns of
    /// features.npy have no names; they are those the scaler was fitted with, or else --columns says
    /// them.
    #[command(after_long_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Check an index, against itself and against the tables it was built from.
    ///
    /// Always: file digests, stored features against scaled raw vectors, track ids, the scaler
    /// against a fresh fit, the forest's vectors, the blocks' rows; rows that are asked for
    /// themselves, exact answers against a brute force; the recall curve and the model card (exact
    /// duplicates, hubness, artist and genre purity at 10), measured again. With --input: features
    /// and metadata of every row of the source. Then recall at 10 and 100 against the exact answer,
    /// on rows of the index or on held-out vectors (--queries).
    ///
    /// With --fail-under it is a gate: `recall`, `recall@100`, `artist_purity` and `genre_purity` are
    /// floors (shares of 0 to 1); `duplicates` (share of rows that repeat another's vector), `hubness`
    /// (skewness of the 10-occurrences), `orphans` (share of rows in nobody's 10 nearest), `constant`
    /// (number of features) and `missing` (share of values) are ceilings, for less of them is better.
    #[command(after_long_help = VALIDATE_HELP)]
    Validate(ValidateArgs),
    /// Find the nearest tracks to a track or to the vectors of a table.
    ///
    /// The track itself and its exact duplicates are left out unless --include-seeds is given, and of
    /// other exact duplicates one is kept unless --include-duplicates is. Distances are Euclidean in scaled space; PERCENTILE is the share of random pairs of tracks
    /// that are farther apart.
    #[command(after_long_help = QUERY_HELP)]
    Query(QueryArgs),
    /// Serve `soundalike.v1.IndexService` over gRPC.
    ///
    /// Opens the index read-only (a read-only file system will do) and prints `listening on ADDRESS`
    /// on standard output when it is ready. The first SIGTERM or SIGINT drains and ends with exit
    /// code 0, or with 1 if calls had to be cut when `--grace` was over; a second one ends at once.
    ///
    /// The index may be a folder of versions: index directories side by side, and a file CURRENT with
    /// the name of the one to serve. When that file is replaced (write beside it, rename), the
    /// version it names is opened, verified, warmed and then swapped in between two calls; calls that
    /// run finish on the version they began with, and the version before stays open for callers that
    /// expect it. A version that cannot be opened or verified is refused, logged and counted, and the
    /// one before goes on answering. A link to an index directory is followed in the same way.
    ///
    /// The index may also be a place in an object store that `publish` wrote to (`s3://bucket/prefix`).
    /// The version that is wanted there is fetched into --cache, digested as it comes, and followed
    /// like a folder's. A download that breaks is resumed; while the store does not answer, the
    /// version that is open, or at a start the one that was last served, goes on answering.
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Upload an index to an object store and let its servers take it.
    ///
    /// Every file is digested first. Objects that are there are read and left if they are whole; what
    /// is missing or damaged is uploaded, the manifest last. Then the pointer, `CURRENT`, is moved, if
    /// it still is what it was when the publisher began: of two publishers one wins, and the other one
    /// is told who. A publisher that was killed is simply run again.
    #[command(after_long_help = PUBLISH_HELP)]
    Publish(PublishArgs),
    /// Let the servers of an object store go back to an earlier version.
    ///
    /// Moves the pointer to the version that was wanted before the present one, or to --version. Servers
    /// that still have it open or on disk swap it in without fetching anything.
    #[command(after_long_help = ROLLBACK_HELP, disable_version_flag = true)]
    Rollback(RollbackArgs),
    /// List the versions in an object store.
    #[command(after_long_help = VERSIONS_HELP)]
    Versions(VersionsArgs),
    /// Remove versions from an object store that nobody needs any more.
    ///
    /// The wanted version stays, and the --keep versions that were wanted before it, and whatever was
    /// written less than --grace ago, since a publisher may be at work on it. Not to be run while
    /// somebody rolls back to a version that goes.
    #[command(after_long_help = PRUNE_HELP)]
    Prune(PruneArgs),
}

const BUILD_HELP: &str = "\
Examples:
  index-svc build --input features.csv --output indexes/2026-01
  index-svc build --input a.csv.gz b.csv.gz --output library --profile librosa-0.11-22050
  index-svc build --input fma.csv --output fma --profile fma-2017 --nan mean --trees 100
  index-svc build --input 's3://work/2026-02/tables/*.parquet' --output indexes/2026-02

Exit codes:
  0  the index was built and verified
  1  a table was refused, or the index could not be written; nothing is left behind
  2  the command line is wrong";

const VALIDATE_HELP: &str = "\
Examples:
  index-svc validate --index library
  index-svc validate --index library --input a.csv.gz b.csv.gz --format json
  index-svc validate --index library --queries held-out.csv --fail-under recall=0.98,duplicates=0.01
  index-svc validate --index library --format junit --output report.xml --fail-under hubness=5
  index-svc validate --index library --format html --output report.html --genre-column genre_top
  index-svc validate --index s3://bucket/library --fail-under recall=0.98

Exit codes:
  0  every check passed, and no figure is worse than --fail-under
  1  a check failed, a figure is worse or could not be measured, or the index or a table could not be
     read; a report is written all the same if the index is at fault
  2  the command line is wrong";

const QUERY_HELP: &str = "\
Examples:
  index-svc query --index library --track-id 10250
  index-svc query --index library --track-index 0 -k 5 --exact --format json
  index-svc query --index library --features song.csv
  index-svc query --index library --track-id 10250 --max-per-artist 2 --filter 'genre_top != Rock'
  index-svc query --index library --like 10250 4711=2 --unlike 99 --strategy best-of --explain

Exit codes:
  0  answered, even if there are fewer results than asked for
  1  unknown track, vectors of another profile, or the index could not be opened
  2  the command line is wrong";

/// Flags of `build`.
#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// Feature tables, in row order: files, or URLs (`s3://`, `gs://`, `az://`, `file://`) of objects, in
    /// which `*` stands for a part of a name; those are fetched to a hidden folder beside the output.
    #[arg(long, env = "SOUNDALIKE_INPUT", required = true, num_args = 1.., value_name = "FILE or URL")]
    pub(crate) input: Vec<PathBuf>,
    /// Index directory to make; it must not exist.
    #[arg(long, env = "SOUNDALIKE_OUTPUT", value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Profile of the tables, where they do not say it themselves.
    #[arg(long, env = "SOUNDALIKE_PROFILE", value_name = "ID")]
    pub(crate) profile: Option<String>,
    /// Engines to build: queries are answered by `blocks`, from memory, unless only the forest is
    /// there or they state a search_k.
    #[arg(long, env = "SOUNDALIKE_BUILD_ENGINE", default_value = "both", value_name = "WHICH")]
    pub(crate) engine: BuildEngineArg,
    /// Trees of the forest: more find more and cost more.
    #[arg(long, env = "SOUNDALIKE_TREES", default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) trees: u32,
    /// Seed; the same tables and seed give the same answers.
    #[arg(long, env = "SOUNDALIKE_SEED", default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// What a missing value becomes.
    #[arg(long, env = "SOUNDALIKE_NAN", default_value = "zero", value_name = "RULE")]
    pub(crate) nan: NanArg,
    /// What a repeated track id means.
    #[arg(long, env = "SOUNDALIKE_DUPLICATES", default_value = "error", value_name = "RULE")]
    pub(crate) duplicates: DuplicatesArg,
    /// Which feature columns are indexed.
    #[arg(long, env = "SOUNDALIKE_COLUMNS", default_value = "profile", value_name = "WHICH")]
    pub(crate) columns: ColumnsArg,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// Engines to build.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BuildEngineArg {
    /// A forest of random trees on disk, for hosts with little memory.
    Forest,
    /// Leaf blocks in memory: several times faster, at a recall that was measured.
    Blocks,
    /// Both of them.
    Both,
}

/// Engines to open.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EngineArg {
    /// All that were built.
    Auto,
    /// The forest alone.
    Forest,
    /// The blocks alone.
    Blocks,
}

/// What a missing value becomes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NanArg {
    /// The number 0, an extreme value for most features.
    Zero,
    /// The mean of the column.
    Mean,
    /// The row is left out.
    Drop,
    /// The build ends.
    Error,
}

/// What a repeated track id means.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DuplicatesArg {
    /// The build ends.
    Error,
    /// The first row stays; later ones are left out and counted.
    KeepFirst,
}

/// Which feature columns are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColumnsArg {
    /// The 74 of the profile; others are reported and left out.
    Profile,
    /// Those, and every other column with a feature family's prefix.
    All,
}

/// Flags of `validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Index directory; or the URL that an index was published to, whose wanted version is fetched for
    /// as long as this runs.
    #[arg(long, env = "SOUNDALIKE_INDEX", value_name = "DIR or URL")]
    pub(crate) index: PathBuf,
    /// Tables the index was built from, in the same order; files or URLs, as for build.
    #[arg(long, env = "SOUNDALIKE_INPUT", num_args = 1.., value_name = "FILE or URL")]
    pub(crate) input: Vec<PathBuf>,
    /// Table of held-out vectors to measure recall with, `-` for standard input.
    #[arg(long, env = "SOUNDALIKE_QUERIES", value_name = "FILE")]
    pub(crate) queries: Option<PathBuf>,
    /// Rows of the index to measure recall with, each left out of its own answer. Not with
    /// --queries.
    #[arg(long, env = "SOUNDALIKE_SAMPLE", default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) sample: u32,
    /// Ask the forest, with this many candidates; 0 leaves the choice to the planner.
    #[arg(long, env = "SOUNDALIKE_SEARCH_K", default_value_t = 0, value_name = "N")]
    pub(crate) search_k: i64,
    /// Target recall of the answers, above 0 and at most 1; 0.99 if not given. Not with --search-k.
    #[arg(long, env = "SOUNDALIKE_TARGET_RECALL", value_name = "SHARE")]
    pub(crate) target_recall: Option<f64>,
    /// Attribute column that names a track's genre; `genre_top`, then `genre` if not given.
    #[arg(long, env = "SOUNDALIKE_GENRE_COLUMN", value_name = "NAME")]
    pub(crate) genre_column: Option<String>,
    /// Form of the report.
    #[arg(long, env = "SOUNDALIKE_FORMAT", default_value = "text")]
    pub(crate) format: ReportFormatArg,
    /// File to write the report to; what failed is still said on standard output.
    #[arg(long, env = "SOUNDALIKE_REPORT", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Figures that must not be worse, separated by commas, such as `recall=0.98,duplicates=0.01`;
    /// see above for their names.
    #[arg(long, env = "SOUNDALIKE_FAIL_UNDER", value_delimiter = ',', value_name = "FIGURE=VALUE")]
    pub(crate) fail_under: Vec<String>,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// Flags of `query`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["track_id", "track_index", "features", "like"])))]
pub(crate) struct QueryArgs {
    /// Index directory; or the URL that an index was published to, whose wanted version is fetched for
    /// as long as this runs.
    #[arg(long, value_name = "DIR or URL")]
    pub(crate) index: PathBuf,
    /// Track to start from, by its id.
    #[arg(long, value_name = "ID")]
    pub(crate) track_id: Option<String>,
    /// Track to start from, by its row, from 0.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) track_index: Option<i64>,
    /// Table of raw vectors, `-` for standard input; every row is a query.
    #[arg(long, value_name = "FILE")]
    pub(crate) features: Option<PathBuf>,
    /// Tracks that results shall be like, by their ids; `ID=WEIGHT` weighs one.
    #[arg(long, num_args = 1.., value_name = "ID")]
    pub(crate) like: Vec<String>,
    /// Tracks that results shall not be like, by their ids; `ID=WEIGHT` weighs one.
    #[arg(long, num_args = 1.., requires = "like", value_name = "ID")]
    pub(crate) unlike: Vec<String>,
    /// How the tracks of --like and --unlike are combined.
    #[arg(long, default_value = "centroid", value_name = "HOW")]
    pub(crate) strategy: StrategyArg,
    /// Profile of the vectors, where their table does not say it.
    #[arg(long, value_name = "ID")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) ranking: RankingArgs,
    /// Form of the answer: a table, or one JSON object per query.
    #[arg(long, default_value = "text")]
    pub(crate) format: FormatArg,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
}

/// Flags that say which results come in which order.
#[derive(Args, Debug)]
pub(crate) struct RankingArgs {
    /// Results per query, at most 1000; explained ones at most 100.
    #[arg(short = 'k', long = "k", default_value_t = 10, value_name = "N")]
    pub(crate) k: i64,
    /// Look at all vectors: the true neighbours.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Ask the forest, with this many candidates; 0 leaves the choice to the planner.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) search_k: i64,
    /// Target recall of the answers, above 0 and at most 1; 0.99 if not given. Not with --search-k.
    #[arg(long, value_name = "SHARE")]
    pub(crate) target_recall: Option<f64>,
    /// Return the track itself and its exact duplicates too.
    #[arg(long)]
    pub(crate) include_seeds: bool,
    /// Keep tracks whose vectors are exactly equal to that of a better one.
    #[arg(long)]
    pub(crate) include_duplicates: bool,
    /// Which tracks may be results, such as `genre_top != "Rock" AND year >= 1990` or
    /// `artist_name = "The *"`; `*` stands for any text, and `OR` binds tighter than `AND`.
    #[arg(long, default_value = "", value_name = "FILTER")]
    pub(crate) filter: String,
    /// Results per artist; 0 is no limit.
    #[arg(long, default_value_t = 0, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_per_artist: i64,
    /// Leave out results that are farther than this.
    #[arg(long, value_name = "DISTANCE")]
    pub(crate) max_distance: Option<f64>,
    /// Share of diversity in the order, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub(crate) diversity: f64,
    /// Weight of a feature group, such as `mfcc=2` or `rmse=0`; others have weight 1.
    #[arg(long, value_name = "GROUP=WEIGHT")]
    pub(crate) group_weight: Vec<String>,
    /// Tell what makes the distance of each result.
    #[arg(long)]
    pub(crate) explain: bool,
    /// `next_page_token` of an earlier answer to the same query, for its next results.
    #[arg(long, default_value = "", value_name = "TOKEN")]
    pub(crate) page_token: String,
}

/// How several tracks are combined.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StrategyArg {
    /// Near to their mean, away from that of the unwanted.
    Centroid,
    /// Near to any of them, and not nearer to an unwanted one.
    BestOf,
    /// As centroid, by the features on which they agree.
    SharedTraits,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormatArg {
    /// For people, in a terminal.
    Text,
    /// For programs.
    Json,
    /// For build servers: JUnit XML, a test case per check.
    Junit,
    /// For people, in a browser: one page with pictures that fetches nothing.
    Html,
}

/// Form of what is written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For people.
    Text,
    /// For programs.
    Json,
}
