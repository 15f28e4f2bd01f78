//! What a text was written as: lines that errors name, names that come twice, decimal marks.

use index_svc::table::TableError;

use super::{Shelf, read};

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
