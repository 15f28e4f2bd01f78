//! Files that are read again when they change: certificates, keys, tokens.
//!
//! Contents are compared, not times of modification: the files are small, and mounted secrets are
//! swapped by links whose times say little.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::{sync::watch, task, time};

use crate::observe::metrics::ConnectionMetrics;

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a file was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is too large to be what it should be.
    #[error("{path} has more than {MAX_FILE_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Its content is not what it should be. The content itself is never told.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// The value made from some files, always the newest that could be made.
pub(crate) struct Reloading<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    parse: Parse<T>,
    digest: [u8; 32],
    sender: watch::Sender<Arc<T>>,
}

type Parse<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, ReloadError> + Send>;

/// Where the newest value is read.
#[derive(Debug)]
pub(crate) struct Latest<T>(watch::Receiver<Arc<T>>);

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Latest<T> {
    pub(crate) fn value(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }
}

impl<T> Reloading<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or `parse` refuses its content.
    pub(crate) fn open(
        what: &'static str,
        files: Vec<PathBuf>,
        parse: impl Fn(&[Vec<u8>]) -> Result<T, ReloadError> + Send + 'static,
    ) -> Result<Self, ReloadError> {
        let contents = read_all(&files)?;
        let (sender, _) = watch::channel(Arc::new(parse(&contents)?));
        Ok(Self { what, files, parse: Box::new(parse), digest: digest(&contents), sender })
    }

    pub(crate) fn latest(&self) -> Latest<T> {
        Latest(self.sender.subscribe())
    }

    /// Looks again every `interval`, until dropped. A change that cannot be taken is logged and
    /// counted once, and the value stays as it was.
    pub(crate) async fn follow(mut self, interval: Duration, metrics: ConnectionMetrics) {
        let mut refused = None;
        loop {
            time::sleep(interval).await;
            let files = self.files.clone();
            let read = task::spawn_blocking(move || read_all(&files)).await;
            let seen = match &read {
                Ok(Ok(contents)) => digest(contents),
                _ => [0; 32],
            };
            if seen == self.digest {
                refused = None;
                continue;
            }
            if refused == Some(seen) {
                continue;
            }
            let made = match read {
                Ok(read) => read.and_then(|contents| (self.parse)(&contents)),
                // The runtime is ending.
                Err(_) => return,
            };
            metrics.reloaded(self.what, made.is_ok());
            match made {
                Ok(value) => {
                    self.digest = seen;
                    refused = None;
                    self.sender.send_replace(Arc::new(value));
                    tracing::info!(what = self.what, files = ?self.files, "changed files taken");
                }
                Err(error) => {
                    refused = Some(seen);
                    tracing::error!(what = self.what, %error, "changed files refused; the old stay");
                }
            }
        }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, ReloadError> {
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, ReloadError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
        .map_err(|source| ReloadError::Read { path: path.to_owned(), source })?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(ReloadError::TooLarge { path: path.to_owned() });
    }
    Ok(content)
}

fn digest(contents: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}
