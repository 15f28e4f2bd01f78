//! Text that may be compressed: gzip and zstd, of one or many members, recognised by the first bytes.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::{
    TableError,
    delimited::{Budget, Limited},
};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 1 << 18;

/// Opens a text file, decompressed; `budget` limits what one record may read.
pub(super) fn open_text(path: &Path, budget: &Budget) -> Result<Box<dyn Read>, TableError> {
    let failed = |source| TableError::Io { path: path.to_owned(), source };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
    let start = file.fill_buf().map_err(failed)?;
    let text: Box<dyn Read> = if start.starts_with(&GZIP_MAGIC) {
        Box::new(MultiGzDecoder::new(file))
    } else if start.starts_with(&ZSTD_MAGIC) {
        // The library's own bound on a frame's window, 128 MiB, bounds its memory.
        Box::new(zstd::Decoder::with_buffer(file).map_err(failed)?)
    } else {
        Box::new(file)
    };
    Ok(Box::new(Limited::new(text, budget)))
}
