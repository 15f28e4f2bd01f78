//! What the extractor says of recordings beside their features: attributes of an index, counted in its
//! card, the same from every form of a table; and which builds of it made the rows.

mod catalogue;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use catalogue::{golden_rows, plan};
use index::card::Warnings;
use index_svc::{
    Searcher,
    builder::{
        AppendPlan, BuildPlan, DuplicateRule, RemovePlan, UnknownRule, append, build, remove,
    },
    query::{Options, Query},
    table::TableError,
    verify,
};
use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, DoubleType},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use proto::features::{DEFAULT_PROFILE, FeatureSchema};
use serde_json::{Value, json};

const ROWS: usize = 60;

/// Every third row has one warning, every seventh another.
fn codes(row: usize) -> Vec<&'static str> {
    let clipped = row.is_multiple_of(3).then_some("CLIPPED");
    let cut = row.is_multiple_of(7).then_some("TRUNCATED_STREAM");
    cut.into_iter().chain(clipped).collect()
}

fn damage(row: usize) -> f64 {
    if row.is_multiple_of(7) { 0.001 * row as f64 } else { 0.0 }
}

fn sidecar(table: &Path, versions: &[&str]) {
    sidecar_of(table, versions, &json!({"offset_seconds": 0.0, "duration_seconds": null}));
}

fn sidecar_of(table: &Path, versions: &[&str], window: &Value) {
    let text = json!({
        "window": window,
        "profile_id": DEFAULT_PROFILE,
        "extractor_versions": versions,
        "schema_sha256": FeatureSchema::librosa().sha256(),
        "columns": [],
    });
    let path = index_svc::table::sidecar_path(table);
    fs::write(path, text.to_string()).expect("writable");
}

fn csv(folder: &Path, rows: std::ops::Range<usize>, versions: &[&str]) -> PathBuf {
    let features = FeatureSchema::librosa().names().join(",");
    let mut text = format!("source_path,{features},damaged_share,warnings\n");
    let golden = golden_rows();
    for row in rows.clone() {
        write!(text, "r{row}.wav").expect("memory");
        golden[row].iter().for_each(|value| write!(text, ",{value:?}").expect("memory"));
        writeln!(text, ",{:?},{}", damage(row), codes(row).join(";")).expect("memory");
    }
    let path = folder.join(format!("{}-{}.csv", rows.start, rows.end));
    fs::write(&path, text).expect("writable");
    sidecar(&path, versions);
    path
}

fn jsonl(folder: &Path) -> PathBuf {
    let mut text = String::new();
    for (row, values) in golden_rows()[..ROWS].iter().enumerate() {
        let mut object = json!({
            "source_path": format!("r{row}.wav"),
            "damaged_share": damage(row),
            "warnings": codes(row),
        });
        for (name, value) in FeatureSchema::librosa().names().iter().zip(values) {
            object[name] = json!(value);
        }
        writeln!(text, "{object}").expect("memory");
    }
    let path = folder.join("t.jsonl");
    fs::write(&path, text).expect("writable");
    sidecar(&path, &["one/1"]);
    path
}

/// As the extractor writes it, or, with `optional`, as programs do whose lists and texts may be null, and
/// that call the levels otherwise.
fn parquet(folder: &Path, optional: bool) -> PathBuf {
    let leaf = |name: &str, kind: PhysicalType, repetition: Repetition| {
        let column = Type::primitive_type_builder(name, kind).with_repetition(repetition);
        let column = match kind {
            PhysicalType::BYTE_ARRAY => column.with_converted_type(ConvertedType::UTF8),
            _ => column,
        };
        Arc::new(column.build().expect("a column"))
    };
    let required = Repetition::REQUIRED;
    let schema = FeatureSchema::librosa();
    let mut fields = vec![leaf("source_path", PhysicalType::BYTE_ARRAY, required)];
    let numbers = schema.names().iter().map(String::as_str).chain(["damaged_share"]);
    fields.extend(numbers.map(|name| leaf(name, PhysicalType::DOUBLE, required)));
    let (repetition, names) = match optional {
        true => (Repetition::OPTIONAL, ("bag", "array_element")),
        false => (required, ("list", "element")),
    };
    let element = leaf(names.1, PhysicalType::BYTE_ARRAY, repetition);
    let list = Type::group_type_builder(names.0)
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build();
    let warnings = Type::group_type_builder("warnings")
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list.expect("a list"))])
        .build();
    fields.push(Arc::new(warnings.expect("a column")));
    let message = Type::group_type_builder("features").with_fields(fields).build();
    let pairs = [
        ("soundalike.profile_id", DEFAULT_PROFILE.to_owned()),
        ("soundalike.schema_sha256", schema.sha256()),
        ("soundalike.extractor_versions", "[\"one/1\"]".to_owned()),
    ];
    let pairs = pairs.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs)).build();
    let path = folder.join(format!("{optional}.parquet"));
    let file = File::create(&path).expect("writable");
    let message = Arc::new(message.expect("a schema"));
    let mut writer =
        SerializedFileWriter::new(file, message, Arc::new(properties)).expect("writable");
    for group in [0..ROWS / 2, ROWS / 2..ROWS] {
        let mut columns = writer.next_row_group().expect("a group");
        let names = group.clone().map(|row| ByteArray::from(&*format!("r{row}.wav")));
        let names: Vec<ByteArray> = names.collect();
        let mut column = columns.next_column().expect("a column").expect("the first");
        column.typed::<ByteArrayType>().write_batch(&names, None, None).expect("texts");
        column.close().expect("writable");
        let golden = golden_rows();
        for feature in 0..=schema.dims() {
            let value = |row: usize| golden[row].get(feature).copied().unwrap_or(damage(row));
            let values: Vec<f64> = group.clone().map(value).collect();
            let mut column = columns.next_column().expect("a column").expect("one more");
            column.typed::<DoubleType>().write_batch(&values, None, None).expect("doubles");
            column.close().expect("writable");
        }
        let (mut values, mut filled, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        for row in group.clone() {
            let codes = codes(row);
            values.extend(codes.iter().map(|code| ByteArray::from(*code)));
            if codes.is_empty() {
                // A null, then an empty list, then a list of a null.
                filled.push(if optional { (row % 3) as i16 } else { 0 });
                repeated.push(0);
            }
            for at in 0..codes.len() {
                filled.push(if optional { 3 } else { 1 });
                repeated.push(i16::from(at > 0));
            }
        }
        let mut column = columns.next_column().expect("a column").expect("the last");
        let column_writer = column.typed::<ByteArrayType>();
        column_writer.write_batch(&values, Some(&filled), Some(&repeated)).expect("texts");
        column.close().expect("writable");
        columns.close().expect("writable");
    }
    writer.close().expect("writable");
    path
}

fn counted(rows: u64, clipped: u64, cut: u64) -> Option<Warnings> {
    let by_code = [("CLIPPED", clipped), ("TRUNCATED_STREAM", cut)];
    let rows_by_code: BTreeMap<_, _> = by_code.map(|(code, rows)| (code.to_owned(), rows)).into();
    Some(Warnings { rows, unknown_rows: 0, rows_by_code })
}

fn small(inputs: Vec<PathBuf>, output: PathBuf) -> BuildPlan {
    BuildPlan { trees: 3, profile: None, ..plan(inputs, output) }
}

fn card(manifest: &index::manifest::Manifest) -> Option<Warnings> {
    manifest.card.as_ref().expect("a card").warnings.clone()
}

#[test]
fn every_form_of_a_table_gives_the_same_attributes_and_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let tables = [
        csv(folder.path(), 0..ROWS, &["one/1"]),
        jsonl(folder.path()),
        parquet(folder.path(), false),
        parquet(folder.path(), true),
    ];
    let mut contents = Vec::new();
    for (number, table) in tables.into_iter().enumerate() {
        let output = folder.path().join(number.to_string());
        // Asked for all columns, neither is taken for a feature.
        let plan = BuildPlan { all_columns: true, ..small(vec![table], output.clone()) };
        let manifest = build(&plan).expect("sound").manifest;
        assert_eq!(manifest.dims, 74);
        assert_eq!(manifest.attribute_names, ["damaged_share", "warnings"]);
        assert_eq!(manifest.extractor_versions, ["one/1"]);
        assert_eq!(card(&manifest), counted(26, 20, 9), "table {number}");
        contents.push(manifest.contents);

        let index = Searcher::open(&output).expect("just built");
        let attributes = index.metadata(21).expect("readable").attributes;
        assert_eq!(attributes["warnings"], "TRUNCATED_STREAM;CLIPPED");
        assert_eq!(attributes["damaged_share"], "0.021");
        assert_eq!(index.metadata(1).expect("readable").attributes.get("warnings"), None);
        let rows = |filter: &str| {
            let options = Options::new(ROWS as i64, true, 0, false).expect("in range");
            let options = options.with_filter(&index, filter).expect("a filter");
            let query = Query::by_row(&index, 1, options).expect("in range");
            let answer = index.search(&query).expect("answers");
            let mut rows: Vec<u32> = answer.neighbors.iter().map(|near| near.row).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(rows("warnings: CLIPPED AND warnings: TRUNCATED"), [0, 21, 42]);
        assert_eq!(rows("damaged_share > 0.04"), [42, 49, 56]);
        let checks = verify::check_contents(&index).expect("readable");
        assert!(checks.iter().all(|check| check.passed), "{checks:?}");
    }
    contents.dedup();
    assert_eq!(contents.len(), 1, "forms differ");
}

#[test]
fn versions_and_counts_follow_an_index_as_it_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = folder.path().join("first");
    let first = csv(folder.path(), 0..ROWS, &["one/1"]);
    build(&small(vec![first], index.clone())).expect("sound");
    for refit in [false, true] {
        let plan = AppendPlan {
            index: index.clone(),
            inputs: vec![csv(folder.path(), ROWS..ROWS + 10, &["one/1", "two/2"])],
            output: Some(folder.path().join(format!("grown-{refit}"))),
            profile: None,
            nan: None,
            duplicates: DuplicateRule::Error,
            refit,
        };
        let grown = append(&plan).expect("sound").made().expect("a version");
        assert_eq!(grown.manifest.extractor_versions, ["one/1", "two/2"]);
        assert_eq!(card(&grown.manifest), counted(30, 24, 10));
        let plan = RemovePlan {
            index: grown.path,
            ids: ["r0.wav", "r3.wav", "r7.wav", "r1.wav"].map(str::to_owned).to_vec(),
            unknown: UnknownRule::Error,
            output: Some(folder.path().join(format!("less-{refit}"))),
            refit,
        };
        let less = remove(&plan).expect("sound").made().expect("a version");
        assert_eq!(less.manifest.extractor_versions, ["one/1", "two/2"]);
        assert_eq!(card(&less.manifest), counted(27, 22, 8));
    }
}

/// An index of tables that are older than the two columns, and new tables: what nobody looked for is not
/// known, however the rows came together, and stays so.
#[test]
fn what_was_never_looked_for_is_not_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join("old.csv");
    catalogue::write_csv(&old, &golden_rows()[ROWS..ROWS + 10], str::to_owned);
    let profile = Some(DEFAULT_PROFILE.to_owned());
    let grow = |index: PathBuf, table: PathBuf, refit: bool| {
        let plan = AppendPlan {
            output: Some(index.with_extension(format!("grown-{refit}"))),
            index,
            inputs: vec![table],
            profile: profile.clone(),
            nan: None,
            duplicates: DuplicateRule::Error,
            refit,
        };
        append(&plan).expect("an index without the columns grows").made().expect("a version")
    };
    let expected = Warnings { unknown_rows: 10, ..counted(26, 20, 9).expect("some") };
    let new = csv(folder.path(), 0..ROWS, &["one/1"]);
    let plan = BuildPlan {
        profile: profile.clone(),
        ..small(vec![old.clone(), new.clone()], folder.path().join("both"))
    };
    assert_eq!(card(&build(&plan).expect("sound").manifest), Some(expected.clone()));
    let old_index = folder.path().join("old");
    let plan = BuildPlan { profile: profile.clone(), ..small(vec![old], old_index.clone()) };
    build(&plan).expect("sound");
    for refit in [false, true] {
        let grown = grow(old_index.clone(), new.clone(), refit);
        assert_eq!(card(&grown.manifest), Some(expected.clone()), "refit {refit}");
        let index = Searcher::open(&grown.path).expect("just made");
        let rows = |filter: &str| {
            let options = Options::new(70, true, 0, false).expect("in range");
            let options = options.with_filter(&index, filter).expect("a filter");
            let query = Query::by_row(&index, 0, options).expect("in range");
            index.search(&query).expect("answers").neighbors.len()
        };
        // The row that is asked for is left out.
        assert_eq!(rows("warnings = \"\""), 10 - 1 + ROWS - 26);
        assert_eq!(rows("warnings = \"\" AND damaged_share >= 0"), ROWS - 26);
        let checks = verify::check_contents(&index).expect("readable");
        assert!(checks.iter().all(|check| check.passed), "{checks:?}");
        drop(index);
        let plan = RemovePlan {
            index: grown.path,
            ids: ["t0", "r1.wav", "r3.wav"].map(str::to_owned).to_vec(),
            unknown: UnknownRule::Error,
            output: Some(folder.path().join(format!("less-{refit}"))),
            refit,
        };
        let less = Warnings { unknown_rows: 9, ..counted(25, 19, 9).expect("some") };
        assert_eq!(
            card(&remove(&plan).expect("sound").made().expect("a version").manifest),
            Some(less)
        );
    }
}

#[test]
fn an_index_of_other_tables_says_nothing_of_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = folder.path().join("t.csv");
    catalogue::write_csv(&table, &golden_rows()[..ROWS], str::to_owned);
    let plan = BuildPlan { trees: 3, ..plan(vec![table], folder.path().join("index")) };
    let manifest = build(&plan).expect("sound").manifest;
    assert_eq!((card(&manifest), manifest.extractor_versions), (None, Vec::new()));
}

#[test]
fn what_is_no_name_of_a_build_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for version in ["", "a\nb", &"x".repeat(600)] {
        let table = csv(folder.path(), 0..ROWS, &[version]);
        let error = build(&small(vec![table], folder.path().join("index"))).expect_err(version);
        assert!(matches!(error, index_svc::Error::Table(TableError::Malformed { .. })), "{error}");
    }
}

fn run(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_index-svc")).args(args).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The versions that a warning of the log names.
fn warned(output: &Output) -> Option<String> {
    warned_of(output, "versions")
}

fn warned_of(output: &Output, field: &str) -> Option<String> {
    let log = String::from_utf8(output.stderr.clone()).expect("text");
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .filter(|line| line["level"] == "WARN")
        .find_map(|line| Some(line[field].as_str()?.to_owned()))
}

#[test]
fn the_commands_say_versions_and_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let first = text(csv(folder.path(), 0..ROWS, &["one/1"]));
    let second = text(csv(folder.path(), ROWS..ROWS + 10, &["two/2"]));
    let [one, both, grown] = ["one", "both", "grown"].map(|name| text(folder.path().join(name)));
    let output = run(&["build", "--trees", "3", "--input", &first, "--output", &one]);
    let said = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(said.contains("extractor       one/1\n"), "{said}");
    assert!(said.contains("warnings        26 of the rows have some\n  CLIPPED: 20\n"), "{said}");
    assert_eq!(warned(&output), None);

    let output = run(&["build", "--trees", "3", "--input", &first, &second, "--output", &both]);
    assert_eq!(warned(&output).as_deref(), Some("one/1, two/2"));

    let args = ["append", "--index", &one, "--input", &second, "--output", &grown];
    let output = run(&[&args[..], &["--format", "json"]].concat());
    assert_eq!(warned(&output).as_deref(), Some("one/1, two/2"));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["extractor_versions"], json!(["one/1", "two/2"]));
    let expected = json!({"rows": 30, "unknown_rows": 0, "rows_by_code": {"CLIPPED": 24, "TRUNCATED_STREAM": 10}});
    assert_eq!(said["warnings"], expected);
}

#[test]
fn a_mix_of_windows_is_said_with_both_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let [first, second] =
        [csv(folder.path(), 0..ROWS, &["one/1"]), csv(folder.path(), ROWS..ROWS + 10, &["one/1"])];
    sidecar_of(&second, &["one/1"], &json!({"offset_seconds": 30.0, "duration_seconds": 15.5}));
    let [first, second] = [text(first), text(second)];
    let [one, both, grown] = ["one", "both", "grown"].map(|name| text(folder.path().join(name)));
    let output = run(&["build", "--trees", "3", "--input", &first, "--output", &one]);
    let said = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(said.contains("window          offset 0 s, to the end\n"), "{said}");
    assert_eq!(warned_of(&output, "windows"), None);
    let expected = Some("offset 0 s, to the end; offset 30 s, duration 15.5 s");
    let output = run(&["build", "--trees", "3", "--input", &first, &second, "--output", &both]);
    assert_eq!(warned_of(&output, "windows").as_deref(), expected);
    let output = run(&["append", "--index", &one, "--input", &second, "--output", &grown]);
    assert_eq!(warned_of(&output, "windows").as_deref(), expected);
}
