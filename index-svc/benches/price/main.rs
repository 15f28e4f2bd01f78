//! What a query through gRPC costs: processor time of the real server, beside a bare tonic server that returns the same reply,
//! and beside the library alone.
//!
//! ```text
//! taskset -c 1 cargo bench -p index-svc --bench price -- [--rows 100000] [--core 0] [--in-flight 16] [--connections 1] \
//!     [--calls 20000] [--turns 5] [--at-most PRICE] [-- SERVE FLAGS]
//! ```
//! Makes a catalogue and its index, then measures in turns, each figure in a process of its own on one processor, so that what
//! else the machine does meets all three. Prints the least of the turns in microseconds of processor per query, and the price: the
//! real server over bare and library together; above `--at-most` it ends with 1. The callers need another processor than the servers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

mod alone;
mod bare;
mod caller;
#[path = "../blocks/catalogue.rs"]
#[allow(dead_code, reason = "tables from files are another bench's")]
mod catalogue;
mod child;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use proto::v1::QueryByFeaturesRequest;

use child::Child;

#[derive(Debug)]
struct Arguments {
    rows: usize,
    core: usize,
    in_flight: usize,
    connections: usize,
    calls: usize,
    turns: usize,
    at_most: f64,
    serve: Vec<String>,
    role: Option<(String, PathBuf)>,
}

fn arguments() -> Arguments {
    let mut parsed = Arguments {
        rows: 100_000,
        core: 0,
        in_flight: 16,
        connections: 1,
        calls: 20_000,
        turns: 5,
        at_most: f64::INFINITY,
        serve: Vec::new(),
        role: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{name} misses a value"));
        let number = |text: String| text.parse().expect("a number");
        match name.as_str() {
            "--rows" => parsed.rows = number(value()),
            "--core" => parsed.core = number(value()),
            "--in-flight" => parsed.in_flight = number(value()),
            "--connections" => parsed.connections = number(value()),
            "--calls" => parsed.calls = number(value()),
            "--turns" => parsed.turns = number(value()),
            "--at-most" => parsed.at_most = value().parse().expect("a price"),
            "--role" => parsed.role = Some((value(), value().into())),
            "--" => parsed.serve.extend(words.by_ref()),
            // cargo adds it.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    parsed
}

/// Least figure of some turns, in microseconds.
#[derive(Debug)]
struct Least(f64);

impl Least {
    fn take(&mut self, micros: f64) {
        self.0 = self.0.min(micros);
    }
}

fn main() -> ExitCode {
    let arguments = arguments();
    if let Some((role, folder)) = &arguments.role {
        match role.as_str() {
            "bare" => bare::serve(folder),
            "library" => alone::answer(folder, arguments.calls),
            other => panic!("unknown role {other}"),
        }
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let requests = table::index(folder.path(), arguments.rows);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let price = runtime.expect("a runtime").block_on(measure(&arguments, folder.path(), &requests));
    if price > arguments.at_most {
        eprintln!("a query costs {price:.2} times bare and library; at most {}", arguments.at_most);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn measure(
    arguments: &Arguments,
    folder: &std::path::Path,
    requests: &[QueryByFeaturesRequest],
) -> f64 {
    let real = Child::real(arguments.core, &folder.join(table::INDEX), &arguments.serve);
    let reply = caller::one(&real.address(), &requests[0]).await;
    bare::keep(folder, &reply);
    drop(real);
    let (mut bare, mut library, mut served) = (Least(f64::MAX), Least(f64::MAX), Least(f64::MAX));
    for _ in 0..arguments.turns {
        bare.take(through_grpc(arguments, Child::bare(arguments.core, folder), requests).await);
        library.take(Child::library(arguments.core, folder, arguments.calls).figure());
        let real = Child::real(arguments.core, &folder.join(table::INDEX), &arguments.serve);
        served.take(through_grpc(arguments, real, requests).await);
    }
    let price = served.0 / (bare.0 + library.0);
    println!(
        "{{\"rows\": {}, \"in_flight\": {}, \"connections\": {}, \"bare_us\": {:.1}, \"library_us\": {:.1}, \
         \"served_us\": {:.1}, \"price\": {price:.2}}}",
        arguments.rows, arguments.in_flight, arguments.connections, bare.0, library.0, served.0,
    );
    price
}

/// Processor time of a server for each call, in microseconds, after as many calls that are not counted.
async fn through_grpc(
    arguments: &Arguments,
    server: Child,
    requests: &[QueryByFeaturesRequest],
) -> f64 {
    let clients = caller::connect(&server.address(), arguments.connections).await;
    let closed_loop = || caller::closed_loop(&clients, requests, arguments);
    closed_loop().await;
    let before = server.processor_nanos();
    closed_loop().await;
    (server.processor_nanos() - before) / 1e3 / arguments.calls as f64
}
