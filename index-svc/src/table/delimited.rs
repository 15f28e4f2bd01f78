//! CSV and its kin, plain or compressed: separated by commas, semicolons or tabs, as the header is.

use std::{
    cell::Cell,
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use csv::ByteRecord;

use super::{
    Columns, MAX_RECORD_BYTES, Row, TableError, columns::Features, compression::open_text,
    header::Header, number::DecimalMark,
};

/// Bytes of the header that tell its separator.
const HEADER_BYTES: u64 = 1 << 20;
const BUFFER_BYTES: usize = 1 << 18;
const NOT_UTF8: &str = "the text is not UTF-8; save the table as UTF-8";

/// Rows of a CSV file.
pub(super) struct DelimitedRows {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    budget: Budget,
    record: ByteRecord,
    mark: DecimalMark,
    /// Whether its lines end in a carriage return and a line feed.
    has_returns: bool,
}

impl fmt::Debug for DelimitedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelimitedRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DelimitedRows {
    /// Opens the file and reads its header line.
    pub(super) fn open(path: &Path) -> Result<(Self, Header), TableError> {
        let mut start = Vec::new();
        open_text(path, &Budget::default())?
            .take(HEADER_BYTES)
            .read_to_end(&mut start)
            .map_err(|source| TableError::Io { path: path.to_owned(), source })?;
        let (separator, has_returns) = (separator(&start), has_returns(&start));
        let budget = Budget::default();
        let reader = csv::ReaderBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .delimiter(separator)
            .from_reader(open_text(path, &budget)?);
        let (record, mark) = (ByteRecord::new(), DecimalMark::new(separator != b','));
        let mut rows = Self { path: path.to_owned(), reader, budget, record, mark, has_returns };
        let header = rows.reader.byte_headers().cloned().map_err(|error| rows.refused(&error))?;
        rows.budget.renew();
        let mut names = Vec::with_capacity(header.len());
        for name in &header {
            let name = std::str::from_utf8(name).map_err(|_| rows.malformed(1, NOT_UTF8))?;
            names.push(name.trim_start_matches('\u{feff}').trim().to_owned());
        }
        Ok((rows, names.into()))
    }

    pub(super) fn next_row(&mut self, columns: &Columns) -> Result<Option<Row>, TableError> {
        let more = self.reader.read_byte_record(&mut self.record);
        if !more.map_err(|error| self.refused(&error))? {
            return Ok(None);
        }
        self.budget.renew();
        let line = self.line();
        let mut cells = Vec::with_capacity(self.record.len());
        for cell in &self.record {
            cells.push(std::str::from_utf8(cell).map_err(|_| self.malformed(line, NOT_UTF8))?);
        }
        // A text table has no lists.
        let Features::Columns(places) = columns.features() else { return Ok(None) };
        let mut values = Vec::with_capacity(places.len());
        for &at in places {
            values.push(self.mark.parse(cells[at]).ok_or_else(|| {
                let (path, column) = (self.path.clone(), columns.header()[at].clone());
                let text = cells[at].chars().take(40).collect();
                match self.mark.is_foreign(cells[at]) {
                    true => TableError::DecimalMarks { path, line, column, text },
                    false => TableError::NotANumber { path, line, column, text },
                }
            })?);
        }
        let share = Self::damaged_share(&mut self.mark, columns, &cells);
        let share = share.map_err(|at| TableError::NotAShare {
            path: self.path.clone(),
            line,
            column: columns.header()[at].clone(),
            text: cells[at].chars().take(40).collect(),
        })?;
        let cell = |at| match &share {
            Some((place, share)) if *place == at => share.as_str(),
            _ => cells[at],
        };
        let metadata = columns.metadata(&self.path, line, cell)?;
        Ok(Some(Row { line, metadata, values }))
    }

    /// The share of damage as it is written elsewhere, and its place: its decimal mark is that of the features.
    fn damaged_share(
        mark: &mut DecimalMark,
        columns: &Columns,
        cells: &[&str],
    ) -> Result<Option<(usize, String)>, usize> {
        let Some(at) = columns.damaged_share() else { return Ok(None) };
        let share = mark.parse(cells[at]).ok_or(at)?;
        Ok((!share.is_nan()).then(|| (at, share.to_string())))
    }

    /// Where the record begins, from 1. The parser counts line feeds as it comes to them, and comes to that
    /// of a carriage return and to those of empty lines only after it has said where the record begins.
    fn line(&self) -> u64 {
        let begins = self.record.position().map_or(0, csv::Position::line);
        let inside: usize =
            self.record.iter().map(|cell| cell.iter().filter(|byte| **byte == b'\n').count()).sum();
        let after = self.reader.position().line().saturating_sub(inside as u64);
        let by_end = after.saturating_sub(u64::from(!self.has_returns));
        by_end.max(begins + u64::from(self.has_returns))
    }

    fn malformed(&self, line: u64, why: &str) -> TableError {
        TableError::Malformed { path: self.path.clone(), line, why: why.to_owned() }
    }

    fn refused(&self, error: &csv::Error) -> TableError {
        let path = self.path.clone();
        let returns = u64::from(self.has_returns);
        let line = error
            .position()
            .map_or_else(|| self.reader.position().line(), |position| position.line() + returns);
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

/// What separates the cells of the header: what comes most in it, outside of quotes.
fn separator(start: &[u8]) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in start.trim_ascii_start() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                for (separator, count) in &mut counts {
                    *count += usize::from(byte == separator);
                }
            }
            _ => {}
        }
    }
    // Of equals, the first.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(separator, _)| separator)
}

/// Whether the header's line ends in a carriage return and a line feed.
fn has_returns(start: &[u8]) -> bool {
    let mut quoted = false;
    let ends = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b'\n' && !quoted
    };
    let text = start.trim_ascii_start();
    let end = text.iter().position(ends);
    end.is_some_and(|end| text[..end].ends_with(b"\r"))
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

/// A text of which no record may have more than its budget.
pub(super) struct Limited {
    text: Box<dyn Read>,
    budget: Budget,
}

impl Limited {
    pub(super) fn new(text: Box<dyn Read>, budget: &Budget) -> Self {
        Self { text, budget: budget.clone() }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_separator() {
        for (header, expected) in [
            ("a,b,c\n1;2;3;4", b','),
            ("a;b\n", b';'),
            ("\n\na\tb\n", b'\t'),
            ("a", b','),
            ("", b','),
            ("\"a;b;c\",d\n", b','),
            ("\"a\n;;;\",b", b','),
            ("a;b,c", b','),
        ] {
            assert_eq!(separator(header.as_bytes()), expected, "{header:?}");
        }
    }
}
