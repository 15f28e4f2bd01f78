//! The real server under load through gRPC: latency of one caller, then an open loop at each rate.
//!
//! ```text
//! taskset -c 1 cargo bench -p index-svc --bench load -- --index DIR --queries queries.csv \
//!     [--server-core 0] [--rates 4000,8000] [--seconds 5] [--connections 4] [--k 10] [--recall R | --exact] [--batch 100] [-- SERVE FLAGS]
//! ```
//! `queries.csv` has a line of names, then an id and the raw values of each query, as `make_catalogue.py` writes it. With
//! `--batch`, every call is a `BatchRecommend` of so many of them; rates are of queries all the same. Prints a line of JSON for the
//! start, for the single caller, and for each rate. Without `--index` there is nothing to load, and it says so.
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod client;
mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proto::v1::QueryOptions;

use client::{Call, Seen};
use server::Served;

#[derive(Debug)]
struct Arguments {
    index: Option<PathBuf>,
    queries: PathBuf,
    profile: String,
    server_core: Option<usize>,
    rates: Vec<f64>,
    seconds: f64,
    connections: usize,
    options: QueryOptions,
    batch: Option<usize>,
    serve: Vec<String>,
}

fn arguments() -> Arguments {
    let mut parsed = Arguments {
        index: None,
        queries: "queries.csv".into(),
        profile: "librosa-0.11-22050".to_owned(),
        server_core: None,
        rates: vec![1000.0],
        seconds: 5.0,
        connections: 4,
        options: QueryOptions { page_size: 10, ..QueryOptions::default() },
        batch: None,
        serve: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{name} misses a value"));
        match name.as_str() {
            "--index" => parsed.index = Some(value().into()),
            "--queries" => parsed.queries = value().into(),
            "--profile" => parsed.profile = value(),
            "--server-core" => parsed.server_core = Some(value().parse().expect("a core")),
            "--rates" => {
                parsed.rates =
                    value().split(',').map(|rate| rate.parse().expect("a rate")).collect();
            }
            "--seconds" => parsed.seconds = value().parse().expect("seconds"),
            "--connections" => parsed.connections = value().parse().expect("a number"),
            "--k" => parsed.options.page_size = value().parse().expect("a number"),
            "--recall" => parsed.options.target_recall = Some(value().parse().expect("a recall")),
            "--exact" => parsed.options.exact = true,
            "--batch" => parsed.batch = Some(value().parse().expect("a number")),
            "--" => parsed.serve.extend(words.by_ref()),
            // cargo adds it.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    parsed
}

fn main() {
    let arguments = arguments();
    let Some(index) = &arguments.index else {
        println!("no --index: nothing is measured");
        return;
    };
    let vectors = queries(&arguments.queries);
    let (profile, options) = (&arguments.profile, &arguments.options);
    let calls: Vec<Call> = match arguments.batch {
        Some(size) => {
            vectors.chunks_exact(size).map(|some| Call::batch(some, profile, options)).collect()
        }
        None => vectors.iter().map(|one| Call::query(one, profile, options.clone())).collect(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let begun = Instant::now();
        let served = Served::start(index, arguments.server_core, &arguments.serve);
        let ready = begun.elapsed();
        let clients = client::connect(&served.address, arguments.connections).await;
        let first = client::one_by_one(&clients[0], &calls[..1]).await;
        assert_eq!(first.failed, 0, "the first call is answered");
        println!(
            "{{\"start\": true, \"effort\": \"{}\", \"ready_ms\": {:.0}, \"first_answer_ms\": {:.0}, {}}}",
            first.effort,
            millis(ready),
            millis(begun.elapsed()),
            memory(&served),
        );
        let warm = client::one_by_one(&clients[0], &calls).await;
        drop(warm);
        let single = client::one_by_one(&clients[0], &calls).await;
        println!("{{\"single\": true, {}, {}}}", figures(&single), memory(&served));
        for &rate in &arguments.rates {
            let before = served.cpu_seconds();
            let size = arguments.batch.unwrap_or(1) as f64;
            let seen = client::open_loop(&clients, &calls, rate / size, arguments.seconds).await;
            let cpu = served.cpu_seconds() - before;
            println!(
                "{{\"rate\": {rate}, {}, \"server_cpu_us\": {:.1}, \"server_busy\": {:.2}, {}}}",
                figures(&seen),
                cpu * 1e6 / seen.queries.max(1) as f64,
                cpu / seen.wall.as_secs_f64(),
                memory(&served),
            );
        }
    });
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn memory(served: &Served) -> String {
    let fields = [("rss", "VmRSS"), ("anon", "RssAnon"), ("file", "RssFile"), ("peak", "VmHWM")];
    let texts =
        fields.map(|(name, field)| format!("\"{name}_mib\": {:.1}", served.memory_mib(field)));
    texts.join(", ")
}

fn figures(seen: &Seen) -> String {
    let quantile = |times: &[Duration], quantile: f64| {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let at = (quantile * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(at).map_or(0.0, |time| millis(*time))
    };
    let at = |part: f64| quantile(&seen.times, part);
    format!(
        "\"answered\": {}, \"failed\": {}, \"per_second\": {:.0}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \
         \"p999_ms\": {:.3}, \"max_ms\": {:.3}, \"client_late_p99_ms\": {:.3}",
        seen.times.len(),
        seen.failed,
        seen.queries as f64 / seen.wall.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        quantile(&seen.late, 0.99),
    )
}

/// The raw vectors of a CSV table: a line of names, then an id and values.
fn queries(path: &Path) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).expect("the queries open");
    let values = |line: &str| -> Vec<f64> {
        line.split(',').skip(1).map(|value| value.parse().expect("a number")).collect()
    };
    text.lines().skip(1).map(values).collect()
}
