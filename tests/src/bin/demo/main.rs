//! The whole system in one command: builds both services, runs them on free ports, streams a small
//! music library through the extractor, builds an index of it, and asks for neighbours of songs the
//! index has never seen. Everything lives in a temporary folder and is gone at the end.
//!
//! Belongs here: what a newcomer sees. The servers are the real binaries and all calls go over the
//! wire; nothing is computed here but the songs.

#![allow(clippy::print_stdout, reason = "the demo talks to a person")]

mod instruments;
mod library;
mod report;
mod songs;
mod story;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use e2e::binaries;
use tokio::signal::unix::{SignalKind, signal};

/// Shows Soundalike at work: real services, real audio, nearest neighbours.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
struct Options {
    /// Folder of your own music; without it, songs are synthesised.
    music: Option<PathBuf>,
    /// Songs of each synthesised style; the last of each is held out of the index.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    songs: u32,
    /// Length of a synthesised song in seconds.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u32).range(2..=120))]
    seconds: u32,
    /// Seed of the synthesised songs.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Most files of your own folder that are used.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    max_files: usize,
}

/// Exit code of a run that a signal ended, as shells report SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let options = Options::parse();
    println!("Soundalike: two services find songs that sound alike.");
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            println!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    println!("[1/5] Compiling extractor-svc and index-svc (minutes the first time) ...");
    let started = Instant::now();
    // Before any signal handler: Ctrl-C ends cargo and the demo alike, and nothing else exists yet.
    let binaries = binaries::build()?;
    println!("      ready after {}", report::seconds(started.elapsed()));

    let runtime = tokio::runtime::Runtime::new()?;
    runtime
        .block_on(async {
            let mut interrupt =
                signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
            let mut terminate =
                signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
            // Dropping the story kills its servers and removes its folder.
            tokio::select! {
                told = story::tell(options, &binaries) => told.map(|()| ExitCode::SUCCESS),
                _ = interrupt.recv() => Ok(ExitCode::from(INTERRUPTED)),
                _ = terminate.recv() => Ok(ExitCode::from(INTERRUPTED)),
            }
        })
        .inspect(|code| {
            if *code != ExitCode::SUCCESS {
                println!("\nInterrupted; servers stopped, temporary files removed.");
            }
        })
}
