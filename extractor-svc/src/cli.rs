//! The command line, as typed: raw values, environment names, defaults, units. Checked in
//! `config.rs`; the environment is read nowhere else.

#![allow(missing_docs, reason = "doc comments here are help texts; what has none is not shown")]

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use proto::features::DEFAULT_PROFILE;
use serving::{LogArgs, ServingArgs};
use storage::StorageArgs;

use crate::table::TableFormat;

/// Turns audio into librosa's feature vectors: 74 numbers for each recording, equal to librosa
/// 0.11, as a batch command and as a gRPC service.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub log: LogArgs,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve `soundalike.v1.ExtractorService` over gRPC.
    ///
    /// Prints `listening on ADDRESS` on standard output when it is ready. Nothing that is uploaded
    /// touches a disk. The first SIGTERM or SIGINT drains and ends with exit code 0, or with 1 if calls
    /// had to be cut when `--grace` was over; a second one ends at once.
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Extract the features of files and folders into a table.
    ///
    /// The table has one row per recording, in path order: `source_path`, then the 74 columns. A
    /// file that cannot be read is a warning and a line of the failures file, not the end.
    ///
    /// CSV and JSONL tables get a small sidecar, `<output>.meta.json`, that names the profile, so
    /// that an index is never built from one recipe and asked with another; Parquet carries it
    /// inside. Beside both lies `<output>.journal`, which `--resume` needs.
    ///
    /// Rows are written as they are ready. The first Ctrl-C (or SIGTERM) finishes the files in work
    /// and says what is left; a second one ends at once. Either way the table is valid as far as it
    /// goes; a Parquet table that was cut short is `<output>.spool.jsonl` until it is resumed.
    #[command(after_long_help = EXTRACT_HELP)]
    Extract(ExtractArgs),
    /// Plan a batch that many workers extract: list a store's audio files, and cut the list into shards.
    ///
    /// Writes to the place of the batch: `lists/ID/SHARD.jsonl`, one line for each file (key, size, entity
    /// tag), `lists/ID/sha256.txt`, their digests, then `plan.json`, which names source, recipe, number of
    /// workers and the digest of the digests. ID is a digest of all that, and workers refuse a plan or a
    /// list that was changed. A batch is planned once: the same plan again changes nothing, another
    /// one is refused. An entry of a folder that cannot be listed is left out, and told.
    #[command(after_long_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Extract one shard of a batch: worker I of N.
    ///
    /// Reads the shard's files from the source, as `extract` reads them from a disk, and writes
    /// `tables/I-of-N.parquet`, whole and only once, then `failures/I-of-N.csv`. So a worker may be killed at any
    /// time, run again, or run twice at the same time: every file is in one table or one list of
    /// failures, once. A file that is missing, that cannot be read while others can, or that is no
    /// longer the one that was planned, is a failure; a store that cannot be reached is none: the worker
    /// ends, and is to be run again. Objects in `working/I-of-N/` say what a worker has in work. What it
    /// had when it was killed is done alone next time, and a file that ends a worker then as well is a
    /// failure (WORKER_ENDED).
    #[command(after_long_help = WORK_HELP)]
    Work(WorkArgs),
    /// Show what is known of one file: how it is read, its tuning, its features.
    #[command(after_long_help = INSPECT_HELP)]
    Inspect(InspectArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands to a folder.
    Manual(ManualArgs),
}

const SERVE_HELP: &str = "\
Examples:
  extractor-svc serve
  extractor-svc serve --listen 0.0.0.0:7071 --tls-cert tls.crt --tls-key tls.key --auth-tokens tokens.txt

Exit codes:
  0  a signal ended it, and every call in flight was answered
  1  it could not start, or calls had to be cut when --grace was over
  2  the command line is wrong";

const INSPECT_HELP: &str = "\
Examples:
  extractor-svc inspect song.mp3
  extractor-svc inspect song.mp3 --format json --max-damage 1
  extractor-svc inspect song.mp3 --plot song.svg

Exit codes:
  0  the file gives features
  1  it does not; the last line says why
  2  the command line is wrong";

const EXTRACT_HELP: &str = "\
Examples:
  extractor-svc extract ~/Music --output features.csv --failures failures.csv
  extractor-svc extract album/ --pattern '**/*.wav' --format jsonl > features.jsonl
  extractor-svc extract ~/Music --output features.csv --resume
  extractor-svc extract ~/Music --output features.csv --overwrite
  extractor-svc extract song.mp3 --offset 30 --duration 15 --output song.parquet
  extractor-svc extract ~/Music --profile custom:sr=44100,hop_length=256 --output hires.csv

Exit codes:
  0  a table was written, even if some files failed
  1  no file gave features, or the table could not be written
  2  the command line is wrong, or the output is there already, one of the inputs, or another of the run's files
  3  some files failed or had warnings, and --strict was given
  130  stopped by a signal; --resume goes on";

const PLAN_HELP: &str = "\
Examples:
  extractor-svc plan --source s3://music --batch s3://work/2026-02 --workers 500
  extractor-svc plan --source s3://music/flac --batch s3://work/flac --workers 64 --pattern '**/*.flac'

Exit codes:
  0  the batch is planned
  1  there is no audio file, another plan is there, or the store could not be reached
  2  the command line is wrong";

const WORK_HELP: &str = "\
Examples:
  JOB_COMPLETION_INDEX=7 extractor-svc work --batch s3://work/2026-02
  extractor-svc work --batch s3://work/2026-02 --worker-index 7 --workers 500

Exit codes:
  0  the shard is written, now or before
  1  the store or the local disk failed, or no file of the shard is there as planned; run again
  2  the command line, the plan, a list or what is written is wrong; running again does not help
  130  stopped by a signal, nothing written";

#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "SOUNDALIKE_LISTEN",
        default_value = "127.0.0.1:7071",
        value_name = "HOST:PORT"
    )]
    pub listen: String,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub serving: ServingArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits on what is sent in")]
pub struct LimitArgs {
    /// Encoded bytes of one recording.
    #[arg(long, env = "SOUNDALIKE_MAX_STREAM_BYTES", default_value_t = 256 << 20, value_name = "BYTES")]
    pub max_stream_bytes: u64,
    /// Wait for the next message of an upload.
    #[arg(long, env = "SOUNDALIKE_MAX_IDLE", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_idle: Duration,
    /// Wall time of one extraction, upload included.
    #[arg(long, env = "SOUNDALIKE_MAX_WALL", default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_wall: Duration,
    /// Uploads in flight; one more is refused with UNAVAILABLE. The last eighth of them is for callers
    /// that have fewer than so many.
    #[arg(long, env = "SOUNDALIKE_MAX_UPLOADS", default_value_t = 64, value_name = "N")]
    pub max_uploads: usize,
    /// Memory for all uploads in flight. Each takes 8 MiB, which is enough for 30 s, and more as it
    /// grows. Who needs more waits, those that have begun before those that have not, and is refused
    /// with UNAVAILABLE when that takes too long. Enough for the longest recording, at most half of
    /// it, is kept for the upload that began first.
    #[arg(long, env = "SOUNDALIKE_MAX_MEMORY", default_value_t = 512 << 20, value_name = "BYTES",
        value_parser = clap::value_parser!(u64).range(16 << 20..))]
    pub max_memory: u64,
    #[command(flatten)]
    pub audio: AudioLimitArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits on audio")]
pub struct AudioLimitArgs {
    /// Decoded length of one recording; longer is an error unless a duration crops it.
    #[arg(long, env = "SOUNDALIKE_MAX_AUDIO", default_value = "20m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_audio: Duration,
    /// Lowest sample rate of a recording. It bounds how much resampling can inflate.
    #[arg(long, env = "SOUNDALIKE_MIN_SAMPLE_RATE", default_value_t = 4_000, value_name = "HERTZ")]
    pub min_sample_rate: u32,
    /// Highest sample rate of a recording.
    #[arg(
        long,
        env = "SOUNDALIKE_MAX_SAMPLE_RATE",
        default_value_t = 384_000,
        value_name = "HERTZ"
    )]
    pub max_sample_rate: u32,
    /// Most channels of a recording; at most 64.
    #[arg(long, env = "SOUNDALIKE_MAX_CHANNELS", default_value_t = 64, value_name = "N")]
    pub max_channels: usize,
    /// Bytes of tags, pictures and tables that are read before the audio of a recording.
    #[arg(long, env = "SOUNDALIKE_MAX_HEADER_BYTES", default_value_t = 64 << 20, value_name = "BYTES")]
    pub max_header_bytes: u64,
    /// Largest share of the analysed window that may be missing or replaced because of a damage, 0 to 1;
    /// more is refused as TOO_DAMAGED. An upload may ask for another.
    #[arg(long, env = "SOUNDALIKE_MAX_DAMAGE", default_value_t = 0.05, value_name = "SHARE")]
    pub max_damage: f64,
    /// Findings that are refusals instead of warnings, separated by commas: TRUNCATED_STREAM,
    /// RESYNCHRONIZED, CLIPPED, SHORT_WINDOW, DURATION_MISMATCH, TRAILING_AUDIO, SEVERAL_TRACKS,
    /// TUNING_AMBIGUOUS. An upload may name more.
    #[arg(long, env = "SOUNDALIKE_REFUSE", value_delimiter = ',', value_name = "CODE,...")]
    pub refuse: Vec<String>,
}

/// What is computed of a recording.
#[derive(Args, Clone, Debug)]
pub struct RecipeArgs {
    /// Recipe of the numbers: the default, or one named by its content, such as
    /// `custom:sr=44100,hop_length=256`.
    #[arg(long, env = "SOUNDALIKE_PROFILE", default_value = DEFAULT_PROFILE, value_name = "ID")]
    pub profile: String,
    /// Start of the analysed window, in seconds.
    #[arg(long, env = "SOUNDALIKE_OFFSET", default_value_t = 0.0, value_name = "SECONDS")]
    pub offset: f64,
    /// Length of the analysed window, in seconds. By default to the end.
    #[arg(long, env = "SOUNDALIKE_DURATION", value_name = "SECONDS")]
    pub duration: Option<f64>,
}

#[derive(Args, Debug)]
pub struct ExtractArgs {
    /// Files and folders. Files are taken as they are, folders are walked.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Where the table goes; `-` is standard output. Folders are made.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: PathBuf,
    /// Form of the table. By default what the output's extension says, else CSV.
    #[arg(long)]
    pub format: Option<TableFormat>,
    /// Files to take from folders, relative to each, such as `**/*.wav`; may be repeated. By
    /// default every file with a known audio extension.
    #[arg(long = "pattern", value_name = "GLOB")]
    pub patterns: Vec<String>,
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Files worked on at a time. By default one per core. The output does not depend on it.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Go on where an earlier run with this output was stopped: files that have not changed (same
    /// path, size and time of change) are not read again. Rows of files that are gone are dropped; rows
    /// of files that are below none of the inputs, or that cannot be looked at, are kept. Needs the same
    /// profile and window.
    #[arg(long)]
    pub resume: bool,
    /// Replace a table that is there. Without this, and without --resume, that is an error.
    #[arg(long)]
    pub overwrite: bool,
    /// Where the files that failed are listed, as CSV: path, reason, message.
    #[arg(long, value_name = "FILE")]
    pub failures: Option<PathBuf>,
    /// Exit with code 3 when any file failed, or has a warning. To have no row of a file with some
    /// warnings, name them with --refuse.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub limits: FileLimitArgs,
}

#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Where the audio lies: `s3://`, `gs://`, `az://` or `file://`.
    #[arg(long, env = "SOUNDALIKE_SOURCE", value_name = "URL")]
    pub source: String,
    /// Where the batch goes; a place of its own for each.
    #[arg(long, env = "SOUNDALIKE_BATCH", value_name = "URL")]
    pub batch: String,
    /// Workers, and so shards; a shard has at most 100,000 files. A worker that is lost loses its shard's
    /// work, so shards of ten minutes or so are best.
    #[arg(long, env = "SOUNDALIKE_BATCH_WORKERS", value_name = "N")]
    pub workers: u32,
    /// Files to take, relative to the source, such as `**/*.wav`; may be repeated. By default every
    /// file with a known audio extension.
    #[arg(long = "pattern", env = "SOUNDALIKE_PATTERN", value_name = "GLOB")]
    pub patterns: Vec<String>,
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Folder for what does not fit memory: twice 150 bytes or so for each file. By default the
    /// system's.
    #[arg(long, env = "SOUNDALIKE_SPOOL", value_name = "FOLDER")]
    pub spool: Option<PathBuf>,
    #[command(flatten)]
    pub storage: StorageArgs,
}

#[derive(Args, Debug)]
pub struct WorkArgs {
    /// The batch, as it was planned.
    #[arg(long, env = "SOUNDALIKE_BATCH", value_name = "URL")]
    pub batch: String,
    /// Which worker this is, from 0. An Indexed Job of Kubernetes says it.
    #[arg(long, env = "JOB_COMPLETION_INDEX", value_name = "I")]
    pub worker_index: u32,
    /// Workers that were planned. If given, a plan for another number is refused.
    #[arg(long, env = "SOUNDALIKE_BATCH_WORKERS", value_name = "N")]
    pub workers: Option<u32>,
    /// Files worked on at a time. By default one per core. The output does not depend on it.
    #[arg(short, long, env = "SOUNDALIKE_JOBS", value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Files that are fetched at a time, while others are worked on; twice as many are kept, up to 4 MiB
    /// of each in memory.
    #[arg(long, env = "SOUNDALIKE_DOWNLOADS", default_value_t = 8, value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub downloads: u16,
    /// Folder for the table in the making and for files beyond 4 MiB. By default the system's.
    #[arg(long, env = "SOUNDALIKE_SPOOL", value_name = "FOLDER")]
    pub spool: Option<PathBuf>,
    #[command(flatten)]
    pub limits: FileLimitArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Form of what `inspect` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Form of what is printed.
    #[arg(long, default_value = "text")]
    pub format: ReportFormat,
    /// Draw waveform, mel spectrogram, chroma and the features with their spread, as SVG.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub recipe: RecipeArgs,
    #[command(flatten)]
    pub limits: FileLimitArgs,
}

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Which shell.
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ManualArgs {
    /// Where the pages go; the folder is made.
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits on files")]
pub struct FileLimitArgs {
    /// Encoded bytes of one recording.
    #[arg(long, env = "SOUNDALIKE_MAX_FILE_BYTES", default_value_t = 2 << 30, value_name = "BYTES")]
    pub max_file_bytes: u64,
    /// Wall time of one recording.
    #[arg(long, env = "SOUNDALIKE_MAX_WALL", default_value = "10m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_wall: Duration,
    #[command(flatten)]
    pub audio: AudioLimitArgs,
}
