//! Why an index could not be published, fetched, or rolled back.

use std::{io, path::PathBuf};

use index::manifest::ManifestError;
use storage::StorageError;
use thiserror::Error;

/// Why an index could not be published, fetched, or rolled back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DistributionError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Nothing has been published there.
    #[error("{url} does not exist; publish an index there first")]
    NoPointer {
        /// The pointer.
        url: String,
    },
    /// The pointer does not hold the name of a version.
    #[error("{url} holds `{}`, expected the name of a version in its first line", line.escape_debug())]
    Pointer {
        /// The pointer.
        url: String,
        /// Its line, cut.
        line: String,
    },
    /// The version is not in the store, or its upload never ended.
    #[error("{url} has no whole version {version}; those that are whole: {}", listed(known))]
    NoVersion {
        /// The place.
        url: String,
        /// The version.
        version: String,
        /// Versions that are there.
        known: Vec<String>,
    },
    /// Somebody removes the version.
    #[error(
        "{url} says that {version} is being removed; let `prune` come to its end, and publish it again"
    )]
    Going {
        /// The pointer.
        url: String,
        /// The version.
        version: String,
    },
    /// A folder of versions whose names somebody chose.
    #[error(
        "{url}: this index is named `{name}` and not by its index version, {version}; `versions`, `rollback` and `prune` \
         work with the names that `publish` and `append` give. Write `{name}` into CURRENT to have it served"
    )]
    OwnName {
        /// The manifest.
        url: String,
        /// What the folder is called.
        name: String,
        /// What it holds.
        version: String,
    },
    /// There is no version to go back to.
    #[error("{url} names no version before {version}; say with --version which one is wanted")]
    NothingBefore {
        /// The pointer.
        url: String,
        /// The version it names.
        version: String,
    },
    /// The object is not the one that was built.
    #[error("{url} is damaged: {got} as {what}, expected {expected}; publish the version again")]
    Damaged {
        /// The object.
        url: String,
        /// What is compared.
        what: &'static str,
        /// What is there.
        got: String,
        /// What should be there.
        expected: String,
    },
    /// The manifest in the store was refused.
    #[error("{url}: {source}; publish the version again")]
    Manifest {
        /// The object.
        url: String,
        /// Why.
        source: ManifestError,
    },
    /// The manifest names a file that no index has.
    #[error("{url} names a file `{}`, expected a plain name", name.escape_debug())]
    FileName {
        /// The manifest.
        url: String,
        /// The name, cut.
        name: String,
    },
    /// Somebody else moved the pointer first.
    #[error(
        "{url} was moved to {winner} by {by}{} while {version} was on its way; {version} is there \
         whole, and the same command again moves the pointer to it if that is still wanted",
        at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default()
    )]
    Lost {
        /// The pointer.
        url: String,
        /// The version that was to be wanted.
        version: String,
        /// The version that is.
        winner: String,
        /// Who moved it.
        by: String,
        /// When, as RFC 3339.
        at: Option<String>,
    },
    /// Others move the pointer again and again.
    #[error("{url} changes faster than it can be written; try again when nobody publishes")]
    Restless {
        /// The pointer.
        url: String,
    },
    /// Another server keeps its versions there.
    #[error("{} is the cache of another process; give each server one of its own", path.display())]
    CacheInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// The first few of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names {
        [] => "none".to_owned(),
        names if names.len() > SHOWN => format!("{}, …", names[..SHOWN].join(", ")),
        names => names.join(", "),
    }
}
