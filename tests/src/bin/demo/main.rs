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
use e2e::binaries::{self, Binaries};
use tokio::signal::unix::{SignalKind, signal};

/// Shows Soundalike at work: real services, real audio, nearest neighbours.
#[derive(Clone, Debug, Parser)]
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
    /// A compiled extractor-svc to use; without it, both services are compiled.
    #[arg(long, requires = "index_svc", value_name = "FILE")]
    extractor_svc: Option<PathBuf>,
    /// A compiled index-svc to use.
    #[arg(long, requires = "extractor_svc", value_name = "FILE")]
    index_svc: Option<PathBuf>,
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
    // Before any signal handler: Ctrl-C ends cargo and the demo alike, and nothing else exists yet.
    let binaries = compiled(options)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let told = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
        // Dropping the story kills its servers.
        tokio::select! {
            told = story::tell(options, &binaries, folder.path()) => told.map(Some),
            _ = interrupt.recv() => Ok(None),
            _ = terminate.recv() => Ok(None),
        }
    });
    // A batch command or a file that is being written ends before its folder goes.
    drop(runtime);
    folder.close().context("cannot remove the temporary folder")?;
    if told?.is_none() {
        println!("\nInterrupted; servers are stopped, temporary files removed.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    println!("\nBoth services drained and ended with code 0; temporary files are removed.");
    Ok(ExitCode::SUCCESS)
}

fn compiled(options: &Options) -> Result<Binaries> {
    if let (Some(extractor), Some(index)) = (&options.extractor_svc, &options.index_svc) {
        println!("[1/5] Using the binaries you named.");
        return Ok(Binaries { extractor: extractor.clone(), index: index.clone() });
    }
    println!("[1/5] Compiling extractor-svc and index-svc (minutes the first time) ...");
    let started = Instant::now();
    let binaries = binaries::build()?;
    println!("      ready after {}", report::seconds(started.elapsed()));
    Ok(binaries)
}
