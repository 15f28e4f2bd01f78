//! Which version is grown, and where the new one goes.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use index::manifest::{MANIFEST_FILE, Manifest};

use super::Grown;
use crate::{
    builder::place::{Workplace, lock_folder, refuse_existing},
    error::Error,
    versions::{is_folder, move_pointer, read_pointer, resolve, version_directory},
};

/// What a new version is called, in a folder of versions, until it has its version as name.
const NEXT: &str = "next";

/// From where to where.
#[derive(Debug)]
pub(super) struct Goal {
    from: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    /// A directory of its own.
    Directory(PathBuf),
    /// A folder of versions, locked, whose pointer held this name.
    Folder { folder: PathBuf, name: String, _lock: File },
}

impl Goal {
    pub(super) fn new(index: &Path, output: Option<&Path>) -> Result<Self, Error> {
        if let Some(output) = output {
            refuse_existing(output)?;
            return Ok(Self { from: resolve(index)?, to: To::Directory(output.to_owned()) });
        }
        if index.join(MANIFEST_FILE).exists() || !is_folder(index) {
            return Err(Error::OutputMissing { path: index.to_owned() });
        }
        // Before the pointer is read: two that began with the same version would each lose what the
        // other added.
        let lock = lock_folder(index)?;
        let name = read_pointer(index)?;
        let from = version_directory(index, &name)?;
        Ok(Self { from, to: To::Folder { folder: index.to_owned(), name, _lock: lock } })
    }

    /// The version that is grown.
    pub(super) fn from(&self) -> &Path {
        &self.from
    }

    /// A path beside which the new version can be made.
    pub(super) fn beside(&self) -> PathBuf {
        match &self.to {
            To::Directory(path) => path.clone(),
            To::Folder { folder, .. } => folder.join(NEXT),
        }
    }

    /// Gives the version its name, and moves the pointer of its folder.
    pub(super) fn reach(self, place: Workplace, manifest: Manifest) -> Result<Grown, Error> {
        let (version, path, pointer_moved) = match &self.to {
            To::Directory(path) => (place.publish(&manifest, path)?, path.clone(), false),
            To::Folder { folder, name, .. } => {
                let (version, path) = place.publish_in(&manifest, folder)?;
                // By hand, perhaps: back to a version before. That decision stands.
                let unmoved = read_pointer(folder)? == *name;
                if unmoved {
                    move_pointer(folder, &version)?;
                }
                (version, path, unmoved)
            }
        };
        Ok(Grown {
            version,
            manifest,
            path,
            pointer_moved,
            drift_of_added: Vec::new(),
            freed_features: Vec::new(),
            features_left_out: Vec::new(),
            columns_left_out: Vec::new(),
        })
    }
}
