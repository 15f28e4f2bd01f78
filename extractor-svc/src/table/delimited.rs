//! The text formats: CSV and JSON lines. Numbers are written with the fewest digits that read back
//! to the same `f64`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use proto::features::FeatureSchema;
use serde_json::{Map, Value};

use super::{Row, RowWriter, SOURCE_PATH, TableError};

/// CSV with a header line.
pub(super) struct CsvRows<W: Write> {
    writer: csv::Writer<W>,
    path: PathBuf,
}

impl<W: Write> CsvRows<W> {
    pub(super) fn new(sink: W, path: PathBuf, schema: &FeatureSchema) -> Result<Self, TableError> {
        let mut rows = Self { writer: csv::Writer::from_writer(sink), path };
        let header = std::iter::once(SOURCE_PATH).chain(schema.names().iter().map(String::as_str));
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
        let cells = std::iter::once(row.source_path.clone())
            .chain(row.values.iter().map(|value| format!("{value:?}")));
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
        let mut object = Map::with_capacity(1 + self.names.len());
        object.insert(SOURCE_PATH.to_owned(), Value::from(row.source_path.as_str()));
        for (name, value) in self.names.iter().zip(&row.values) {
            object.insert(name.clone(), Value::from(*value));
        }
        let line = Value::Object(object).to_string();
        writeln!(self.sink, "{line}")
            .and_then(|()| self.sink.flush())
            .map_err(|source| TableError::Io { path: self.path.clone(), source })
    }

    fn finish(mut self: Box<Self>) -> Result<(), TableError> {
        self.sink.flush().map_err(|source| TableError::Io { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        let schema = FeatureSchema::from_names(vec!["a_1".into(), "b_1".into()]);
        let row = Row {
            source_path: "a, \"b\".wav".into(),
            values: vec![0.1 + 0.2, -1.234_567_890_123_456_7e-300],
        };
        let mut csv = Vec::new();
        let mut rows = CsvRows::new(&mut csv, PathBuf::new(), &schema).expect("memory");
        rows.write(&row).expect("memory");
        drop(rows);
        let mut reader = csv::Reader::from_reader(csv.as_slice());
        let record = reader.records().next().expect("one row").expect("valid");
        assert_eq!(&record[0], "a, \"b\".wav");
        for (cell, value) in record.iter().skip(1).zip(&row.values) {
            assert_eq!(cell.parse::<f64>().expect("a number").to_bits(), value.to_bits());
        }

        let mut json = Vec::new();
        JsonRows::new(&mut json, PathBuf::new(), &schema).write(&row).expect("memory");
        let object: Value = serde_json::from_slice(&json).expect("JSON");
        for (name, value) in ["a_1", "b_1"].iter().zip(&row.values) {
            assert_eq!(object[name].as_f64().expect("a number").to_bits(), value.to_bits());
        }
    }
}
