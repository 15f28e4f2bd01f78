//! Recall of the forest at equal effort, beside Annoy's: `compare.py` makes the tables and runs both.
//!
//! ```text
//! cargo bench -p index-svc --bench forest -- ROWS.npy QUERIES.npy TRUTH.npy [--trees N]
//! ```
//!
//! The tables are scaled rows of little-endian f32, the truth the ten nearest rows of each query as u32. Prints a line
//! of JSON: for each `search_k` the recall at 10, the distinct rows scored, and the microseconds a query takes.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::{path::Path, sync::Arc, time::Instant};

use engine::{Effort, Engine as _, Forest, ForestWriter, ScaledVectors};
use index::store::Store;

const K: usize = 10;
const SEED: u64 = 7;
const EFFORTS: [usize; 3] = [200, 1000, 5000];

/// A `.npy` file, version 1, of C-ordered words of four bytes: how many columns, and the words.
fn words(path: &Path) -> (usize, Vec<[u8; 4]>) {
    let bytes = std::fs::read(path).expect("the table reads");
    assert_eq!(&bytes[..7], b"\x93NUMPY\x01", "a .npy file, version 1");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..end]).expect("an ASCII header");
    assert!(header.contains("4'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let columns = shape.and_then(|(shape, _)| shape.split(',').nth(1)?.trim().parse().ok());
    (columns.expect("two dimensions"), bytes[end..].as_chunks::<4>().0.to_vec())
}

fn floats(path: &Path) -> (usize, Vec<f32>) {
    let (columns, words) = words(path);
    (columns, words.into_iter().map(f32::from_le_bytes).collect())
}

fn main() {
    let mut trees = 50;
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // cargo adds it.
            "--bench" => {}
            "--trees" => {
                trees = arguments.next().and_then(|value| value.parse().ok()).expect("a number");
            }
            _ => paths.push(argument),
        }
    }
    let [rows, queries, truth] = &paths[..] else {
        println!("nothing to measure: see benches/forest/compare.py");
        return;
    };
    let (dims, values) = floats(Path::new(rows));
    let vectors = Arc::new(ScaledVectors::new(values, dims).expect("whole rows"));
    let (_, queries) = floats(Path::new(queries));
    let (columns, truth) = words(Path::new(truth));
    assert!(columns >= K, "ten neighbours of each query");

    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path()).expect("writable");
    let writer = ForestWriter::new(&store.forest(), dims, folder.path());
    let start = Instant::now();
    writer.add(&store.forest(), &vectors, 0..vectors.rows() as u32, SEED).expect("written");
    writer.build(&store.forest(), &vectors, trees, SEED).expect("grown");
    let build_s = start.elapsed().as_secs_f64();
    store.close().expect("closed");
    // As it is read: for growing, since there are no rows beside it.
    let store = Store::grow(folder.path()).expect("opened");
    let forest = Forest::open(store.forest(), vectors, trees).expect("a forest");

    let figures = EFFORTS.map(|search_k| {
        let (mut found, mut scored) = (0, 0);
        let start = Instant::now();
        for (query, truth) in queries.chunks_exact(dims).zip(truth.chunks_exact(columns)) {
            let answer = forest.nearest(query, K, None, Effort::Rows(search_k)).expect("answers");
            let near = |row: u32| answer.hits.iter().any(|hit| hit.row == row);
            found += truth[..K].iter().filter(|row| near(u32::from_le_bytes(**row))).count();
            scored += answer.scored;
        }
        let count = (queries.len() / dims) as f64;
        format!(
            "{{\"search_k\": {search_k}, \"recall\": {:.4}, \"scored\": {:.0}, \"mean_us\": {:.0}}}",
            found as f64 / (count * K as f64),
            scored as f64 / count,
            start.elapsed().as_secs_f64() * 1e6 / count,
        )
    });
    println!("{{\"trees\": {trees}, \"build_s\": {build_s:.1}, \"at\": [{}]}}", figures.join(", "));
}
