//! One suite of queries over every engine, what the planner makes of a catalogue, and images that
//! do not fit.

mod catalogue;

use std::fs;

use catalogue::{golden_rows, held_out, lcg, plan, write_csv};
use engine::{Effort, EngineError, EngineName};
use index::{EngineChoice, IndexError, seal};
use index_svc::{
    Error, Searcher,
    builder::{BuildEngines, build},
    planner::{SMALL_ROWS, Wanted},
    query::{Options, Query},
    verify,
};
use proto::features::DIMS;
use tempfile::TempDir;

/// The table of `rows` and the index built from it.
fn built(rows: &[Vec<f64>], engines: BuildEngines) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("catalogue.csv");
    write_csv(&table, rows, str::to_owned);
    let mut plan = plan(vec![table], folder.path().join("index"));
    (plan.engines, plan.trees) = (engines, 5);
    build(&plan).expect("a sound table");
    folder
}

fn open(folder: &TempDir, choice: EngineChoice) -> Result<Searcher, Error> {
    Searcher::open_with(&folder.path().join("index"), choice)
}

fn options(k: i64, exact: bool) -> Options {
    Options::new(k, exact, 0, false).expect("in range")
}

#[test]
fn all_engines_give_the_same_exact_answers() {
    let folder = built(&golden_rows(), BuildEngines::Both);
    // One index is open at a time: an environment may be open once in a process.
    let answers = |choice, engine| {
        let index = open(&folder, choice).expect("both were built");
        let mut far = held_out();
        far[3] = index.scaler().mean()[3] + 9e5 * index.scaler().scale()[3];
        let vectors = [held_out(), golden_rows()[0].clone(), far];
        let mut queries: Vec<Query> = vectors
            .into_iter()
            .flat_map(|raw| [1, 10, 1000].map(|k| (raw.clone(), k)))
            .map(|(raw, k)| Query::by_vector(&index, raw, options(k, true)).expect("finite"))
            .collect();
        // Rows 0, 100 and 200 are copies.
        queries.extend([0, 100, 399].into_iter().flat_map(|row| {
            [1, 10, 1000].map(|k| Query::by_row(&index, row, options(k, true)).expect("in range"))
        }));
        let answer = |query: &Query| {
            let answer = index.search(query).expect("readable");
            assert_eq!((answer.plan.engine, answer.plan.effort), (engine, Effort::Exact));
            assert!(!answer.neighbors.is_empty());
            (answer.neighbors, answer.left_out)
        };
        queries.iter().map(answer).collect::<Vec<_>>()
    };
    let scan = answers(EngineChoice::Forest, EngineName::Scan);
    assert_eq!(answers(EngineChoice::Auto, EngineName::Blocks), scan);
    assert_eq!(answers(EngineChoice::Blocks, EngineName::Blocks), scan);
}

#[test]
fn search_k_asks_the_forest_and_the_default_is_exact_when_small() {
    let folder = built(&golden_rows(), BuildEngines::Both);
    let index = open(&folder, EngineChoice::Auto).expect("both were built");
    let options = Options::new(10, false, 60, false).expect("in range");
    let query = Query::by_row(&index, 3, options).expect("in range");
    let answer = index.search(&query).expect("readable");
    assert_eq!(answer.plan.engine, EngineName::Forest);
    assert_eq!(answer.plan.effort.to_string(), "rows=60");
    assert!(index.plan(Wanted::Default, 10).is_exact());
    // The whole catalogue when the candidates are as many.
    let all = Options::new(1000, false, 400, false).expect("in range");
    let all = Query::by_row(&index, 3, all).expect("in range");
    assert_eq!(index.search(&all).expect("readable").neighbors.len(), 397);
}

#[test]
fn a_catalogue_without_structure_is_answered_exactly() {
    let count = SMALL_ROWS + 2000;
    let rows: Vec<Vec<f64>> = lcg(11, count * DIMS).chunks(DIMS).map(<[f64]>::to_vec).collect();
    let folder = built(&rows, BuildEngines::Blocks);
    let index = open(&folder, EngineChoice::Auto).expect("the blocks were built");
    // Two kinds of queries, four lengths, three targets.
    assert_eq!(index.manifest().recall_curve.len(), 24);
    for point in &index.manifest().recall_curve {
        // The nearest row alone may be found by a walk.
        assert!(point.margin.is_none() || point.k == 1, "{point:?}");
    }
    let query = Query::by_row(&index, 7, options(10, false)).expect("in range");
    let answer = index.search(&query).expect("readable");
    assert_eq!(answer.plan, index.exact_plan());
    assert!((index.manifest().recall_at_10 - 1.0).abs() < 1e-12);
    let check = verify::check_curve(&index, 100).expect("readable").expect("there is a curve");
    assert!(check.passed, "{check:?}");
}

#[test]
fn a_clustered_catalogue_is_walked_and_its_curve_is_checked() {
    let centres: Vec<Vec<f64>> = lcg(3, 150 * DIMS).chunks(DIMS).map(<[f64]>::to_vec).collect();
    let noise = lcg(5, (SMALL_ROWS + 2000) * DIMS);
    let rows: Vec<Vec<f64>> = noise
        .chunks(DIMS)
        .zip(centres.iter().cycle())
        .map(|(noise, centre)| centre.iter().zip(noise).map(|(c, n)| c + 0.2 * n).collect())
        .collect();
    let folder = built(&rows, BuildEngines::Blocks);
    let index = open(&folder, EngineChoice::Auto).expect("the blocks were built");
    let plan = index.plan(Wanted::Default, 10);
    assert!(matches!(plan.effort, Effort::Margin(_)), "{plan:?}");
    assert!(index.manifest().recall_at_10 >= 0.99, "{}", index.manifest().recall_at_10);
    let check = verify::check_curve(&index, 200).expect("readable").expect("there is a curve");
    assert!(check.passed, "{check:?}");
    drop(index);
    // A curve that promises what its effort does not hold is noticed.
    let path = folder.path().join("index/manifest.json");
    let text = fs::read_to_string(&path).expect("readable");
    let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    manifest["recall_curve"][0]["recall"] = 0.5.into();
    manifest.as_object_mut().expect("an object").remove("seal").expect("it was sealed");
    let text = seal::sealed(serde_json::to_vec_pretty(&manifest).expect("JSON"));
    fs::write(&path, text).expect("writable");
    let index = open(&folder, EngineChoice::Auto).expect("it contradicts nothing");
    let check = verify::check_curve(&index, 200).expect("readable").expect("there is a curve");
    assert!(!check.passed, "{check:?}");
}

#[test]
fn an_image_that_does_not_fit_is_refused_with_the_way_out() {
    let folder = built(&golden_rows(), BuildEngines::Both);
    let image = folder.path().join("index/blocks.bin");
    let sound = fs::read(&image).expect("readable");
    let refused = |text: &str| {
        let error = open(&folder, EngineChoice::Auto).expect_err("does not fit");
        let message = error.to_string();
        assert!(message.contains(text) && message.contains("--engine forest"), "{message}");
        // The way out is one.
        open(&folder, EngineChoice::Forest).expect("needs no image");
        error
    };
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    fs::write(&image, &flipped).expect("writable");
    let error = refused("digest of the body");
    assert!(
        matches!(error, Error::Index(IndexError::Engine(EngineError::Image { .. }))),
        "{error:?}"
    );
    fs::write(&image, &sound[..sound.len() - 64]).expect("writable");
    refused("bytes");
    fs::remove_file(&image).expect("removable");
    refused("could not read");

    // A sound image of as many other rows.
    let mut rows = golden_rows();
    rows[9][9] += 1.0;
    let other = built(&rows, BuildEngines::Blocks);
    fs::copy(other.path().join("index/blocks.bin"), &image).expect("writable");
    let error = refused("as digest");
    assert!(
        matches!(error, Error::Index(IndexError::Engine(EngineError::ForeignImage { .. }))),
        "{error:?}"
    );
    fs::write(&image, &sound).expect("writable");
    open(&folder, EngineChoice::Auto).expect("restored");
}

#[test]
fn an_engine_that_was_not_built_is_not_opened() {
    let folder = built(&golden_rows(), BuildEngines::Blocks);
    let refused = open(&folder, EngineChoice::Forest).expect_err("no forest");
    let is_forest = |error: &Error| {
        matches!(
            error,
            Error::Index(IndexError::Engine(EngineError::NotBuilt { name: EngineName::Forest }))
        )
    };
    assert!(is_forest(&refused), "{refused}");
    let folder = built(&golden_rows(), BuildEngines::Forest);
    assert!(!folder.path().join("index/blocks.bin").exists());
    open(&folder, EngineChoice::Blocks).expect_err("no blocks");
    let index = open(&folder, EngineChoice::Auto).expect("the forest will do");
    assert_eq!(index.plan(Wanted::Exact, 10).engine, EngineName::Scan);
}
