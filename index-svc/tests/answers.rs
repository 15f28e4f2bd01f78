//! Answers against numpy's brute force (`testdata/make_answers_golden.py`), and the rules of a
//! list: seeds, duplicates, ties, filling up.

mod catalogue;

use std::fs;

use catalogue::{golden_rows, held_out, plan, write_csv};
use index_svc::{
    Searcher,
    builder::build,
    query::{Options, Query},
    search::{Answer, LeftOut},
};
use serde_json::Value;
use tempfile::TempDir;

fn index() -> (TempDir, Searcher) {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("catalogue.csv");
    write_csv(&table, &golden_rows(), str::to_owned);
    let output = folder.path().join("index");
    build(&plan(vec![table], output.clone())).expect("a sound table");
    let index = Searcher::open(&output).expect("just built");
    (folder, index)
}

fn options(k: i64, exact: bool, include_seeds: bool) -> Options {
    Options::new(k, exact, 0, include_seeds).expect("in range")
}

fn rows(answer: &Answer) -> Vec<u32> {
    answer.neighbors.iter().map(|neighbor| neighbor.row).collect()
}

#[test]
fn exact_answers_are_numpys() {
    let (_folder, index) = index();
    let golden: Value =
        serde_json::from_str(include_str!("../testdata/answers_golden.json")).expect("JSON");
    for expected in golden["answers"].as_array().expect("answers") {
        let name = expected["query"].as_str().expect("a name");
        let options = options(12, true, true).with_duplicates(true);
        let query = match name.strip_prefix("row ") {
            Some(row) => Query::by_row(&index, row.parse().expect("a number"), options),
            None => Query::by_vector(&index, held_out(), options),
        };
        let answer = index.search(&query.expect("in range")).expect("readable");
        let expected_rows: Vec<u32> = expected["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row.as_u64().expect("a row") as u32)
            .collect();
        assert_eq!(rows(&answer), expected_rows, "{name}");
        for (neighbor, distance) in
            answer.neighbors.iter().zip(expected["distances"].as_array().expect("distances"))
        {
            let distance = distance.as_f64().expect("a number");
            // numpy adds the 74 squares pairwise, this program one by one: a few ulps.
            assert!(
                (neighbor.distance - distance).abs() <= 1e-14 * distance,
                "{name}: {} {distance}",
                neighbor.distance
            );
        }
    }
}

#[test]
fn the_seed_and_its_duplicates_are_left_out_counted_and_replaced() {
    let (_folder, index) = index();
    for exact in [true, false] {
        // Rows 100 and 200 are copies of row 0.
        let ask = |row, k| {
            let query = Query::by_row(&index, row, options(k, exact, false)).expect("in range");
            index.search(&query).expect("readable")
        };
        for seed in [0, 100] {
            let answer = ask(seed, 10);
            assert_eq!((answer.neighbors.len(), answer.left_out.seeds), (10, 3));
            assert!(rows(&answer).iter().all(|row| ![0, 100, 200].contains(row)));
        }
        let answer = ask(1, 1000);
        let LeftOut { seeds, duplicates, .. } = answer.left_out;
        assert_eq!((answer.neighbors.len(), seeds, duplicates), (397, 1, 2), "exhausted");
        assert!(rows(&answer).contains(&0), "of equal rows the first one stays");
        let ordered = answer.neighbors.is_sorted_by(|a, b| {
            a.distance < b.distance || (a.distance <= b.distance && a.row < b.row)
        });
        assert!(ordered, "nearest first, ties by row");
    }
    let by_vector = Query::by_vector(&index, golden_rows()[0].clone(), options(5, true, false));
    let answer = index.search(&by_vector.expect("finite")).expect("readable");
    assert_eq!(answer.left_out.seeds, 3, "a vector that is in the index is its own seed");
}

#[test]
fn ties_go_by_row_and_stay_when_seeds_are_asked_for() {
    let (_folder, index) = index();
    let query = Query::by_row(&index, 200, options(3, false, true).with_duplicates(true));
    let query = query.expect("in range");
    let answer = index.search(&query).expect("readable");
    assert_eq!(rows(&answer), [0, 100, 200]);
    assert!(answer.neighbors.iter().all(|neighbor| neighbor.similarity_percentile > 0.999));
}

#[test]
fn a_small_search_k_still_fills_the_list() {
    let (_folder, index) = index();
    let options = Options::new(300, false, 1, false).expect("in range");
    let query = Query::by_row(&index, 3, options).expect("in range");
    assert_eq!(index.search(&query).expect("readable").neighbors.len(), 300);
}

#[test]
fn features_far_from_the_catalogue_are_named() {
    let (_folder, index) = index();
    let mut raw = held_out();
    raw[7] = 1e6;
    let query = Query::by_vector(&index, raw, options(1, true, false)).expect("finite");
    let answer = index.search(&query).expect("readable");
    assert_eq!(answer.out_of_range_features, ["mfcc_mean_8"]);
}

#[test]
fn one_seed_gives_one_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("catalogue.csv");
    write_csv(&table, &golden_rows(), str::to_owned);
    let answers = |name: &str, seed| {
        let output = folder.path().join(name);
        let mut plan = plan(vec![table.clone()], output.clone());
        plan.seed = seed;
        let contents = build(&plan).expect("a sound table").manifest.contents;
        let index = Searcher::open(&output).expect("just built");
        let options = Options::new(10, false, 1, false).expect("in range");
        let candidates: Vec<usize> = (0..50)
            .map(|row| {
                let query = Query::by_row(&index, row, options.clone()).expect("in range");
                index.search(&query).expect("readable").candidate_count
            })
            .collect();
        (contents, candidates)
    };
    let first = answers("a", 1);
    assert_eq!(first, answers("b", 1));
    let other = answers("c", 2);
    assert_eq!(first.0, other.0, "contents do not depend on the seed");
    assert_ne!(first.1, other.1, "another forest leads to other candidates");
    assert!(fs::read_dir(folder.path()).expect("readable").count() == 4, "nothing else is left");
}
