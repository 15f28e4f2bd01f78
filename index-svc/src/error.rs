//! Errors of the crate as a whole; each part has its own enum beside its code.

use std::{io, path::PathBuf};

use engine::{EngineError, Stopped};
use index::{IndexError, manifest::ManifestError, metadata::RecordError, store::StoreError};
use thiserror::Error as ThisError;

use crate::{
    distribution::DistributionError, import::ImportError, table::TableError, versions::PointerError,
};

/// Why an index could not be opened, built, read or checked.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The index could not be opened or read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A feature table was refused.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Nobody waits for the answer any more.
    #[error("stopped: nobody waits for the answer any more")]
    Stopped,
    /// A fault of this program ended an answer.
    #[error("the answer panicked; the log has the place")]
    Panicked,
    /// A query takes more work than one may.
    #[error(
        "the query takes the work of {work} comparisons of a row with a point, the limit is {limit}"
    )]
    WorkTooLarge {
        /// What it takes, as far as it was counted.
        work: u64,
        /// The most a query may take.
        limit: u64,
    },
    /// The pointer of a folder of versions was refused.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// An index could not be published or fetched.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A model folder was refused.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The output of a build is there already.
    #[error("{} exists; an index is built into a new directory", path.display())]
    OutputExists {
        /// The path.
        path: PathBuf,
    },
    /// A grown version has no place to go to.
    #[error(
        "{} is one index and no folder of versions; say with --output where the new version goes",
        path.display()
    )]
    OutputMissing {
        /// The index.
        path: PathBuf,
    },
    /// Another process is making a version of the same folder.
    #[error("{} is being changed by another process; wait for it to end", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Tracks to remove are not in the index.
    #[error("{} of the tracks to remove are not in the index: {}", unknown.len(), listed(unknown))]
    UnknownTracks {
        /// Their ids.
        unknown: Vec<String>,
    },
    /// The tables had no row that could be kept.
    #[error("no rows to index: {read} read, {dropped} dropped for missing values")]
    NoRows {
        /// Rows read.
        read: u64,
        /// Rows dropped.
        dropped: u64,
    },
    /// More rows than row numbers.
    #[error("more than {limit} rows")]
    TooManyRows {
        /// The most an index can have.
        limit: u32,
    },
    /// A column cannot be scaled.
    #[error("column `{column}` cannot be scaled: {why}")]
    Unscalable {
        /// Its name.
        column: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The index has no such attribute column.
    #[error("the index has no attribute column `{column}`; it has: {}", known.join(", "))]
    UnknownAttribute {
        /// Name given.
        column: String,
        /// Columns it has.
        known: Vec<String>,
    },
    /// An index did not pass its checks: one just built, or one about to be served.
    #[error("the index failed its checks: {0}")]
    Unsound(String),
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        Self::Index(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Index(error.into())
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Index(error.into())
    }
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::Index(error.into())
    }
}

impl From<Stopped> for Error {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// The first few of a list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
