//! Entry point: parse, start logging, dispatch, decide the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use extractor_svc::{
    cli::{Cli, Command},
    commands,
};

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    // What a decoder says of foreign bytes is in the answer; in the log it would be a line for each
    // file that anyone sends. Who wants it says `symphonia=info`.
    cli.log.log.insert_str(0, "symphonia=error,");
    let outcome = serving::telemetry::init(&cli.log).map_err(anyhow::Error::from).and_then(|()| {
        match cli.command {
            Command::Serve(args) => commands::serve::run(&args),
            Command::Extract(args) => commands::extract::run(args),
            Command::Plan(args) => commands::plan::run(&args),
            Command::Work(args) => commands::work::run(&args),
            Command::Inspect(args) => commands::inspect::run(args),
            Command::Completions(args) => commands::documents::completions(&args),
            Command::Manual(args) => commands::documents::manual(&args),
        }
    });
    outcome.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(exit_code(&error))
    })
}

/// 2 for a command line that cannot be right, 1 for everything that went wrong later.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<extractor_svc::config::ConfigError>() { 2 } else { 1 }
}
