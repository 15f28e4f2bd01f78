//! An index of the format in testdata opens, answers and grows; one of another format is refused with the way out.

mod catalogue;

use std::{fs, path::Path};

use catalogue::{golden_rows, write_csv};
use index::{
    EngineChoice, IndexError,
    manifest::{FORMAT_VERSION, ManifestError},
};
use index_svc::{
    Error, Searcher,
    builder::{AppendPlan, DuplicateRule, append},
    query::{Options, Query},
    verify,
};

/// Rows of the index in testdata: the first of the golden catalogue.
const ROWS: u32 = 60;

/// A folder with a copy of the index in testdata.
fn stored() -> tempfile::TempDir {
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/format-{FORMAT_VERSION}"));
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("index");
    fs::create_dir(&to).expect("writable");
    for entry in fs::read_dir(from).expect("an index of the format is in testdata") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copyable");
    }
    folder
}

/// The five nearest rows by plain arithmetic over raw vectors.
fn brute_force(index: &Searcher, row: u32) -> Vec<u32> {
    let scaled = |row| index.scaler().transform(&index.raw(row).expect("readable"));
    let query = scaled(row);
    let mut all: Vec<(f64, u32)> = (0..index.rows())
        .filter(|other| *other != row)
        .map(|other| {
            let squares = query.iter().zip(scaled(other)).map(|(a, b)| (a - b) * (a - b));
            (squares.sum(), other)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all[..5].iter().map(|(_, row)| *row).collect()
}

#[test]
fn an_index_of_the_format_opens_and_answers() {
    let folder = stored();
    let path = folder.path().join("index");
    for engines in [EngineChoice::Auto, EngineChoice::Blocks, EngineChoice::Forest] {
        let index = Searcher::open_with(&path, engines).expect("opens");
        assert_eq!(index.manifest().format_version, FORMAT_VERSION);
        assert_eq!(index.rows(), ROWS);
        for row in 0..ROWS {
            assert_eq!(index.raw(row).expect("readable"), golden_rows()[row as usize]);
            assert_eq!(index.metadata(row).expect("readable").track_id, format!("t{row}"));
            let options = Options::new(5, true, 0, false).expect("in range");
            let query = Query::by_row(&index, i64::from(row), options).expect("in range");
            let answer = index.search(&query).expect("answers");
            let rows: Vec<u32> = answer.neighbors.iter().map(|near| near.row).collect();
            assert_eq!(rows, brute_force(&index, row), "row {row}");
        }
    }
    let index = Searcher::open(&path).expect("opens");
    Searcher::verify_files(&path, index.manifest()).expect("as it was built");
    let checks = verify::check_contents(&index).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}

#[test]
fn an_index_of_the_format_grows() {
    let folder = stored();
    let table = folder.path().join("new.csv");
    let mut rows = golden_rows();
    rows.rotate_left(ROWS as usize);
    let text = catalogue::csv_text(&rows[..7], str::to_owned).replace("\nt", "\nnew");
    fs::write(&table, text).expect("writable");
    let plan = AppendPlan {
        index: folder.path().join("index"),
        inputs: vec![table],
        output: Some(folder.path().join("grown")),
        profile: Some("librosa-0.11-22050".to_owned()),
        nan: None,
        duplicates: DuplicateRule::Error,
        refit: false,
    };
    let grown = append(&plan).expect("grows").made().expect("a version");
    assert_eq!((grown.manifest.format_version, grown.manifest.rows), (FORMAT_VERSION, 67));
    let index = Searcher::open(&grown.path).expect("just made");
    assert_eq!(index.row_of("new3").expect("readable"), Some(63));
    // The scaler is still a fit of the rows that were there, bit for bit.
    assert_eq!(grown.manifest.scaler.fitted_rows, Some(ROWS));
    let checks = verify::check_contents(&index).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}

#[test]
fn a_format_of_the_future_is_refused_with_the_way_out() {
    let folder = stored();
    let path = folder.path().join("index");
    let manifest = path.join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("readable");
    let this = format!("\"format_version\": {FORMAT_VERSION}");
    let next = format!("\"format_version\": {}", FORMAT_VERSION + 1);
    fs::write(&manifest, text.replacen(&this, &next, 1)).expect("writable");
    let error = Searcher::open(&path).expect_err("not of this program");
    let Error::Index(IndexError::Manifest(ManifestError::Format { version, .. })) = &error else {
        panic!("another error: {error}")
    };
    assert_eq!(*version, FORMAT_VERSION + 1);
    assert!(error.to_string().contains("build the index again"), "{error}");
}

/// A table in the form the tests write is what testdata was built from.
#[test]
fn the_tables_of_testdata_can_be_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("table.csv");
    write_csv(&table, &golden_rows()[..ROWS as usize], str::to_owned);
    let index = stored();
    let path = index.path().join("index");
    let index = Searcher::open(&path).expect("opens");
    let checks = verify::check_sources(&index, &[table]).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}
