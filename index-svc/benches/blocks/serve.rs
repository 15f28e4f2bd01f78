//! Commands on standard input, one line each; one line of JSON in answer. Ends with its input.
//!
//! ```text
//! single EFFORT K PERMILLE     every query by itself; PERMILLE of the rows are allowed (1000: no filter)
//! batch EFFORT K SIZE          queries SIZE at a time
//! ```
//! All times are microseconds per query: `p50`, `p99`, `mean` of the clock around each call, `cpu` the thread's own over the whole
//! command.
//! `EFFORT` is `exact`, `rows:N` or `margin:X`. A filter allows row r when `(r * 2654435761 mod 2^32) mod 1000 < PERMILLE`.

use std::io::{BufRead, Write};
use std::time::Duration;

use engine::blocks::{Blocks, Effort, RowSet};

use super::catalogue::Table;
use super::measure::{Sample, thread_nanos, timed};

pub(crate) fn serve(blocks: &Blocks, queries: &Table) {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let words: Vec<&str> = line.split_whitespace().collect();
        let [verb, effort, k, last] = words[..] else { panic!("four words: {line}") };
        let effort = parse(effort);
        let k: usize = k.parse().expect("k");
        let last: usize = last.parse().expect("a number");
        let allowed = if verb == "single" { filter(blocks, last) } else { None };
        let before = thread_nanos();
        let sample = match verb {
            "single" => run(blocks, queries, k, allowed.as_ref(), effort),
            "batch" => run_batches(blocks, queries, k, last, effort),
            other => panic!("unknown command {other}"),
        };
        let count = queries.rows() as f64;
        let cpu = (thread_nanos() - before) / 1e3 / count;
        writeln!(
            out,
            "{{\"p50\": {:.2}, \"p99\": {:.2}, \"mean\": {:.2}, \"cpu\": {cpu:.2}, \"scanned\": {:.0}, \"reranked\": {:.1}, \"rows\": {:?}}}",
            sample.micros(0.5),
            sample.micros(0.99),
            sample.mean_micros(),
            sample.scanned as f64 / count,
            sample.reranked as f64 / count,
            sample.rows,
        )
        .and_then(|()| out.flush())
        .expect("the answer is written");
    }
}

fn parse(text: &str) -> Effort {
    match text.split_once(':') {
        None if text == "exact" => Effort::Exact,
        Some(("rows", rows)) => Effort::Rows(rows.parse().expect("rows")),
        Some(("margin", share)) => Effort::Margin(share.parse().expect("a share")),
        _ => panic!("effort {text}"),
    }
}

fn filter(blocks: &Blocks, permille: usize) -> Option<RowSet> {
    let allowed = |row: &u32| (row.wrapping_mul(2_654_435_761) % 1000) < permille as u32;
    (permille < 1000)
        .then(|| RowSet::from_members(blocks.rows(), (0..blocks.rows() as u32).filter(allowed)))
}

pub(crate) fn run(
    blocks: &Blocks,
    queries: &Table,
    k: usize,
    allowed: Option<&RowSet>,
    effort: Effort,
) -> Sample {
    let mut sample = Sample::default();
    for query in 0..queries.rows() {
        let (result, time) = timed(|| blocks.nearest(queries.row(query), k, allowed, effort));
        let result = result.expect("a query");
        sample.scanned += result.scanned;
        sample.reranked += result.reranked;
        sample.push(time, result.hits.iter().map(|hit| hit.row).collect());
    }
    sample
}

/// Times are per query: a batch's by its size.
fn run_batches(blocks: &Blocks, queries: &Table, k: usize, size: usize, effort: Effort) -> Sample {
    let mut sample = Sample::default();
    for batch in queries.values.chunks(size * queries.dims) {
        let count = batch.len() / queries.dims;
        let (results, time) = timed(|| blocks.nearest_batch(batch, k, None, effort));
        let share: Duration = time / count as u32;
        for result in results.expect("a batch") {
            sample.scanned += result.scanned;
            sample.reranked += result.reranked;
            sample.push(share, result.hits.iter().map(|hit| hit.row).collect());
        }
    }
    sample
}
