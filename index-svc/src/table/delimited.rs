//! CSV, plain or gzip (recognised by its first bytes, one or many members).

use std::{
    cell::Cell,
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;

use super::{Columns, MAX_RECORD_BYTES, Row, TableError, number};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 1 << 18;

/// Rows of a CSV file.
pub(super) struct DelimitedRows {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    budget: Budget,
    record: ByteRecord,
}

impl fmt::Debug for DelimitedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelimitedRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DelimitedRows {
    /// Opens the file and reads its header line.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<String>), TableError> {
        let budget = Budget::default();
        let reader = csv::ReaderBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(open_text(path, &budget)?);
        let mut rows = Self { path: path.to_owned(), reader, budget, record: ByteRecord::new() };
        let header = rows.reader.byte_headers().cloned().map_err(|error| rows.refused(&error))?;
        rows.budget.renew();
        let mut names = Vec::with_capacity(header.len());
        for name in &header {
            let name = std::str::from_utf8(name)
                .map_err(|_| rows.malformed(1, "the header is not UTF-8"))?;
            names.push(name.trim_start_matches('\u{feff}').trim().to_owned());
        }
        Ok((rows, names))
    }

    pub(super) fn next_row(&mut self, columns: &Columns) -> Result<Option<Row>, TableError> {
        let more = self.reader.read_byte_record(&mut self.record);
        if !more.map_err(|error| self.refused(&error))? {
            return Ok(None);
        }
        self.budget.renew();
        let line = self.record.position().map_or(0, csv::Position::line);
        let mut cells = Vec::with_capacity(self.record.len());
        for cell in &self.record {
            cells.push(
                std::str::from_utf8(cell)
                    .map_err(|_| self.malformed(line, "a cell is not UTF-8"))?,
            );
        }
        let mut values = Vec::with_capacity(columns.features().len());
        for &at in columns.features() {
            values.push(number::parse(cells[at]).ok_or_else(|| TableError::NotANumber {
                path: self.path.clone(),
                line,
                column: columns.header()[at].clone(),
                text: cells[at].chars().take(40).collect(),
            })?);
        }
        let metadata = columns.metadata(&self.path, line, |at| cells[at])?;
        Ok(Some(Row { line, metadata, values }))
    }

    fn malformed(&self, line: u64, why: &str) -> TableError {
        TableError::Malformed { path: self.path.clone(), line, why: why.to_owned() }
    }

    fn refused(&self, error: &csv::Error) -> TableError {
        let path = self.path.clone();
        let line =
            error.position().map_or_else(|| self.reader.position().line(), csv::Position::line);
        match error.kind() {
            csv::ErrorKind::Io(_) if self.budget.is_spent() => {
                TableError::RecordTooLong { path, line }
            }
            csv::ErrorKind::Io(source) => {
                let source = io::Error::new(source.kind(), source.to_string());
                TableError::Io { path, source }
            }
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => TableError::Malformed {
                path,
                line,
                why: format!("record has {len} cells, the header has {expected_len}"),
            },
            _ => TableError::Malformed { path, line, why: error.to_string() },
        }
    }
}

/// Opens a text file, decompressing it if it is gzip; `budget` limits what one record may read.
pub(super) fn open_text(path: &Path, budget: &Budget) -> Result<Box<dyn Read>, TableError> {
    let failed = |source| TableError::Io { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
    let start = io::BufRead::fill_buf(&mut file).map_err(failed)?;
    let text: Box<dyn Read> = if start.starts_with(&GZIP_MAGIC) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    Ok(Box::new(Limited { text, budget: budget.clone() }))
}

/// Bytes one record may still read; shared between the reader below a parser and the code above.
#[derive(Clone, Debug)]
pub(super) struct Budget(Rc<Cell<u64>>);

impl Default for Budget {
    fn default() -> Self {
        Self(Rc::new(Cell::new(MAX_RECORD_BYTES)))
    }
}

impl Budget {
    /// A record is complete: the next one has the whole budget again.
    pub(super) fn renew(&self) {
        self.0.set(MAX_RECORD_BYTES);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

struct Limited {
    text: Box<dyn Read>,
    budget: Budget,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.0.get();
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "record too long"));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.text.read(&mut buffer[..most])?;
        self.budget.0.set(left - read as u64);
        Ok(read)
    }
}
