//! Where an image's bytes live: mapped from a file, or in anonymous memory.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memmap2::{Mmap, MmapMut};

use super::error::BlocksError;

/// A finished image, in page-aligned memory.
#[derive(Debug)]
pub struct Image(Mmap);

impl Image {
    /// Maps a file without reading it: pages come from the file cache and are shared between processes.
    ///
    /// The file must stay as it is while mapped; index directories are versioned and never written in place.
    ///
    /// # Errors
    /// The file cannot be opened or mapped.
    pub fn map(path: &Path) -> Result<Self, BlocksError> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Self::copy(&[]);
        }
        #[expect(unsafe_code, reason = "the one place that maps a file")]
        // SAFETY: the mapping is read-only and private to this value. Index files are written once, renamed into place and
        // never changed; were one changed all the same, the engine's accesses stay in bounds, since it checks every number
        // it takes from the image at each use as an index.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }

    /// Reads a file into memory of its own, in huge pages where the system has them: fewer address look-ups per query.
    ///
    /// # Errors
    /// The file cannot be read or memory cannot be had.
    pub fn read(path: &Path) -> Result<Self, BlocksError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let length = usize::try_from(length)
            .map_err(|_| BlocksError::Length { actual: length, expected: usize::MAX as u64 })?;
        let mut memory = allocate(length)?;
        file.read_exact(&mut memory[..length])?;
        Ok(Self(memory.make_read_only()?))
    }

    /// Copies bytes into aligned memory.
    ///
    /// # Errors
    /// Memory cannot be had.
    pub fn copy(bytes: &[u8]) -> Result<Self, BlocksError> {
        let mut memory = allocate(bytes.len())?;
        memory[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(memory.make_read_only()?))
    }

    pub(super) fn from_memory(memory: MmapMut) -> Result<Self, BlocksError> {
        Ok(Self(memory.make_read_only()?))
    }

    /// The image's bytes, as they go into a file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Zeroed, page-aligned memory of exactly `length` bytes.
pub(super) fn allocate(length: usize) -> Result<MmapMut, BlocksError> {
    let memory = MmapMut::map_anon(length)?;
    #[cfg(target_os = "linux")]
    if length > HUGE_FROM {
        // Only a hint: without huge pages all works the same, somewhat slower.
        let _ = memory.advise(memmap2::Advice::HugePage);
    }
    Ok(memory)
}

/// Smaller images would waste most of a huge page.
#[cfg(target_os = "linux")]
const HUGE_FROM: usize = 8 << 20;
