//! Parquet: a required string column and required doubles, with profile and schema digest in the
//! file's own metadata.

use std::{io::Write, sync::Arc};

use parquet::{
    basic::{Compression, ConvertedType, Repetition, Type as PhysicalType, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use proto::features::FeatureSchema;

use super::{Row, RowWriter, SOURCE_PATH, TableError};

/// Metadata key of the profile id.
pub(super) const PROFILE_KEY: &str = "soundalike.profile_id";
/// Metadata key of the schema digest.
pub(super) const SCHEMA_KEY: &str = "soundalike.schema_sha256";
/// Rows of one row group: 74 doubles each, so about 2.5 MB.
const GROUP_ROWS: usize = 4096;

/// Rows gathered into row groups.
pub(super) struct ParquetRows<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    dims: usize,
    rows: Vec<Row>,
}

impl<W: Write + Send> ParquetRows<W> {
    pub(super) fn new(
        sink: W,
        profile_id: &str,
        schema: &FeatureSchema,
    ) -> Result<Self, TableError> {
        let mut fields = vec![Arc::new(
            Type::primitive_type_builder(SOURCE_PATH, PhysicalType::BYTE_ARRAY)
                .with_repetition(Repetition::REQUIRED)
                .with_converted_type(ConvertedType::UTF8)
                .build()
                .map_err(encode)?,
        )];
        for name in schema.names() {
            let column = Type::primitive_type_builder(name, PhysicalType::DOUBLE)
                .with_repetition(Repetition::REQUIRED)
                .build()
                .map_err(encode)?;
            fields.push(Arc::new(column));
        }
        let message =
            Type::group_type_builder("features").with_fields(fields).build().map_err(encode)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(vec![
                KeyValue::new(PROFILE_KEY.to_owned(), profile_id.to_owned()),
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
        for feature in 0..self.dims {
            if let Some(mut column) = group.next_column()? {
                let values: Vec<f64> = self.rows.iter().map(|row| row.values[feature]).collect();
                column.typed::<DoubleType>().write_batch(&values, None, None)?;
                column.close()?;
            }
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

fn encode(error: ParquetError) -> TableError {
    TableError::Encode(error.to_string())
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };

    use super::*;

    #[test]
    fn rows_and_recipe_read_back() {
        let schema = FeatureSchema::from_names(vec!["a_1".into(), "b_1".into()]);
        let mut file = tempfile::tempfile().expect("a temporary file");
        let sink = file.try_clone().expect("same file");
        let mut rows = Box::new(ParquetRows::new(sink, "some-profile", &schema).expect("valid"));
        let count = GROUP_ROWS + 3;
        for row in 0..count {
            let values = vec![row as f64, 0.1 * row as f64];
            rows.write(&Row { source_path: format!("é{row}.wav"), values }).expect("valid");
        }
        rows.finish().expect("valid");
        std::io::Seek::rewind(&mut file).expect("a file");

        let reader = SerializedFileReader::new(file).expect("valid Parquet");
        let metadata = reader.metadata().file_metadata();
        let keys = metadata.key_value_metadata().expect("keys");
        assert!(
            keys.iter()
                .any(|key| key.key == PROFILE_KEY && key.value.as_deref() == Some("some-profile"))
        );
        assert!(
            keys.iter().any(|key| key.key == SCHEMA_KEY
                && key.value.as_deref() == Some(schema.sha256().as_str()))
        );
        let read: Vec<_> =
            reader.get_row_iter(None).expect("rows").map(|row| row.expect("valid")).collect();
        assert_eq!(read.len(), count);
        assert_eq!(read[count - 1].get_string(0).expect("text"), &format!("é{}.wav", count - 1));
        assert_eq!(read[7].get_double(2).expect("double").to_bits(), (0.1 * 7.0_f64).to_bits());
    }
}
