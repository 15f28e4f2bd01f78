//! `inspect`: all that is known of one file, as text, JSON, or a drawing.

mod plot;
mod report;

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;

use self::report::Report;
use crate::{
    batch::Outputs,
    cli::{InspectArgs, ReportFormat},
    config::{ConfigError, InspectConfig},
    decode::{EncodedAudio, WindowedDecoder},
    error::ExtractError,
    features::{self, Stages},
    resample::Resampler,
    simd::Level,
};

/// A file's samples, all that was computed from them, and how they were read.
struct Inspected {
    y: Vec<f32>,
    stages: Stages,
    report: Report,
}

/// Runs the command.
///
/// # Errors
/// On a wrong command line, when the file cannot be read as audio, or the drawing not written.
pub fn run(args: InspectArgs) -> anyhow::Result<ExitCode> {
    let (format, plot) = (args.format, args.plot.clone());
    let config = InspectConfig::from_args(args)?;
    let mut outputs = Outputs::default();
    plot.iter().for_each(|path| outputs.add("--plot", path.clone()));
    let read = std::iter::once(config.file.as_path());
    outputs.check(read).map_err(|error| ConfigError(vec![error.to_string()]))?;
    let inspected =
        inspect(&config).with_context(|| format!("cannot inspect {}", config.file.display()))?;
    let text = match format {
        ReportFormat::Text => inspected.report.to_string(),
        ReportFormat::Json => serde_json::to_string_pretty(&inspected.report)? + "\n",
    };
    stdout().write_all(text.as_bytes())?;
    if let Some(path) = plot {
        let svg = plot::draw(&inspected, &config.profile).context("cannot draw")?;
        std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(config: &InspectConfig) -> Result<Inspected, ExtractError> {
    let (started, limit) = (Instant::now(), config.max_wall);
    let (audio, bytes) = EncodedAudio::open(&config.file)?;
    let mut decoder = WindowedDecoder::open(audio, &config.window, &config.limits)?;
    let mut resampler = Resampler::new(decoder.sample_rate(), config.profile.sample_rate());
    let (mut block, mut y) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block)? {
        if started.elapsed() > limit {
            return Err(ExtractError::WallTime { limit });
        }
        resampler.push(&block, &mut y);
    }
    resampler.finish(&mut y);
    let mut source = decoder.facts();
    source.find_short_window(config.profile.recommended_seconds());
    source.accept(&config.limits)?;
    let stages = features::analyze_stages(y.clone(), &config.profile, Level::detect())?;
    source.find_ambiguous_tuning(stages.is_tuning_ambiguous);
    source.accept(&config.limits)?;
    let report = Report::new(config, bytes, &source, &y, &stages);
    Ok(Inspected { y, stages, report })
}
