//! The text formats: CSV and JSON lines. Numbers are written with the fewest digits that read back
//! to the same `f64`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use proto::features::FeatureSchema;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{DAMAGED_SHARE, Row, SOURCE_PATH, TableError, WARNINGS, format::RowWriter};

/// What stands between two kinds of warnings in one cell.
pub(super) const SEPARATOR: &str = ";";

/// The columns of a table of these features, in order.
pub(super) fn columns(features: &[String]) -> impl Iterator<Item = &str> {
    let features = features.iter().map(String::as_str);
    std::iter::once(SOURCE_PATH).chain(features).chain([DAMAGED_SHARE, WARNINGS])
}

/// CSV with a header line.
pub(super) struct CsvRows<W: Write> {
    writer: csv::Writer<W>,
    path: PathBuf,
}

impl<W: Write> CsvRows<W> {
    pub(super) fn new(sink: W, path: PathBuf, schema: &FeatureSchema) -> Result<Self, TableError> {
        let mut rows = Self { writer: csv::Writer::from_writer(sink), path };
        let header = columns(schema.names());
        let written = rows.writer.write_record(header);
        rows.done(written.map_err(io::Error::from))?;
        Ok(rows)
    }

    /// Hands the line to the operating system.
    fn done(&mut self, written: io::Result<()>) -> Result<(), TableError> {
        written
            .and_then(|()| self.writer.flush())
            .map_err(|source| TableError::Io { path: self.path.clone(), source })
    }
}

impl<W: Write> RowWriter for CsvRows<W> {
    fn write(&mut self, row: &Row) -> Result<(), TableError> {
        let measured = &row.measured;
        let numbers = measured.values.iter().chain([&measured.damaged_share]);
        let codes: Vec<&str> = measured.warnings.iter().map(|code| code.name()).collect();
        let cells = std::iter::once(row.source_path.clone())
            .chain(numbers.map(|value| format!("{value:?}")))
            .chain([codes.join(SEPARATOR)]);
        let written = self.writer.write_record(cells);
        self.done(written.map_err(io::Error::from))
    }

    fn finish(mut self: Box<Self>) -> Result<(), TableError> {
        self.done(Ok(()))
    }
}

/// One JSON object per line.
pub(super) struct JsonRows<W: Write> {
    sink: W,
    path: PathBuf,
    names: Vec<String>,
}

impl<W: Write> JsonRows<W> {
    pub(super) fn new(sink: W, path: PathBuf, schema: &FeatureSchema) -> Self {
        Self { sink, path, names: schema.names().to_vec() }
    }
}

impl<W: Write> RowWriter for JsonRows<W> {
    fn write(&mut self, row: &Row) -> Result<(), TableError> {
        let line = serde_json::to_string(&Object { names: &self.names, row });
        line.map_err(io::Error::from)
            .and_then(|line| writeln!(self.sink, "{line}"))
            .and_then(|()| self.sink.flush())
            .map_err(|source| TableError::Io { path: self.path.clone(), source })
    }

    fn finish(mut self: Box<Self>) -> Result<(), TableError> {
        self.sink.flush().map_err(|source| TableError::Io { path: self.path.clone(), source })
    }
}

/// A row as an object whose names are in the order of the columns.
struct Object<'a> {
    names: &'a [String],
    row: &'a Row,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let measured = &self.row.measured;
        let mut object = serializer.serialize_map(Some(self.names.len() + 3))?;
        object.serialize_entry(SOURCE_PATH, &self.row.source_path)?;
        for (name, value) in self.names.iter().zip(&measured.values) {
            object.serialize_entry(name, value)?;
        }
        object.serialize_entry(DAMAGED_SHARE, &measured.damaged_share)?;
        object.serialize_entry(WARNINGS, &measured.warnings)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{findings::WarningCode, table::Measured};

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        let schema = FeatureSchema::from_names(vec!["a_1".into(), "b_1".into()]);
        let values = vec![0.1 + 0.2, -1.234_567_890_123_456_7e-300];
        let warnings = vec![WarningCode::TruncatedStream, WarningCode::Clipped];
        let row = Row {
            source_path: "a, \"b\".wav".into(),
            measured: Measured { values: values.clone(), damaged_share: 0.1 + 0.2, warnings },
        };
        let mut csv = Vec::new();
        let mut rows = CsvRows::new(&mut csv, PathBuf::new(), &schema).expect("memory");
        rows.write(&row).expect("memory");
        drop(rows);
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let record = reader.records().next().expect("one row").expect("valid");
        assert_eq!(&record[0], "a, \"b\".wav");
        for (cell, value) in record.iter().skip(1).zip(values.iter().chain([&(0.1 + 0.2)])) {
            assert_eq!(cell.parse::<f64>().expect("a number").to_bits(), value.to_bits());
        }
        assert_eq!((record.len(), &record[4]), (5, "TRUNCATED_STREAM;CLIPPED"));

        let mut json = Vec::new();
        JsonRows::new(&mut json, PathBuf::new(), &schema).write(&row).expect("memory");
        let object: Value = serde_json::from_slice(&json).expect("JSON");
        for (name, value) in ["a_1", "b_1"].iter().zip(&values) {
            assert_eq!(object[name].as_f64().expect("a number").to_bits(), value.to_bits());
        }
        assert_eq!(object["damaged_share"].as_f64(), Some(0.1 + 0.2));
        assert_eq!(object["warnings"], serde_json::json!(["TRUNCATED_STREAM", "CLIPPED"]));
        let line = String::from_utf8(json).expect("text");
        let places = columns(schema.names()).map(|name| line.find(&format!("\"{name}\":")));
        assert!(places.is_sorted() && line.starts_with("{\"source_path\":"), "{line}");
    }
}
