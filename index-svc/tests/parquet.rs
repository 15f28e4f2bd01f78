//! Parquet tables: those of other programs, the extractor's own, parts of a batch, and damaged ones.

mod catalogue;

use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use catalogue::{golden_rows, plan, write_csv};
use index_svc::{
    Error, Searcher,
    builder::{BuildPlan, build},
    table::{ColumnRule, IdRule, Row, Table, TableError},
    verify,
};
use parquet::{
    basic::{Compression, ConvertedType, Repetition, Type as PhysicalType},
    data_type::{ByteArray, ByteArrayType, DoubleType},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use proto::features::{DEFAULT_PROFILE, FeatureSchema};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tables").join(name)
}

fn rule() -> ColumnRule {
    ColumnRule::Schema(FeatureSchema::librosa())
}

fn read(path: &Path) -> Result<Vec<Row>, TableError> {
    let mut table = Table::open(path, &rule(), IdRule::Required)?;
    std::iter::from_fn(|| table.next_row().transpose()).collect()
}

/// Rows as the extractor writes them, in groups of `group_rows`, with these pairs in the footer.
fn write(path: &Path, rows: &[Vec<f64>], first: usize, group_rows: usize, pairs: &[(&str, &str)]) {
    let schema = FeatureSchema::librosa();
    let text = Type::primitive_type_builder("source_path", PhysicalType::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_converted_type(ConvertedType::UTF8)
        .build();
    let double = |name: &String| {
        Type::primitive_type_builder(name, PhysicalType::DOUBLE)
            .with_repetition(Repetition::REQUIRED)
            .build()
    };
    let fields = std::iter::once(text).chain(schema.names().iter().map(double));
    let fields = fields.map(|field| Arc::new(field.expect("a column"))).collect();
    let message = Type::group_type_builder("features").with_fields(fields).build();
    let pairs = pairs.iter().map(|(k, v)| KeyValue::new((*k).to_owned(), (*v).to_owned()));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_key_value_metadata(Some(pairs.collect()))
        .build();
    let file = File::create(path).expect("writable");
    let message = Arc::new(message.expect("a schema"));
    let mut writer =
        SerializedFileWriter::new(file, message, Arc::new(properties)).expect("writable");
    for (number, group) in rows.chunks(group_rows).enumerate() {
        let mut columns = writer.next_row_group().expect("a group");
        let from = first + number * group_rows;
        let names: Vec<ByteArray> =
            (from..from + group.len()).map(|row| ByteArray::from(&*format!("t{row}"))).collect();
        let mut column = columns.next_column().expect("a column").expect("the first");
        column.typed::<ByteArrayType>().write_batch(&names, None, None).expect("writable");
        column.close().expect("writable");
        for feature in 0..schema.dims() {
            let values: Vec<f64> = group.iter().map(|row| row[feature]).collect();
            let mut column = columns.next_column().expect("a column").expect("a feature");
            column.typed::<DoubleType>().write_batch(&values, None, None).expect("writable");
            column.close().expect("writable");
        }
        columns.close().expect("writable");
    }
    writer.close().expect("writable");
}

fn stated(shard: &str) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("soundalike.profile_id", DEFAULT_PROFILE.to_owned()),
        ("soundalike.schema_sha256", FeatureSchema::librosa().sha256()),
    ];
    if !shard.is_empty() {
        pairs.push(("soundalike.shard", shard.to_owned()));
    }
    pairs
}

/// A part of a batch, as the extractor's workers state it.
fn part(folder: &Path, rows: &[Vec<f64>], first: usize, shard: &str) -> PathBuf {
    // By the numbers in what it states, of which that of the part is the first.
    let numbers: String = shard.chars().filter(char::is_ascii_digit).collect();
    let path = folder.join(format!("{numbers}.parquet"));
    let pairs = stated(shard);
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
    write(&path, rows, first, 64, &pairs);
    path
}

fn shard(number: u32, of: u32) -> String {
    format!(r#"{{"batch_id":"b","shard":{number},"shards":{of},"files":1,"failures":0}}"#)
}

#[test]
fn tables_of_other_programs_are_read_by_name_and_by_type() {
    let expected = golden_rows();
    for name in ["snappy.parquet", "gzip_v2.parquet"] {
        let rows = read(&testdata(name)).expect("readable");
        assert_eq!(rows.len(), 20, "{name}");
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(row.line, i as u64 + 1);
            let metadata = &row.metadata;
            assert_eq!(metadata.track_id, (1000 + i).to_string());
            assert_eq!(metadata.artist_name, format!("Künstler {}", i % 3));
            let year = metadata.attributes.get("year").map(String::as_str);
            assert_eq!(year, (i % 5 > 0).then(|| (1980 + i).to_string()).as_deref());
            assert_eq!(metadata.attributes["live"], (i % 2 == 0).to_string());
            let mut want = expected[i].clone();
            want[3] = f64::from(want[3] as f32);
            want[5] = i as f64;
            if i % 7 == 0 {
                assert!(row.values[4].is_nan(), "{name}, row {i}");
                want[4] = f64::NAN;
            }
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&row.values), bits(&want), "{name}, row {i}");
        }
    }
}

/// More rows than are read at a time, in groups that do not divide them.
#[test]
fn every_row_of_every_group_is_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<Vec<f64>> = golden_rows().into_iter().cycle().take(3000).collect();
    for group_rows in [7, 1024, 1500, 5000] {
        let path = folder.path().join("t.parquet");
        write(&path, &rows, 0, group_rows, &[]);
        let read = read(&path).expect("readable");
        assert_eq!(read.len(), rows.len());
        for (i, row) in read.iter().enumerate() {
            assert_eq!((&row.metadata.track_id, &row.values), (&format!("t{i}"), &rows[i]));
        }
    }
}

#[test]
fn an_index_of_parts_is_the_index_of_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = golden_rows();
    let parts = vec![
        part(folder.path(), &rows[..150], 0, &shard(0, 3)),
        part(folder.path(), &[], 150, &shard(1, 3)),
        part(folder.path(), &rows[150..], 150, &shard(2, 3)),
    ];
    // Profile and schema are in the files: nothing says them beside.
    let of_parts = BuildPlan {
        profile: None,
        trees: 3,
        ..plan(parts.clone(), folder.path().join("of-parts"))
    };
    let of_parts = build(&of_parts).expect("whole");
    assert_eq!(of_parts.manifest.profile_id, DEFAULT_PROFILE);
    let table = folder.path().join("table.csv");
    write_csv(&table, &rows, str::to_owned);
    let whole = BuildPlan { trees: 3, ..plan(vec![table], folder.path().join("whole")) };
    let whole = build(&whole).expect("built");
    assert_eq!(of_parts.manifest.rows, 400);
    assert_eq!(of_parts.manifest.contents.raw_vectors, whole.manifest.contents.raw_vectors);
    let index = Searcher::open(&folder.path().join("of-parts")).expect("built");
    let checks = verify::check_sources(&index, &parts).expect("readable");
    assert!(checks.iter().all(|check| check.passed), "{checks:?}");
}

#[test]
fn parts_that_are_missing_doubled_or_of_another_recipe_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = golden_rows();
    let first = part(folder.path(), &rows[..150], 0, &shard(0, 3));
    let last = part(folder.path(), &rows[150..], 150, &shard(2, 3));
    let other = folder.path().join("other.parquet");
    write(
        &other,
        &rows[..9],
        600,
        64,
        &[
            ("soundalike.profile_id", "fma-2017"),
            ("soundalike.schema_sha256", &FeatureSchema::librosa().sha256()),
        ],
    );
    let check = |inputs: &[&PathBuf], fits: fn(&TableError) -> bool| {
        let inputs = inputs.iter().map(|path| (*path).clone()).collect();
        let plan = BuildPlan { profile: None, ..plan(inputs, folder.path().join("index")) };
        let refused = build(&plan);
        assert!(matches!(&refused, Err(Error::Table(error)) if fits(error)), "{refused:?}");
        assert!(!folder.path().join("index").exists());
    };
    check(
        &[&first, &last],
        |error| matches!(error, TableError::ShardsMissing { shards: 3, missing: 1, first, .. } if *first == [1]),
    );
    check(&[&first, &first], |error| matches!(error, TableError::Parquet { .. }));
    check(
        &[&first, &other],
        |error| matches!(error, TableError::ProfileMismatch { got, .. } if got == "fma-2017"),
    );
}

/// The binary with a URL for its tables: its exit code, and what it says.
fn build_from(inputs: &[String], output: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["build", "--trees", "3", "--output"])
        .arg(output)
        .arg("--input")
        .args(inputs)
        .output()
        .expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn tables_are_fetched_by_url_and_all_parts_of_a_batch_are_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = golden_rows();
    let store = folder.path().join("work/tables");
    fs::create_dir_all(&store).expect("writable");
    part(&store, &rows[..150], 0, &shard(0, 2));
    let second = part(&store, &rows[150..300], 150, &shard(1, 2));
    let csv = folder.path().join("work/more.csv");
    write_csv(&csv, &rows[300..], |name| name.to_owned());
    let text = fs::read_to_string(&csv).expect("readable").replace("\nt", "\nmore-");
    fs::write(&csv, text).expect("writable");
    let names = FeatureSchema::librosa();
    let sidecar = format!(
        r#"{{"profile_id":"{DEFAULT_PROFILE}","schema_sha256":"{}","columns":[]}}"#,
        names.sha256()
    );
    fs::write(folder.path().join("work/more.csv.meta.json"), sidecar).expect("writable");
    let url = |name: &str| format!("file://{}/{name}", folder.path().display());
    let both = [url("work/tables/*.parquet"), url("work/more.csv")];

    let (code, said) = build_from(&both, &folder.path().join("made/index"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("tracks          400"), "{said}");
    assert!(said.contains(DEFAULT_PROFILE), "the recipe came with the tables: {said}");
    let left: Vec<_> = fs::read_dir(folder.path().join("made")).expect("there").collect();
    assert_eq!(left.len(), 1, "what was fetched is gone: {left:?}");

    fs::remove_file(second).expect("there");
    let (code, said) = build_from(&both[..1], &folder.path().join("made/second"));
    assert_eq!(code, Some(1));
    assert!(said.contains("1 of them are missing: 1"), "{said}");
    let (code, said) = build_from(&[url("work/*.parquet")], &folder.path().join("made/third"));
    assert_eq!(code, Some(1));
    assert!(said.contains("fits no object"), "a `*` stays in its folder: {said}");
    assert_eq!(fs::read_dir(folder.path().join("made")).expect("there").count(), 1);
}

/// Two columns beside the extra one are all that these tables have.
#[test]
fn columns_that_would_be_misread_are_left_out_by_name() {
    let one = ColumnRule::Schema(FeatureSchema::from_names(vec!["mfcc_mean_1".to_owned()]));
    for (name, kind) in [("nested", "a list"), ("date", "a date"), ("decimal", "")] {
        let mut table = Table::open(&testdata(&format!("{name}.parquet")), &one, IdRule::Required)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let left_out: Vec<(&str, &str)> = table
            .columns()
            .report()
            .left_out
            .iter()
            .map(|column| (column.name.as_str(), column.kind.as_str()))
            .collect();
        let expected: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("extra", kind)] };
        assert_eq!(left_out, expected, "{name}");
        let row = table.next_row().expect("readable").expect("two rows");
        let extra = row.metadata.attributes.get("extra").map(String::as_str);
        assert_eq!(extra, (name == "decimal").then_some("1"), "{name}");
    }
}

/// What is cut or changed anywhere is an error or another table, and never a panic.
#[test]
fn damaged_files_end_in_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.parquet");
    write(&path, &golden_rows()[..20], 0, 8, &[]);
    let whole = fs::read(&path).expect("readable");
    let refused = |bytes: &[u8], what: String| {
        fs::write(&path, bytes).expect("writable");
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&path)));
        outcome.unwrap_or_else(|_| panic!("{what} panics")).is_err()
    };
    for len in (0..whole.len()).step_by(whole.len() / 40) {
        assert!(refused(&whole[..len], format!("{len} bytes")), "a cut file has no footer");
    }
    // The footer is most of such a small file.
    let mut count = 0;
    for at in (0..whole.len()).step_by(53) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        count += usize::from(refused(&bytes, format!("byte {at}")));
    }
    assert!(count > 20, "{count} were refused");
}
