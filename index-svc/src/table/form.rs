//! Which form a table has, by its first bytes: its name may be wrong. What is not read is refused by what
//! it is, with the way to a form that is read.

use std::{io::Read as _, path::Path};

use super::{TableError, compression::open_text, delimited::Budget};

/// Bytes that tell the form.
const HEAD_BYTES: usize = 8 << 10;

/// A form of table that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Delimited,
    Json,
    Parquet,
}

/// A kind of file that is not read: its first bytes, its name, and what to do.
type Refused = (&'static [u8], &'static str, &'static str);

const TO_PARQUET: &str = "write Parquet, for example with pandas' `to_parquet`";
const UNPACK: &str = "unpack it, or compress the table with gzip or zstd";
const TO_UTF8: &str = "save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8`";
const TO_LINES: &str = "write one object a line, for example with `jq -c '.[]'`";

const REFUSED: [Refused; 20] = [
    (b"PARE", "an encrypted Parquet file", "write it without encryption"),
    (b"ARROW1", "a Feather (Arrow IPC) file", TO_PARQUET),
    (b"FEA1", "a Feather file", TO_PARQUET),
    (b"\xff\xff\xff\xff", "an Arrow stream", TO_PARQUET),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (b"\x04\x22\x4d\x18", "compressed with lz4", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (
        b"\x93NUMPY",
        "a numpy array, which names no columns",
        "`index-svc import` reads it with its scaler",
    ),
    (b"\x80\x02", "a Python pickle", TO_PARQUET),
    (b"\x80\x03", "a Python pickle", TO_PARQUET),
    (b"\x80\x04", "a Python pickle", TO_PARQUET),
    (b"\x80\x05", "a Python pickle", TO_PARQUET),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (xls)", "save the sheet as CSV UTF-8"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", TO_PARQUET),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"ORC", "an ORC file", TO_PARQUET),
    (b"Obj\x01", "an Avro file", TO_PARQUET),
    (b"MATLAB 5.0", "a MATLAB file", "export the table as CSV"),
    (b"RDX", "an R data file", "export the table with `write.csv`"),
];

/// The form of the table at `path`.
///
/// # Errors
/// When it cannot be read, is empty, or has a form that is not read.
pub(super) fn detect(path: &Path) -> Result<Form, TableError> {
    let io = |source| TableError::Io { path: path.to_owned(), source };
    let mut raw = [0; 4];
    let mut file = std::fs::File::open(path).map_err(io)?;
    let got = file.read(&mut raw).map_err(io)?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let text = open_text(path, &Budget::default())?;
    text.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io)?;
    let is_compressed = !head.starts_with(&raw[..got]);
    let refused = |what, way| Err(TableError::Form { path: path.to_owned(), what, way });
    match of_head(&head) {
        Ok(Form::Parquet) if is_compressed => {
            refused("a compressed Parquet file", "unpack it; Parquet compresses its own pages")
        }
        Ok(form) => Ok(form),
        Err((what, way)) => refused(what, way),
    }
}

fn of_head(head: &[u8]) -> Result<Form, (&'static str, &'static str)> {
    if head.starts_with(b"PAR1") {
        return Ok(Form::Parquet);
    }
    // Some begin with letters, as a header may.
    let is_binary = |byte: &u8| *byte < b'\t' || (*byte > b'\r' && *byte < b' ') || *byte > 0xf7;
    let known = REFUSED.iter().find(|(magic, ..)| head.starts_with(magic));
    if let Some((_, what, way)) = known.filter(|_| head.iter().any(is_binary)) {
        return Err((what, way));
    }
    if head.starts_with(b"PK\x03\x04") {
        return Err(zip(head));
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(("text in UTF-16", TO_UTF8));
    }
    // Every second byte of UTF-16 is 0 where its letters are ASCII.
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if zeros > 0 {
        let alternates = zeros * 5 > head.len() * 2 && !head.windows(2).any(|pair| pair == [0, 0]);
        return Err(match alternates {
            true => ("text in UTF-16", TO_UTF8),
            false => ("binary data of a kind that is not known", TO_PARQUET),
        });
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match text.first() {
        None if head.len() < HEAD_BYTES => Err(("empty", "a table has a header line and rows")),
        Some(b'{') => Ok(Form::Json),
        Some(b'[') => Err(("a JSON array", TO_LINES)),
        Some(b'<') => Err(("HTML or XML", "save the table as CSV")),
        _ => Ok(Form::Delimited),
    }
}

/// What a zip archive is, by the names at its beginning.
fn zip(head: &[u8]) -> (&'static str, &'static str) {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    if has(b"xl/") || has(b"[Content_Types].xml") {
        ("an Excel workbook (xlsx)", "save the sheet as CSV UTF-8")
    } else if has(b".npy") {
        ("a numpy archive (npz)", "write a table with the names of its columns")
    } else {
        ("a zip archive", UNPACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_first_bytes() {
        for (head, form) in [
            (&b"PAR1\x15\x04"[..], Form::Parquet),
            (b"\xef\xbb\xbf{\"a\": 1}", Form::Json),
            (b" \n{\"a\": 1}", Form::Json),
            (b"track_id,mfcc_mean_1\n", Form::Delimited),
            (b"Obj,a\n", Form::Delimited),
            (b"ORCHESTRA,mfcc_mean_1\n", Form::Delimited),
        ] {
            assert_eq!(of_head(head), Ok(form), "{}", head.escape_ascii());
        }
        let what = |head: &[u8]| of_head(head).expect_err("not read").0;
        for (magic, name, _) in REFUSED {
            assert_eq!(what(&[magic, b"\x00\x01rest"].concat()), name);
        }
        assert_eq!(what(b"PK\x03\x04..[Content_Types].xml.."), "an Excel workbook (xlsx)");
        assert_eq!(what(b"PK\x03\x04..arr_0.npy.."), "a numpy archive (npz)");
        assert_eq!(what(b"PK\x03\x04..a.csv.."), "a zip archive");
        assert_eq!(what(b"\xff\xfet\0r\0"), "text in UTF-16");
        assert_eq!(what(b"t\0r\0a\0c\0k\0"), "text in UTF-16");
        assert_eq!(what(b"\0\0\0\x01track"), "binary data of a kind that is not known");
        assert_eq!(what(b" [{}]"), "a JSON array");
        assert_eq!(what(b"<html>"), "HTML or XML");
        for blank in [&b""[..], b"\xef\xbb\xbf", b"\n\n "] {
            assert_eq!(what(blank), "empty");
        }
    }
}
