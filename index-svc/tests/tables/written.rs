//! What a text was written as: lines that errors name, texts that look like numbers, names that come twice.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use index_svc::table::TableError;
use parquet::basic::Compression;

use super::{Shelf, attribute, read, with_features};

/// Where the cell `abc` is said to be.
#[track_caller]
fn line_of(text: &str) -> u64 {
    let shelf = Shelf::new();
    match read(&shelf.put("t.csv", text)) {
        Err(TableError::NotANumber { line, text, .. }) if text == "abc" => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_names_the_line_of_the_file() {
    let header = "track_id,mfcc_mean_1,zcr_mean_1,zcr_std_1,note";
    for (rows, expected) in [
        (&["a,abc,1,1,"][..], 2),
        (&["a,1,1,1,", "b,abc,1,1,"], 3),
        (&["a,1,1,1,", "", "b,abc,1,1,"], 4),
        (&["a,1,1,1,", "b,abc,1,1,", "c,1,1,1,"], 3),
        (&["a,1,1,1,\"two", "lines\"", "b,1,abc,1,\"two", "lines\"", "c,1,1,1,"], 4),
    ] {
        for end in ["\n", "\r\n"] {
            let lines = [&[header], rows].concat().join(end);
            assert_eq!(line_of(&format!("{lines}{end}")), expected, "{lines:?}");
            if !rows.contains(&"") {
                assert_eq!(line_of(&lines), expected, "{lines:?}, no end");
            }
        }
    }
}

#[test]
fn a_record_of_another_length_is_found_by_its_line() {
    let shelf = Shelf::new();
    for end in ["\n", "\r\n"] {
        let text = ["track_id,mfcc_mean_1,zcr_mean_1,zcr_std_1", "a,1,1,1", "b,1,1"].join(end);
        let error = read(&shelf.put("t.csv", text)).expect_err("three cells");
        assert!(matches!(error, TableError::Malformed { line: 3, .. }), "{error}");
    }
}

#[test]
fn a_text_of_a_typed_table_is_kept_as_it_is() {
    let shelf = Shelf::new();
    let texts = |values: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let columns =
        with_features(vec![("track_id", texts(["7.0", "7"])), ("version", texts(["1.0", "-0.0"]))]);
    let parquet = shelf.parquet("t.parquet", Compression::UNCOMPRESSED, &columns);
    let lines = [("7.0", "1.0"), ("7", "-0.0")].map(|(id, version)| {
        format!(
            "{{\"track_id\": \"{id}\", \"version\": \"{version}\", \"mfcc_mean_1\": 1, \
             \"zcr_mean_1\": 1, \"zcr_std_1\": 1}}\n"
        )
    });
    for table in [parquet, shelf.put("t.jsonl", lines.concat())] {
        let rows = read(&table).expect("two ids");
        let ids: Vec<_> = rows.iter().map(|row| row.metadata.track_id.as_str()).collect();
        assert_eq!(ids, ["7.0", "7"], "{}", table.display());
        let versions: Vec<_> = rows.iter().map(|row| attribute(row, "version")).collect();
        assert_eq!(versions, [Some("1.0"), Some("-0.0")], "{}", table.display());
    }
    // A text table does not say what is a number.
    let text = "track_id,version,track_title,mfcc_mean_1,zcr_mean_1,zcr_std_1\n7.0,1.0,1.0,1,1,1\n";
    let rows = read(&shelf.put("t.csv", text)).expect("one row");
    assert_eq!(rows[0].metadata.track_id, "7");
    assert_eq!(attribute(&rows[0], "version"), Some("1"));
    assert_eq!(rows[0].metadata.track_title, "1.0");
}

#[test]
fn what_is_no_json_is_told_in_the_files_own_lines() {
    let shelf = Shelf::new();
    let good = r#"{"track_id": "a", "mfcc_mean_1": 1, "zcr_mean_1": 1, "zcr_std_1": 1}"#;
    for (bad, expected) in [
        (
            good.replace("zcr_std_1", "zcr_mean_1"),
            "t.jsonl, line 2: not a JSON object: it has `zcr_mean_1` twice",
        ),
        (good.replace("\"a\"", "\"a\", \"track_id\": \"b\""), "it has `track_id` twice"),
        (
            good.replace(": 1}", ": NaN}"),
            "in column 67; JSON has no NaN and no Infinity, write null",
        ),
        ("{\"track_id\": ".to_owned(), "not a JSON object: EOF while parsing a value in column"),
    ] {
        let error = read(&shelf.put("t.jsonl", format!("{good}\n{bad}\n"))).expect_err(&bad);
        let told = error.to_string();
        assert!(told.contains(expected) && !told.contains("line 1"), "{told}");
    }
}

#[test]
fn a_number_with_the_other_decimal_mark_is_told_as_that() {
    let shelf = Shelf::new();
    let header = "track_id;mfcc_mean_1;zcr_mean_1;zcr_std_1";
    for row in ["b;1.5;1;1", "b;1;1.234,5;1"] {
        let text = format!("{header}\na;0,5;1;1\n{row}\n");
        let error = read(&shelf.put("t.csv", text)).expect_err(row);
        assert!(matches!(error, TableError::DecimalMarks { line: 3, .. }), "{error}");
    }
}
