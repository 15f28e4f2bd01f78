//! Reading a table's rows again, one at a time: to resume a run, and to turn a spool into Parquet.
//!
//! A run that was killed may leave a last row that is cut; the rows end before it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use parquet::{
    file::reader::SerializedFileReader,
    record::{RowAccessor as _, reader::RowIter},
};
use proto::features::FeatureSchema;
use serde_json::{Map, Value};

use super::{Row, SOURCE_PATH, TableError, TableFormat};

/// Rows of a table in its order.
pub type Rows = Box<dyn Iterator<Item = Row>>;

/// The rows of the table at `path`, none if there is no such file.
///
/// # Errors
/// When the file is there and cannot be read, or its columns are not the schema's.
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
    let other = || TableError::OtherTable { path: path.to_path_buf() };
    match format {
        TableFormat::Csv => {
            let mut reader = csv::Reader::from_reader(BufReader::new(file));
            let header = reader.headers().map_err(|_| other())?;
            let expected = std::iter::once(SOURCE_PATH).chain(names.iter().map(String::as_str));
            if !header.iter().eq(expected) {
                return Err(other());
            }
            Ok(Box::new(reader.into_records().map_while(|record| csv_row(&record.ok()?))))
        }
        TableFormat::Jsonl => {
            let lines = BufReader::new(file).lines();
            Ok(Box::new(lines.map_while(move |line| json_row(&line.ok()?, &names))))
        }
        TableFormat::Parquet => {
            let reader = SerializedFileReader::new(file).map_err(|_| other())?;
            let rows = RowIter::from_file_into(Box::new(reader));
            Ok(Box::new(rows.map_while(move |row| parquet_row(&row.ok()?, names.len()))))
        }
    }
}

fn csv_row(record: &csv::StringRecord) -> Option<Row> {
    let mut cells = record.iter();
    let source_path = cells.next()?.to_owned();
    let values = cells.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Row { source_path, values })
}

fn json_row(line: &str, names: &[String]) -> Option<Row> {
    let object: Map<String, Value> = serde_json::from_str(line).ok()?;
    let source_path = object.get(SOURCE_PATH)?.as_str()?.to_owned();
    let values = names.iter().map(|name| object.get(name)?.as_f64()).collect::<Option<_>>()?;
    Some(Row { source_path, values })
}

fn parquet_row(row: &parquet::record::Row, dims: usize) -> Option<Row> {
    let source_path = row.get_string(0).ok()?.clone();
    let values = (1..=dims).map(|column| row.get_double(column).ok()).collect::<Option<_>>()?;
    Some(Row { source_path, values })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::*, read_rows};

    fn check(format: TableFormat) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("table");
        let schema = FeatureSchema::from_names(vec!["a_1".into(), "b_1".into()]);
        let rows: Vec<Row> = (0..3)
            .map(|i| Row {
                source_path: format!("é, \"{i}\".wav"),
                values: vec![0.1 + f64::from(i), -1e-300],
            })
            .collect();
        let read =
            || -> Vec<Row> { read_rows(&path, format, &schema).expect("readable").collect() };
        assert_eq!(read(), []);
        let destination = Destination::File(path.clone());
        let mut table =
            TableWriter::create(&destination, format, "some", &schema).expect("writable");
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
        fs::write(&path, &whole[..whole.len() - 12]).expect("writable");
        assert_eq!(read(), rows[..2], "a cut row is no row");
    }

    #[test]
    fn rows_read_back() {
        for format in [TableFormat::Csv, TableFormat::Jsonl, TableFormat::Parquet] {
            check(format);
        }
    }

    #[test]
    fn another_table_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("table.csv");
        fs::write(&path, "name,a_1\nx,1.0\n").expect("writable");
        let schema = FeatureSchema::from_names(vec!["a_1".into()]);
        assert!(matches!(
            read_rows(&path, TableFormat::Csv, &schema).map(|_| ()),
            Err(TableError::OtherTable { .. })
        ));
    }
}
