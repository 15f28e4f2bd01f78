//! Where a version is made and where it goes: a hidden directory beside the output, renamed when it
//! is complete.
//!
//! The directory is locked while its builder lives. What a killed builder left is unlocked, and the
//! next builder of the same output removes it.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use index::{build_record::BuildRecord, manifest::Manifest};
use tempfile::TempDir;

use crate::{error::Error, searcher::Searcher};

/// Tries to make a directory that nobody takes for a left one.
const TRIES: usize = 16;

/// A version in the making. Removed when it is dropped and was not published.
#[derive(Debug)]
pub(super) struct Workplace {
    directory: TempDir,
    /// Held while the directory is being filled.
    _lock: File,
}

impl Workplace {
    /// A hidden directory beside `output`, so that the rename stays on one file system.
    pub(super) fn beside(output: &Path) -> Result<Self, Error> {
        let parent = parent_of(output);
        let failed = |source| Error::Io { path: parent.to_owned(), source };
        fs::create_dir_all(parent).map_err(failed)?;
        let prefix =
            format!(".{}.building-", output.file_name().unwrap_or_default().to_string_lossy());
        remove_left(parent, &prefix);
        for _ in 0..TRIES {
            let directory =
                tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).map_err(failed)?;
            // Between the two, another builder may have taken it for a left one and removed it.
            let Ok(lock) = File::open(directory.path()) else { continue };
            if lock.try_lock().is_ok() && directory.path().exists() {
                return Ok(Self { directory, _lock: lock });
            }
        }
        Err(Error::Busy { path: parent.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes the manifest, flushes the directory, and gives it its name; returns the version.
    pub(super) fn publish(self, manifest: &Manifest, output: &Path) -> Result<String, Error> {
        let version = self.complete(manifest)?;
        self.rename(output)?;
        Ok(version)
    }

    /// As [`Self::publish`], into a folder of versions, under the version as its name. The same version
    /// may be there already: the same step from the same version was made before.
    pub(super) fn publish_in(
        self,
        manifest: &Manifest,
        folder: &Path,
    ) -> Result<(String, PathBuf), Error> {
        let version = self.complete(manifest)?;
        let output = folder.join(&version);
        if !is_whole(&output, &version) {
            self.rename(&output)?;
        }
        Ok((version, output))
    }

    fn complete(&self, manifest: &Manifest) -> Result<String, Error> {
        let path = self.path();
        BuildRecord::now().write(path)?;
        let version = manifest.write(path)?;
        let failed = |source| Error::Io { path: path.to_owned(), source };
        fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(failed)?;
        File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(version)
    }

    fn rename(self, output: &Path) -> Result<(), Error> {
        refuse_existing(output)?;
        fs::rename(self.path(), output).map_err(|source| match source.kind() {
            // Another builder was faster; the index it put there stays.
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                Error::OutputExists { path: output.to_owned() }
            }
            _ => Error::Io { path: output.to_owned(), source },
        })?;
        // It has its name now; there is nothing left to remove.
        let _ = self.directory.keep();
        let parent = parent_of(output);
        File::open(parent)
            .and_then(|file| file.sync_all())
            .map_err(|source| Error::Io { path: parent.to_owned(), source })
    }
}

/// Whether `directory` holds the whole of `version`.
fn is_whole(directory: &Path, version: &str) -> bool {
    Manifest::read(directory).is_ok_and(|(manifest, found)| {
        found == version && Searcher::verify_files(directory, &manifest).is_ok()
    })
}

pub(super) fn refuse_existing(output: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(output) {
        Ok(_) => Err(Error::OutputExists { path: output.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// The lock of a folder, by which one process at a time makes versions of it; until it is dropped.
pub(super) fn lock_folder(folder: &Path) -> Result<File, Error> {
    let failed = |source: io::Error| Error::Io { path: folder.to_owned(), source };
    let lock = File::open(folder).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Removes what killed builders left: directories with this prefix that nobody has locked. What
/// cannot be removed stays; it is in nobody's way.
fn remove_left(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = entry.path();
        if let Ok(lock) = File::open(&path)
            && lock.try_lock().is_ok()
            && fs::remove_dir_all(&path).is_ok()
        {
            tracing::info!(path = %path.display(), "what a killed build left is removed");
        }
    }
}

fn parent_of(output: &Path) -> &Path {
    output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
