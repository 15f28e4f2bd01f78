//! The model card against numpy and scipy (`testdata/make_card_golden.py`), and through a rebuild.

mod catalogue;

use std::path::{Path, PathBuf};

use catalogue::{golden_rows, plan, write_csv};
use index::{card::Card, seal};
use index_svc::{
    Searcher,
    builder::{BuildEngines, BuildPlan, build},
    query::{Options, Query},
};
use serde_json::Value;

fn build_in(folder: &Path, name: &str, change: impl Fn(&mut BuildPlan)) -> PathBuf {
    let table = folder.join("catalogue.csv");
    write_csv(&table, &golden_rows(), str::to_owned);
    let output = folder.join(name);
    let mut plan = plan(vec![table], output.clone());
    change(&mut plan);
    build(&plan).expect("a sound table");
    output
}

fn card(index: &Path) -> Card {
    let index = Searcher::open(index).expect("just built");
    index.manifest().card.clone().expect("the builder measures it")
}

/// `got` has every figure of `expected`, to the rounding of sums.
#[track_caller]
fn assert_has(got: &Value, expected: &Value, place: &str) {
    match expected {
        Value::Object(fields) => {
            for (name, expected) in fields {
                assert_has(&got[name], expected, &format!("{place}.{name}"));
            }
        }
        expected => {
            let (got, expected) = (got.as_f64().expect(place), expected.as_f64().expect(place));
            let tolerance = 1e-12 * expected.abs().max(1.0);
            assert!((got - expected).abs() <= tolerance, "{place}: {got}, expected {expected}");
        }
    }
}

#[test]
fn the_card_is_numpys() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = build_in(folder.path(), "index", |_| {});
    let got = serde_json::to_value(card(&index)).expect("plain data");
    let golden: Value =
        serde_json::from_str(include_str!("../testdata/card_golden.json")).expect("JSON");
    assert_has(&got, &golden["card"], "card");
    assert_eq!(got["artist_purity"]["column"], "artist_name");
    assert_eq!(got["genre_purity"]["column"], "genre");
}

#[test]
fn engines_and_rebuilds_have_the_same_card() {
    let folder = tempfile::tempdir().expect("a folder");
    let both = card(&build_in(folder.path(), "both", |_| {}));
    assert_eq!(both, card(&build_in(folder.path(), "again", |_| {})));
    let forest = build_in(folder.path(), "forest", |plan| {
        plan.engines = BuildEngines::Forest;
        plan.trees = 2;
    });
    assert!(both.agrees_with(&card(&forest)));
}

/// Two values that differ in their last digit and not in their distance: what the card counts, lists leave out.
#[test]
fn the_card_and_lists_have_one_rule_of_equal_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = golden_rows()[..90].to_vec();
    for (row, raw) in rows.iter_mut().enumerate() {
        raw[20] = 1e6 + row as f64;
    }
    rows[10][20] = 1e-3;
    rows[70] = rows[10].clone();
    rows[70][20] = 1e-3_f64.next_up();
    rows[80][20] = rows[40][20];
    let table = folder.path().join("rows.csv");
    write_csv(&table, &rows, str::to_owned);
    let output = folder.path().join("rows");
    build(&plan(vec![table], output.clone())).expect("a sound table");
    let index = Searcher::open(&output).expect("just built");
    assert_ne!(index.raw(10).expect("readable"), index.raw(70).expect("readable"));
    let found = index.manifest().card.as_ref().expect("measured").duplicates;
    assert_eq!((found.groups, found.rows, found.largest_group_row), (1, 2, Some(10)));
    let query = |row, k| {
        let options = Options::new(k, true, 0, false).expect("valid");
        index.search(&Query::by_row(&index, row, options).expect("in range")).expect("readable")
    };
    // Of a seed, and of another result.
    assert_eq!(query(70, 100).left_out.seeds, 2);
    let other = query(40, 100);
    assert_eq!((other.left_out.seeds, other.left_out.duplicates), (1, 1));
    assert!(other.neighbors.iter().all(|near| near.row != 70), "the lower row stays");
}

/// Manifests of the first builders have no card.
#[test]
fn an_index_without_a_card_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = build_in(folder.path(), "index", |plan| plan.trees = 1);
    let path = index.join("manifest.json");
    let text = std::fs::read(&path).expect("readable");
    let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
    manifest.as_object_mut().expect("an object").remove("card").expect("the builder wrote it");
    manifest.as_object_mut().expect("an object").remove("seal").expect("it was sealed");
    let text = seal::sealed(serde_json::to_vec_pretty(&manifest).expect("JSON"));
    std::fs::write(&path, text).expect("writable");
    assert_eq!(Searcher::open(&index).expect("still an index").manifest().card, None);
}
