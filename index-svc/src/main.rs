//! Entry point: parse, start logging, dispatch, one exit code.

mod cli;
mod commands;
mod config;

use std::{
    io::{Write as _, stderr},
    process::ExitCode,
};

use clap::Parser as _;
use index_svc::printable::Lines;
use serving::LogWriting;

use crate::{
    cli::{Cli, Command},
    config::Usage,
};

/// As clap's own.
const WRONG_COMMAND_LINE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A server goes on when nobody reads its log; a command waits for its reader.
    let is_server = matches!(cli.command, Command::Serve(_));
    let writing = if is_server { LogWriting::Behind } else { LogWriting::Direct };
    let log = serving::telemetry::init(&cli.log, writing);
    let outcome = match &log {
        Ok(_) => run(cli.command),
        Err(error) => Err(anyhow::anyhow!("{error}")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            let message = serving::told_once(error.as_ref());
            let _ = writeln!(Lines(stderr()), "index-svc: {message}");
            if error.is::<Usage>() { ExitCode::from(WRONG_COMMAND_LINE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build(args) => commands::build::run(args),
        Command::Append(args) => commands::append::run(args),
        Command::Remove(args) => commands::remove::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Validate(args) => commands::validate::run(&args),
        Command::Query(args) => commands::query::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Publish(args) => commands::publish::run(&args),
        Command::Rollback(args) => commands::rollback::run(&args),
        Command::Versions(args) => commands::versions::run(&args),
        Command::Prune(args) => commands::prune::run(&args),
    }
}

/// `index-svc query … | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
