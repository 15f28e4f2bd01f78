//! The library, asked on one thread as the service asks it: a checked query in, an answer with metadata out.

use std::path::Path;

use index_svc::{
    Searcher,
    query::{Options, Query},
};

use super::table;

/// Prints the processor time of a query in microseconds.
pub(crate) fn answer(folder: &Path, calls: usize) {
    let index = Searcher::open(&folder.join(table::INDEX)).expect("just built");
    index.warm();
    let options = Options::new(0, false, 0, false).expect("the defaults");
    let queries: Vec<Query> = table::queries(folder)
        .into_iter()
        .map(|raw| Query::by_vector(&index, raw, options.clone()).expect("of its width"))
        .collect();
    let all = || {
        for query in queries.iter().cycle().take(calls) {
            let answer = index.search_here(query).expect("readable");
            let answer = answer.unwrap_or_else(|| index.search(query).expect("readable"));
            assert!(!answer.neighbors.is_empty(), "every query has neighbours");
        }
    };
    all();
    let before = thread_nanos();
    all();
    println!("{:.2}", (thread_nanos() - before) / 1e3 / calls as f64);
}

/// Nanoseconds this thread has run.
fn thread_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
}
