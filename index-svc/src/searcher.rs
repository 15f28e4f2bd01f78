//! Whoever answers queries: an open index, the sets of rows of recent filters, and how fast this machine is.

use std::{ops::Deref, path::Path, sync::OnceLock};

use index::{EngineChoice, Index, manifest::Manifest};

use crate::{
    error::Error,
    filter::Filters,
    versions::{Place, resolve},
};

/// An open index that answers queries. It reads as its [`Index`].
#[derive(Debug)]
pub struct Searcher {
    index: Index,
    pub(crate) filters: Filters,
    /// Rows a query may look at on the thread that asks; see [`Self::warm`].
    pub(crate) here: OnceLock<usize>,
    /// Its place among the open versions of a server. The last field, since fields are dropped in order:
    /// the place is free when the files are closed.
    pub(crate) place: Option<Place>,
}

impl Searcher {
    /// Of an index that is open.
    #[must_use]
    pub fn new(index: Index) -> Self {
        Self { index, filters: Filters::default(), here: OnceLock::new(), place: None }
    }

    /// Opens the index at `path` with all its engines.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, EngineChoice::Auto)
    }

    /// Opens the index at `path`, or the wanted version of a folder of versions, with engines of one's
    /// choice.
    ///
    /// # Errors
    /// As [`Index::open`], or when the folder's pointer is refused.
    pub fn open_with(path: &Path, choice: EngineChoice) -> Result<Self, Error> {
        Ok(Self::new(Index::open(&resolve(path)?, choice)?))
    }

    /// Opens a directory whose manifest is still in memory.
    pub(crate) fn open_unfinished(directory: &Path, manifest: Manifest) -> Result<Self, Error> {
        let version = "unpublished".to_owned();
        Ok(Self::new(Index::open_parts(directory, manifest, version, EngineChoice::Auto)?))
    }

    /// Checks the digest of every file of the index at `path`, or of the wanted version of a folder;
    /// reads all of them.
    ///
    /// # Errors
    /// When a file is not the one that was built.
    pub fn verify_files(path: &Path, manifest: &Manifest) -> Result<(), Error> {
        Ok(Index::verify_files(&resolve(path)?, manifest)?)
    }

    /// What the index is, for who measures it before its manifest is written.
    pub(crate) fn manifest_mut(&mut self) -> &mut Manifest {
        self.index.manifest_mut()
    }

    /// Closes the index and keeps what it is.
    pub(crate) fn into_manifest(self) -> Manifest {
        self.index.into_manifest()
    }
}

impl Deref for Searcher {
    type Target = Index;

    fn deref(&self) -> &Index {
        &self.index
    }
}
