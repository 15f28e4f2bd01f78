//! `features.npy`: an array of `[rows, columns]`, as `numpy.save` writes it (format 1 to 3).
//!
//! The header is three known keys of a Python dict; a whole parser of Python's literals, which the
//! libraries for this format bring, is not needed for them.

use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::Path,
};

use engine::blocks::{MAX_DIMS, MAX_ROWS};

use super::ImportError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read, in bytes; numpy pads to a multiple of 64 and writes 128.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// Scaled features in memory, row after row.
#[derive(Debug)]
pub(super) struct Features {
    values: Vec<f64>,
    rows: usize,
    dims: usize,
}

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    element_bytes: usize,
    big_endian: bool,
    by_column: bool,
    rows: usize,
    dims: usize,
}

impl Features {
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        let failed = |source| ImportError::Io { path: path.to_owned(), source };
        let wrong =
            |why: &str| ImportError::NotFeatures { path: path.to_owned(), why: why.to_owned() };
        let file = File::open(path).map_err(failed)?;
        let file_bytes = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|_| wrong("it is too short"))?;
        if !start.starts_with(MAGIC) {
            return Err(wrong("it does not begin as numpy's files do"));
        }
        // Version 1 has a length of two bytes, 2 and 3 of four.
        let mut length = [0; 4];
        let width = if start[6] == 1 { 2 } else { 4 };
        reader.read_exact(&mut length[..width]).map_err(|_| wrong("its header is cut"))?;
        let length = u32::from_le_bytes(length) as usize;
        if !(1..=3).contains(&start[6]) || length > MAX_HEADER_BYTES {
            return Err(wrong("its header is of another version, or too long"));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(|_| wrong("its header is cut"))?;
        let header = parse(&String::from_utf8_lossy(&text)).map_err(|why| wrong(&why))?;
        let data = (header.rows as u64).checked_mul((header.dims * header.element_bytes) as u64);
        if data.and_then(|data| data.checked_add((8 + width + length) as u64)) != Some(file_bytes) {
            return Err(wrong("its size is not that of the shape in its header"));
        }
        let values = numbers(&mut reader, &header).map_err(failed)?;
        let features = Self { values, rows: header.rows, dims: header.dims };
        match features.values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(ImportError::NotFinite {
                path: path.to_owned(),
                row: at / header.dims,
                column: at % header.dims,
                value: features.values[at],
            }),
            None => Ok(features),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.dims..][..self.dims]
    }

    /// Whether a column has one value.
    pub(super) fn is_constant(&self, column: usize) -> bool {
        let mut values = self.values.chunks_exact(self.dims).map(|row| row[column].to_bits());
        let first = values.next();
        values.all(|value| Some(value) == first)
    }
}

/// All numbers, row after row.
fn numbers(reader: &mut impl std::io::Read, header: &Header) -> std::io::Result<Vec<f64>> {
    let Header { element_bytes, big_endian, by_column, rows, dims } = *header;
    let mut values = vec![0.0; rows * dims];
    let (lines, line) = if by_column { (dims, rows) } else { (rows, dims) };
    let mut bytes = vec![0; line * element_bytes];
    for major in 0..lines {
        reader.read_exact(&mut bytes)?;
        for (minor, element) in bytes.chunks_exact_mut(element_bytes).enumerate() {
            if big_endian {
                element.reverse();
            }
            let value = match *element {
                [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                // The header allows no other size.
                _ => f64::NAN,
            };
            let (row, column) = if by_column { (minor, major) } else { (major, minor) };
            values[row * dims + column] = value;
        }
    }
    Ok(values)
}

fn parse(text: &str) -> Result<Header, String> {
    let after = |key: &str| {
        let (_, rest) = text.split_once(key).ok_or_else(|| format!("its header lacks {key}"))?;
        Ok::<&str, String>(rest.trim_start().strip_prefix(':').unwrap_or(rest).trim_start())
    };
    let descr = after("'descr'")?;
    let (element_bytes, big_endian) = match descr.get(..5) {
        Some("'<f8'") => (8, false),
        Some("'<f4'") => (4, false),
        Some("'>f8'") => (8, true),
        Some("'>f4'") => (4, true),
        _ => return Err("its values are not 32- or 64-bit floats".to_owned()),
    };
    let by_column = after("'fortran_order'")?.starts_with("True");
    let shape = after("'shape'")?;
    let shape = shape.strip_prefix('(').and_then(|shape| shape.split_once(')'));
    let shape = shape.map(|(shape, _)| shape).unwrap_or_default();
    let lengths: Vec<usize> = shape
        .split(',')
        .map(str::trim)
        .filter(|length| !length.is_empty())
        .map(|length| length.parse().map_err(|_| format!("its shape is ({shape})")))
        .collect::<Result<_, _>>()?;
    let [rows, dims] = lengths[..] else {
        return Err(format!("its shape is ({shape}), expected (rows, columns)"));
    };
    if rows == 0 || rows > MAX_ROWS || dims == 0 || dims > MAX_DIMS {
        let most = format!("1 to {MAX_ROWS} rows of 1 to {MAX_DIMS} columns");
        return Err(format!("its shape is ({shape}), expected {most}"));
    }
    Ok(Header { element_bytes, big_endian, by_column, rows, dims })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_are_read_or_refused() {
        let good = "{'descr': '<f4', 'fortran_order': True, 'shape': (7, 74), }          \n";
        let expected =
            Header { element_bytes: 4, big_endian: false, by_column: true, rows: 7, dims: 74 };
        assert_eq!(parse(good), Ok(expected));
        for (from, to) in [
            ("<f4", "<i4"),
            ("'descr'", "'desc'"),
            ("(7, 74)", "(7,)"),
            ("(7, 74)", "(7, 74, 2)"),
            ("(7, 74)", "(0, 74)"),
            ("(7, 74)", "(7, 99999)"),
            ("(7, 74)", "(-7, 74)"),
            ("(7, 74)", "(99999999999999999999, 74)"),
        ] {
            assert!(parse(&good.replace(from, to)).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn any_file_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("features.npy");
            std::fs::write(&path, [b"\x93NUMPY\x01\0", bytes.as_slice()].concat()).expect("writable");
            let _ = Features::read(&path);
        }
    }
}
