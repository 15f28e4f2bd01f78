//! Three replicas of each service behind this project's client and behind Envoy, while replicas are
//! restarted, updated to another binary and another index, killed, slowed, paused, and their
//! connections reset: no query may fail, and of the uploads only those whose replica died, each with
//! a retryable status. With `--scale`, one to four replicas: how much they answer, and how evenly.
//!
//! `tests/faults/proofs/run.sh` installs Envoy and runs this; without `--envoy` only the client is proved.
//! Prints a table; exit code 1 when a line of it does not hold.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod envoy;
mod faults;
mod fleet;
mod load;
mod route;
mod scale;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use e2e::library::Library;

use crate::{
    envoy::Envoy,
    faults::Fault,
    fleet::Fleet,
    load::{Load, Tally},
    route::Route,
};

/// Load before the fault, and after it is over.
const CALM: Duration = Duration::from_secs(1);

/// Replicas that faults happen to.
const REPLICAS: usize = 3;

#[derive(Parser)]
#[command(about = "Proves that faults of replicas cost no query")]
struct Cli {
    /// Envoy's executable; without it only this project's client is proved.
    #[arg(long, value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// How often each fault is made.
    #[arg(long, default_value_t = 1, value_name = "N")]
    rounds: usize,
    /// One fault only.
    #[arg(long, value_enum)]
    only: Option<Fault>,
    /// No faults: the calls that one to four replicas answer, and each one's share.
    #[arg(long)]
    scale: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let proved = if cli.scale { scale::run(cli.envoy.as_deref()).await } else { prove(&cli).await };
    match proved {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("proofs: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn prove(cli: &Cli) -> Result<bool> {
    let library = Library::shared()?;
    let mut holds = true;
    println!("{}", Tally::HEAD);
    for fault in Fault::all().into_iter().filter(|fault| cli.only.is_none_or(|only| only == *fault))
    {
        for through in
            [None, cli.envoy.as_deref()].into_iter().take(1 + usize::from(cli.envoy.is_some()))
        {
            let mut fleet = Fleet::start(&library, REPLICAS, Some(fault)).await?;
            let envoy = through.map(|binary| Envoy::start(binary, &fleet)).transpose()?;
            let route = match &envoy {
                Some(envoy) => Route::envoy(envoy, &fleet).await?,
                None => Route::client(&fleet)?,
            };
            route.settle().await.context("the replicas do not become ready")?;
            let load = Load::start(&route);
            tokio::time::sleep(CALM).await;
            let mut deaths = 0;
            for _ in 0..cli.rounds {
                deaths += fault.make(&mut fleet).await?;
            }
            tokio::time::sleep(CALM).await;
            let tally = load.end().await;
            let verdict = tally.verdict(fault, deaths);
            println!("{}", tally.line(route.name(), fault, deaths, verdict));
            for failure in tally.failures() {
                println!("    {failure}");
            }
            holds &= verdict;
        }
    }
    Ok(holds)
}
