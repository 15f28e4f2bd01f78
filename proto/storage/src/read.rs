//! An object as a stream. It is read in windows, each a request of its own with tries of its own, so
//! that an object of any size can be read over a wire that breaks; all windows are of the same object
//! or the reader says that it was replaced.

use std::{fmt, io, sync::Arc};

use bytes::{Buf as _, Bytes};
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{Error as ClientError, GetOptions, GetRange, ObjectStore, path::Path};

use crate::{error::StorageError, location::Provider, store::Store};

/// Bytes of one request.
const WINDOW_BYTES: u64 = 64 << 20;

impl Store {
    /// The object `name` from byte `from` to its end, as a stream.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it ends before `from`.
    pub fn read(&self, name: &str, from: u64) -> Result<ObjectReader, StorageError> {
        let path = self.location().path_of(name)?;
        let url = self.location().of(name);
        let client = self.for_reading()?;
        let client = client.ok_or_else(|| StorageError::Missing { url: url.clone() })?;
        ObjectReader::open(self.clone(), client, path, url, from)
    }

    /// The object `name` as an earlier listing showed it, as a stream, with one request less than
    /// [`read`](Self::read). That it is missing or another one by now comes with the first bytes.
    ///
    /// # Errors
    /// When `name` is no name, or the folder is not there.
    pub fn read_listed(
        &self,
        name: &str,
        bytes: u64,
        tag: Option<&str>,
    ) -> Result<ObjectReader, StorageError> {
        let path = self.location().path_of(name)?;
        let url = self.location().of(name);
        let client = self.for_reading()?;
        let client = client.ok_or_else(|| StorageError::Missing { url: url.clone() })?;
        let tag = tag.map(str::to_owned);
        Ok(ObjectReader::known(self.clone(), client, path, url, 0, bytes, tag))
    }
}

/// An object that is being read.
pub struct ObjectReader {
    store: Store,
    client: Arc<dyn ObjectStore>,
    path: Path,
    url: String,
    /// Which object the first window was of.
    tag: Option<String>,
    size: u64,
    /// Where the next byte is that has not come yet.
    at: u64,
    window: BoxStream<'static, Result<Bytes, ClientError>>,
    window_end: u64,
    chunk: Bytes,
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, size, at, .. } = self;
        f.debug_struct("ObjectReader")
            .field("url", url)
            .field("size", size)
            .field("at", at)
            .finish_non_exhaustive()
    }
}

impl ObjectReader {
    fn open(
        store: Store,
        client: Arc<dyn ObjectStore>,
        path: Path,
        url: String,
        from: u64,
    ) -> Result<Self, StorageError> {
        let failed = |error| StorageError::from_client(url.clone(), error);
        let head = GetOptions { head: true, ..GetOptions::default() };
        let meta = store.wait(client.get_opts(&path, head)).map_err(failed)?.meta;
        if from > meta.size {
            // Who asks to go on behind the end has seen another object.
            return Err(StorageError::Changed { url });
        }
        Ok(Self::known(store, client, path, url, from, meta.size, meta.e_tag))
    }

    /// A reader of an object of this size and tag; nothing is asked before its first byte is.
    fn known(
        store: Store,
        client: Arc<dyn ObjectStore>,
        path: Path,
        url: String,
        at: u64,
        size: u64,
        tag: Option<String>,
    ) -> Self {
        let window = futures_util::stream::empty().boxed();
        let chunk = Bytes::new();
        Self { store, client, path, url, tag, size, at, window, window_end: at, chunk }
    }

    /// Size in bytes of the whole object.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, as they come from the wire; none at the end.
    ///
    /// # Errors
    /// When the store cannot be read after all tries, or the object was replaced.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, StorageError> {
        if !self.chunk.is_empty() {
            return Ok(Some(std::mem::take(&mut self.chunk)));
        }
        loop {
            if let Some(chunk) = self.store.wait(self.window.next()) {
                let chunk =
                    chunk.map_err(|error| StorageError::from_client(self.url.clone(), error))?;
                self.at += chunk.len() as u64;
                if chunk.is_empty() {
                    continue;
                }
                return Ok(Some(chunk));
            }
            if self.at != self.window_end {
                let cause = format!("the stream ends at {} of {}", self.at, self.window_end);
                return Err(StorageError::Unreachable { url: self.url.clone(), cause });
            }
            if self.at == self.size {
                return self.check_end().map(|()| None);
            }
            self.next_window()?;
        }
    }

    /// Objects of stores never change while they are read; files do, also in place.
    fn check_end(&self) -> Result<(), StorageError> {
        if !matches!(self.store.location().provider(), Provider::Folder(_)) {
            return Ok(());
        }
        let options =
            GetOptions { head: true, if_match: self.tag.clone(), ..GetOptions::default() };
        let answer = self.store.wait(self.client.get_opts(&self.path, options));
        answer.map(drop).map_err(|error| StorageError::from_client(self.url.clone(), error))
    }

    fn next_window(&mut self) -> Result<(), StorageError> {
        let end = self.size.min(self.at + WINDOW_BYTES);
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.at..end)),
            if_match: self.tag.clone(),
            ..GetOptions::default()
        };
        let answer = self.store.wait(self.client.get_opts(&self.path, options));
        let answer = answer.map_err(|error| StorageError::from_client(self.url.clone(), error))?;
        if answer.meta.size != self.size {
            return Err(StorageError::Changed { url: self.url.clone() });
        }
        self.window = answer.into_stream();
        self.window_end = end;
        Ok(())
    }
}

impl io::Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.chunk.is_empty() {
            let Some(chunk) = self.next_chunk()? else { return Ok(0) };
            self.chunk = chunk;
        }
        let taken = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}
