//! The table of one shard of a batch: Parquet that says which part of which batch it is, and which
//! files gave no row and why. One object, so that rows and failures are of one run or of none.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde::{Deserialize, Serialize};

use super::{Row, TableError, TableOrigin, format::RowWriter as _, parquet::ParquetRows};

/// Metadata key of the [`Shard`].
const SHARD_KEY: &str = "soundalike.shard";
/// Metadata key of the failures file's text.
const FAILURES_KEY: &str = "soundalike.failures";

/// Which part of which batch a table is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The batch.
    pub batch_id: String,
    /// Number of the part, from 0.
    pub shard: u32,
    /// Parts of the batch.
    pub shards: u32,
    /// Files of this part: rows and failures.
    pub files: u64,
    /// Files without a row.
    pub failures: u64,
}

/// What a shard's table says beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFooter {
    /// Which part it is.
    pub shard: Shard,
    /// The failures file.
    pub failures: String,
}

/// A shard's table on local disk; no table before it is finished.
pub struct ShardWriter {
    rows: ParquetRows<BufWriter<File>>,
    path: PathBuf,
}

impl std::fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ShardWriter {
    /// Begins the table at `path`.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub fn create(path: &Path, origin: &TableOrigin) -> Result<Self, TableError> {
        let file =
            File::create(path).map_err(|source| TableError::Io { path: path.into(), source })?;
        let rows = ParquetRows::new(BufWriter::new(file), origin)?;
        Ok(Self { rows, path: path.to_path_buf() })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, row: &Row) -> Result<(), TableError> {
        self.rows.write(row)
    }

    /// Completes the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, footer: &ShardFooter) -> Result<(), TableError> {
        let shard = serde_json::to_string(&footer.shard)
            .map_err(|error| TableError::Encode(error.to_string()))?;
        self.rows.finish_with(&[(SHARD_KEY, shard), (FAILURES_KEY, footer.failures.clone())])
    }
}

impl ShardFooter {
    /// What the table in `bytes` says; `name` is for the message.
    ///
    /// # Errors
    /// When it is no shard's table.
    pub fn of_table(bytes: Bytes, name: &str) -> Result<Self, TableError> {
        let other = || TableError::OtherTable { path: PathBuf::from(name) };
        let reader = SerializedFileReader::new(bytes).map_err(|_| other())?;
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let value = |key| {
            let pair = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == key));
            pair.and_then(|pair| pair.value.clone()).ok_or_else(other)
        };
        let shard = serde_json::from_str(&value(SHARD_KEY)?).map_err(|_| other())?;
        Ok(Self { shard, failures: value(FAILURES_KEY)? })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::{origin::tests::origin_of_two_columns, row::tests::measured},
        *,
    };

    #[test]
    fn a_footer_reads_back_and_the_same_rows_are_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let origin = origin_of_two_columns();
        let footer = ShardFooter {
            shard: Shard { batch_id: "b".into(), shard: 1, shards: 3, files: 2, failures: 1 },
            failures: "path,reason,message\né,\"X\nY\",z\n".into(),
        };
        let write = |name: &str, rows: usize| {
            let path = folder.path().join(name);
            let mut table = ShardWriter::create(&path, &origin).expect("writable");
            for row in 0..rows {
                let measured = measured(&[row as f64, 0.5]);
                table.write(&Row { source_path: format!("{row}"), measured }).expect("writable");
            }
            table.finish(&footer).expect("writable");
            Bytes::from(fs::read(path).expect("readable"))
        };
        let bytes = write("1", 5000);
        assert_eq!(bytes, write("2", 5000));
        for bytes in [bytes, write("3", 0)] {
            assert_eq!(ShardFooter::of_table(bytes, "x").expect("a shard"), footer);
        }
        let other = ShardFooter::of_table(Bytes::from_static(b"PAR1"), "x");
        assert!(matches!(other, Err(TableError::OtherTable { .. })));
    }
}
