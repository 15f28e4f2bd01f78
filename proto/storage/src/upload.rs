//! A file as an object. Small ones in one request; others in parts of which a few are under way, so
//! that memory stays bounded and one lost part is sent again, not the file.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path as FilePath,
};

use bytes::Bytes;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};

use crate::{error::StorageError, store::Store};

/// Smallest part; a file up to it is one request.
const PART_BYTES: u64 = 8 << 20;
/// Most parts that every provider takes, with room.
const MAX_PARTS: u64 = 9000;
/// Parts under way.
const PARTS_AT_A_TIME: usize = 4;

impl Store {
    /// Writes the file at `file` as the object `name`, over what is there. It is seen whole or not at
    /// all. `moved` is told the bytes of each part that has arrived.
    ///
    /// # Errors
    /// When the file cannot be read, or the store cannot be written.
    pub fn upload(
        &self,
        name: &str,
        file: &FilePath,
        moved: &mut dyn FnMut(u64),
    ) -> Result<(), StorageError> {
        let path = self.location().path_of(name)?;
        let url = self.location().of(name);
        let client = self.for_writing()?;
        upload(self, client.as_ref(), &path, &url, file, moved)
    }
}

fn upload(
    store: &Store,
    client: &dyn ObjectStore,
    path: &Path,
    url: &str,
    file: &FilePath,
    moved: &mut dyn FnMut(u64),
) -> Result<(), StorageError> {
    let unreadable = |source| StorageError::Io { path: file.to_owned(), source };
    let refused = |error| StorageError::from_client(url.to_owned(), error);
    let mut source = File::open(file).map_err(unreadable)?;
    let bytes = source.metadata().map_err(unreadable)?.len();
    if bytes <= PART_BYTES {
        let part = next_part(&mut source, PART_BYTES).map_err(unreadable)?;
        let sent = part.len() as u64;
        store.wait(client.put(path, part.into())).map_err(refused)?;
        moved(sent);
        return Ok(());
    }
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MAX_PARTS));
    store.wait(async {
        let mut upload = client.put_multipart(path).await.map_err(refused)?;
        let mut under_way = FuturesOrdered::new();
        let sent = async {
            loop {
                let part = next_part(&mut source, part_bytes).map_err(unreadable)?;
                let (ended, length) = (part.is_empty(), part.len() as u64);
                if !ended {
                    let put = upload.put_part(part.into());
                    under_way.push_back(async move { put.await.map(|()| length) });
                }
                while under_way.len() >= PARTS_AT_A_TIME || (ended && !under_way.is_empty()) {
                    if let Some(part) = under_way.next().await {
                        moved(part.map_err(refused)?);
                    }
                }
                if ended {
                    return Ok(());
                }
            }
        };
        let sent: Result<(), StorageError> = sent.await;
        drop(under_way);
        match sent {
            Ok(()) => upload.complete().await.map(drop).map_err(refused),
            Err(error) => {
                // What cannot be removed is left to the bucket's rule for unfinished uploads.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    })
}

/// The next `bytes` of the file, or fewer at its end.
fn next_part(file: &mut File, bytes: u64) -> io::Result<Bytes> {
    let mut part = Vec::new();
    file.take(bytes).read_to_end(&mut part)?;
    Ok(part.into())
}
