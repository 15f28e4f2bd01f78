//! Tables as people have them: every type of column, every separator and compression, folders, lists, and
//! what is refused. The same catalogue gives the same rows from every form.

mod written;

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DurationSecondArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    Time64MicrosecondArray, TimestampMillisecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
    types::{Float32Type, Float64Type, Int32Type},
};
use arrow_schema::{DataType, Field};
use half::f16;
use index_svc::{
    sources::Sources,
    table::{ColumnRule, IdRule, LeftOut, Row, Table, TableError},
};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use proto::features::FeatureSchema;

/// The features of these tables.
const NAMES: [&str; 3] = ["mfcc_mean_1", "zcr_mean_1", "zcr_std_1"];

fn rule() -> ColumnRule {
    ColumnRule::Schema(FeatureSchema::from_names(NAMES.map(str::to_owned).into()))
}

fn read(path: &Path) -> Result<Vec<Row>, TableError> {
    let mut table = Table::open(path, &rule(), IdRule::Required)?;
    std::iter::from_fn(|| table.next_row().transpose()).collect()
}

fn left_out(path: &Path) -> Vec<(String, String)> {
    let table = Table::open(path, &rule(), IdRule::Required).expect("readable");
    let pair = |column: &LeftOut| (column.name.clone(), column.kind.clone());
    table.columns().report().left_out.iter().map(pair).collect()
}

/// A folder, and what is written into it.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(&path, bytes).expect("writable");
        path
    }

    fn parquet(
        &self,
        name: &str,
        compression: Compression,
        columns: &[(&str, ArrayRef)],
    ) -> PathBuf {
        let path = self.put(name, "");
        let batch = RecordBatch::try_from_iter(columns.iter().cloned()).expect("of one length");
        let properties = WriterProperties::builder().set_compression(compression).build();
        let file = File::create(&path).expect("writable");
        let mut writer =
            ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a schema");
        writer.write(&batch).expect("writable");
        writer.close().expect("writable");
        path
    }
}

fn attribute<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.metadata.attributes.get(name).map(String::as_str)
}

/// Two features more than a column under test needs.
fn with_features(mut columns: Vec<(&'static str, ArrayRef)>) -> Vec<(&'static str, ArrayRef)> {
    for name in NAMES {
        if !columns.iter().any(|(known, _)| *known == name) {
            columns.push((name, Arc::new(Float64Array::from(vec![0.5, 1.5]))));
        }
    }
    columns
}

#[test]
fn every_type_of_number_is_read_for_what_it_is() {
    let shelf = Shelf::new();
    let decimal = |values: Vec<i128>, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.expect("fits"))
    };
    let half = |values: [f32; 2]| Float16Array::from(values.map(f16::from_f32).to_vec());
    // The column, the texts of its rows, and their numbers.
    let cases: Vec<(ArrayRef, [&str; 2], [f64; 2])> = vec![
        (Arc::new(Int8Array::from(vec![-128, 127])), ["-128", "127"], [-128.0, 127.0]),
        (Arc::new(Int16Array::from(vec![-32768, 3])), ["-32768", "3"], [-32768.0, 3.0]),
        (
            Arc::new(Int32Array::from(vec![i32::MIN, 4])),
            ["-2147483648", "4"],
            [f64::from(i32::MIN), 4.0],
        ),
        (
            Arc::new(Int64Array::from(vec![i64::MAX, -5])),
            ["9223372036854775807", "-5"],
            [i64::MAX as f64, -5.0],
        ),
        (Arc::new(UInt8Array::from(vec![255, 0])), ["255", "0"], [255.0, 0.0]),
        (Arc::new(UInt16Array::from(vec![65535, 1])), ["65535", "1"], [65535.0, 1.0]),
        (Arc::new(UInt32Array::from(vec![3_000_000_000, 2])), ["3000000000", "2"], [3e9, 2.0]),
        (
            Arc::new(UInt64Array::from(vec![u64::MAX, 3])),
            ["18446744073709551615", "3"],
            [u64::MAX as f64, 3.0],
        ),
        (Arc::new(half([0.1, 59.0])), ["0.099975586", "59"], [0.0999755859375, 59.0]),
        (Arc::new(Float32Array::from(vec![0.1, 59.0])), ["0.1", "59"], [f64::from(0.1_f32), 59.0]),
        (Arc::new(Float64Array::from(vec![0.1, 59.0])), ["0.1", "59"], [0.1, 59.0]),
        (decimal(vec![125, -5900], 4, 2), ["1.25", "-59"], [1.25, -59.0]),
        (decimal(vec![125, -5900], 12, 2), ["1.25", "-59"], [1.25, -59.0]),
        (
            decimal(vec![1, 10_i128.pow(37)], 38, 0),
            ["1", "10000000000000000000000000000000000000"],
            [1.0, 1e37],
        ),
    ];
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ];
    for (number, (array, texts, values)) in cases.iter().enumerate() {
        let columns = vec![
            ("track_id", Arc::clone(array)),
            ("year", Arc::clone(array)),
            ("zcr_mean_1", Arc::clone(array)),
        ];
        let codec = codecs[number % codecs.len()];
        let path = shelf.parquet("t.parquet", codec, &with_features(columns));
        let rows = read(&path).unwrap_or_else(|error| panic!("{:?}: {error}", array.data_type()));
        for (row, (text, value)) in rows.iter().zip(texts.iter().zip(values)) {
            let kind = array.data_type();
            assert_eq!(row.metadata.track_id, *text, "{kind}");
            assert_eq!(attribute(row, "year"), Some(*text), "{kind}");
            assert_eq!(row.values[1].to_bits(), value.to_bits(), "{kind}: {}", row.values[1]);
        }
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn what_is_no_number_or_text_is_left_out_by_name() {
    let shelf = Shelf::new();
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)]), None]);
    let field = Arc::new(Field::new("inner", DataType::Int32, false));
    let inner: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let wide = Decimal256Array::from(vec![None, None]).with_precision_and_scale(76, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("track_id", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("released", Arc::new(TimestampMillisecondArray::from(vec![1, 2]))),
        ("day", Arc::new(Date32Array::from(vec![1, 2]))),
        ("at", Arc::new(Time64MicrosecondArray::from(vec![1, 2]))),
        ("length", Arc::new(DurationSecondArray::from(vec![1, 2]))),
        ("tags", Arc::new(list)),
        ("inner", Arc::new(StructArray::from(vec![(field, inner)]))),
        ("wide", Arc::new(wide.expect("fits"))),
        ("live", Arc::new(BooleanArray::from(vec![true, false]))),
    ];
    let path = shelf.parquet("t.parquet", Compression::SNAPPY, &with_features(columns));
    let rows = read(&path).expect("the rest is readable");
    let names: Vec<&str> = rows[0].metadata.attributes.keys().map(String::as_str).collect();
    assert_eq!((names, attribute(&rows[1], "live")), (vec!["live"], Some("false")));
    let mut expected = [
        ("released", "a timestamp"),
        ("day", "a date"),
        ("at", "a time"),
        ("length", "a duration"),
        ("tags", "a list"),
        ("inner", "a struct"),
        ("wide", "a decimal of more than 38 digits"),
    ]
    .map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    let mut found = left_out(&path);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // What is needed is not left out.
    let day: ArrayRef = Arc::new(Date32Array::from(vec![1, 2]));
    for name in ["track_id", "zcr_mean_1"] {
        let mut columns = with_features(vec![(name, Arc::clone(&day))]);
        if name != "track_id" {
            columns.push(("track_id", Arc::new(StringArray::from(vec!["a", "b"]))));
        }
        let path = shelf.parquet("t.parquet", Compression::SNAPPY, &columns);
        let refused = read(&path).expect_err("a date is no feature");
        assert!(
            matches!(&refused, TableError::ColumnKind { name: column, .. } if column == name),
            "{refused}"
        );
    }
    let text = "{\"track_id\": \"a\", \"mfcc_mean_1\": 1, \"zcr_mean_1\": 2, \"zcr_std_1\": 3, \
                \"tags\": [\"x\"], \"inner\": {\"a\": 1}}\n";
    let path = shelf.put("t.jsonl", text);
    assert!(read(&path).expect("the rest is readable")[0].metadata.attributes.is_empty());
    let mut found = left_out(&path);
    found.sort();
    assert_eq!(
        found,
        [("inner", "an object"), ("tags", "a list")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[test]
fn one_list_of_all_features_is_taken_in_the_order_of_the_schema() {
    let shelf = Shelf::new();
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let lists = |third: Vec<Option<f64>>| {
        vec![
            Some(vec![Some(1.0), Some(2.5), None]),
            Some(vec![Some(4.0), Some(5.0), Some(6.0)]),
            Some(third),
        ]
    };
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        vec![
            Some(vec![Some(1.0), Some(2.5), None]),
            Some(vec![Some(4.0), Some(5.0), Some(6.0)]),
            None,
        ],
        3,
    );
    let open = |name: &str, array: ArrayRef| {
        let columns = [("track_id", Arc::clone(&ids)), ("vector", array)];
        read(&shelf.parquet(name, Compression::SNAPPY, &columns))
    };
    let whole = |third| ListArray::from_iter_primitive::<Float64Type, _, _>(lists(third));
    let json = shelf.put(
        "t.jsonl",
        "{\"track_id\": \"a\", \"vector\": [1, 2.5, null]}\n{\"track_id\": \"b\", \"vector\": [4, 5, 6]}\n\
         {\"track_id\": \"c\", \"vector\": null}\n",
    );
    for rows in [
        open("a.parquet", Arc::new(fixed)).expect("readable"),
        open("b.parquet", Arc::new(whole(vec![None; 3]))).expect("readable"),
        read(&json).expect("readable"),
    ] {
        assert_eq!(rows[0].values[..2], [1.0, 2.5]);
        assert!(rows[0].values[2].is_nan(), "a missing element is a missing value");
        assert_eq!(rows[1].values, [4.0, 5.0, 6.0]);
        assert!(rows[2].values.iter().all(|value| value.is_nan()) && rows[2].values.len() == 3);
        assert!(rows[0].metadata.attributes.is_empty());
    }
    let is_short = |refused: TableError| {
        assert!(
            matches!(refused, TableError::VectorLength { got: 2, expected: 3, line: 3, .. }),
            "{refused}"
        );
    };
    is_short(open("c.parquet", Arc::new(whole(vec![Some(1.0); 2]))).expect_err("too short"));
    let short = fs::read_to_string(&json)
        .expect("readable")
        .replace("\"vector\": null", "\"vector\": [1, 2]");
    is_short(read(&shelf.put("d.jsonl", short)).expect_err("too short"));
    // Of two lists nobody knows which it is.
    let two = [
        ("track_id", Arc::clone(&ids)),
        ("one", Arc::new(whole(vec![None; 3])) as ArrayRef),
        ("two", Arc::new(whole(vec![None; 3]))),
    ];
    let refused = read(&shelf.parquet("e.parquet", Compression::SNAPPY, &two));
    assert!(matches!(refused, Err(TableError::MissingColumns { .. })));
}

/// One catalogue in every form that is read.
#[test]
fn the_same_rows_come_from_every_form() {
    let shelf = Shelf::new();
    let comma = "track_id,artist_name,year,loudness,mfcc_mean_1,zcr_mean_1,zcr_std_1,damaged_share\n\
                 59.0,Ünal,1999.0,0.1,1.5,-2,0.25,0.750\n\
                 60,nan,,NaN,1.25,3,,\n\
                 61,\"A; B\",None,59.0,-1e-3,4.5,7,0\n";
    let expected = read(&shelf.put("t.csv", comma)).expect("readable");
    assert_eq!(expected[0].metadata.track_id, "59");
    assert_eq!(expected[1].metadata.artist_name, "");
    assert_eq!(attribute(&expected[0], "year"), Some("1999"));
    assert_eq!(attribute(&expected[0], "damaged_share"), Some("0.75"));
    assert_eq!(expected[1].metadata.attributes.len(), 0);
    assert!(expected[1].values[2].is_nan());
    let swapped = |separator: &str| {
        let text = comma.replace("\"A; B\"", "@").replace(',', separator);
        text.replace('@', if separator == ";" { "\"A; B\"" } else { "A; B" })
    };
    let semicolons = swapped(";");
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(comma.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 0).expect("in memory");
    let frames = [zstd(&comma[..50]), zstd(&comma[50..])].concat();
    let json = "{\"track_id\": 59.0, \"artist_name\": \"Ünal\", \"year\": 1999.0, \"loudness\": 0.1, \
                \"mfcc_mean_1\": 1.5, \"zcr_mean_1\": -2, \"zcr_std_1\": 0.25, \"damaged_share\": 75e-2}\n\
                {\"zcr_mean_1\": 3, \"track_id\": \"60\", \"artist_name\": \"nan\", \"mfcc_mean_1\": 1.25}\n\
                {\"track_id\": 61, \"artist_name\": \"A; B\", \"year\": \"None\", \"loudness\": 59, \
                \"mfcc_mean_1\": \"-1e-3\", \"zcr_mean_1\": 4.5, \"zcr_std_1\": 7, \"damaged_share\": 0}\n";
    let parquet = shelf.parquet(
        "t.parquet",
        Compression::LZ4_RAW,
        &[
            ("track_id", Arc::new(Float64Array::from(vec![59.0, 60.0, 61.0])) as ArrayRef),
            ("artist_name", Arc::new(StringArray::from(vec!["Ünal", "nan", "A; B"]))),
            ("year", Arc::new(Float64Array::from(vec![Some(1999.0), None, None]))),
            ("loudness", Arc::new(Float32Array::from(vec![0.1, f32::NAN, 59.0]))),
            ("mfcc_mean_1", Arc::new(Float64Array::from(vec![1.5, 1.25, -1e-3]))),
            ("zcr_mean_1", Arc::new(Float64Array::from(vec![-2.0, 3.0, 4.5]))),
            ("zcr_std_1", Arc::new(Float64Array::from(vec![Some(0.25), None, Some(7.0)]))),
            ("damaged_share", Arc::new(Float32Array::from(vec![Some(0.75), None, Some(0.0)]))),
        ],
    );
    let fractions = ["1.5", "0.25", "1.25", "0.750"];
    let with_comma = |text: String, number: &&str| text.replace(*number, &number.replace('.', ","));
    let points = fractions.iter().fold(semicolons.clone(), with_comma);
    let decimal_comma = points.replace("4.5", "4,5");
    let parquet = fs::read(parquet).expect("readable");
    let tables: [(&str, Vec<u8>); 12] = [
        ("semicolons.csv", semicolons.into()),
        ("tabs.tsv", swapped("\t").into()),
        ("comma.csv", decimal_comma.clone().into()),
        ("mark.csv", format!("\u{feff}{comma}").into()),
        ("crlf.csv", comma.replace('\n', "\r\n").into()),
        ("t.csv.gz", gzip.clone()),
        ("t.csv.zst", zstd(comma)),
        ("frames.zst", frames),
        ("t.jsonl.zst", zstd(json)),
        ("jsonl-called.csv", json.into()),
        // By their bytes, not by their names.
        ("csv-called.parquet", gzip),
        ("parquet-called.csv", parquet),
    ];
    for (name, bytes) in tables {
        let rows = read(&shelf.put(name, bytes)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rows.len(), expected.len(), "{name}");
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row.metadata, expected.metadata, "{name}");
            let bits = |row: &Row| row.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(row), bits(expected), "{name}");
        }
    }
    // A point and a comma in one table: one of them stands between thousands.
    let mixed = read(&shelf.put("mixed.csv", points)).expect_err("ambiguous");
    assert!(matches!(mixed, TableError::DecimalMarks { line: 4, .. }), "{mixed}");
    let share = decimal_comma.replace("0,750", "0.750");
    let mixed = read(&shelf.put("mixed.csv", share)).expect_err("ambiguous");
    assert!(matches!(mixed, TableError::NotAShare { line: 2, .. }), "{mixed}");
}

#[test]
fn attributes_are_those_of_all_objects() {
    let shelf = Shelf::new();
    let row = |id: &str, more: &str| {
        format!("{{\"track_id\": \"{id}\", \"mfcc_mean_1\": 1, \"zcr_mean_1\": 2{more}}}\n")
    };
    // Not even a feature need be in the first.
    let text = [
        row("a", ""),
        row("b", ", \"zcr_std_1\": 3, \"mood\": \"calm\""),
        row("c", ", \"genre\": \"Rock\", \"album_title\": \"C\""),
    ];
    let path = shelf.put("t.jsonl", text.concat());
    let table = Table::open(&path, &rule(), IdRule::Required).expect("readable");
    assert_eq!(table.columns().attribute_names().collect::<Vec<_>>(), ["genre", "mood"]);
    let rows = read(&path).expect("readable");
    assert!(rows[0].values[2].is_nan());
    assert_eq!((rows[1].values[2], attribute(&rows[1], "mood")), (3.0, Some("calm")));
    assert_eq!(
        (rows[2].metadata.album_title.as_str(), attribute(&rows[2], "genre")),
        ("C", Some("Rock"))
    );
}

#[test]
fn a_folder_is_all_its_tables_with_what_their_folders_say() {
    let shelf = Shelf::new();
    let table = |id: &str| format!("track_id,mfcc_mean_1,zcr_mean_1,zcr_std_1\n{id},1,2,3\n");
    shelf.put("library/genre=Rock/artist_name=AC%2FDC/part-0.csv", table("a"));
    shelf.put("library/genre=Rock/artist_name=AC%2FDC/part-1.csv", table("b"));
    shelf.put("library/genre=__HIVE_DEFAULT_PARTITION__/part-0.csv", table("c"));
    shelf.put("library/plain.csv", table("d"));
    for ignored in ["_SUCCESS", ".hidden.csv", "library/_temporary/x.csv", "library/README.md"] {
        shelf.put(ignored, "no table");
    }
    let library = shelf.0.path().join("library");
    let sources = Sources::open(&[library], &rule(), None).expect("tables");
    assert_eq!(sources.attribute_names(), ["genre"]);
    let mut seen = Vec::new();
    let counts = sources
        .each_row(|_, row| {
            let genre = attribute(&row, "genre").map(str::to_owned);
            seen.push((row.metadata.track_id, row.metadata.artist_name, genre));
            Ok(())
        })
        .expect("readable");
    let one = |id: &str, artist: &str, genre: Option<&str>| {
        (id.to_owned(), artist.to_owned(), genre.map(str::to_owned))
    };
    assert_eq!(
        seen,
        [
            one("a", "AC/DC", Some("Rock")),
            one("b", "AC/DC", Some("Rock")),
            one("c", "", None),
            one("d", "", None),
        ]
    );
    let facts = sources.facts(&counts).expect("readable");
    assert_eq!(facts[0].name, "library/genre=Rock/artist_name=AC%2FDC/part-0.csv");
    let empty = shelf.0.path().join("empty");
    fs::create_dir(&empty).expect("writable");
    let refused = Sources::open(&[empty], &rule(), None);
    assert!(matches!(refused, Err(TableError::Folder { .. })));
}

#[test]
fn what_is_no_table_is_refused_by_what_it_is() {
    let shelf = Shelf::new();
    let header = "track_id,mfcc_mean_1,zcr_mean_1,zcr_std_1\n";
    let utf16: Vec<u8> = header.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &utf16].concat();
    let form = |bytes: &[u8], expected: &str| {
        let refused = read(&shelf.put("t.csv", bytes)).expect_err("no table");
        assert!(
            matches!(&refused, TableError::Form { what, .. } if what.contains(expected)),
            "{expected}: {refused}"
        );
    };
    form(b"", "empty");
    form(&utf16, "UTF-16");
    form(&marked, "UTF-16");
    form(b"ARROW1\0\0\xff", "Feather");
    form(b"BZh91AY&SY\x01\x02", "bzip2");
    form(b"\xfd7zXZ\0\0\x04", "xz");
    form(b"PK\x03\x04\x14\0\0\0[Content_Types].xml", "xlsx");
    form(b"PK\x03\x04\x14\0\0\0arr_0.npy", "npz");
    form(b"\x93NUMPY\x01\0v\0{'descr'", "numpy");
    form(b"\x80\x04\x95\x10\0", "pickle");
    form(b"[{\"track_id\": 1}]", "JSON array");
    let parquet = shelf.parquet(
        "p.parquet",
        Compression::SNAPPY,
        &with_features(vec![("track_id", Arc::new(Int32Array::from(vec![1, 2])))]),
    );
    let inside = zstd::encode_all(&*fs::read(parquet).expect("readable"), 0).expect("in memory");
    form(&inside, "compressed Parquet");
    for text in ["7,1,2,3\n8,1,2,3\n", "# made by hand\ntrack_id,mfcc_mean_1\n"] {
        let refused = read(&shelf.put("t.csv", text)).expect_err("no header");
        assert!(matches!(refused, TableError::NoHeader { .. }), "{refused}");
    }
    // A header that lacks something is a header.
    let refused = read(&shelf.put("t.csv", "track_id,mfcc_mean_1\n7,1\n"));
    assert!(matches!(refused, Err(TableError::MissingColumns { .. })));
}
