//! Reading a table's rows again, one at a time: to resume a run, and to turn a spool into Parquet.
//!
//! A run that was killed may leave a last row that is cut; the rows end before it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::{ListAccessor as _, RowAccessor as _, reader::RowIter},
};
use proto::features::FeatureSchema;
use serde_json::{Map, Value};

use super::{
    DAMAGED_SHARE, Measured, Row, SOURCE_PATH, TableError, TableFormat, WARNINGS,
    delimited::{SEPARATOR, columns},
};
use crate::findings::WarningCode;

/// Rows of a table in its order.
pub type Rows = Box<dyn Iterator<Item = Row>>;

/// The rows of the table at `path`, none if there is no such file.
///
/// # Errors
/// When the file is there and cannot be read, or its columns are not those of such a table.
pub fn read_rows(
    path: &Path,
    format: TableFormat,
    schema: &FeatureSchema,
) -> Result<Rows, TableError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Box::new(std::iter::empty()));
        }
        Err(source) => return Err(TableError::Io { path: path.to_path_buf(), source }),
    };
    let names = schema.names().to_vec();
    let rows = match format {
        TableFormat::Csv => csv_rows(file, &names),
        TableFormat::Jsonl => json_rows(file, names),
        TableFormat::Parquet => parquet_rows(file, &names),
    };
    let rows = rows.map_err(|source| TableError::Io { path: path.to_path_buf(), source })?;
    rows.ok_or_else(|| TableError::OtherTable { path: path.to_path_buf() })
}

/// The rows of a CSV file; `None` if it has other columns.
fn csv_rows(mut file: File, names: &[String]) -> io::Result<Option<Rows>> {
    let bytes = file.metadata()?.len();
    let mut last = [0];
    if bytes > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        file.rewind()?;
    }
    let is_cut = last != [b'\n'];
    let mut reader = csv::Reader::from_reader(BufReader::new(file));
    match reader.headers() {
        Ok(header) if header.iter().eq(columns(names)) => {}
        _ => return Ok(None),
    }
    let mut record = csv::StringRecord::new();
    Ok(Some(Box::new(std::iter::from_fn(move || {
        let is_row = reader.read_record(&mut record).ok()?;
        // The last warnings of a row could be cut off without a trace but for the end of the line.
        let is_whole = !(is_cut && reader.position().byte() >= bytes);
        if is_row && is_whole { csv_row(&record) } else { None }
    }))))
}

fn csv_row(record: &csv::StringRecord) -> Option<Row> {
    let mut cells = record.iter();
    let source_path = cells.next()?.to_owned();
    let codes = cells.next_back()?.split(SEPARATOR).filter(|code| !code.is_empty());
    let warnings = codes.map(WarningCode::from_name).collect::<Option<_>>()?;
    let damaged_share = cells.next_back()?.parse().ok()?;
    let values = cells.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Row { source_path, measured: Measured { values, damaged_share, warnings } })
}

/// The rows of a file of JSON lines; `None` if its first whole line is of other columns.
fn json_rows(file: File, names: Vec<String>) -> io::Result<Option<Rows>> {
    let mut reader = BufReader::new(file);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let object = serde_json::from_str::<Map<String, Value>>(&first);
    if object.is_ok_and(|object| !columns(&names).all(|name| object.contains_key(name))) {
        return Ok(None);
    }
    reader.rewind()?;
    let rows = reader.lines().map_while(move |line| json_row(&line.ok()?, &names));
    Ok(Some(Box::new(rows)))
}

fn json_row(line: &str, names: &[String]) -> Option<Row> {
    let mut object: Map<String, Value> = serde_json::from_str(line).ok()?;
    let source_path = object.get(SOURCE_PATH)?.as_str()?.to_owned();
    let values = names.iter().map(|name| object.get(name)?.as_f64()).collect::<Option<_>>()?;
    let damaged_share = object.get(DAMAGED_SHARE)?.as_f64()?;
    let warnings = serde_json::from_value(object.remove(WARNINGS)?).ok()?;
    Some(Row { source_path, measured: Measured { values, damaged_share, warnings } })
}

/// The rows of a Parquet file; `None` if it is none or has other columns.
fn parquet_rows(file: File, names: &[String]) -> io::Result<Option<Rows>> {
    let Ok(reader) = SerializedFileReader::new(file) else { return Ok(None) };
    let schema = reader.metadata().file_metadata().schema();
    if !schema.get_fields().iter().map(|field| field.name()).eq(columns(names)) {
        return Ok(None);
    }
    let dims = names.len();
    let rows = RowIter::from_file_into(Box::new(reader));
    Ok(Some(Box::new(rows.map_while(move |row| parquet_row(&row.ok()?, dims)))))
}

fn parquet_row(row: &parquet::record::Row, dims: usize) -> Option<Row> {
    let source_path = row.get_string(0).ok()?.clone();
    let values = (1..=dims).map(|column| row.get_double(column).ok()).collect::<Option<_>>()?;
    let damaged_share = row.get_double(dims + 1).ok()?;
    let codes = row.get_list(dims + 2).ok()?;
    let code = |at| WarningCode::from_name(codes.get_string(at).ok()?);
    let warnings = (0..codes.len()).map(code).collect::<Option<_>>()?;
    Some(Row { source_path, measured: Measured { values, damaged_share, warnings } })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proto::features::FeatureSchema;

    use crate::findings::WarningCode;

    use super::{
        super::{origin::tests::origin_of_two_columns, *},
        read_rows,
    };

    fn rows() -> Vec<Row> {
        (0..3)
            .map(|i| Row {
                source_path: format!("é, \"{i}\".wav"),
                measured: Measured {
                    values: vec![0.1 + i as f64, -1e-300],
                    damaged_share: 0.01 * i as f64,
                    warnings: WarningCode::ALL[..i].to_vec(),
                },
            })
            .collect()
    }

    fn check(format: TableFormat) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("table");
        let (origin, rows) = (origin_of_two_columns(), rows());
        let read = || -> Vec<Row> {
            read_rows(&path, format, &origin.schema).expect("readable").collect()
        };
        assert_eq!(read(), []);
        let destination = Destination::File(path.clone());
        let mut table = TableWriter::create(&destination, format, &origin).expect("writable");
        for row in &rows {
            table.write(row).expect("writable");
        }
        table.finish().expect("writable");
        assert_eq!(read(), rows);
        if format == TableFormat::Parquet {
            assert!(!spool_path(&path).exists());
            return;
        }
        let whole = fs::read(&path).expect("readable");
        let last_line = rows[2].source_path.len();
        for cut in 1..=last_line {
            fs::write(&path, &whole[..whole.len() - cut]).expect("writable");
            let left = if format == TableFormat::Jsonl && cut == 1 { 3 } else { 2 };
            assert_eq!(read(), rows[..left], "a row without its last {cut} bytes is no row");
        }
    }

    #[test]
    fn rows_read_back() {
        for format in [TableFormat::Csv, TableFormat::Jsonl, TableFormat::Parquet] {
            check(format);
        }
    }

    /// Tables of the form before `damaged_share` and `warnings`, and others.
    #[test]
    fn another_table_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("table");
        let schema = FeatureSchema::from_names(vec!["a_1".into()]);
        for (format, text) in [
            (TableFormat::Csv, "name,a_1,damaged_share,warnings\nx,1.0,0.0,\n"),
            (TableFormat::Csv, "source_path,a_1\nx,1.0\n"),
            (TableFormat::Csv, ""),
            (TableFormat::Jsonl, "{\"source_path\":\"x\",\"a_1\":1.0}\n"),
            (TableFormat::Parquet, "PAR1"),
        ] {
            fs::write(&path, text).expect("writable");
            assert!(
                matches!(
                    read_rows(&path, format, &schema).map(|_| ()),
                    Err(TableError::OtherTable { .. })
                ),
                "{text}"
            );
        }
        let origin = origin_of_two_columns();
        let destination = Destination::File(path.clone());
        let table = TableWriter::create(&destination, TableFormat::Parquet, &origin);
        table.expect("writable").finish().expect("writable");
        assert!(matches!(
            read_rows(&path, TableFormat::Parquet, &schema).map(|_| ()),
            Err(TableError::OtherTable { .. })
        ));
    }
}
