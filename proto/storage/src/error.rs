//! What went wrong, at which URL, and what to do about it.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a store could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The text is not the URL of a store.
    #[error("`{url}` is not the URL of a store: {problem}")]
    Url {
        /// The text, without what may be secret.
        url: String,
        /// What is expected instead.
        problem: &'static str,
    },
    /// The name is not one of an object.
    #[error("{url} has no object `{}`: expected a relative name without `.`, `..` or empty parts", name.escape_debug())]
    Name {
        /// The store.
        url: String,
        /// The name, cut.
        name: String,
    },
    /// The client could not be made from the settings.
    #[error(
        "{url} cannot be opened: {cause}; look at the storage options and at the provider's variables"
    )]
    Settings {
        /// The store.
        url: String,
        /// What the client says.
        cause: String,
    },
    /// There is no such object.
    #[error("{url} does not exist")]
    Missing {
        /// The object.
        url: String,
    },
    /// The store refuses these credentials.
    #[error(
        "{url} refuses these credentials: {cause}; look at the provider's variables and at what the role may do"
    )]
    Denied {
        /// The object.
        url: String,
        /// What the store says.
        cause: String,
    },
    /// The store does not answer, or not sensibly, after all tries.
    #[error("{url} cannot be reached: {cause}; look at the endpoint, the network and the store")]
    Unreachable {
        /// The object.
        url: String,
        /// What was last seen.
        cause: String,
    },
    /// One entry of a folder cannot be listed; those behind it can.
    #[error("an entry of {url} cannot be listed: {cause}")]
    Entry {
        /// The folder.
        url: String,
        /// Which entry, and what the operating system says.
        cause: String,
    },
    /// The object was replaced while it was read.
    #[error("{url} was replaced while it was read; read it again")]
    Changed {
        /// The object.
        url: String,
    },
    /// The object is larger than may be.
    #[error("{url} has {bytes} bytes, expected at most {max_bytes}")]
    TooLarge {
        /// The object.
        url: String,
        /// Its size in bytes.
        bytes: u64,
        /// The largest size in bytes.
        max_bytes: u64,
    },
    /// The store cannot do what is needed.
    #[error("{url} cannot do this: {cause}; a store with conditional writes is needed")]
    Unsupported {
        /// The object.
        url: String,
        /// What is missing.
        cause: String,
    },
    /// A local file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl StorageError {
    /// Whether the same call may work later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Changed { .. })
    }

    /// From what the client says of the object at `url`.
    pub(crate) fn from_client(url: String, error: object_store::Error) -> Self {
        use object_store::Error;
        let cause = error.to_string();
        match error {
            _ if is_denied(&error) => Self::Denied { url, cause },
            Error::NotFound { .. } => Self::Missing { url },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Denied { url, cause }
            }
            Error::Precondition { .. } | Error::NotModified { .. } => Self::Changed { url },
            Error::NotImplemented { .. } | Error::NotSupported { .. } => {
                Self::Unsupported { url, cause }
            }
            Error::UnknownConfigurationKey { .. } => Self::Settings { url, cause },
            _ => Self::Unreachable { url, cause },
        }
    }
}

/// Whether the operating system refused, as it does with a file without the right to be read.
fn is_denied(error: &object_store::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::PermissionDenied) {
            return true;
        }
        source = error.source();
    }
    false
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> Self {
        let kind = match &error {
            StorageError::Missing { .. } => io::ErrorKind::NotFound,
            StorageError::Denied { .. } => io::ErrorKind::PermissionDenied,
            StorageError::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
