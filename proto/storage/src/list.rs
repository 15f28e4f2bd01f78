//! The names under a prefix, as a stream: a store may have more of them than memory.

use std::{fmt, sync::Arc};

use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{Error as ClientError, ObjectMeta, ObjectStore, path::Path};

use crate::{
    error::StorageError,
    location::{Location, Provider},
    store::Store,
};

impl Store {
    /// The objects whose names begin with the folder `prefix`; all of them if it is empty. Names come
    /// as the store has them, in no order that can be relied on.
    ///
    /// # Errors
    /// When `prefix` is no name. What the store says comes with the objects; after
    /// [`StorageError::Entry`] come the others.
    pub fn list(&self, prefix: &str) -> Result<Listing, StorageError> {
        let path = self.location().prefix_of(prefix)?;
        Ok(Listing::open(self.clone(), self.for_reading()?, &path))
    }

    /// The objects that are directly in the folder `prefix`, and the names of the folders in it.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn folder(&self, prefix: &str) -> Result<(Vec<Object>, Vec<String>), StorageError> {
        let path = self.location().prefix_of(prefix)?;
        let Some(client) = self.for_reading()? else { return Ok((Vec::new(), Vec::new())) };
        let answer = match self.wait(client.list_with_delimiter(Some(&path))) {
            Ok(answer) => answer,
            Err(ClientError::NotFound { .. }) => return Ok((Vec::new(), Vec::new())),
            Err(error) => return Err(self.failed(prefix, error)),
        };
        let objects = answer.objects.iter().filter_map(|meta| Object::of(self.location(), meta));
        let folders =
            answer.common_prefixes.iter().filter_map(|path| self.location().name_of(path));
        Ok((objects.collect(), folders.collect()))
    }
}

/// An object, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name, below the place that was opened.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last written, in seconds since 1970.
    pub written_at_unix: i64,
    /// The store's name for just these bytes (its entity tag), if it has one.
    pub tag: Option<String>,
}

impl Object {
    fn of(location: &Location, meta: &ObjectMeta) -> Option<Self> {
        Some(Self {
            name: location.name_of(&meta.location)?,
            bytes: meta.size,
            written_at_unix: meta.last_modified.timestamp(),
            tag: meta.e_tag.clone(),
        })
    }
}

/// Objects, one after the other.
pub struct Listing {
    store: Store,
    objects: BoxStream<'static, Result<ObjectMeta, ClientError>>,
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Listing {
    fn open(store: Store, client: Option<Arc<dyn ObjectStore>>, prefix: &Path) -> Self {
        let objects = match client {
            Some(client) => client.list(Some(prefix)),
            None => futures_util::stream::empty().boxed(),
        };
        Self { store, objects }
    }
}

impl Listing {
    /// A folder is walked, and what breaks is one entry of it; a store breaks as a whole.
    fn failed(&self, error: ClientError) -> StorageError {
        let location = self.store.location();
        match location.provider() {
            Provider::Folder(_) => {
                StorageError::Entry { url: location.to_string(), cause: error.to_string() }
            }
            _ => self.store.failed("", error),
        }
    }
}

impl Iterator for Listing {
    type Item = Result<Object, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.store.wait(self.objects.next())? {
                Ok(meta) => match Object::of(self.store.location(), &meta) {
                    Some(object) => return Some(Ok(object)),
                    None => continue,
                },
                Err(error) => return Some(Err(self.failed(error))),
            }
        }
    }
}
