//! `scaled.bin`: scaled vectors in row order, `f32` little-endian, mapped.
//!
//! Its pages are the system's, which takes them back where memory is scarce: an index that is searched by its forest
//! keeps no vectors of its own in memory.

use std::{fmt, path::Path};

use engine::RowMajor;

use super::{
    StoreError,
    file::RowFile,
    rows::{Writer, check_length},
};

/// The scaled vectors.
pub const SCALED_FILE: &str = "scaled.bin";

/// The mapped file.
pub struct ScaledFile {
    file: RowFile,
    dims: usize,
}

impl ScaledFile {
    /// Maps the file in the index directory `folder`, of `rows` vectors of `dims` values.
    ///
    /// # Errors
    /// When it is missing or of another size.
    pub fn open(folder: &Path, rows: usize, dims: usize) -> Result<Self, StoreError> {
        let file = RowFile::open(folder.join(SCALED_FILE), u64::MAX)?;
        check_length("scaled vectors", &file, (rows as u64).saturating_mul(4 * dims as u64))?;
        // Queries look at rows here and there; pages around them would crowd out others.
        file.advise_random()?;
        Ok(Self { file, dims })
    }
}

impl RowMajor for ScaledFile {
    fn values(&self) -> &[f32] {
        bytemuck::try_cast_slice(self.file.mapped()).unwrap_or_default()
    }

    fn dims(&self) -> usize {
        self.dims
    }
}

impl fmt::Debug for ScaledFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ScaledFile").field("bytes", &self.file.bytes()).finish_non_exhaustive()
    }
}

/// Writes `scaled.bin`, row after row.
#[derive(Debug)]
pub struct ScaledWriter(Writer);

impl ScaledWriter {
    /// Makes the file in an index directory; it must not be there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self(Writer::create(folder.join(SCALED_FILE))?))
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, scaled: &[f32]) -> Result<(), StoreError> {
        let bytes: Vec<u8> = scaled.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.write(&bytes)
    }

    /// Flushes everything to disk.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(self) -> Result<(), StoreError> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_vectors_read_back_and_another_size_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = [[1.5_f32, -0.0, f32::MIN_POSITIVE], [4.0, 5.0, 6.0]];
        let mut writer = ScaledWriter::create(folder.path()).expect("writable");
        rows.iter().for_each(|row| writer.push(row).expect("writable"));
        writer.finish().expect("writable");
        let file = ScaledFile::open(folder.path(), 2, 3).expect("sound");
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(file.values()), bits(rows.as_flattened()));
        for (rows, dims) in [(1, 3), (3, 3), (2, 2), (2, 4)] {
            ScaledFile::open(folder.path(), rows, dims).expect_err("another shape");
        }
    }
}
