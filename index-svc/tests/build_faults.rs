//! What a build refuses, what it leaves behind, and what opening refuses.

mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use catalogue::{csv_text, golden_rows, plan, write_csv};
use index::{IndexError, manifest::ManifestError, store::StoreError};
use index_svc::{
    Error, Searcher,
    builder::{BuildPlan, DuplicateRule, NanRule, build},
    table::TableError,
    verify,
};
use tempfile::TempDir;

struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plan over one table of `text`, with few trees.
    fn plan(&self, text: &str) -> BuildPlan {
        let table = self.path("table.csv");
        fs::write(&table, text).expect("the folder is writable");
        BuildPlan { trees: 3, ..plan(vec![table], self.path("index")) }
    }

    /// Everything in the folder but the tables.
    fn leftovers(&self) -> Vec<String> {
        fs::read_dir(self.folder.path())
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("table"))
            .collect()
    }
}

fn rows() -> Vec<Vec<f64>> {
    golden_rows()[..120].to_vec()
}

/// One absurd cell would stretch its column until all other rows are equal in it.
#[test]
fn a_value_that_no_feature_has_is_refused_with_its_place() {
    for value in [1e160, 1e308, -1e150, 3e7] {
        let shop = Workshop::new();
        let mut rows = rows();
        // Column 3 of the catalogue goes from 28 to 32.
        rows[17][3] = value;
        let refused = build(&shop.plan(&csv_text(&rows, str::to_owned)));
        let Err(Error::Table(TableError::OutOfRange { path, line, column, value: got, .. })) =
            refused
        else {
            panic!("{value}: {refused:?}");
        };
        assert_eq!((line, column.as_str()), (19, "mfcc_mean_4"));
        assert_eq!((got, path), (value, shop.path("table.csv")));
        assert!(shop.leftovers().is_empty(), "{:?}", shop.leftovers());
    }
    // Far, and a value all the same; and a column that does not vary elsewhere has no measure.
    let shop = Workshop::new();
    let mut rows = rows();
    (rows[17][3], rows[18][5]) = (5e4, 5e9);
    build(&shop.plan(&csv_text(&rows, str::to_owned))).expect("within a million deviations");
}

/// A table whose rows 3 and 5 lack a value.
fn holed() -> String {
    let mut rows = rows();
    rows[3][7] = f64::NAN;
    rows[5][0] = f64::NAN;
    csv_text(&rows, str::to_owned)
}

#[test]
fn a_refused_build_says_why_and_leaves_nothing() {
    let shop = Workshop::new();
    let good = csv_text(&rows(), str::to_owned);
    let check = |text: &str, fits: fn(&TableError) -> bool| {
        let refused = build(&shop.plan(text));
        assert!(matches!(&refused, Err(Error::Table(error)) if fits(error)), "{refused:?}");
        assert_eq!(shop.leftovers(), [""; 0]);
    };
    check(
        &good.replace(",zcr_std_1", ",other"),
        |error| matches!(error, TableError::MissingColumns { missing, .. } if missing == &["zcr_std_1"]),
    );
    check(&good.replacen("mfcc_mean_2,", "mfcc_01_mean,", 1), |error| {
        matches!(error, TableError::DuplicateColumn { .. })
    });
    check(&good.replacen("track_id", "id", 1), |error| {
        matches!(error, TableError::NoTrackId { .. })
    });
    check(&good.replacen("\nt7,", "\nt6,", 1), |error| {
        matches!(error, TableError::DuplicateTrackId { line: 9, first_row: 6, .. })
    });
    check(&good.replacen("\nt7,", "\n,", 1), |error| {
        matches!(error, TableError::TrackIdLength { line: 9, got: 0, .. })
    });
    check(
        &good.replacen(",3.25,", ",inf,", 1),
        |error| matches!(error, TableError::NotANumber { line: 2, column, .. } if column == "mfcc_mean_6"),
    );
    check(&good.replacen(",3.25,", ",", 1), |error| {
        matches!(error, TableError::Malformed { line: 2, .. })
    });
    let long = good.replacen("Title 3", &"x".repeat(17 << 20), 1);
    check(&long, |error| matches!(error, TableError::RecordTooLong { .. }));
}

#[test]
fn a_table_without_rows_is_refused() {
    let shop = Workshop::new();
    let refused = build(&shop.plan(&csv_text(&[], str::to_owned)));
    assert!(matches!(refused, Err(Error::NoRows { read: 0, .. })), "{refused:?}");
    assert_eq!(shop.leftovers(), [""; 0]);
}

#[test]
fn profiles_must_be_stated_and_agree() {
    let shop = Workshop::new();
    let mut plan = shop.plan(&csv_text(&rows(), str::to_owned));
    plan.profile = None;
    let refused = build(&plan);
    assert!(
        matches!(refused, Err(Error::Table(TableError::ProfileUnstated { .. }))),
        "{refused:?}"
    );

    let sidecar = shop.path("table.csv.meta.json");
    let schema = proto::features::FeatureSchema::librosa().sha256();
    let write = |profile: &str, schema: &str| {
        let text =
            format!(r#"{{"profile_id":"{profile}","schema_sha256":"{schema}","columns":[]}}"#);
        fs::write(&sidecar, text).expect("writable");
    };
    write("theirs", "00");
    let refused = build(&plan);
    assert!(matches!(refused, Err(Error::Table(TableError::SchemaMismatch { .. }))), "{refused:?}");
    write("theirs", &schema);
    plan.profile = Some("ours".to_owned());
    let refused = build(&plan);
    assert!(
        matches!(refused, Err(Error::Table(TableError::ProfileMismatch { .. }))),
        "{refused:?}"
    );
    plan.profile = None;
    assert_eq!(build(&plan).expect("stated").manifest.profile_id, "theirs");
}

#[test]
fn missing_values_follow_the_rule() {
    let shop = Workshop::new();
    let check = |nan: NanRule, expected_rows: u32, value: f64| {
        let plan = BuildPlan { nan, ..shop.plan(&holed()) };
        let built = build(&plan).expect("a rule that fills or drops");
        let index = Searcher::open(&plan.output).expect("just built");
        assert_eq!(index.rows(), expected_rows, "{nan:?}");
        let missing = &built.manifest.missing_values;
        assert_eq!(missing.per_feature["mfcc_mean_8"], 1);
        if nan != NanRule::Drop {
            assert_eq!(missing.imputed_values, 2);
            let stored = index.raw(3).expect("readable")[7];
            assert!((stored - value).abs() < 1e-9, "{nan:?}: {stored}, expected {value}");
        }
        let failed: Vec<_> = verify::check_sources(&index, &plan.inputs)
            .expect("readable")
            .into_iter()
            .filter(|check| !check.passed)
            .collect();
        assert_eq!(failed, []);
        drop(index);
        fs::remove_dir_all(&plan.output).expect("removable");
    };
    let others: Vec<f64> =
        rows().iter().enumerate().filter(|(row, _)| *row != 3).map(|(_, row)| row[7]).collect();
    check(NanRule::Zero, 120, 0.0);
    check(NanRule::Mean, 120, others.iter().sum::<f64>() / others.len() as f64);
    check(NanRule::Drop, 118, f64::NAN);
    let refused = build(&BuildPlan { nan: NanRule::Error, ..shop.plan(&holed()) });
    assert!(
        matches!(&refused, Err(Error::Table(TableError::MissingValue { line: 5, column, .. })) if column == "mfcc_mean_8"),
        "{refused:?}"
    );
}

#[test]
fn repeated_ids_can_be_left_out() {
    let shop = Workshop::new();
    let text = csv_text(&rows(), str::to_owned).replacen("\nt7,", "\nt6,", 1);
    let plan = BuildPlan { duplicates: DuplicateRule::KeepFirst, ..shop.plan(&text) };
    let built = build(&plan).expect("told to keep the first");
    assert_eq!((built.manifest.rows, built.manifest.missing_values.duplicate_rows), (119, 1));
    let index = Searcher::open(&plan.output).expect("just built");
    assert_eq!(index.row_of("t8").expect("readable"), Some(7));
    let checks = verify::check_sources(&index, &plan.inputs).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}

#[test]
fn an_index_is_never_overwritten() {
    let shop = Workshop::new();
    let plan = shop.plan(&csv_text(&rows(), str::to_owned));
    fs::create_dir(&plan.output).expect("writable");
    let refused = build(&plan);
    assert!(matches!(refused, Err(Error::OutputExists { .. })), "{refused:?}");
}

#[test]
fn validation_notices_another_source() {
    let shop = Workshop::new();
    let plan = shop.plan(&csv_text(&rows(), str::to_owned));
    build(&plan).expect("a sound table");
    let index = Searcher::open(&plan.output).expect("just built");
    let failing = |rows: &[Vec<f64>], change: fn(String) -> String| {
        let table = shop.path("table2.csv");
        fs::write(&table, change(csv_text(rows, str::to_owned))).expect("writable");
        let checks = verify::check_sources(&index, &[table]).expect("readable");
        checks.into_iter().filter(|check| !check.passed).map(|check| check.name).collect::<Vec<_>>()
    };
    assert_eq!(failing(&rows(), |text| text), [""; 0]);
    let mut other = rows();
    other[60][33] += 1.0;
    assert_eq!(failing(&other, |text| text), ["source features"]);
    assert_eq!(
        failing(&rows(), |text| text.replacen("Title 9,", "Title X,", 1)),
        ["source metadata"]
    );
    assert_eq!(failing(&rows()[..119], |text| text), ["source features"]);
}

/// The text of a manifest with a new seal.
fn resealed(text: &str) -> Vec<u8> {
    let (object, _) = text.split_once(",\n  \"seal\"").expect("a seal at its end");
    index::seal::sealed(format!("{object}\n}}").into_bytes())
}

/// The text of a manifest that has the quick digest of a changed file.
fn with_quick_digest_of(file: &Path, text: &str) -> Vec<u8> {
    let mut object: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
    let digest = index::seal::quick_digest(file).expect("readable");
    object["files"][name]["xxh3"] = digest.into();
    object.as_object_mut().expect("an object").remove("seal").expect("was there");
    index::seal::sealed(serde_json::to_vec_pretty(&object).expect("JSON"))
}

#[test]
fn opening_refuses_what_does_not_fit() {
    let shop = Workshop::new();
    let plan = shop.plan(&csv_text(&rows(), str::to_owned));
    build(&plan).expect("a sound table");
    let (data, manifest) = (plan.output.join("data.mdb"), plan.output.join("manifest.json"));
    let sound = fs::read_to_string(&manifest).expect("readable");
    let with = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from} is in the manifest");
        fs::write(&manifest, resealed(&sound.replacen(from, to, 1))).expect("writable");
        Searcher::open(&plan.output).expect_err("does not fit")
    };
    let error = with("\"format_version\": 1", "\"format_version\": 5");
    assert!(
        matches!(
            error,
            Error::Index(IndexError::Manifest(ManifestError::Format { version: 5, .. }))
        ),
        "{error}"
    );
    let error = with("\"tracks.bin\"", "\"tracks.txt\"");
    assert!(matches!(error, Error::Index(IndexError::NotAnIndex { .. })), "{error}");
    let error = with("mfcc_mean_1\"", "mfcc_mean_0\"");
    assert!(
        matches!(
            error,
            Error::Index(IndexError::Manifest(ManifestError::Field { field: "schema_sha256", .. }))
        ),
        "{error}"
    );
    let error = with("\"rows\": 120", "\"rows\": 121");
    assert!(matches!(error, Error::Index(IndexError::Store(StoreError::Length { .. }))), "{error}");
    let error = with("\"trees\": 3", "\"trees\": 4");
    assert!(matches!(error, Error::Index(IndexError::Engine(_))), "{error}");
    let error = with("{", "");
    assert!(
        matches!(error, Error::Index(IndexError::Manifest(ManifestError::Json { .. }))),
        "{error}"
    );
    fs::write(&manifest, sound.replacen("\"rows\": 120", "\"rows\": 119", 1)).expect("writable");
    let error = Searcher::open(&plan.output).expect_err("the seal is of another text");
    assert!(
        matches!(error, Error::Index(IndexError::Manifest(ManifestError::Seal { .. }))),
        "{error}"
    );
    fs::remove_file(&manifest).expect("removable");
    let error = Searcher::open(&plan.output).expect_err("no manifest");
    assert!(matches!(error, Error::Index(IndexError::NotAnIndex { .. })), "{error}");

    fs::write(&manifest, &sound).expect("writable");
    let bytes = fs::read(&data).expect("readable");
    fs::write(&data, &bytes[..bytes.len() - 4096]).expect("writable");
    let error = Searcher::open(&plan.output).expect_err("a cut file");
    assert!(matches!(error, Error::Index(IndexError::Mismatch { .. })), "{error}");

    fs::write(&data, &bytes).expect("writable");

    // One flipped bit in a raw vector: sizes fit, digests do not. Where somebody made the quick digest
    // fit, the others still tell.
    let data = plan.output.join("vectors.bin");
    let bytes = fs::read(&data).expect("readable");
    let value = rows()[50][40].to_le_bytes();
    let at = bytes.as_chunks::<8>().0.iter().position(|stored| *stored == value);
    let mut flipped = bytes.clone();
    flipped[8 * at.expect("the vector is stored")] ^= 1;
    fs::write(&data, &flipped).expect("writable");
    let error = Searcher::open(&plan.output).expect_err("another file");
    assert!(matches!(error, Error::Index(IndexError::Mismatch { .. })), "{error}");
    fs::write(&manifest, with_quick_digest_of(&data, &sound)).expect("writable");
    let index = Searcher::open(&plan.output).expect("sizes and counts fit");
    let error = Searcher::verify_files(&plan.output, index.manifest()).expect_err("another file");
    assert!(matches!(error, Error::Index(IndexError::Mismatch { .. })), "{error}");
    let checks = verify::check_contents(&index).expect("readable");
    assert!(checks.iter().any(|check| !check.passed), "{checks:?}");
    drop(index);

    fs::write(&data, &bytes).expect("writable");
    fs::write(&manifest, &sound).expect("writable");
    let index = Searcher::open(&plan.output).expect("restored");
    Searcher::verify_files(&plan.output, index.manifest()).expect("restored");
}

#[test]
fn a_killed_build_leaves_no_index_and_the_next_one_succeeds() {
    let shop = Workshop::new();
    let table = shop.path("table.csv");
    write_csv(&table, &golden_rows(), str::to_owned);
    let output = shop.path("index");
    let command = |trees: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_index-svc"));
        command
            .args(["build", "--profile", "test", "--trees", trees, "--output"])
            .arg(&output)
            .arg("--input")
            .arg(&table)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    // Enough trees for seconds of work; killed as soon as the building directory has data.
    let mut child = command("1000").spawn().expect("the binary runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_data(shop.folder.path()) {
        assert!(Instant::now() < deadline, "the build never began");
        assert!(child.try_wait().expect("waitable").is_none(), "the build ended too early");
        std::thread::yield_now();
    }
    child.kill().expect("killable");
    child.wait().expect("waitable");
    assert!(!output.exists(), "no half index");
    assert!(command("3").status().expect("the binary runs").success());
    Searcher::open(&output).expect("a whole index");
}

/// Whether a building directory with a data file is in `folder`.
fn has_data(folder: &Path) -> bool {
    fs::read_dir(folder).expect("readable").any(|entry| {
        let path = entry.expect("readable").path();
        path.is_dir() && path.join("data.mdb").exists()
    })
}
