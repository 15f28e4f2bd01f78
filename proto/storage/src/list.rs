//! The names under a prefix, as a stream: a store may have more of them than memory.

use std::{fmt, sync::Arc};

use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{Error as ClientError, ObjectMeta, ObjectStore, path::Path};

use crate::{
    error::StorageError,
    location::{Location, Provider},
    store::Store,
};

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
    pub(crate) fn of(location: &Location, meta: &ObjectMeta) -> Option<Self> {
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
    pub(crate) fn open(store: Store, client: Option<Arc<dyn ObjectStore>>, prefix: &Path) -> Self {
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
