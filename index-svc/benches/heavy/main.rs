//! What heavy queries take through the library, on one thread: many examples, groups weighted, queries far from
//! everything, large filters. Best of several runs, in milliseconds.
//!
//! ```text
//! cargo bench -p index-svc --bench heavy -- --index DIR
//! ```
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use engine::Stop;
use index_svc::{
    Searcher,
    query::{Example, Options, Query, Seed},
    recommend::Strategy,
    search::Answer,
};

/// Runs of each query; the first of a filter reads its columns.
const RUNS: usize = 5;
/// Examples of a recommendation.
const EXAMPLES: i64 = 100;
/// Terms of the large filter.
const TERMS: i64 = 190;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let path = match (words.next().as_deref(), words.next()) {
        (Some("--index"), Some(path)) => PathBuf::from(path),
        _ => panic!("usage: heavy --index DIR"),
    };
    let open = || Searcher::open(&path).expect("an index");
    let index = open();
    println!("{} rows, {} features", index.rows(), index.schema().names().len());
    let exact = || Options::new(10, true, 0, false).expect("in range");
    let plain = || Options::new(10, false, 0, false).expect("in range");
    let weighted = || exact().with_group_weights(&index, [("mfcc", 2.0)]).expect("a group");
    for (label, options) in [("as planned", plain()), ("exact", exact()), ("weighted", weighted())]
    {
        report(&index, &format!("one row, {label}"), &[one(&index, options)]);
    }
    for (label, options) in [("as planned", plain()), ("exact", exact()), ("weighted", weighted())]
    {
        let query = many(&index, Strategy::BestOf, options);
        report(&index, &format!("best of {EXAMPLES} rows, {label}"), &[query]);
    }
    let traits = many(&index, Strategy::SharedTraits, plain());
    report(&index, &format!("shared traits of {EXAMPLES} rows"), &[traits]);
    // More than a million deviations are refused.
    for far in [1e1, 1e2, 5e5] {
        let rows = |at: u32, options: &Options| -> Vec<u32> {
            let (_, answer) = timed(&index, &away(&index, at, far, options));
            answer.neighbors.iter().map(|near| near.row).collect()
        };
        let found = |at: u32| {
            let (true_rows, found) = (rows(at, &exact()), rows(at, &plain()));
            true_rows.iter().filter(|row| found.contains(row)).count()
        };
        let found: usize = (0..8).map(found).sum();
        println!("{found:>10} of 80 true neighbours are found {far:e} deviations away");
        for (label, options) in [("as planned", plain()), ("exact", exact())] {
            let queries: Vec<Query> = (0..8).map(|at| away(&index, at, far, &options)).collect();
            report(&index, &format!("{far:e} deviations away, {label}"), &queries);
        }
    }
    drop(index);
    for (label, filter) in filters() {
        // A filter is kept once it has been asked with, and the columns of another one are too.
        let mut best = [Duration::MAX; 2];
        let mut work = 0;
        for _ in 0..2 {
            let cold = open();
            let other = plain().with_filter(&cold, "track_title : other").expect("a filter");
            let options = plain().with_filter(&cold, &filter).expect("a filter");
            let first = timed(&cold, &one(&cold, options.clone())).0;
            drop(cold);
            let warm = open();
            timed(&warm, &one(&warm, other));
            let (second, answer) = timed(&warm, &one(&warm, options));
            best = [first.min(best[0]), second.min(best[1])];
            work = answer.work;
        }
        let [cold, warm] = best.map(millis);
        let of_unit = warm * 1e6 / work as f64;
        println!(
            "{cold:>10.3} ms  {label}, cold; {warm:.3} ms with its column, {work} units of {of_unit:.2} ns"
        );
    }
}

/// Filters as large as they may be, of each kind of test.
fn filters() -> Vec<(String, String)> {
    let many = |test: &str, join: &str| {
        let terms: Vec<String> =
            (0..TERMS).map(|term| format!("track_title {test}{term}\"")).collect();
        terms.join(join)
    };
    let mut filters: Vec<(String, String)> = [
        ("= \"Song ", " OR "),
        ("!= \"", " AND "),
        ("> \"", " OR "),
        (": \"", " OR "),
        ("= \"*g", " OR "),
    ]
    .into_iter()
    .filter_map(|(test, join)| {
        let mut filter = many(test, join);
        // The longest that is one.
        while filter.len() > 4096 {
            let cut = filter.rfind(join)?;
            filter.truncate(cut);
        }
        let terms = filter.matches(join).count() + 1;
        Some((format!("{terms} terms `track_title {test}...`"), filter))
    })
    .collect();
    let long = "x".repeat(4000);
    filters.push(("a text of 4000 characters".to_owned(), format!("track_title : {long}")));
    filters.push(("one wildcard".to_owned(), "track_title = \"*a*b*c*\"".to_owned()));
    filters
}

fn one(index: &Searcher, options: Options) -> Query {
    Query::by_row(index, 3, options).expect("a row")
}

fn many(index: &Searcher, strategy: Strategy, options: Options) -> Query {
    let step = i64::from(index.rows()) / EXAMPLES;
    let example = |at| -> Example {
        Seed::row(index, at * step).expect("a row").weighing(0.0).expect("a weight")
    };
    Query::by_examples((0..EXAMPLES).map(example).collect(), strategy, options).expect("valid")
}

/// A vector so many standard deviations from the mean in some of its features.
fn away(index: &Searcher, at: u32, far: f64, options: &Options) -> Query {
    let mut raw = index.raw(at * 101 % index.rows()).expect("a row");
    let near = index.scaler().transform(&raw);
    for (feature, value) in raw.iter_mut().enumerate().skip(at as usize).step_by(1 << at) {
        // The scaler is linear: what a step of 1 comes to says how long a deviation is.
        let mut step = index.raw(at * 101 % index.rows()).expect("a row");
        step[feature] += 1.0;
        let slope = index.scaler().transform(&step)[feature] - near[feature];
        if slope.is_normal() {
            *value += far / slope;
        }
    }
    Query::by_vector(index, raw, options.clone()).expect("finite")
}

fn report(index: &Searcher, label: &str, queries: &[Query]) {
    let mut best = vec![Duration::MAX; queries.len()];
    let mut looked_at = 0;
    for _ in 0..RUNS {
        for (query, best) in queries.iter().zip(&mut best) {
            let (took, answer) = timed(index, query);
            *best = took.min(*best);
            looked_at = answer.candidate_count;
        }
    }
    let slowest = best.into_iter().max().unwrap_or_default();
    println!("{:>10.3} ms  {label} ({looked_at} rows looked at)", millis(slowest));
}

fn timed(index: &Searcher, query: &Query) -> (Duration, Answer) {
    let start = Instant::now();
    let answer = index.search_until(query, Stop::never()).expect("readable");
    (start.elapsed(), answer)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
