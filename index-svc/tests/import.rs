//! The Python system's model folder, imported: scikit-learn's own files, and numpy's brute force.

mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use catalogue::golden_rows;
use index_svc::{
    Error, Searcher,
    builder::BuildEngines,
    import::{ColumnNames, ImportError, ImportPlan, PickleError, import},
    query::{Options, Query},
    verify,
};
use proto::features::FeatureSchema;
use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Golden {
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    rows: Vec<u32>,
    distances: Vec<f64>,
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/import").join(name)
}

fn plan(folder: &TempDir, scaler: &str) -> ImportPlan {
    ImportPlan {
        features: testdata("features.npy"),
        metadata: testdata("metadata.csv"),
        scaler: testdata(scaler),
        columns: ColumnNames::Scaler,
        output: folder.path().join(format!("from-{scaler}")),
        profile: "python-2017".to_owned(),
        engines: BuildEngines::Both,
        trees: 3,
        seed: 42,
        force: false,
    }
}

/// The answers of numpy over features.npy; `tolerance` is of distances, relative.
fn check_answers(path: &Path, tolerance: f64) {
    let golden: Golden =
        serde_json::from_slice(&fs::read(testdata("answers.json")).expect("readable"))
            .expect("golden");
    let index = Searcher::open(path).expect("just imported");
    assert_eq!(index.rows() as usize, golden.answers.len());
    for (row, answer) in golden.answers.iter().enumerate() {
        let options = Options::new(answer.rows.len() as i64, true, 0, false).expect("valid");
        let query = Query::by_row(&index, row as i64, options).expect("in range");
        let found = index.search(&query).expect("answers").neighbors;
        assert_eq!(found.iter().map(|near| near.row).collect::<Vec<_>>(), answer.rows, "row {row}");
        for (near, expected) in found.iter().zip(&answer.distances) {
            let error = (near.distance - expected).abs();
            assert!(error <= tolerance * expected, "{} {expected}", near.distance);
        }
    }
}

#[test]
fn answers_equal_a_brute_force_over_the_features() {
    let folder = tempfile::tempdir().expect("a folder");
    let pickles =
        ["scaler_2.pkl", "scaler_3.pkl", "scaler_4.pkl", "scaler_5.pkl", "scaler_joblib.pkl"];
    for scaler in pickles {
        let plan = plan(&folder, scaler);
        let imported = import(&plan).expect(scaler);
        assert!(imported.worst_deviation < 1e-12, "{}", imported.worst_deviation);
        // Raw vectors and back are a few roundings away from the imported values.
        check_answers(&plan.output, 1e-12);
        let index = Searcher::open(&plan.output).expect("imported");
        assert_eq!(*index.schema(), FeatureSchema::librosa(), "in the profile's order");
        assert_eq!(imported.manifest.constant_features, ["mfcc_mean_6"]);
        for row in 0..60_usize {
            let raw = index.raw(row as u32).expect("readable");
            for (got, expected) in raw.iter().zip(&golden_rows()[row]) {
                assert!(
                    (got - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                    "{got} {expected}"
                );
            }
        }
        let track = index.metadata(3).expect("readable");
        assert_eq!((track.track_id.as_str(), track.artist_name.as_str()), ("5", "Artist, 3"));
        assert_eq!(track.attributes["genre_top"], "g0");
        let checks = verify::check_contents(&index).expect("readable");
        assert!(checks.iter().all(|check| check.passed), "{checks:?}");
    }
}

#[test]
fn a_scaler_without_names_needs_them_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for scaler in ["scaler.json", "scaler_unnamed.pkl"] {
        let unsaid = plan(&folder, scaler);
        let refused = import(&unsaid).expect_err("no names");
        assert!(
            matches!(refused, Error::Import(ImportError::ColumnsUnstated { dims: 74 })),
            "{refused}"
        );
        assert!(!unsaid.output.exists());
        let said = ImportPlan { columns: ColumnNames::File(testdata("columns.txt")), ..unsaid };
        import(&said).expect("said");
        check_answers(&said.output, 1e-12);
    }
    // The header of the table that the features were made from says them too.
    let names = fs::read_to_string(testdata("columns.txt")).expect("readable");
    let table = folder.path().join("joined.csv");
    let header = names.lines().collect::<Vec<_>>().join(",");
    fs::write(&table, format!("track_id,genre,{header}\n1,x\n")).expect("writable");
    let output = folder.path().join("by-table");
    let by_table =
        ImportPlan { columns: ColumnNames::File(table), output, ..plan(&folder, "scaler.json") };
    import(&by_table).expect("said");
    check_answers(&by_table.output, 1e-12);
    // What is said must be what the scaler knows.
    let wrong = ImportPlan {
        columns: ColumnNames::Librosa,
        output: folder.path().join("wrong"),
        ..plan(&folder, "scaler_4.pkl")
    };
    let refused = import(&wrong).expect_err("another order");
    assert!(
        matches!(refused, Error::Import(ImportError::ColumnsDisagree { column: 0, .. })),
        "{refused}"
    );
}

#[test]
fn features_of_32_bits_by_column_are_read_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan =
        ImportPlan { features: testdata("features_f4.npy"), ..plan(&folder, "scaler_5.pkl") };
    import(&plan).expect("sound");
    // Values of 24 bits: distances of about ten are off by some 1e-7.
    check_answers(&plan.output, 1e-6);
}

/// What becomes of a value, by its column.
type Change = fn(usize, f64) -> f64;

/// The values of features.npy, each changed; the header stays.
fn changed_features(folder: &TempDir, change: impl Fn(usize, f64) -> f64) -> PathBuf {
    let mut bytes = fs::read(testdata("features.npy")).expect("readable");
    let start = bytes.len() - 60 * 74 * 8;
    for (at, value) in bytes[start..].as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // In Fortran order: column by column.
        *value = change(at / 60, f64::from_le_bytes(*value)).to_le_bytes();
    }
    let path = folder.path().join("changed.npy");
    fs::write(&path, bytes).expect("writable");
    path
}

#[test]
fn features_that_are_not_the_scalers_are_refused_with_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let changes: [(&str, Change); 4] = [
        ("raw", |column, value| 20.0 + value * (3.0 + column as f64)),
        ("wider", |_, value| value * 1.001),
        ("shifted", |_, value| value + 0.001),
        ("one column", |column, value| if column == 41 { value * 1.001 } else { value }),
    ];
    for (what, change) in changes {
        let features = changed_features(&folder, change);
        for scaler in ["scaler_2.pkl", "scaler_5.pkl"] {
            let plan = ImportPlan { features: features.clone(), ..plan(&folder, scaler) };
            let Error::Import(refused) = import(&plan).expect_err(what) else { panic!("{what}") };
            assert!(
                matches!(refused, ImportError::NotScaled { fitted_rows: Some(60), rows: 60, .. }),
                "{what}: {refused}"
            );
            assert!(!plan.output.exists());
        }
    }
    // What is known to be another's, or a part, is taken on request.
    let features = changed_features(&folder, |_, value| value * 1.001);
    import(&ImportPlan { features, force: true, ..plan(&folder, "scaler_3.pkl") }).expect("forced");
}

#[test]
fn pickles_of_python_2_are_refused_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.pkl");
    for text in [&b"U\x04mean"[..], b"T\x04\0\0\0mean"] {
        fs::write(&path, [&b"\x80\x02}q\0("[..], text, b"q\x01K\x01u."].concat())
            .expect("writable");
        let output = Command::new(env!("CARGO_BIN_EXE_index-svc"))
            .args(["import", "--profile", "p", "--metadata"])
            .arg(testdata("metadata.csv"))
            .arg("--features")
            .arg(testdata("features.npy"))
            .arg("--output")
            .arg(folder.path().join("index"))
            .arg("--scaler")
            .arg(&path)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(said.matches("Python 2").count(), 1, "{said}");
    }
}

#[test]
fn what_is_no_scaler_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |scaler: &Path| {
        let plan = ImportPlan { scaler: scaler.to_owned(), ..plan(&folder, "output") };
        let error = import(&plan).expect_err("must be refused");
        assert!(!plan.output.exists());
        match error {
            Error::Import(error) => error,
            other => panic!("another error: {other}"),
        }
    };
    let other = refused(&testdata("other.pkl"));
    assert!(
        matches!(&other, ImportError::Pickle { source: PickleError::Name { name }, .. } if name.ends_with("MinMaxScaler")),
        "{other}"
    );
    let zlib = refused(&testdata("scaler_zlib.pkl"));
    assert!(matches!(zlib, ImportError::Pickle { source: PickleError::Compressed, .. }), "{zlib}");
    let path = folder.path().join("scaler");
    let json = |text: &str| {
        fs::write(&path, text).expect("writable");
        refused(&path)
    };
    assert!(matches!(json("{\"mean\": [1]}"), ImportError::Json { .. }));
    let narrow = json("{\"mean\": [1], \"scale\": [1]}");
    assert!(matches!(narrow, ImportError::ScalerWidth { got: 1, expected: 74, .. }), "{narrow}");
    // Every cut of a pickle, and every bit of its first part: refused, or a scaler with other numbers,
    // which the width, the names or the rounding may not show; never a crash, never a call.
    let pickle = fs::read(testdata("scaler_4.pkl")).expect("readable");
    for cut in 0..pickle.len() {
        fs::write(&path, &pickle[..cut]).expect("writable");
        assert!(matches!(refused(&path), ImportError::Pickle { .. }), "cut at {cut}");
    }
}

#[test]
fn files_must_fit_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |plan: ImportPlan| {
        let error = import(&plan).expect_err("must be refused");
        assert!(!plan.output.exists());
        error
    };
    let metadata = folder.path().join("metadata.csv");
    let text = fs::read_to_string(testdata("metadata.csv")).expect("readable");
    for (rows, expected) in [(59, 59), (61, 61)] {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.resize(rows + 1, "900,Title,Artist,Album,g0");
        fs::write(&metadata, lines.join("\n")).expect("writable");
        let error =
            refused(ImportPlan { metadata: metadata.clone(), ..plan(&folder, "scaler_4.pkl") });
        assert!(
            matches!(error, Error::Import(ImportError::RowCount { metadata, features: 60 }) if metadata == expected),
            "{error}"
        );
    }
    let features = folder.path().join("features.npy");
    let sound = fs::read(testdata("features.npy")).expect("readable");
    for cut in [0, 5, 9, 100, sound.len() - 1] {
        fs::write(&features, &sound[..cut]).expect("writable");
        let error =
            refused(ImportPlan { features: features.clone(), ..plan(&folder, "scaler_4.pkl") });
        assert!(matches!(error, Error::Import(ImportError::NotFeatures { .. })), "{error}");
    }
    let mut holed = sound;
    let at = holed.len() - 8;
    holed[at..].copy_from_slice(&f64::NAN.to_le_bytes());
    fs::write(&features, holed).expect("writable");
    let error = refused(ImportPlan { features, ..plan(&folder, "scaler_4.pkl") });
    assert!(
        matches!(error, Error::Import(ImportError::NotFinite { row: 59, column: 73, .. })),
        "{error}"
    );
}

#[test]
fn the_command_moves_a_user_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("index");
    let ran = Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["import", "--profile", "fma-2017", "--trees", "3", "--features"])
        .arg(testdata("features.npy"))
        .arg("--metadata")
        .arg(testdata("metadata.csv"))
        .arg("--scaler")
        .arg(testdata("scaler_5.pkl"))
        .arg("--output")
        .arg(&output)
        .output()
        .expect("the binary runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    check_answers(&output, 1e-12);
}
