//! Raw vectors on their way through a build: a file without a name, read as often as needed.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use index::store::f64_bytes;

use crate::error::Error;

const BUFFER_BYTES: usize = 1 << 20;

/// Rows of `dims` numbers, missing ones as NaN.
#[derive(Debug)]
pub(super) struct Spill {
    writer: BufWriter<File>,
    directory: PathBuf,
    dims: usize,
    rows: u32,
}

impl Spill {
    pub(super) fn create(directory: &Path, dims: usize) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(directory)
            .map_err(|source| Error::Io { path: directory.to_owned(), source })?;
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self { writer, directory: directory.to_owned(), dims, rows: 0 })
    }

    pub(super) fn push(&mut self, raw: &[f64]) -> Result<(), Error> {
        debug_assert_eq!(raw.len(), self.dims, "rows have the schema's width");
        self.writer.write_all(&f64_bytes(raw)).map_err(|source| self.failed(source))?;
        self.rows += 1;
        Ok(())
    }

    /// Calls `take` with every row in order, missing values replaced by those of `filling`.
    pub(super) fn each_row(
        &mut self,
        filling: &[f64],
        mut take: impl FnMut(u32, &[f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.writer.flush().map_err(|source| self.failed(source))?;
        let mut file = self.writer.get_ref();
        file.seek(SeekFrom::Start(0)).map_err(|source| self.failed(source))?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut bytes = vec![0; self.dims * 8];
        let mut raw = vec![0.0; self.dims];
        for row in 0..self.rows {
            reader.read_exact(&mut bytes).map_err(|source| self.failed(source))?;
            filled(&bytes, filling, &mut raw);
            take(row, &raw)?;
        }
        Ok(())
    }

    /// At most `most` rows, evenly spaced, missing values replaced by those of `filling`.
    pub(super) fn sample(&mut self, most: u32, filling: &[f64]) -> Result<Vec<Vec<f64>>, Error> {
        self.writer.flush().map_err(|source| self.failed(source))?;
        let mut file = self.writer.get_ref();
        let count = self.rows.min(most);
        let mut bytes = vec![0; self.dims * 8];
        let mut sample = Vec::with_capacity(count as usize);
        for place in 0..u64::from(count) {
            let row = place * u64::from(self.rows) / u64::from(count);
            file.seek(SeekFrom::Start(row * bytes.len() as u64))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|source| self.failed(source))?;
            let mut raw = vec![0.0; self.dims];
            filled(&bytes, filling, &mut raw);
            sample.push(raw);
        }
        // Rows may still be written behind the last one.
        file.seek(SeekFrom::End(0)).map_err(|source| self.failed(source))?;
        Ok(sample)
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Io { path: self.directory.clone(), source }
    }
}

/// A row from its bytes, missing values replaced.
fn filled(bytes: &[u8], filling: &[f64], raw: &mut [f64]) {
    let (chunks, _) = bytes.as_chunks::<8>();
    for ((value, chunk), fill) in raw.iter_mut().zip(chunks).zip(filling) {
        let read = f64::from_le_bytes(*chunk);
        *value = if read.is_nan() { *fill } else { read };
    }
}
