//! Entry point: parse, start logging, dispatch, decide the exit code.

use std::{
    io::{Write as _, stderr},
    process::ExitCode,
};

use clap::Parser as _;
use extractor_svc::{
    cli::{Cli, Command},
    commands,
};
use serving::LogWriting;

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    // What a decoder says of foreign bytes is in the answer; in the log it would be a line for each
    // file that anyone sends. Who wants it says `symphonia=info`.
    cli.log.log.insert_str(0, "symphonia=off,");
    // A server goes on when nobody reads its log; a command waits for its reader.
    let is_server = matches!(cli.command, Command::Serve(_));
    let writing = if is_server { LogWriting::Behind } else { LogWriting::Direct };
    let _log = match serving::telemetry::init(&cli.log, writing) {
        Ok(log) => log,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            let _ = writeln!(stderr(), "extractor-svc: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = match cli.command {
        Command::Serve(args) => commands::serve::run(&args),
        Command::Extract(args) => commands::extract::run(args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Work(args) => commands::work::run(&args),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Completions(args) => commands::documents::completions(&args),
        Command::Manual(args) => commands::documents::manual(&args),
    };
    outcome.unwrap_or_else(|error| {
        tracing::error!("{}", serving::told_once(error.as_ref()));
        ExitCode::from(exit_code(&error))
    })
}

/// 2 for a command line that cannot be right, 1 for everything that went wrong later.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<extractor_svc::config::ConfigError>() { 2 } else { 1 }
}
