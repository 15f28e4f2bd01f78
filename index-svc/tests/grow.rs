//! Versions grown from others: the same answers as an index built from all rows with that scaler.

mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use catalogue::{csv_text, golden_rows, plan};
use index::{
    EngineChoice,
    lineage::{CurveOrigin, Operation},
};
use index_svc::{
    Error, Searcher,
    builder::{
        AppendPlan, BuildPlan, DuplicateRule, Grown, NanRule, RemovePlan, UnknownRule, append,
        build, remove,
    },
    query::{Options, Query},
    table::TableError,
    verify,
    versions::{move_pointer, read_pointer},
};
use proto::features::DEFAULT_PROFILE;
use serde_json::Value;
use tempfile::TempDir;

struct Shop {
    folder: TempDir,
}

impl Shop {
    /// A folder of versions with one of the first `rows` rows.
    fn new(rows: usize) -> Self {
        let shop = Self { folder: tempfile::tempdir().expect("a folder") };
        shop.build("first", &csv_text(&golden_rows()[..rows], str::to_owned), NanRule::Zero);
        move_pointer(&shop.library(), "first").expect("writable");
        shop
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn table(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("writable");
        path
    }

    fn build(&self, name: &str, text: &str, nan: NanRule) -> PathBuf {
        let output = self.library().join(name);
        let table = self.table(&format!("{name}.csv"), text);
        build(&BuildPlan { trees: 5, nan, ..plan(vec![table], output.clone()) }).expect("sound");
        output
    }

    fn append_plan(&self, text: &str) -> AppendPlan {
        AppendPlan {
            index: self.library(),
            inputs: vec![self.table("new.csv", text)],
            output: None,
            profile: Some(DEFAULT_PROFILE.to_owned()),
            nan: None,
            duplicates: DuplicateRule::Error,
            refit: false,
        }
    }

    fn remove_plan(&self, ids: &[&str]) -> RemovePlan {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        RemovePlan {
            index: self.library(),
            ids,
            unknown: UnknownRule::Error,
            output: None,
            refit: false,
        }
    }

    /// Names in the folder of versions.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.library()).expect("readable");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// Rows `from..to` of the golden catalogue, as a table of tracks `t{from}` and so on.
fn rows_text(from: usize, to: usize) -> String {
    let text = csv_text(&golden_rows()[..to], str::to_owned);
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let rest: Vec<&str> = lines.skip(from).collect();
    format!("{header}\n{}\n", rest.join("\n"))
}

/// Answers of the index by id, and those of plain arithmetic over its raw vectors; both engines.
fn check_answers(path: &Path) {
    for engines in [EngineChoice::Auto, EngineChoice::Forest] {
        let index = Searcher::open_with(path, engines).expect("a sound index");
        let scaled: Vec<Vec<f64>> = (0..index.rows())
            .map(|row| index.scaler().transform(&index.raw(row).expect("readable")))
            .collect();
        for row in (0..index.rows()).step_by(7) {
            let mut all: Vec<(f64, u32)> = (0..index.rows())
                .map(|other| {
                    let pairs = scaled[row as usize].iter().zip(&scaled[other as usize]);
                    (pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>(), other)
                })
                .filter(|(distance, other)| *distance > 0.0 && *other != row)
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let expected: Vec<u32> = all.iter().take(6).map(|(_, row)| *row).collect();
            let ask = |options: Options| -> Vec<u32> {
                let query = Query::by_row(&index, i64::from(row), options).expect("in range");
                let answer = index.search(&query).expect("answers");
                answer.neighbors.iter().map(|near| near.row).collect()
            };
            assert_eq!(ask(Options::new(6, true, 0, false).expect("valid")), expected);
            // So many candidates that the forest looks at every row: all of them are in its trees.
            let by_forest = Options::new(6, false, 100_000, false).expect("valid");
            assert_eq!(ask(by_forest), expected);
        }
        let checks = verify::check_contents(&index).expect("readable");
        assert!(checks.iter().all(|check| check.passed), "{checks:?}");
        Searcher::verify_files(path, index.manifest()).expect("as it was made");
    }
}

/// Vectors and metadata by id.
fn tracks(path: &Path) -> Vec<(String, Vec<f64>)> {
    let index = Searcher::open(path).expect("a sound index");
    let mut all: Vec<(String, Vec<f64>)> = (0..index.rows())
        .map(|row| {
            let track = index.metadata(row).expect("readable");
            assert_eq!(index.row_of(&track.track_id).expect("readable"), Some(row));
            assert_eq!(track.track_title, format!("Title {}", &track.track_id[1..]));
            (track.track_id, index.raw(row).expect("readable"))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn golden_tracks(keep: impl Fn(usize) -> bool) -> Vec<(String, Vec<f64>)> {
    let rows = golden_rows().into_iter().enumerate();
    let mut all: Vec<(String, Vec<f64>)> =
        rows.filter(|(row, _)| keep(*row)).map(|(row, raw)| (format!("t{row}"), raw)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn growth(grown: &Grown) -> &index::lineage::Growth {
    grown.manifest.growth.as_ref().expect("it was grown")
}

#[test]
fn appended_rows_are_answered_like_built_ones() {
    let shop = Shop::new(300);
    let first = Searcher::open(&shop.library()).expect("built");
    let (old_version, old_scaler) = (first.version().to_owned(), first.scaler().clone());
    let old_manifest = fs::read(shop.library().join("first/manifest.json")).expect("readable");
    drop(first);
    let grown = append(&shop.append_plan(&rows_text(300, 400)))
        .expect("sound rows")
        .made()
        .expect("a version");
    assert!(grown.pointer_moved);
    assert_eq!(read_pointer(&shop.library()).expect("a name"), grown.version);
    assert_eq!(shop.names(), {
        let mut names = ["CURRENT".to_owned(), "first".to_owned(), grown.version.clone()];
        names.sort();
        names
    });
    let made = growth(&grown);
    assert_eq!((made.operation, made.refitted), (Operation::Append, false));
    assert_eq!((made.rows_before, made.added, made.removed), (300, 100, 0));
    assert_eq!(made.from_version, old_version);
    assert_eq!(grown.manifest.scaler.fitted_rows, Some(300));
    let index = Searcher::open(&shop.library()).expect("the pointer names it");
    assert_eq!(index.version(), grown.version);
    assert_eq!(*index.scaler(), old_scaler, "it is kept, bit for bit");
    drop(index);
    check_answers(&grown.path);
    assert_eq!(tracks(&grown.path), golden_tracks(|_| true));
    // Its tables, old and new, are its source, in order.
    let index = Searcher::open(&grown.path).expect("made");
    let tables = [shop.folder.path().join("first.csv"), shop.folder.path().join("new.csv")];
    let checks = verify::check_sources(&index, &tables).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
    assert_eq!(grown.manifest.sources.len(), 2);
    // The version before is as it was.
    let now = fs::read(shop.library().join("first/manifest.json")).expect("readable");
    assert_eq!(now, old_manifest);
    check_answers(&shop.library().join("first"));
}

#[test]
fn removed_rows_are_gone_and_the_others_stay() {
    let shop = Shop::new(400);
    // The first, the last, neighbours, duplicates of t0, and some of the last block.
    let ids = ["t0", "t399", "t17", "t18", "t100", "t398", "t350"];
    let gone = |row: usize| ids.contains(&format!("t{row}").as_str());
    let grown = remove(&shop.remove_plan(&ids)).expect("they are there").made().expect("a version");
    let made = growth(&grown);
    assert_eq!((made.rows_before, made.added, made.removed), (400, 0, 7));
    assert_eq!((made.removed_since_build, grown.manifest.scaler.fitted_rows), (7, None));
    check_answers(&grown.path);
    assert_eq!(tracks(&grown.path), golden_tracks(|row| !gone(row)));
    let index = Searcher::open(&grown.path).expect("made");
    for id in ids {
        assert_eq!(index.row_of(id).expect("readable"), None);
    }
    let tables = [shop.folder.path().join("first.csv")];
    let checks = verify::check_sources(&index, &tables).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
    drop(index);
    // And back again, behind the others.
    let back: String = {
        let text = csv_text(&golden_rows(), str::to_owned);
        let keep = |line: &&str| line.starts_with("track_id") || line.starts_with("t17,");
        text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
    };
    let again =
        append(&shop.append_plan(&back)).expect("it is not there").made().expect("a version");
    assert_eq!(again.manifest.rows, 394);
    assert_eq!(growth(&again).removed_since_build, 7);
    check_answers(&again.path);
    assert_eq!(tracks(&again.path), golden_tracks(|row| row == 17 || !gone(row)));
}

#[test]
fn a_refit_equals_a_build_of_the_same_rows() {
    let shop = Shop::new(300);
    let plan = AppendPlan { refit: true, ..shop.append_plan(&rows_text(300, 400)) };
    let grown = append(&plan).expect("sound rows").made().expect("a version");
    assert!(growth(&grown).refitted);
    assert_eq!(growth(&grown).recall_curve, CurveOrigin::Calibrated);
    assert_eq!(grown.manifest.scaler.fitted_rows, Some(400));
    let all = shop.build("all", &csv_text(&golden_rows(), str::to_owned), NanRule::Zero);
    let all = Searcher::open(&all).expect("built");
    assert_eq!(grown.manifest.contents, all.manifest().contents);
    assert_eq!(grown.manifest.blocks, all.manifest().blocks);
    drop(all);
    check_answers(&grown.path);
    let plan = RemovePlan { refit: true, ..shop.remove_plan(&["t5"]) };
    let fewer = remove(&plan).expect("it is there").made().expect("a version");
    assert_eq!(fewer.manifest.scaler.fitted_rows, Some(399));
    check_answers(&fewer.path);
    assert_eq!(tracks(&fewer.path), golden_tracks(|row| row != 5));
}

#[test]
fn drift_is_told_per_column() {
    let shop = Shop::new(200);
    let text = rows_text(200, 400);
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let column = header.split(',').position(|name| name == "zcr_std_1").expect("a feature");
    // The last column, last in the line, moved by a constant in the added rows alone.
    assert_eq!(column, header.split(',').count() - 1);
    let moved: String = lines
        .map(|line| {
            let (rest, value) = line.rsplit_once(',').expect("cells");
            format!("{rest},{:?}\n", value.parse::<f64>().expect("a number") + 500.0)
        })
        .collect();
    let grown = append(&shop.append_plan(&format!("{header}\n{moved}")))
        .expect("sound rows")
        .made()
        .expect("a version");
    let index = Searcher::open(&shop.library().join("first")).expect("built");
    let scale = index.scaler().scale()[73];
    let mean = |path: &Path, rows: std::ops::Range<u32>| {
        let index = Searcher::open(path).expect("made");
        let count = f64::from(rows.end - rows.start);
        rows.map(|row| index.raw(row).expect("readable")[73]).sum::<f64>() / count
    };
    let expected = (mean(&grown.path, 200..400) - index.scaler().mean()[73]) / scale;
    let of_added = &grown.drift_of_added[73];
    assert_eq!(of_added.feature, "zcr_std_1");
    assert!((of_added.mean_shift - expected).abs() < 1e-9, "{of_added:?}, expected {expected}");
    assert!(of_added.mean_shift > 10.0 && (of_added.scale_ratio - 1.0).abs() < 0.3);
    let of_all = &growth(&grown).drift[73];
    let expected = (mean(&grown.path, 0..400) - index.scaler().mean()[73]) / scale;
    assert!((of_all.mean_shift - expected).abs() < 1e-9, "{of_all:?}, expected {expected}");
    assert!(of_all.scale_ratio > 5.0, "half of the rows are far from the other half");
    assert!(growth(&grown).drift[10].extent() < 0.5, "other columns are as they were");
}

#[test]
fn what_cannot_grow_is_refused_and_changes_nothing() {
    let shop = Shop::new(100);
    let names = shop.names();
    let check = |plan: &AppendPlan, fits: fn(&Error) -> bool| {
        let refused = append(plan).expect_err("must be refused");
        assert!(fits(&refused), "{refused}");
        assert_eq!(shop.names(), names);
        assert_eq!(read_pointer(&shop.library()).expect("a name"), "first");
    };
    let new = rows_text(100, 110);
    check(&shop.append_plan(&rows_text(90, 110)), |error| {
        matches!(error, Error::Table(TableError::DuplicateTrackId { first_row: 90, .. }))
    });
    let other = AppendPlan { profile: Some("other".to_owned()), ..shop.append_plan(&new) };
    check(&other, |error| matches!(error, Error::Table(TableError::ProfileMismatch { .. })));
    let unstated = AppendPlan { profile: None, ..shop.append_plan(&new) };
    check(&unstated, |error| matches!(error, Error::Table(TableError::ProfileUnstated { .. })));
    let single = AppendPlan { index: shop.library().join("first"), ..shop.append_plan(&new) };
    check(&single, |error| matches!(error, Error::OutputMissing { .. }));
    let taken = AppendPlan { output: Some(shop.library().join("first")), ..shop.append_plan(&new) };
    check(&taken, |error| matches!(error, Error::OutputExists { .. }));

    let unknown = remove(&shop.remove_plan(&["t1", "nobody"])).expect_err("unknown");
    assert!(
        matches!(&unknown, Error::UnknownTracks { unknown } if unknown == &["nobody"]),
        "{unknown}"
    );
    let all: Vec<String> = (0..100).map(|row| format!("t{row}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let none = remove(&shop.remove_plan(&all)).expect_err("none would be left");
    assert!(matches!(none, Error::NoRows { .. }), "{none}");
    assert_eq!(shop.names(), names);

    // Told to, it keeps the rows that are there and takes the others.
    let kept = AppendPlan {
        duplicates: DuplicateRule::KeepFirst,
        ..shop.append_plan(&rows_text(90, 110))
    };
    let grown = append(&kept).expect("told to").made().expect("a version");
    assert_eq!((grown.manifest.rows, grown.manifest.missing_values.duplicate_rows), (110, 10));
}

#[test]
fn missing_values_and_new_attributes_follow_the_index() {
    let shop = Shop { folder: tempfile::tempdir().expect("a folder") };
    let mut rows = golden_rows()[..100].to_vec();
    rows[3][7] = f64::NAN;
    shop.build("first", &csv_text(&rows, str::to_owned), NanRule::Mean);
    move_pointer(&shop.library(), "first").expect("writable");
    let filled = Searcher::open(&shop.library()).expect("built").raw(3).expect("readable")[7];
    let mut new = golden_rows()[100..105].to_vec();
    new[2][7] = f64::NAN;
    let text = csv_text(&new, str::to_owned).replace("\nt", "\nnew");
    let text = text.replacen(",genre,", ",mood,", 1);
    let grown = append(&shop.append_plan(&text))
        .expect("the index's rule fills it")
        .made()
        .expect("a version");
    let index = Searcher::open(&grown.path).expect("made");
    assert_eq!(index.raw(102).expect("readable")[7].to_bits(), filled.to_bits());
    assert_eq!(grown.manifest.missing_values.imputed_values, 2);
    assert_eq!(grown.manifest.attribute_names, ["genre", "mood"]);
    let (old, new) = (index.metadata(4).expect("readable"), index.metadata(104).expect("readable"));
    assert_eq!(old.attributes.keys().collect::<Vec<_>>(), ["genre"]);
    assert_eq!(new.attributes.keys().collect::<Vec<_>>(), ["mood"]);
    let tables = [shop.folder.path().join("first.csv"), shop.folder.path().join("new.csv")];
    let checks = verify::check_sources(&index, &tables).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_index-svc")).args(args).output().expect("the binary runs")
}

#[test]
fn the_commands_report_what_they_made() {
    let shop = Shop::new(200);
    let library = shop.library();
    let library = library.to_str().expect("UTF-8");
    let new = rows_text(200, 220).replacen(",genre,", ",mfcc_mean_99,", 1);
    let table = shop.table("new.csv", &new);
    let table = table.to_str().expect("UTF-8");
    let output = run(&[
        "append",
        "--index",
        library,
        "--input",
        table,
        "--profile",
        DEFAULT_PROFILE,
        "--format",
        "json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["tracks"], 220);
    assert_eq!(report["pointer_moved"], true);
    assert_eq!(report["features_left_out"], serde_json::json!(["mfcc_mean_99"]));
    assert_eq!(report["columns_left_out"], serde_json::json!([]));
    assert_eq!(report["growth"]["recall_curve"], "checked");
    assert_eq!(report["growth"]["drift"].as_array().expect("a list").len(), 74);
    let ids = shop.table("gone.txt", "t3\n\nt7\n");
    let ids = ids.to_str().expect("UTF-8");
    let output = run(&["remove", "--index", library, "--ids", "t1", "--ids-from", ids]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("217 (were 220, 0 added, 3 removed)"), "{text}");
    let index = Searcher::open(&shop.library()).expect("the pointer names it");
    assert_eq!(index.rows(), 217);
    assert_eq!(run(&["remove", "--index", library]).status.code(), Some(2), "no ids at all");
    let unknown = run(&["remove", "--index", library, "--ids", "t1"]);
    assert_eq!(unknown.status.code(), Some(1), "it is gone already");
}
