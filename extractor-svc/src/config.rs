//! From what was typed to what is valid. Reports every mistake at once.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use crate::{
    cli::{ExtractArgs, FileLimitArgs, InspectArgs, LimitArgs},
    limits::Limits,
    profile::Profile,
    table::{Destination, TableFormat},
    window::Window,
};

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
    /// Where failures are listed.
    pub failures: Option<PathBuf>,
    /// Whether a failed file changes the exit code.
    pub strict: bool,
    /// Limits on each file.
    pub limits: Limits,
}

impl ExtractConfig {
    /// Checks the flags of `extract`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: ExtractArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let recipe = recipe(&args.profile, args.offset, args.duration, &mut wrong);
        if args.resume && args.output == Path::new("-") {
            wrong.push(
                "--resume: standard output cannot be read, expected --output FILE".to_owned(),
            );
        }
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
            jobs: args
                .jobs
                .or_else(|| std::thread::available_parallelism().ok())
                .map_or(1, NonZeroUsize::get),
            resume: args.resume,
            failures: args.failures,
            strict: args.strict,
            limits: args.limits.to_limits(),
        })
    }
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
}

impl InspectConfig {
    /// Checks the flags of `inspect`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_args(args: InspectArgs) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let Some((profile, window)) = recipe(&args.profile, args.offset, args.duration, &mut wrong)
        else {
            return Err(ConfigError(wrong));
        };
        Ok(Self { file: args.file, profile, window, limits: args.limits.to_limits() })
    }
}

/// Profile and window, or what is wrong with them.
fn recipe(
    profile: &str,
    offset: f64,
    duration: Option<f64>,
    wrong: &mut Vec<String>,
) -> Option<(Profile, Window)> {
    let profile =
        Profile::parse(profile).map_err(|error| wrong.push(format!("--profile: {error}")));
    let window = Window::new(offset, duration)
        .map_err(|error| wrong.push(format!("--offset, --duration: {error}")));
    Some((profile.ok()?, window.ok()?))
}

impl FileLimitArgs {
    fn to_limits(&self) -> Limits {
        Limits {
            max_stream_bytes: self.max_file_bytes,
            max_audio: self.max_audio,
            ..Limits::default()
        }
    }
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
    /// What the decoder is held to.
    #[must_use]
    pub fn to_limits(&self) -> Limits {
        Limits {
            max_stream_bytes: self.max_stream_bytes,
            max_audio: self.max_audio,
            ..Limits::default()
        }
    }

    /// What the stream is held to.
    #[must_use]
    pub fn to_upload_limits(&self) -> UploadLimits {
        UploadLimits {
            max_idle: self.max_idle,
            max_wall: self.max_wall,
            max_uploads: self.max_uploads,
            max_memory: self.max_memory,
        }
    }
}
