//! A finished file of rows: mapped where that costs little memory, else read piece by piece.
//!
//! A mapped page counts as the process's own memory from its first use on, a page that is read does not;
//! a read costs a system call. Which it is changes no answer.

use std::{
    borrow::Cow,
    fs::File,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use memmap2::Mmap;

use super::StoreError;

/// Bytes read at once by whoever reads row after row.
const AHEAD_BYTES: u64 = 1 << 20;

/// An open file.
#[derive(Debug)]
pub(super) struct RowFile {
    path: PathBuf,
    bytes: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Mapped(Mmap),
    OnDisk(File),
}

impl RowFile {
    /// Opens a file; it is mapped if it has at most so many bytes.
    pub(super) fn open(path: PathBuf, most_mapped: u64) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let content = match bytes > 0 && bytes <= most_mapped {
            true => Content::Mapped(map(&file).map_err(failed)?),
            false => Content::OnDisk(file),
        };
        Ok(Self { path, bytes, content })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of address space that it takes.
    pub(super) fn mapped_bytes(&self) -> u64 {
        match self.content {
            Content::Mapped(_) => self.bytes,
            Content::OnDisk(_) => 0,
        }
    }

    /// All of its bytes where it is mapped; none where it is read.
    pub(super) fn mapped(&self) -> &[u8] {
        match &self.content {
            Content::Mapped(map) => map,
            Content::OnDisk(_) => &[],
        }
    }

    /// Tells the system that what is read next lies anywhere.
    pub(super) fn advise_random(&self) -> Result<(), StoreError> {
        match &self.content {
            Content::Mapped(map) => {
                map.advise(memmap2::Advice::Random).map_err(|source| self.failed(source))
            }
            Content::OnDisk(_) => Ok(()),
        }
    }

    /// A range of its bytes.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, StoreError> {
        match &self.content {
            Content::Mapped(map) => {
                map.get(indices(&range)).map(Cow::Borrowed).ok_or_else(|| self.cut())
            }
            Content::OnDisk(file) => {
                let mut bytes = vec![0; range.end.saturating_sub(range.start) as usize];
                file.read_exact_at(&mut bytes, range.start)
                    .map_err(|source| self.failed(source))?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    fn cut(&self) -> StoreError {
        self.failed(std::io::ErrorKind::UnexpectedEof.into())
    }

    fn failed(&self, source: std::io::Error) -> StoreError {
        StoreError::Io { path: self.path.clone(), source }
    }
}

/// A file that is read from front to back: a piece at a time.
#[derive(Debug)]
pub(super) struct Ahead<'f> {
    file: &'f RowFile,
    start: u64,
    piece: Vec<u8>,
}

impl<'f> Ahead<'f> {
    pub(super) fn new(file: &'f RowFile) -> Self {
        Self { file, start: 0, piece: Vec::new() }
    }

    /// As [`RowFile::read`]; cheap where the range is soon behind the last one.
    pub(super) fn read(&mut self, range: Range<u64>) -> Result<&[u8], StoreError> {
        if let Content::Mapped(map) = &self.file.content {
            return map.get(indices(&range)).ok_or_else(|| self.file.cut());
        }
        let held = self.start..self.start + self.piece.len() as u64;
        if range.start < held.start || range.end > held.end {
            let end = range.end.max((range.start + AHEAD_BYTES).min(self.file.bytes));
            self.piece = self.file.read(range.start..end)?.into_owned();
            self.start = range.start;
        }
        Ok(&self.piece[indices(&(range.start - self.start..range.end - self.start))])
    }
}

/// Both ends fit: what is mapped fits the address space.
fn indices(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[expect(unsafe_code, reason = "the one place that maps a file of rows")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is read-only. Files of an index are written once, under a name that nobody else
    // knows, and never changed after that; every range is checked against the mapping's own length.
    unsafe { Mmap::map(file) }
}
