//! Why an index could not be opened or read, and whether it may be later.

#![deny(clippy::wildcard_enum_match_arm)]

use std::{io, path::PathBuf};

use engine::{EngineError, io_is_passing};
use thiserror::Error;

use crate::{manifest::ManifestError, metadata::RecordError, store::StoreError};

/// Why an index could not be opened or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The manifest was refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A metadata record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The path is not an index directory.
    #[error("{} is not an index: {why}", path.display())]
    NotAnIndex {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The parts of an index do not fit each other.
    #[error("index has {got} {what}, its manifest says {expected}")]
    Mismatch {
        /// What is compared.
        what: String,
        /// What is there.
        got: String,
        /// What the manifest says.
        expected: String,
    },
}

impl IndexError {
    /// Whether the same call may be answered later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io { source, .. } => io_is_passing(source),
            Self::Manifest(error) => error.is_passing(),
            Self::Store(error) => error.is_passing(),
            Self::Engine(error) => error.is_passing(),
            Self::Record(_) | Self::NotAnIndex { .. } | Self::Mismatch { .. } => false,
        }
    }
}
