//! `inspect`: all that is known of one file, as text, JSON, or a drawing.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use anyhow::Context as _;

use crate::{
    batch::Outputs,
    cli::{InspectArgs, ReportFormat},
    config::{ConfigError, InspectConfig},
    inspect::{self, inspect},
};

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
        let svg = inspect::draw(&inspected, &config.profile).context("cannot draw")?;
        std::fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
