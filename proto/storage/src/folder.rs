//! A folder as a store. Objects are files, written beside their place, flushed, and linked or renamed
//! into it, so that none is ever seen in part.
//!
//! File systems have no compare-and-swap. A swap here locks the folder itself (`flock`), reads the
//! file, compares its bytes, and renames the new one over it: of writers that go through this crate,
//! on one host or on a file system that carries such locks, one wins. A file system that refuses
//! locks is an error, never a swap without one.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use object_store::{ObjectStore, local::LocalFileSystem};

use crate::error::StorageError;

/// Longest wait for another's swap, or for who builds in the same folder.
const MAX_LOCK_TIME: Duration = Duration::from_secs(60);
/// Time between two tries of the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// The client of the folder, which must exist.
pub(crate) fn client(path: &Path) -> Result<Arc<dyn ObjectStore>, StorageError> {
    // A folder that cannot be resolved is one the operating system refuses.
    let real = path.canonicalize().map_err(|source| failed(path, source))?;
    let folder = LocalFileSystem::new_with_prefix(real)
        .map_err(|error| StorageError::from_client(path.display().to_string(), error))?;
    // As in a store, a folder is there as long as there is something in it.
    Ok(Arc::new(folder.with_fsync(true).with_automatic_cleanup(true)))
}

/// Makes the folder and those above it.
pub(crate) fn make(path: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(path).map_err(|source| failed(path, source))
}

/// Waits until no other swap is under way in the folder; it is over when the file is dropped.
pub(crate) fn lock(path: &Path) -> Result<File, StorageError> {
    let folder = File::open(path).map_err(|source| failed(path, source))?;
    let deadline = Instant::now() + MAX_LOCK_TIME;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::park_timeout(LOCK_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                let cause = format!("another process has it locked for {MAX_LOCK_TIME:?}");
                let url = format!("file://{}", path.display());
                return Err(StorageError::Unreachable { url, cause });
            }
            Err(TryLockError::Error(source)) => return Err(failed(path, source)),
        }
    }
}

fn failed(path: &Path, source: std::io::Error) -> StorageError {
    StorageError::Io { path: path.to_owned(), source }
}
