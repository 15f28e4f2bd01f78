//! What growing an index came to: a new version, or none because nothing is new.

use std::path::PathBuf;

use index::{lineage::ColumnDrift, manifest::Manifest};

use crate::table::LeftOut;

/// What `append` or `remove` came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A new version.
    Made(Box<Grown>),
    /// No new version: the last one has the rows it should have. A job that runs twice ends here.
    Unchanged(Unchanged),
}

impl Outcome {
    /// The new version, where one was made.
    #[must_use]
    pub fn made(self) -> Option<Grown> {
        match self {
            Self::Made(grown) => Some(*grown),
            Self::Unchanged(_) => None,
        }
    }
}

/// A version that was grown from another.
#[derive(Clone, Debug)]
pub struct Grown {
    /// The new version.
    pub version: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Where it is.
    pub path: PathBuf,
    /// Whether the folder's pointer names it now. Not if it was moved elsewhere in the meantime.
    pub pointer_moved: bool,
    /// How far the added rows alone are from the scaler of the version before.
    pub drift_of_added: Vec<ColumnDrift>,
    /// Features that were constant before and are not any more; without a refit they count in their own unit.
    pub freed_features: Vec<String>,
    /// Feature columns of the added tables that the index does not have.
    pub features_left_out: Vec<String>,
    /// Columns of the added tables whose types are not read.
    pub columns_left_out: Vec<LeftOut>,
}

/// Why no version was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unchanged {
    /// The version that stays.
    pub version: String,
    /// Where it is.
    pub path: PathBuf,
    /// Rows read from tables.
    pub read: u64,
    /// Rows whose track ids were there already.
    pub repeated: u64,
    /// Rows left out because a value was missing.
    pub dropped: u64,
    /// Ids to remove that are not in the index.
    pub unknown: u64,
}

impl Unchanged {
    /// The version that stays; nothing was read yet.
    pub(super) fn of(version: String, path: PathBuf) -> Self {
        Self { version, path, ..Self::default() }
    }
}
