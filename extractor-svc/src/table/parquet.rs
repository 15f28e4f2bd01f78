//! Parquet: a required string column, required doubles and a required list of strings, with profile,
//! builds and schema digest in the file's own metadata.

use std::{io::Write, sync::Arc};

use parquet::{
    basic::{Compression, ConvertedType, LogicalType, Repetition, Type as PhysicalType, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use proto::features::FeatureSchema;

use super::{
    DAMAGED_SHARE, Measured, Row, SOURCE_PATH, TableError, TableOrigin, TableWindow, WARNINGS,
    format::RowWriter,
};

/// Metadata key of the profile id.
pub(super) const PROFILE_KEY: &str = "soundalike.profile_id";
/// Metadata key of the schema digest.
pub(super) const SCHEMA_KEY: &str = "soundalike.schema_sha256";
/// Metadata key of the builds that filled the table, a JSON list of texts.
pub(super) const VERSIONS_KEY: &str = "soundalike.extractor_versions";
/// Metadata key of the analysed window, a JSON object.
pub(super) const WINDOW_KEY: &str = "soundalike.window";
/// Rows of one row group: 74 doubles each, so about 2.5 MB.
const GROUP_ROWS: usize = 4096;

/// Rows gathered into row groups.
pub(super) struct ParquetRows<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    dims: usize,
    rows: Vec<Row>,
}

impl<W: Write + Send> ParquetRows<W> {
    pub(super) fn new(sink: W, origin: &TableOrigin) -> Result<Self, TableError> {
        let TableOrigin { profile_id, extractor_versions, schema, window } = origin;
        let message = message_type(schema).map_err(encode)?;
        let failed = |error: serde_json::Error| TableError::Encode(error.to_string());
        let versions = serde_json::to_string(extractor_versions).map_err(failed)?;
        let window = serde_json::to_string(&TableWindow::from(*window)).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(vec![
                KeyValue::new(PROFILE_KEY.to_owned(), profile_id.clone()),
                KeyValue::new(VERSIONS_KEY.to_owned(), versions),
                KeyValue::new(WINDOW_KEY.to_owned(), window),
                KeyValue::new(SCHEMA_KEY.to_owned(), schema.sha256()),
            ]))
            .build();
        let writer = SerializedFileWriter::new(sink, Arc::new(message), Arc::new(properties))
            .map_err(encode)?;
        Ok(Self { writer, dims: schema.dims(), rows: Vec::with_capacity(GROUP_ROWS) })
    }

    /// Completes the file, with these pairs in its metadata too.
    pub(super) fn finish_with(mut self, pairs: &[(&str, String)]) -> Result<(), TableError> {
        self.write_group().map_err(encode)?;
        for (key, value) in pairs {
            self.writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), value.clone()));
        }
        self.writer.close().map(drop).map_err(encode)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            let paths: Vec<ByteArray> =
                self.rows.iter().map(|row| ByteArray::from(row.source_path.as_str())).collect();
            column.typed::<ByteArrayType>().write_batch(&paths, None, None)?;
            column.close()?;
        }
        let measured = || self.rows.iter().map(|row| &row.measured);
        for number in 0..=self.dims {
            if let Some(mut column) = group.next_column()? {
                // Behind the last feature is the damage.
                let value = |row: &Measured| row.values.get(number).copied();
                let values: Vec<f64> =
                    measured().map(|row| value(row).unwrap_or(row.damaged_share)).collect();
                column.typed::<DoubleType>().write_batch(&values, None, None)?;
                column.close()?;
            }
        }
        if let Some(mut column) = group.next_column()? {
            let (mut codes, mut filled, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
            for row in measured() {
                codes.extend(row.warnings.iter().map(|code| ByteArray::from(code.name())));
                // An empty list stands as one place that is not filled.
                filled.push(i16::from(!row.warnings.is_empty()));
                repeated.push(0);
                let more = row.warnings.len().saturating_sub(1);
                filled.extend(std::iter::repeat_n(1, more));
                repeated.extend(std::iter::repeat_n(1, more));
            }
            let column_writer = column.typed::<ByteArrayType>();
            column_writer.write_batch(&codes, Some(&filled), Some(&repeated))?;
            column.close()?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }
}

impl<W: Write + Send> RowWriter for ParquetRows<W> {
    fn write(&mut self, row: &Row) -> Result<(), TableError> {
        self.rows.push(row.clone());
        if self.rows.len() == GROUP_ROWS { self.write_group().map_err(encode) } else { Ok(()) }
    }

    fn finish(self: Box<Self>) -> Result<(), TableError> {
        self.finish_with(&[])
    }
}

/// Paths, doubles, and `warnings` in the three levels that Parquet's specification has for a list.
fn message_type(schema: &FeatureSchema) -> Result<Type, ParquetError> {
    let text = |name: &str| {
        Type::primitive_type_builder(name, PhysicalType::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_converted_type(ConvertedType::UTF8)
            .build()
            .map(Arc::new)
    };
    let number = |name: &str| {
        Type::primitive_type_builder(name, PhysicalType::DOUBLE)
            .with_repetition(Repetition::REQUIRED)
            .build()
            .map(Arc::new)
    };
    let mut fields = vec![text(SOURCE_PATH)?];
    for name in schema.names() {
        fields.push(number(name)?);
    }
    fields.push(number(DAMAGED_SHARE)?);
    let elements = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![text("element")?])
        .build()?;
    let warnings = Type::group_type_builder(WARNINGS)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(elements)])
        .build()?;
    fields.push(Arc::new(warnings));
    Type::group_type_builder("features").with_fields(fields).build()
}

fn encode(error: ParquetError) -> TableError {
    TableError::Encode(error.to_string())
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::{ListAccessor as _, RowAccessor},
    };

    use super::{super::origin::tests::origin_of_two_columns, *};
    use crate::findings::WarningCode;

    #[test]
    fn rows_and_recipe_read_back() {
        let origin = origin_of_two_columns();
        let mut file = tempfile::tempfile().expect("a temporary file");
        let sink = file.try_clone().expect("same file");
        let mut rows = Box::new(ParquetRows::new(sink, &origin).expect("valid"));
        let count = GROUP_ROWS + 3;
        for row in 0..count {
            let measured = Measured {
                values: vec![row as f64, 0.1 * row as f64],
                damaged_share: 0.01 * row as f64,
                warnings: WarningCode::ALL[..row % 3].to_vec(),
            };
            rows.write(&Row { source_path: format!("é{row}.wav"), measured }).expect("valid");
        }
        rows.finish().expect("valid");
        std::io::Seek::rewind(&mut file).expect("a file");

        let reader = SerializedFileReader::new(file).expect("valid Parquet");
        let metadata = reader.metadata().file_metadata();
        let keys = metadata.key_value_metadata().expect("keys");
        let value = |name: &str| {
            let pair = keys.iter().find(|key| key.key == name);
            pair.and_then(|pair| pair.value.clone()).expect("a value")
        };
        assert_eq!(value(PROFILE_KEY), "some");
        assert_eq!(value(VERSIONS_KEY), "[\"one/1\",\"two/2\"]");
        assert_eq!(value(WINDOW_KEY), "{\"offset_seconds\":1.5,\"duration_seconds\":null}");
        assert_eq!(value(SCHEMA_KEY), origin.schema.sha256());
        let read: Vec<_> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("valid")).collect();
        assert_eq!(read.len(), count);
        assert_eq!(read[count - 1].get_string(0).expect("text"), &format!("é{}.wav", count - 1));
        assert_eq!(read[7].get_double(2).expect("double").to_bits(), (0.1 * 7.0_f64).to_bits());
        assert_eq!(read[7].get_double(3).expect("double").to_bits(), (0.01 * 7.0_f64).to_bits());
        for row in [GROUP_ROWS - 1, GROUP_ROWS, 6, 7, 8] {
            let list = read[row].get_list(4).expect("a list");
            let codes: Vec<&str> =
                (0..list.len()).map(|at| list.get_string(at).expect("text").as_str()).collect();
            let expected: Vec<&str> =
                WarningCode::ALL[..row % 3].iter().map(|code| code.name()).collect();
            assert_eq!(codes, expected, "row {row}");
        }
    }
}
