//! What is stored row by row outside LMDB: raw vectors and metadata records.
//!
//! | file | holds |
//! |---|---|
//! | `vectors.bin` | raw vectors in row order, `f64` little-endian |
//! | `tracks.bin` | metadata records in row order; then for each row where its record ends, `u64` little-endian |
//!
//! A B-tree would add half a page to every few vectors, and its pages stay in memory once they were used.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufWriter, Write as _},
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    StoreError,
    file::{Ahead, RowFile},
    numbers::f64_bytes,
};

/// The raw vectors.
pub const VECTORS_FILE: &str = "vectors.bin";
/// The metadata records.
pub const TRACKS_FILE: &str = "tracks.bin";

/// Both files together are mapped up to this size, vectors first: most of what a process may use beside
/// the engine's image. Larger ones are read.
const MOST_MAPPED_BYTES: u64 = 80 << 20;
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes of an end.
const END_BYTES: u64 = 8;

/// Both files, open and of the right size.
#[derive(Debug)]
pub(super) struct RowFiles {
    vectors: RowFile,
    tracks: RowFile,
    /// Where each record ends.
    ends: Vec<u64>,
    vector_bytes: u64,
}

impl RowFiles {
    pub(super) fn open(directory: &Path, rows: usize, dims: usize) -> Result<Self, StoreError> {
        Self::open_with(directory, rows, dims, MOST_MAPPED_BYTES)
    }

    fn open_with(
        directory: &Path,
        rows: usize,
        dims: usize,
        most_mapped: u64,
    ) -> Result<Self, StoreError> {
        let vectors = RowFile::open(directory.join(VECTORS_FILE), most_mapped)?;
        let vector_bytes = 8 * dims as u64;
        check_length("raw vectors", &vectors, rows as u64 * vector_bytes)?;
        let room = most_mapped - vectors.mapped_bytes();
        let tracks = RowFile::open(directory.join(TRACKS_FILE), room)?;
        let ends = ends(&tracks, rows)?;
        Ok(Self { vectors, tracks, ends, vector_bytes })
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The raw vector of a row, as stored.
    pub(super) fn vector(&self, row: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        let range = self.vector_range(row)?;
        self.vectors.read(range)
    }

    /// The metadata record of a row.
    pub(super) fn track(&self, row: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        let range = self.track_range(row)?;
        self.tracks.read(range)
    }

    fn vector_range(&self, row: u32) -> Result<Range<u64>, StoreError> {
        if row as usize >= self.ends.len() {
            return Err(missing("raw vector", row));
        }
        let start = u64::from(row) * self.vector_bytes;
        Ok(start..start + self.vector_bytes)
    }

    fn track_range(&self, row: u32) -> Result<Range<u64>, StoreError> {
        let end = *self.ends.get(row as usize).ok_or_else(|| missing("metadata of row", row))?;
        let start = (row as usize).checked_sub(1).map_or(0, |before| self.ends[before]);
        Ok(start..end)
    }
}

/// Both files, read in row order.
#[derive(Debug)]
pub(super) struct FilesAhead<'f> {
    files: &'f RowFiles,
    vectors: Ahead<'f>,
    tracks: Ahead<'f>,
}

impl<'f> FilesAhead<'f> {
    pub(super) fn new(files: &'f RowFiles) -> Self {
        let (vectors, tracks) = (Ahead::new(&files.vectors), Ahead::new(&files.tracks));
        Self { files, vectors, tracks }
    }

    pub(super) fn vector(&mut self, row: u32) -> Result<&[u8], StoreError> {
        self.vectors.read(self.files.vector_range(row)?)
    }

    pub(super) fn track(&mut self, row: u32) -> Result<&[u8], StoreError> {
        self.tracks.read(self.files.track_range(row)?)
    }
}

/// Reads where records end, and checks that they lie one behind the other.
fn ends(tracks: &RowFile, rows: usize) -> Result<Vec<u64>, StoreError> {
    let place = |row| StoreError::Place { path: tracks.path().to_owned(), row };
    let table = rows as u64 * END_BYTES;
    let records = tracks.bytes().checked_sub(table).ok_or_else(|| place(0))?;
    let bytes = tracks.read(records..tracks.bytes())?;
    let ends: Vec<u64> =
        bytes.as_chunks::<8>().0.iter().map(|end| u64::from_le_bytes(*end)).collect();
    let mut before = 0;
    for (row, end) in ends.iter().enumerate() {
        if *end < before || *end > records {
            return Err(place(row));
        }
        before = *end;
    }
    if before != records {
        return Err(place(rows));
    }
    Ok(ends)
}

pub(super) fn check_length(
    what: &'static str,
    file: &RowFile,
    expected: u64,
) -> Result<(), StoreError> {
    if file.bytes() == expected {
        return Ok(());
    }
    let key = file.path().display().to_string();
    let (got, expected) = (file.bytes() as usize, expected as usize);
    Err(StoreError::Length { what, key, got, expected })
}

pub(super) fn missing(what: &'static str, row: u32) -> StoreError {
    StoreError::Missing { what, key: row.to_string() }
}

/// Writes `vectors.bin`, row after row.
#[derive(Debug)]
pub struct VectorWriter(Writer);

impl VectorWriter {
    /// Makes the file in an index directory; it must not be there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self(Writer::create(directory.join(VECTORS_FILE))?))
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, raw: &[f64]) -> Result<(), StoreError> {
        self.0.write(&f64_bytes(raw))
    }

    /// Flushes everything to disk.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(self) -> Result<(), StoreError> {
        self.0.finish()
    }
}

/// Writes `tracks.bin`, row after row.
#[derive(Debug)]
pub struct TrackWriter {
    writer: Writer,
    ends: Vec<u8>,
    end: u64,
}

impl TrackWriter {
    /// Makes the file in an index directory; it must not be there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(directory: &Path) -> Result<Self, StoreError> {
        let writer = Writer::create(directory.join(TRACKS_FILE))?;
        Ok(Self { writer, ends: Vec::new(), end: 0 })
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.end += record.len() as u64;
        self.ends.extend_from_slice(&self.end.to_le_bytes());
        self.writer.write(record)
    }

    /// Writes where records end, and flushes everything to disk.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.writer.write(&self.ends)?;
        self.writer.finish()
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        match File::create_new(&path) {
            Ok(file) => Ok(Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), path }),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| StoreError::Io { path: self.path.clone(), source })
    }

    pub(super) fn finish(self) -> Result<(), StoreError> {
        let Self { path, file } = self;
        let synced = file.into_inner().map_err(|error| error.into_error());
        let synced = synced.and_then(|file| file.sync_all());
        synced.map_err(|source| StoreError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: usize = 3;

    fn vector(row: u32) -> Vec<f64> {
        (0..DIMS).map(|column| f64::from(row) + column as f64 / 7.0).collect()
    }

    /// Records of 0 to 70,000 bytes, so that some are longer than a piece is left.
    fn record(row: u32) -> Vec<u8> {
        let length = [0, 1, 90, 70_000, 3][row as usize % 5];
        (0..length).map(|i| (i * 7 + row as usize) as u8).collect()
    }

    fn written(directory: &Path, rows: u32) {
        let mut vectors = VectorWriter::create(directory).expect("writable");
        let mut tracks = TrackWriter::create(directory).expect("writable");
        for row in 0..rows {
            vectors.push(&vector(row)).expect("writable");
            tracks.push(&record(row)).expect("writable");
        }
        vectors.finish().expect("writable");
        tracks.finish().expect("writable");
    }

    #[test]
    fn rows_read_back_whether_files_are_mapped_or_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = 150;
        written(folder.path(), rows);
        for most in [0, 10_000, u64::MAX] {
            let files =
                RowFiles::open_with(folder.path(), rows as usize, DIMS, most).expect("sound");
            let mut ahead = FilesAhead::new(&files);
            // In order, and then from behind, which no piece that was read helps.
            for row in (0..rows).chain((0..rows).rev()) {
                let expected = f64_bytes(&vector(row));
                assert_eq!(files.vector(row).expect("there"), expected, "{most}, {row}");
                assert_eq!(ahead.vector(row).expect("there"), expected, "{most}, {row}");
                assert_eq!(files.track(row).expect("there"), record(row), "{most}, {row}");
                assert_eq!(ahead.track(row).expect("there"), record(row), "{most}, {row}");
            }
            assert!(matches!(files.vector(rows), Err(StoreError::Missing { .. })));
            assert!(matches!(files.track(rows), Err(StoreError::Missing { .. })));
        }
    }

    #[test]
    fn files_of_another_size_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), 4);
        for (rows, dims) in [(3, DIMS), (5, DIMS), (4, DIMS + 1)] {
            RowFiles::open(folder.path(), rows, dims).expect_err("another shape");
        }
        RowFiles::open(folder.path(), 4, DIMS).expect("sound");
        let path = folder.path().join(TRACKS_FILE);
        let sound = std::fs::read(&path).expect("readable");
        let ends = sound.len() - 32;
        // An end past the records, one past the next, and records behind the last.
        for (at, byte) in [(ends + 26, 2), (ends, 2), (ends + 24, 90)] {
            let mut changed = sound.clone();
            assert_ne!(changed[at], byte, "{at}");
            changed[at] = byte;
            std::fs::write(&path, &changed).expect("writable");
            let error = RowFiles::open(folder.path(), 4, DIMS).expect_err("no sound places");
            assert!(matches!(error, StoreError::Place { .. }), "{at}: {error}");
        }
    }
}
