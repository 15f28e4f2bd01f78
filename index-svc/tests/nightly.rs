//! What a nightly job does to an index: runs twice, brings new columns, other rules for missing values, and
//! features that begin to vary. Every version passes its own checks.

mod catalogue;
mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use catalogue::{csv_text, golden_rows, plan};
use index_svc::{
    Error, Searcher,
    builder::{
        AppendPlan, BuildPlan, DuplicateRule, Grown, NanRule, Outcome, RemovePlan, Unchanged,
        UnknownRule, append, build, remove,
    },
    query::{Options, Query},
    table::TableError,
    verify,
    versions::{move_pointer, read_pointer},
};
use proto::{
    features::DEFAULT_PROFILE,
    v1::{GetIndexInfoRequest, QueryByTrackIndexRequest, QueryOptions},
};
use running::{Running, wait_for};
use serde_json::Value;
use tempfile::TempDir;

/// The golden catalogue's constant feature, `mfcc_mean_6`.
const CONSTANT: usize = 5;

/// A folder of versions, and the tables that they were made from.
struct Job {
    folder: TempDir,
    tables: Vec<PathBuf>,
}

impl Job {
    fn new(rows: &[Vec<f64>], nan: NanRule) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut job = Self { folder, tables: Vec::new() };
        let table = job.table(&csv_text(rows, str::to_owned));
        let output = job.library().join("first");
        build(&BuildPlan { trees: 5, nan, ..plan(vec![table], output) }).expect("sound");
        move_pointer(&job.library(), "first").expect("writable");
        job
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn table(&mut self, text: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{}.csv", self.tables.len()));
        fs::write(&path, text).expect("writable");
        self.tables.push(path.clone());
        path
    }

    /// A plan to append the rows of a table that were not there.
    fn plan(&mut self, text: &str) -> AppendPlan {
        AppendPlan {
            index: self.library(),
            inputs: vec![self.table(text)],
            output: None,
            profile: Some(DEFAULT_PROFILE.to_owned()),
            nan: None,
            duplicates: DuplicateRule::KeepFirst,
            refit: false,
        }
    }

    fn removal(&self, ids: &[&str], unknown: UnknownRule) -> RemovePlan {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        RemovePlan { index: self.library(), ids, unknown, output: None, refit: false }
    }

    fn versions(&self) -> usize {
        fs::read_dir(self.library()).expect("readable").count()
    }

    /// Every check of the wanted version, against the tables it was made from too.
    #[track_caller]
    fn check(&self) -> Searcher {
        let index = Searcher::open(&self.library()).expect("sound");
        let mut checks = verify::check_contents(&index).expect("readable");
        checks.extend(verify::check_sources(&index, &self.tables).expect("readable"));
        assert!(checks.iter().all(|check| check.passed), "{checks:?}");
        index
    }
}

/// Rows of the golden catalogue as tracks `{prefix}0` and on.
fn tracks(prefix: &str, rows: &[Vec<f64>]) -> String {
    csv_text(rows, str::to_owned).replace("\nt", &format!("\n{prefix}"))
}

#[track_caller]
fn made(outcome: Result<Outcome, Error>) -> Grown {
    outcome.expect("sound").made().expect("a version")
}

#[track_caller]
fn unchanged(outcome: Result<Outcome, Error>) -> Unchanged {
    match outcome.expect("no error") {
        Outcome::Unchanged(unchanged) => unchanged,
        Outcome::Made(grown) => panic!("made {}", grown.version),
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_index-svc")).args(args).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_job_that_runs_twice_makes_one_version() {
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    let plan = job.plan(&tracks("new", &golden_rows()[50..60]));
    let first = made(append(&plan));
    let versions = job.versions();
    let again = unchanged(append(&plan));
    assert_eq!((again.read, again.repeated, again.dropped), (10, 10, 0));
    assert_eq!((&again.version, &again.path), (&first.version, &first.path));
    // An empty table, and one whose rows all lack a value.
    assert_eq!(unchanged(append(&job.plan(&tracks("none", &[])))).read, 0);
    let mut holes = golden_rows()[60..62].to_vec();
    holes.iter_mut().for_each(|row| row[3] = f64::NAN);
    let holes = job.plan(&tracks("hole", &holes));
    let dropped = unchanged(append(&AppendPlan { nan: Some(NanRule::Drop), ..holes }));
    assert_eq!((dropped.read, dropped.dropped), (2, 2));
    // Where the version would have gone is not made either.
    let output = job.folder.path().join("elsewhere");
    unchanged(append(&AppendPlan { output: Some(output.clone()), ..plan.clone() }));
    assert!(!output.exists());

    let gone = ["new3", "new4"];
    let fewer = made(remove(&job.removal(&gone, UnknownRule::Error)));
    let twice = remove(&job.removal(&gone, UnknownRule::Error)).expect_err("they are gone");
    assert!(matches!(twice, Error::UnknownTracks { .. }), "{twice}");
    let again = unchanged(remove(&job.removal(&gone, UnknownRule::Skip)));
    assert_eq!((again.unknown, &again.version), (2, &fewer.version));
    assert_eq!(unchanged(remove(&job.removal(&[], UnknownRule::Error))).unknown, 0);
    let one = made(remove(&job.removal(&["new3", "new5"], UnknownRule::Skip)));
    assert_eq!(one.manifest.rows, 57);
    assert_eq!(job.versions(), versions + 2, "each change once");
    // Told to fit the scaler again, it does.
    assert_eq!(made(append(&AppendPlan { refit: true, ..plan })).manifest.rows, 60);
}

#[test]
fn the_commands_say_that_nothing_is_new() {
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    let table = job.table(&csv_text(&golden_rows()[..50], str::to_owned));
    let library = job.library();
    let base = ["append", "--index", text(&library), "--input", text(&table)];
    let base = [&base[..], &["--profile", DEFAULT_PROFILE, "--duplicates", "keep-first"]].concat();
    let told = run(&base);
    let report = String::from_utf8(told.stdout).expect("UTF-8");
    assert_eq!(told.status.code(), Some(0));
    assert!(report.contains("no version was made"), "{report}");
    assert!(report.contains("50 read, 50 in the index already"), "{report}");
    let told = run(&[&base[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&report["made"], &report["rows_repeated"]), (&Value::Bool(false), &50.into()));
    let base = ["remove", "--index", text(&library), "--ids", "nobody"];
    assert_eq!(run(&base).status.code(), Some(1));
    let told = run(&[&base[..], &["--unknown", "skip"]].concat());
    assert_eq!(told.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&told.stdout).contains("1 not in the index"));
    assert_eq!(read_pointer(&library).expect("a name"), "first");
}

#[test]
fn each_table_keeps_its_own_rule_for_missing_values() {
    let rules = [NanRule::Zero, NanRule::Mean, NanRule::Drop];
    for first in rules {
        for second in rules {
            let mut rows = golden_rows()[..60].to_vec();
            rows[3][7] = f64::NAN;
            let mut job = Job::new(&rows, first);
            let mut more = golden_rows()[60..80].to_vec();
            more[4][9] = f64::NAN;
            let plan = job.plan(&tracks("new", &more));
            let grown = made(append(&AppendPlan { nan: Some(second), ..plan }));
            let dropped = [first, second].iter().filter(|rule| **rule == NanRule::Drop).count();
            assert_eq!(grown.manifest.rows as usize, 80 - dropped, "{first:?} {second:?}");
            assert_eq!(grown.manifest.missing_values.dropped_rows as usize, dropped);
            drop(job.check());
            // And the program's own gate, with all tables.
            let library = job.library();
            let mut args = vec!["validate", "--index", text(&library), "--input"];
            args.extend(job.tables.iter().map(|table| text(table)));
            let told = run(&args);
            let report = String::from_utf8_lossy(&told.stdout);
            assert_eq!(told.status.code(), Some(0), "{first:?} {second:?}: {report}");
        }
    }
}

#[test]
fn a_feature_that_begins_to_vary_is_not_called_constant() {
    let name = "mfcc_mean_6";
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    let constant = |index: &Searcher| index.manifest().constant_features.clone();
    assert_eq!(constant(&job.check()), [name]);
    // Of the same value it stays constant.
    let same = made(append(&job.plan(&tracks("same", &golden_rows()[50..55]))));
    assert_eq!(
        (constant(&job.check()).as_slice(), same.freed_features.len()),
        (&[name.to_owned()][..], 0)
    );
    let mut moved = golden_rows()[55..58].to_vec();
    moved.iter_mut().zip([40.0, 400.0, 4000.0]).for_each(|(row, value)| row[CONSTANT] = value);
    let table = tracks("moved", &moved);
    let grown = made(append(&job.plan(&table)));
    assert_eq!(grown.freed_features, [name]);
    let index = job.check();
    assert!(constant(&index).is_empty());
    // It makes all of such a distance, and the explanation says so.
    let options = Options::new(1, true, 0, false).expect("valid").with_explanations();
    let query = Query::by_track_id(&index, "moved2", options).expect("known");
    let nearest = &index.search(&query).expect("answers").neighbors[0];
    let first = &nearest.explanation.as_ref().expect("asked for").features[0];
    assert_eq!(first.feature, name);
    assert!(first.share > 0.99, "{first:?}");
    drop(index);
    // Without these rows it is constant again.
    made(remove(&job.removal(&["moved0", "moved1", "moved2"], UnknownRule::Error)));
    assert_eq!(constant(&job.check()), [name]);
    // The scaler that is fitted to them has its deviation.
    let fitted = made(append(&AppendPlan { refit: true, ..job.plan(&table) }));
    assert!(fitted.freed_features.is_empty() && fitted.manifest.constant_features.is_empty());
}

#[test]
fn a_row_that_no_query_may_have_is_not_appended() {
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    for value in [5e6, 1e160] {
        let mut far = golden_rows()[50..51].to_vec();
        far[0][CONSTANT] = value;
        let refused = append(&job.plan(&tracks("far", &far))).expect_err("too far");
        let Error::Table(TableError::OutOfRange { path, line, column, .. }) = refused else {
            panic!("{refused}");
        };
        assert_eq!((line, column.as_str()), (2, "mfcc_mean_6"), "{}", path.display());
    }
    assert_eq!(read_pointer(&job.library()).expect("a name"), "first");
    let mut far = golden_rows()[50..51].to_vec();
    far[0][CONSTANT] = 5e6;
    let plan = job.plan(&tracks("far", &far));
    assert_eq!(made(append(&AppendPlan { refit: true, ..plan })).manifest.rows, 51);
}

#[test]
fn a_track_that_is_replaced_is_that_of_its_last_table() {
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    made(remove(&job.removal(&["t7"], UnknownRule::Error)));
    // The same id, another recording.
    let text = csv_text(&golden_rows()[60..68], str::to_owned);
    let line = text.lines().find(|line| line.starts_with("t7,")).expect("the eighth");
    let header = text.lines().next().expect("a header");
    made(append(&job.plan(&format!("{header}\n{line}\n"))));
    let index = job.check();
    let row = index.row_of("t7").expect("readable").expect("it is back");
    assert_eq!(index.raw(row).expect("readable"), golden_rows()[67]);
}

/// The column is in no record of the rows before; all filters on it hold as if it were empty there.
#[tokio::test]
async fn a_column_that_an_append_brought_is_filtered_by_before_and_after_the_swap() {
    let mut job = Job::new(&golden_rows()[..50], NanRule::Zero);
    let server = Running::start(&job.library(), &[]);
    let mut client = server.client().await;
    let table = tracks("new", &golden_rows()[50..60]).replacen(",genre,", ",mood,", 1);
    let grown = made(append(&job.plan(&table)));
    assert_eq!(grown.manifest.attribute_names, ["genre", "mood"]);
    let filters = [
        ("mood = g1", 3),
        ("mood != g1", 57),
        ("mood:*", 10),
        ("NOT mood:*", 50),
        ("mood:G", 10),
        ("mood IN (g0, g2)", 7),
        ("mood > a", 10),
        ("mood < a", 50),
        ("mood != 3", 60),
        ("genre:* AND mood:*", 0),
        ("genre:* OR mood:*", 60),
    ];
    let index = job.check();
    for (filter, rows) in filters {
        let options = Options::new(100, true, 0, false).expect("valid");
        let options = options.with_filter(&index, filter).expect("the column is there");
        let options = options.with_max_per_artist(2).expect("valid");
        let query = Query::by_row(&index, 3, options).expect("in range");
        assert_eq!(index.search(&query).expect("answers").matched_count, rows, "{filter}");
    }
    drop(index);
    let swapped = || server.metric("index_swaps_total{outcome=\"swapped\"}").filter(|n| *n >= 1.0);
    wait_for("the swap", swapped);
    let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers").into_inner();
    assert_eq!(info.index_version, grown.version);
    assert!(info.filter_fields.contains(&"mood".to_owned()));
    for (filter, rows) in filters {
        let options = QueryOptions {
            filter: filter.to_owned(),
            expected_index_version: grown.version.clone(),
            ..QueryOptions::default()
        };
        let request = QueryByTrackIndexRequest { track_index: Some(3), options: Some(options) };
        let answer = client.query_by_track_index(request).await.expect(filter).into_inner();
        let matched = answer.stats.expect("always sent").matched_track_count;
        assert_eq!(usize::try_from(matched), Ok(rows), "{filter}");
    }
}
