//! A file of the source, whole on this host before it is decoded: in memory if it is small, else on
//! local disk. A wire that breaks is then never half a recording.

use std::{
    io::{self, Seek as _, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use storage::{StorageError, Store};
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile_in};

use crate::{
    batch::{FileError, source_path_of_text},
    decode::EncodedAudio,
    error::ExtractError,
    shards::SourceFile,
};

/// Bytes of a file that are kept in memory; a larger one goes to the spool.
const IN_MEMORY_BYTES: usize = 4 << 20;

/// A file that is here, or is to be listed as a failure.
pub(super) struct Fetched {
    /// Its key as the name of a row.
    pub(super) source_path: String,
    pub(super) audio: Result<EncodedAudio, FileError>,
}

/// Where files come from.
pub(super) struct Source<'a> {
    pub(super) store: Store,
    /// Larger files are not fetched.
    pub(super) max_file_bytes: u64,
    pub(super) spool: &'a Path,
    pub(super) stop: &'a Arc<AtomicBool>,
}

impl Source<'_> {
    /// Fetches a file.
    ///
    /// # Errors
    /// When the store or the local disk fails, or the run is to stop.
    pub(super) fn fetch(&self, file: SourceFile) -> anyhow::Result<Fetched> {
        let source_path = source_path_of_text(&file.key);
        if let Err(error) = FileError::check_source_path(&source_path) {
            return Ok(Fetched { source_path, audio: Err(error) });
        }
        let audio = match self.download(&file)? {
            Ok(data) => Ok(self.open(data)?),
            Err(error) => Err(error),
        };
        Ok(Fetched { source_path, audio })
    }

    fn download(&self, file: &SourceFile) -> anyhow::Result<Result<SpooledTempFile, FileError>> {
        let limit = self.max_file_bytes;
        if file.bytes > limit {
            return Ok(Err(ExtractError::StreamTooLarge { limit }.into()));
        }
        let mut data = spooled_tempfile_in(IN_MEMORY_BYTES, self.spool);
        let mut reader = match self.store.read_listed(&file.key, file.bytes, file.etag.as_deref()) {
            Ok(reader) => reader,
            Err(error) => return gone(error),
        };
        loop {
            if self.stop.load(Ordering::Relaxed) {
                anyhow::bail!("stopped");
            }
            match reader.next_chunk() {
                Ok(Some(chunk)) => data.write_all(&chunk).context("cannot write to the spool")?,
                Ok(None) => return Ok(Ok(data)),
                Err(error) => return gone(error),
            }
        }
    }

    fn open(&self, data: SpooledTempFile) -> anyhow::Result<EncodedAudio> {
        Ok(match data.into_inner() {
            SpooledData::InMemory(bytes) => EncodedAudio::from_bytes(bytes.into_inner()),
            SpooledData::OnDisk(mut file) => {
                let rewound: io::Result<()> = file.rewind();
                rewound.with_context(|| format!("cannot read {}", self.spool.display()))?;
                EncodedAudio::from_file(file)
            }
        })
    }
}

/// A file that is gone or changed is its failure; everything else is the run's.
fn gone<T>(error: StorageError) -> anyhow::Result<Result<T, FileError>> {
    match error {
        StorageError::Missing { url } => Ok(Err(FileError::Missing { url })),
        StorageError::Changed { url } => Ok(Err(FileError::Changed { url })),
        error => Err(error.into()),
    }
}
