//! Why an engine could not answer or be built, and whether it may later.

#![deny(clippy::wildcard_enum_match_arm)]

use std::{error::Error as StdError, path::PathBuf};

use thiserror::Error;

use crate::{
    blocks::BlocksError,
    name::EngineName,
    passing::{io_is_passing, lmdb_is_passing},
};

/// Why an engine could not answer or be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The query is not of the index's width.
    #[error("query has {got} values, expected {expected}")]
    Width {
        /// Values given.
        got: usize,
        /// Values of a vector of the index.
        expected: usize,
    },
    /// The blocks engine refused the query or its image.
    #[error("blocks: {0}")]
    Blocks(#[from] BlocksError),
    /// The image of the blocks engine cannot be used.
    #[error(
        "{}: {source}; build the index again, or open it with `--engine forest` if it has a forest",
        path.display()
    )]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BlocksError,
    },
    /// The image is a sound one, but not of this index.
    #[error(
        "{} has {got} {what}, the manifest says {expected}; build the index again, or open it with \
         `--engine forest` if it has a forest",
        path.display()
    )]
    ForeignImage {
        /// The file.
        path: PathBuf,
        /// What is compared.
        what: &'static str,
        /// What the image has.
        got: String,
        /// What the manifest says.
        expected: String,
    },
    /// The index was built without the engine asked for.
    #[error("the index was built without the engine `{name}`; build it with `--engine both`")]
    NotBuilt {
        /// The engine.
        name: EngineName,
    },
    /// The forest's storage or structure failed.
    #[error("forest: {0}")]
    Forest(#[from] ForestError),
    /// The forest is not the one the manifest speaks of.
    #[error("forest has {got} {what}, expected {expected}")]
    ForestShape {
        /// What is counted.
        what: &'static str,
        /// Count in the forest.
        got: u64,
        /// Count in the manifest.
        expected: u64,
    },
    /// The threads of a build could not be started.
    #[error("cannot start the build thread: {0}")]
    Threads(#[source] Box<dyn StdError + Send + Sync>),
}

impl EngineError {
    /// Whether the same call may be answered later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Forest(error) => error.is_passing(),
            Self::Image { source, .. } | Self::Blocks(source) => source.is_passing(),
            Self::Threads(_)
            | Self::Width { .. }
            | Self::ForeignImage { .. }
            | Self::NotBuilt { .. }
            | Self::ForestShape { .. } => false,
        }
    }
}

/// Why a forest could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForestError {
    /// LMDB failed.
    #[error("{}: {source}", path.display())]
    Lmdb {
        /// The environment's directory.
        path: PathBuf,
        /// What LMDB says.
        source: heed::Error,
    },
    /// arroy failed.
    #[error(transparent)]
    Arroy(#[from] arroy::Error),
    /// An entry is missing.
    #[error("{what} {key} is missing from the store")]
    Missing {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// An entry has another length than it must have.
    #[error("{what} {key} has {got} bytes, expected {expected}")]
    Length {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
        /// Bytes found.
        got: usize,
        /// Bytes expected.
        expected: usize,
    },
}

impl ForestError {
    /// Whether the same call may be answered later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Lmdb { source, .. } => lmdb_is_passing(source),
            Self::Arroy(arroy::Error::Heed(source)) => lmdb_is_passing(source),
            Self::Arroy(arroy::Error::Io(source)) => io_is_passing(source),
            Self::Arroy(_) | Self::Missing { .. } | Self::Length { .. } => false,
        }
    }
}
