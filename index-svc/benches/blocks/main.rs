//! Recall, latency and memory of the `blocks` engine through its library call, on one thread.
//!
//! ```text
//! cargo bench -p index-svc --bench blocks -- [--rows N] [--kind clustered|isotropic]   a table made here
//! cargo bench -p index-svc --bench blocks -- --table rows.npy queries.npy              scaled f32 tables
//! ... --save FILE     also writes the image        ... --open FILE   opens an image instead of building
//! ... --copy          reads the image into memory instead of mapping it
//! ... --serve         answers the commands of `serve.rs` from standard input instead of printing a table
//! ```
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod catalogue;
mod measure;
mod serve;

use std::path::PathBuf;

use catalogue::{Kind, Table};
use engine::blocks::{Blocks, BlocksOptions, Effort, Image, build};
use measure::{Sample, cpu_seconds, memory_mib, timed};

/// Neighbours asked for.
const K: usize = 10;

#[derive(Debug)]
struct Arguments {
    rows: usize,
    kind: Kind,
    table: Option<(PathBuf, PathBuf)>,
    leaf_rows: usize,
    save: Option<PathBuf>,
    open: Option<PathBuf>,
    copy: bool,
    serve: bool,
}

fn arguments() -> Arguments {
    let mut parsed = Arguments {
        rows: 106_574,
        kind: Kind::Clustered,
        table: None,
        leaf_rows: BlocksOptions::default().leaf_rows,
        save: None,
        open: None,
        copy: false,
        serve: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{name} misses a value"));
        match name.as_str() {
            "--rows" => parsed.rows = value().parse().expect("a number of rows"),
            "--kind" => parsed.kind = value().parse().expect("clustered or isotropic"),
            "--table" => parsed.table = Some((value().into(), value().into())),
            "--leaf-rows" => parsed.leaf_rows = value().parse().expect("a number of rows"),
            "--save" => parsed.save = Some(value().into()),
            "--open" => parsed.open = Some(value().into()),
            "--copy" => parsed.copy = true,
            "--serve" => parsed.serve = true,
            // cargo adds it.
            "--bench" => {}
            other => panic!("unknown argument {other}"),
        }
    }
    parsed
}

fn main() {
    let arguments = arguments();
    let (blocks, queries) = match &arguments.open {
        Some(path) => {
            let (_, queries) =
                arguments.table.as_ref().expect("--open needs --table for its queries");
            let queries = Table::read(queries);
            let (blocks, opened) = timed(|| open(path, arguments.copy));
            let (_, first) =
                timed(|| blocks.nearest(queries.row(0), K, None, Effort::Exact).expect("a query"));
            println!(
                "{{\"open_ms\": {:.1}, \"first_answer_ms\": {:.1}, \"rss_mib\": {:.0}, \"peak_mib\": {:.0}, \"rows_mib\": {:.0}}}",
                opened.as_secs_f64() * 1e3,
                (opened + first).as_secs_f64() * 1e3,
                memory_mib("VmRSS"),
                memory_mib("VmHWM"),
                (blocks.rows() * blocks.dims() * 4) as f64 / f64::from(1 << 20),
            );
            (blocks, queries)
        }
        None => {
            let (table, queries) = match &arguments.table {
                Some((rows, queries)) => (Table::read(rows), Table::read(queries)),
                None => Table::make(arguments.kind, arguments.rows, 1000),
            };
            let options =
                BlocksOptions { leaf_rows: arguments.leaf_rows, ..BlocksOptions::default() };
            let before = cpu_seconds();
            let (image, wall) =
                timed(|| build(&table.values, table.dims, &options).expect("a build"));
            let cpu = cpu_seconds() - before;
            if let Some(path) = &arguments.save {
                std::fs::write(path, image.bytes()).expect("the image is written");
            }
            let bytes = image.bytes().len();
            let blocks = Blocks::open(image).expect("a fresh image opens");
            println!(
                "{{\"rows\": {}, \"dims\": {}, \"leaves\": {}, \"build_wall_s\": {:.2}, \"build_cpu_s\": {cpu:.2}, \
                 \"image_over_rows\": {:.3}, \"kernel\": \"{}\"}}",
                blocks.rows(),
                blocks.dims(),
                blocks.leaves(),
                wall.as_secs_f64(),
                bytes as f64 / (table.values.len() * 4) as f64,
                blocks.kernel().name(),
            );
            if !arguments.serve {
                report(&blocks, &table, &queries);
            }
            (blocks, queries)
        }
    };
    if arguments.serve {
        serve::serve(&blocks, &queries);
    }
}

fn open(path: &std::path::Path, copy: bool) -> Blocks {
    let image = if copy { Image::read(path) } else { Image::map(path) };
    Blocks::open(image.expect("the image reads")).expect("the image opens")
}

fn report(blocks: &Blocks, table: &Table, queries: &Table) {
    let truth: Vec<Vec<u32>> =
        (0..queries.rows()).map(|query| brute_force(table, queries.row(query))).collect();
    println!("effort           recall@{K}  p50 us   p99 us  mean us  rows scanned  re-ranked");
    let margins = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0].map(Effort::Margin);
    let rows = [2_000, 5_000, 10_000, 20_000, 50_000].map(Effort::Rows);
    for effort in rows.into_iter().chain(margins).chain([Effort::Exact]) {
        // The first round warms caches.
        serve::run(blocks, queries, K, None, effort);
        let sample: Sample = serve::run(blocks, queries, K, None, effort);
        println!(
            "{:16} {:9.4} {:8.1} {:8.1} {:8.1} {:13} {:10}",
            format!("{effort:?}"),
            sample.recall(&truth),
            sample.micros(0.5),
            sample.micros(0.99),
            sample.mean_micros(),
            sample.scanned / queries.rows(),
            sample.reranked / queries.rows(),
        );
    }
}

/// The definition: every row's distance in f64, summed column by column.
fn brute_force(table: &Table, query: &[f32]) -> Vec<u32> {
    let distance = |row: &[f32]| -> f64 {
        row.iter().zip(query).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let mut all: Vec<(f64, u32)> = table
        .values
        .chunks_exact(table.dims)
        .enumerate()
        .map(|(row, values)| (distance(values), row as u32))
        .collect();
    let k = K.min(all.len());
    all.select_nth_unstable_by(k.saturating_sub(1), |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all.into_iter().map(|(_, row)| row).collect()
}
