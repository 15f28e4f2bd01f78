//! Where versions come from. The seam for other places, such as an object store: what is wanted is
//! asked often and must be cheap; a directory is asked for once per version.

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
};

use index::manifest::MANIFEST_FILE;

use super::pointer::{is_folder, read_pointer, version_directory};
use crate::error::Error;

/// A place that has versions of one index and says which is wanted.
pub trait VersionSource: Debug + Send {
    /// The name of the version that should be served. Names are the source's own; the same name is
    /// the same version for ever.
    ///
    /// # Errors
    /// When the place cannot be asked, or its answer is no name.
    fn wanted(&self) -> Result<String, Error>;

    /// A local directory with the whole of that version, fetched first where it is elsewhere.
    ///
    /// # Errors
    /// When there is none.
    fn directory(&self, name: &str) -> Result<PathBuf, Error>;

    /// A version that was served from here before and can be without asking the place; for a start
    /// when the place does not answer, or has nothing sound.
    fn last_served(&self) -> Option<String> {
        None
    }

    /// Told that the version's directory is not an index that can be served. Whether the next
    /// directory of that name may be another.
    fn rejected(&self, _name: &str) -> bool {
        false
    }

    /// Told that version `name` answers from now on, and `previous`, if not empty, is still open.
    fn serves(&self, _name: &str, _previous: &str) {}
}

/// A local folder of versions with a pointer.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl VersionSource for Folder {
    fn wanted(&self) -> Result<String, Error> {
        Ok(read_pointer(&self.path)?)
    }

    fn directory(&self, name: &str) -> Result<PathBuf, Error> {
        Ok(version_directory(&self.path, name)?)
    }
}

/// One index directory, or a link to one: where the link leads is the version's name.
#[derive(Clone, Debug)]
pub struct Single {
    path: PathBuf,
}

impl Single {
    /// The index at `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl VersionSource for Single {
    fn wanted(&self) -> Result<String, Error> {
        let real = self
            .path
            .canonicalize()
            .map_err(|source| Error::Io { path: self.path.clone(), source })?;
        Ok(real.to_string_lossy().into_owned())
    }

    fn directory(&self, name: &str) -> Result<PathBuf, Error> {
        let real = PathBuf::from(name);
        // A name that is not UTF-8 cannot be kept as text; the link is followed again then.
        Ok(if real.exists() { real } else { self.path.clone() })
    }
}

/// The source at `path`: a folder of versions, or one index.
#[must_use]
pub fn source_at(path: &Path) -> Box<dyn VersionSource> {
    if !path.join(MANIFEST_FILE).exists() && is_folder(path) {
        return Box::new(Folder::new(path.to_owned()));
    }
    Box::new(Single::new(path.to_owned()))
}

/// The index directory that `path` stands for: itself, or the wanted version of a folder.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    if !path.join(MANIFEST_FILE).exists() && is_folder(path) {
        let folder = Folder::new(path.to_owned());
        return folder.directory(&folder.wanted()?);
    }
    Ok(path.to_owned())
}
