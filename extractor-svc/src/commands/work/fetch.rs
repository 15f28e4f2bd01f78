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

use anyhow::{Context as _, bail};
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

/// Files that are looked at to tell a store that is away from a file that cannot be read.
const PROBES: usize = 3;

/// A file that is here, or is to be listed as a failure.
pub(super) struct Fetched {
    /// Its place in the list.
    pub(super) place: usize,
    /// Its key as the name of a row.
    pub(super) source_path: String,
    pub(super) audio: Result<EncodedAudio, FileError>,
}

/// Where files come from.
pub(super) struct Source<'a> {
    pub(super) store: Store,
    /// The files of the shard.
    pub(super) files: &'a [SourceFile],
    /// Larger files are not fetched.
    pub(super) max_file_bytes: u64,
    pub(super) spool: &'a Path,
    pub(super) stop: &'a Arc<AtomicBool>,
}

impl Source<'_> {
    /// Fetches the file at this place of the list.
    ///
    /// # Errors
    /// When the store or the local disk fails, or the run is to stop.
    pub(super) fn fetch(&self, place: usize) -> anyhow::Result<Fetched> {
        let file = self.files.get(place).context("there is no such file in the list")?;
        let source_path = source_path_of_text(&file.key);
        let fetched = |audio| Ok(Fetched { place, source_path: source_path.clone(), audio });
        if let Err(error) = FileError::check_source_path(&source_path) {
            return fetched(Err(error));
        }
        let limit = self.max_file_bytes;
        if file.bytes > limit {
            return fetched(Err(ExtractError::StreamTooLarge { limit }.into()));
        }
        let mut data = self.download(file)?;
        // A store that is away is the run's failure, a file that it does not give the file's.
        if data.as_ref().is_err_and(is_the_stores) && self.gives_another(file)? {
            data = self.download(file)?;
        }
        match data {
            Ok(data) => fetched(Ok(self.open(data)?)),
            Err(StorageError::Missing { url }) => fetched(Err(FileError::Missing { url })),
            Err(StorageError::Changed { url }) => fetched(Err(FileError::Changed { url })),
            Err(error) if !is_the_stores(&error) || self.gives_another(file)? => {
                let detail = error.to_string();
                fetched(Err(ExtractError::SourceFailed { detail }.into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the store gives the first bytes of some other file of the list, or says what became of it.
    fn gives_another(&self, file: &SourceFile) -> anyhow::Result<bool> {
        for other in self.files.iter().filter(|other| *other != file).take(PROBES) {
            self.check_stop()?;
            let listed = self.store.read_listed(&other.key, other.bytes, other.etag.as_deref());
            let answer = listed.and_then(|mut reader| reader.next_chunk());
            match answer {
                Ok(_) | Err(StorageError::Changed { .. }) => return Ok(true),
                // A bucket that is gone looks just so.
                Err(_) => {}
            }
        }
        Ok(false)
    }

    fn check_stop(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) { bail!("stopped") } else { Ok(()) }
    }

    fn download(&self, file: &SourceFile) -> anyhow::Result<Result<SpooledTempFile, StorageError>> {
        let mut data = spooled_tempfile_in(IN_MEMORY_BYTES, self.spool);
        let mut reader = match self.store.read_listed(&file.key, file.bytes, file.etag.as_deref()) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            self.check_stop()?;
            match reader.next_chunk() {
                Ok(Some(chunk)) => data.write_all(&chunk).context("cannot write to the spool")?,
                Ok(None) => return Ok(Ok(data)),
                Err(error) => return Ok(Err(error)),
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

/// Whether an error may be of the whole store: what it says of one object, and of a name, is not.
fn is_the_stores(error: &StorageError) -> bool {
    !matches!(
        error,
        StorageError::Missing { .. } | StorageError::Changed { .. } | StorageError::Name { .. }
    )
}
