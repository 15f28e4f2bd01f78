//! What can be done with objects: small ones are read and written here; streams, files and listings have
//! files of their own. Each call blocks until the store has answered, or until tries and
//! time-outs are used up.

use std::{future::Future, path::PathBuf, sync::Arc};

use bytes::Bytes;
use object_store::{
    Error as ClientError, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    UpdateVersion, path::Path,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::StorageError,
    folder,
    location::{Location, Provider},
    open,
    options::StorageOptions,
};

/// Threads that wait for the wire and speak TLS; callers wait on their own.
const WIRE_THREADS: usize = 2;

/// A place for objects, open. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    location: Location,
    /// None for a folder, whose client needs the folder to exist.
    client: Option<Arc<dyn ObjectStore>>,
    runtime: Arc<Wire>,
}

/// The runtime of a store. Dropped without waiting, so that the last clone may go anywhere.
#[derive(Debug)]
struct Wire(Option<Runtime>);

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A small object as it was read, to be compared when it is swapped.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What it holds.
    pub bytes: Bytes,
    version: UpdateVersion,
}

/// What became of an object that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now, and was not before.
    New,
    /// It was there, with the same bytes: another try, or another worker, was first.
    Same,
    /// It was there, with other bytes, and has been left as it was.
    Other,
}

/// What became of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The object holds the new bytes.
    Done,
    /// Somebody else was first; the object has been left as it was.
    Lost,
}

impl Store {
    /// Opens the place; nothing is asked of it yet.
    ///
    /// # Errors
    /// When the options or the environment do not make a client.
    pub fn open(location: &Location, options: &StorageOptions) -> Result<Self, StorageError> {
        let runtime =
            Builder::new_multi_thread().worker_threads(WIRE_THREADS).enable_all().build().map_err(
                |source| StorageError::Io { path: PathBuf::from("threads of a store"), source },
            )?;
        let client = match location.provider() {
            Provider::Folder(_) => None,
            _ => Some(open::client(location, options)?),
        };
        let runtime = Arc::new(Wire(Some(runtime)));
        Ok(Self { location: location.clone(), client, runtime })
    }

    /// Which place it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The object `name` whole, or none if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or has more than `max_bytes`.
    pub fn get(&self, name: &str, max_bytes: u64) -> Result<Option<Snapshot>, StorageError> {
        let path = self.location.path_of(name)?;
        let Some(client) = self.for_reading()? else { return Ok(None) };
        let answer = self.wait(async {
            let answer = client.get(&path).await?;
            let bytes = answer.meta.size;
            if bytes > max_bytes {
                return Ok(Err(bytes));
            }
            let version = version_of(&answer);
            Ok(Ok(Snapshot { bytes: answer.bytes().await?, version }))
        });
        match answer {
            Ok(Ok(snapshot)) => Ok(Some(snapshot)),
            Ok(Err(bytes)) => {
                Err(StorageError::TooLarge { url: self.location.of(name), bytes, max_bytes })
            }
            Err(ClientError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Size in bytes of the object `name`, or none if there is none.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        let path = self.location.path_of(name)?;
        let Some(client) = self.for_reading()? else { return Ok(None) };
        match self.wait(client.head(&path)) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(ClientError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Writes the object `name` unless there is one.
    ///
    /// A try whose answer was lost is told from another writer's by the bytes: the caller sees
    /// [`Created::Same`] then.
    ///
    /// # Errors
    /// When the store cannot be written, or has no conditional writes.
    pub fn create(&self, name: &str, bytes: Bytes) -> Result<Created, StorageError> {
        let path = self.location.path_of(name)?;
        let client = self.for_writing()?;
        let put = client.put_opts(&path, bytes.clone().into(), PutMode::Create.into());
        match self.wait(put) {
            Ok(_) => Ok(Created::New),
            Err(ClientError::AlreadyExists { .. } | ClientError::Precondition { .. }) => {
                Ok(if self.holds(name, &bytes)? { Created::Same } else { Created::Other })
            }
            Err(error) => match self.failed(name, error) {
                // Such a write is not tried twice, since nobody knows whether it was done; this tells.
                error if error.is_passing() && self.holds(name, &bytes)? => Ok(Created::Same),
                error => Err(error),
            },
        }
    }

    /// Whether the object `name` holds these bytes.
    fn holds(&self, name: &str, bytes: &Bytes) -> Result<bool, StorageError> {
        // Its size is asked first: it may be much larger.
        if self.size(name)? != Some(bytes.len() as u64) {
            return Ok(false);
        }
        match self.get(name, bytes.len() as u64) {
            Ok(there) => Ok(there.is_some_and(|there| there.bytes == *bytes)),
            Err(StorageError::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the object `name` hold `bytes` if it still is as `expected`, which is none where there was
    /// no object.
    ///
    /// A try whose answer was lost, and two writers of the same bytes, have all won.
    ///
    /// # Errors
    /// When the store cannot be asked, or has no conditional writes.
    pub fn swap(
        &self,
        name: &str,
        expected: Option<&Snapshot>,
        bytes: Bytes,
    ) -> Result<Swap, StorageError> {
        let Some(expected) = expected else {
            return Ok(match self.create(name, bytes)? {
                Created::New | Created::Same => Swap::Done,
                Created::Other => Swap::Lost,
            });
        };
        let path = self.location.path_of(name)?;
        let client = self.for_writing()?;
        let mode = match self.location.provider() {
            Provider::Folder(folder) => {
                let _locked = folder::lock(folder)?;
                return match self.get(name, expected.bytes.len().max(bytes.len()) as u64) {
                    Ok(Some(there)) if there.bytes == expected.bytes => {
                        self.put(&client, name, &path, bytes, PutMode::Overwrite.into())?;
                        Ok(Swap::Done)
                    }
                    Ok(Some(there)) if there.bytes == bytes => Ok(Swap::Done),
                    Ok(_) | Err(StorageError::TooLarge { .. }) => Ok(Swap::Lost),
                    Err(error) => Err(error),
                };
            }
            _ => PutMode::Update(expected.version.clone()),
        };
        match self.put(&client, name, &path, bytes.clone(), mode.into()) {
            Ok(()) => Ok(Swap::Done),
            Err(StorageError::Changed { .. }) => {
                Ok(if self.holds(name, &bytes)? { Swap::Done } else { Swap::Lost })
            }
            // As when an object is created.
            Err(error) if error.is_passing() && self.holds(name, &bytes)? => Ok(Swap::Done),
            Err(error) => Err(error),
        }
    }

    /// Removes the object `name`. That there is none is no error.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn delete(&self, name: &str) -> Result<(), StorageError> {
        let path = self.location.path_of(name)?;
        let Some(client) = self.for_reading()? else { return Ok(()) };
        match self.wait(client.delete(&path)) {
            Ok(()) | Err(ClientError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    fn put(
        &self,
        client: &Arc<dyn ObjectStore>,
        name: &str,
        path: &Path,
        bytes: Bytes,
        options: PutOptions,
    ) -> Result<(), StorageError> {
        let put = self.wait(client.put_opts(path, bytes.into(), options));
        put.map(drop).map_err(|error| self.failed(name, error))
    }

    /// The client, or none for a folder that is not there.
    pub(crate) fn for_reading(&self) -> Result<Option<Arc<dyn ObjectStore>>, StorageError> {
        match (&self.client, self.location.provider()) {
            (None, Provider::Folder(path)) if path.exists() => folder::client(path).map(Some),
            (client, _) => Ok(client.clone()),
        }
    }

    pub(crate) fn for_writing(&self) -> Result<Arc<dyn ObjectStore>, StorageError> {
        if let Provider::Folder(path) = self.location.provider() {
            folder::make(path)?;
            return folder::client(path);
        }
        Ok(self.for_reading()?.expect("all but folders have a client"))
    }

    pub(crate) fn failed(&self, name: &str, error: ClientError) -> StorageError {
        StorageError::from_client(self.location.of(name), error)
    }

    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.0.as_ref().expect("taken when dropped").block_on(future)
    }
}

fn version_of(answer: &GetResult) -> UpdateVersion {
    UpdateVersion { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() }
}
