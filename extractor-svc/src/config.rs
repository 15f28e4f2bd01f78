//! From what was typed to what is valid. Reports every mistake at once.

use std::{
    num::NonZeroUsize,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use storage::{Location, StorageOptions};
use thiserror::Error;

use crate::{
    cli::{
        AudioLimitArgs, ExtractArgs, FileLimitArgs, InspectArgs, LimitArgs, PlanArgs, RecipeArgs,
        WorkArgs,
    },
    decode::Window,
    findings::WarningCode,
    limits::{CHANNEL_CEILING, Limits},
    recipe::Profile,
    shards::MAX_WORKERS,
    table::{Destination, TableFormat},
};

/// Sample rates that may be allowed, in hertz.
const SAMPLE_RATES: RangeInclusive<u64> = 1_000..=768_000;
/// Bytes of one recording that may be allowed: what fits a file of any file system in use.
const STREAM_BYTES: RangeInclusive<u64> = 1..=1 << 40;
/// Bytes before the audio that may be allowed; readers take 64 KiB at a time.
const HEADER_BYTES: RangeInclusive<u64> = 1 << 16..=1 << 32;
/// Uploads in flight that may be allowed. Each has a thread.
const UPLOADS: RangeInclusive<u64> = 1..=4_096;
/// Longest time that may be allowed, for audio as for a wait: a day.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// Everything that is wrong with a command line.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// A validated batch extraction.
#[derive(Debug)]
pub struct ExtractConfig {
    /// Files and folders.
    pub inputs: Vec<PathBuf>,
    /// Where the table goes.
    pub destination: Destination,
    /// Form of the table.
    pub format: TableFormat,
    /// Globs for folders.
    pub patterns: Vec<String>,
    /// Recipe of the numbers.
    pub profile: Profile,
    /// What is analysed of each recording.
    pub window: Window,
    /// Files worked on at a time.
    pub jobs: usize,
    /// Whether an earlier run is gone on with.
    pub resume: bool,
    /// Whether a table that is there is replaced.
    pub overwrite: bool,
    /// Where failures are listed.
    pub failures: Option<PathBuf>,
    /// Whether a failed file, or one with warnings, changes the exit code.
    pub strict: bool,
    /// Limits on each file.
    pub limits: Limits,
    /// Wall time of each file.
    pub max_wall: Duration,
}

impl ExtractConfig {
    /// Checks the flags of `extract`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: ExtractArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let recipe = recipe(&args.recipe, &mut wrong);
        if args.resume && args.output == Path::new("-") {
            wrong.push(
                "--resume: standard output cannot be read, expected --output FILE".to_owned(),
            );
        }
        if args.resume && args.overwrite {
            wrong.push("--resume and --overwrite exclude each other".to_owned());
        }
        let limits = args.limits.check(&mut wrong);
        let (Some((profile, window)), true) = (recipe, wrong.is_empty()) else {
            return Err(ConfigError(wrong));
        };
        let destination = if args.output == Path::new("-") {
            Destination::Stdout
        } else {
            Destination::File(args.output.clone())
        };
        Ok(Self {
            inputs: args.inputs,
            format: args.format.unwrap_or_else(|| TableFormat::of_path(&args.output)),
            destination,
            patterns: args.patterns,
            profile,
            window,
            jobs: jobs(args.jobs),
            resume: args.resume,
            overwrite: args.overwrite,
            failures: args.failures,
            strict: args.strict,
            limits,
            max_wall: args.limits.max_wall,
        })
    }
}

/// A validated plan of a batch.
#[derive(Debug)]
pub struct PlanConfig {
    /// Where the audio lies.
    pub source: Location,
    /// Where the batch goes.
    pub batch: Location,
    /// Number of workers.
    pub workers: u32,
    /// Globs for names below the source.
    pub patterns: Vec<String>,
    /// Recipe of the numbers.
    pub profile: Profile,
    /// What is analysed of each recording.
    pub window: Window,
    /// Folder for what does not fit memory; none is the system's.
    pub spool: Option<PathBuf>,
    /// How the stores are reached.
    pub storage: StorageOptions,
}

impl PlanConfig {
    /// Checks the flags of `plan`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: &PlanArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let recipe = recipe(&args.recipe, &mut wrong);
        let source = location("--source", &args.source, &mut wrong);
        let batch = location("--batch", &args.batch, &mut wrong);
        check_number("--workers", args.workers.into(), 1..=MAX_WORKERS.into(), &mut wrong);
        let (Some((profile, window)), Some(source), Some(batch), true) =
            (recipe, source, batch, wrong.is_empty())
        else {
            return Err(ConfigError(wrong));
        };
        Ok(Self {
            source,
            batch,
            workers: args.workers,
            patterns: args.patterns.clone(),
            profile,
            window,
            spool: args.spool.clone(),
            storage: args.storage.to_options(),
        })
    }
}

/// A validated worker of a batch.
#[derive(Debug)]
pub struct WorkConfig {
    /// The batch.
    pub batch: Location,
    /// Number of the worker, from 0.
    pub worker_index: u32,
    /// Number of workers, if it is known.
    pub workers: Option<u32>,
    /// Files worked on at a time.
    pub jobs: usize,
    /// Files fetched at a time.
    pub downloads: usize,
    /// Folder for what is in the making; none is the system's.
    pub spool: Option<PathBuf>,
    /// Limits on each file.
    pub limits: Limits,
    /// Wall time of each file.
    pub max_wall: Duration,
    /// How the stores are reached.
    pub storage: StorageOptions,
}

impl WorkConfig {
    /// Checks the flags of `work`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: &WorkArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let batch = location("--batch", &args.batch, &mut wrong);
        let limits = args.limits.check(&mut wrong);
        let (Some(batch), true) = (batch, wrong.is_empty()) else {
            return Err(ConfigError(wrong));
        };
        Ok(Self {
            batch,
            worker_index: args.worker_index,
            workers: args.workers,
            jobs: jobs(args.jobs),
            downloads: args.downloads.into(),
            spool: args.spool.clone(),
            limits,
            max_wall: args.limits.max_wall,
            storage: args.storage.to_options(),
        })
    }
}

fn location(flag: &str, url: &str, wrong: &mut Vec<String>) -> Option<Location> {
    url.parse().map_err(|error| wrong.push(format!("{flag}: {error}"))).ok()
}

/// Files worked on at a time: one per core if nobody says it.
fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// A validated look at one file.
#[derive(Debug)]
pub struct InspectConfig {
    /// The file.
    pub file: PathBuf,
    /// Recipe of the numbers.
    pub profile: Profile,
    /// What is analysed.
    pub window: Window,
    /// Limits on the file.
    pub limits: Limits,
    /// Wall time of the file.
    pub max_wall: Duration,
}

impl InspectConfig {
    /// Checks the flags of `inspect`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: InspectArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let recipe = recipe(&args.recipe, &mut wrong);
        let limits = args.limits.check(&mut wrong);
        let (Some((profile, window)), true) = (recipe, wrong.is_empty()) else {
            return Err(ConfigError(wrong));
        };
        Ok(Self { file: args.file, profile, window, limits, max_wall: args.limits.max_wall })
    }
}

/// Profile and window, or what is wrong with them.
fn recipe(args: &RecipeArgs, wrong: &mut Vec<String>) -> Option<(Profile, Window)> {
    let profile =
        Profile::parse(&args.profile).map_err(|error| wrong.push(format!("--profile: {error}")));
    let window = Window::new(args.offset, args.duration)
        .map_err(|error| wrong.push(format!("--offset, --duration: {error}")));
    Some((profile.ok()?, window.ok()?))
}

/// Limits on an upload that are not about its bytes.
#[derive(Clone, Debug)]
pub struct UploadLimits {
    /// Wait for the next message.
    pub max_idle: Duration,
    /// Wall time of one extraction, upload included.
    pub max_wall: Duration,
    /// Uploads in flight.
    pub max_uploads: usize,
    /// Bytes of memory for all of them.
    pub max_memory: u64,
}

impl LimitArgs {
    /// What the decoder and what the stream is held to.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn to_limits(&self) -> Result<(Limits, UploadLimits), ConfigError> {
        let mut wrong = Vec::new();
        let limits = self.audio.check("--max-stream-bytes", self.max_stream_bytes, &mut wrong);
        check_time("--max-idle", self.max_idle, &mut wrong);
        check_time("--max-wall", self.max_wall, &mut wrong);
        check_number("--max-uploads", self.max_uploads as u64, UPLOADS, &mut wrong);
        let Self { max_idle, max_wall, max_uploads, max_memory, .. } = *self;
        if wrong.is_empty() {
            Ok((limits, UploadLimits { max_idle, max_wall, max_uploads, max_memory }))
        } else {
            Err(ConfigError(wrong))
        }
    }
}

impl FileLimitArgs {
    fn check(&self, wrong: &mut Vec<String>) -> Limits {
        check_time("--max-wall", self.max_wall, wrong);
        self.audio.check("--max-file-bytes", self.max_file_bytes, wrong)
    }
}

impl AudioLimitArgs {
    /// The limits of the decoder; `bytes` is what `bytes_flag` says.
    fn check(&self, bytes_flag: &str, bytes: u64, wrong: &mut Vec<String>) -> Limits {
        let (min, max) = (self.min_sample_rate, self.max_sample_rate);
        check_number(bytes_flag, bytes, STREAM_BYTES, wrong);
        check_time("--max-audio", self.max_audio, wrong);
        check_number("--min-sample-rate", min.into(), SAMPLE_RATES, wrong);
        check_number("--max-sample-rate", max.into(), SAMPLE_RATES, wrong);
        if min > max {
            wrong.push(format!("--min-sample-rate: {min} given, expected at most {max}"));
        }
        let channels = 1..=CHANNEL_CEILING as u64;
        check_number("--max-channels", self.max_channels as u64, channels, wrong);
        check_number("--max-header-bytes", self.max_header_bytes, HEADER_BYTES, wrong);
        if !(0.0..=1.0).contains(&self.max_damage) {
            wrong.push(format!("--max-damage: {} given, expected 0 to 1", self.max_damage));
        }
        let refused = refused(&self.refuse, wrong);
        Limits {
            max_stream_bytes: bytes,
            max_audio: self.max_audio,
            min_sample_rate: min,
            max_sample_rate: max,
            max_channels: self.max_channels,
            max_header_bytes: self.max_header_bytes,
            max_damage: self.max_damage,
            refused,
        }
    }
}

/// The kinds that are named, once each; an empty variable names none.
fn refused(names: &[String], wrong: &mut Vec<String>) -> Vec<WarningCode> {
    let mut refused = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        match WarningCode::from_name(name) {
            Some(code) if refused.contains(&code) => {}
            Some(code) => refused.push(code),
            None => {
                let known = WarningCode::ALL.map(WarningCode::name).join(", ");
                wrong.push(format!("--refuse: {name:?} given, expected some of {known}"));
            }
        }
    }
    refused
}

/// Every limit has to be one: neither nothing nor everything.
fn check_number(flag: &str, value: u64, range: RangeInclusive<u64>, wrong: &mut Vec<String>) {
    if !range.contains(&value) {
        let (min, max) = (range.start(), range.end());
        wrong.push(format!("{flag}: {value} given, expected {min} to {max}"));
    }
}

fn check_time(flag: &str, value: Duration, wrong: &mut Vec<String>) {
    if value.is_zero() || value > MAX_TIME {
        let value = humantime::format_duration(value);
        wrong.push(format!("{flag}: {value} given, expected more than 0s, at most 24h"));
    }
}
