//! A place in a store as a source of versions for a server: what is wanted is asked of the store, and
//! a version is fetched into the cache.

use std::path::PathBuf;

use index::manifest::Manifest;

use super::{cache::Cache, error::DistributionError, place::Place};
use crate::{error::Error, searcher::Searcher, versions::VersionSource};

/// A place in a store, with a cache of its versions.
#[derive(Debug)]
pub struct Remote {
    place: Place,
    cache: Cache,
}

impl Remote {
    /// The versions of `place`, kept in `cache`.
    #[must_use]
    pub fn new(place: Place, cache: Cache) -> Self {
        Self { place, cache }
    }
}

impl VersionSource for Remote {
    fn wanted(&self) -> Result<String, Error> {
        match self.place.pointer()? {
            Some((pointer, _)) => Ok(pointer.version),
            None => Err(DistributionError::NoPointer { url: self.place.pointer_url() }.into()),
        }
    }

    fn directory(&self, name: &str) -> Result<PathBuf, Error> {
        Ok(self.cache.fetch(&self.place, name)?)
    }

    fn last_served(&self) -> Option<String> {
        self.cache.last_served()
    }

    fn rejected(&self, name: &str) -> bool {
        if !self.cache.has(name) {
            return false;
        }
        // What is not what was built is fetched again; what is, and cannot be opened all the same,
        // would only come as it is. What cannot be read for now may be sound.
        let directory = self.cache.directory(name);
        let checked = Manifest::read(&directory).map_err(Error::from).and_then(|(manifest, _)| {
            let gone = manifest.files.keys().any(|file| !directory.join(file).is_file());
            if gone {
                Ok(false)
            } else {
                Searcher::verify_files(&directory, &manifest).map(|()| true)
            }
        });
        let sound = checked.unwrap_or_else(|error| error.is_passing());
        if !sound {
            self.cache.remove(name);
        }
        !sound
    }

    fn serves(&self, name: &str, previous: &str) {
        if let Err(error) = self.cache.keep(name, previous) {
            tracing::warn!(%error, "the cache cannot remember what is served");
        }
    }
}
