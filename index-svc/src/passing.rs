//! Which errors pass: the same call may be answered later, or by another server now, with nothing
//! changed by anybody. What is damaged, missing from an index or refused does not pass.

#![deny(clippy::wildcard_enum_match_arm)]

use std::io;

use storage::StorageError;

use crate::{
    distribution::DistributionError, error::Error, import::ImportError, table::TableError,
    versions::PointerError,
};

impl Error {
    /// Whether it passes. Exhaustive, so that every new error is decided on.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io { source, .. } => io_is_passing(source),
            Self::Index(error) => error.is_passing(),
            Self::Table(error) => table(error),
            Self::Pointer(error) => pointer(error),
            Self::Distribution(error) => distribution(error),
            Self::Import(error) => import(error),
            Self::Busy { .. } => true,
            Self::Stopped
            | Self::Panicked
            | Self::WorkTooLarge { .. }
            | Self::OutputExists { .. }
            | Self::OutputMissing { .. }
            | Self::UnknownTracks { .. }
            | Self::NoRows { .. }
            | Self::TooManyRows { .. }
            | Self::Unscalable { .. }
            | Self::UnknownAttribute { .. }
            | Self::Unsound(_) => false,
        }
    }
}

fn table(error: &TableError) -> bool {
    match error {
        TableError::Io { source, .. } => io_is_passing(source),
        TableError::Parquet { .. }
        | TableError::ShardsMissing { .. }
        | TableError::Malformed { .. }
        | TableError::RecordTooLong { .. }
        | TableError::TooManyColumns { .. }
        | TableError::Form { .. }
        | TableError::Folder { .. }
        | TableError::NoHeader { .. }
        | TableError::ColumnKind { .. }
        | TableError::VectorLength { .. }
        | TableError::MissingColumns { .. }
        | TableError::DuplicateColumn { .. }
        | TableError::NoTrackId { .. }
        | TableError::TrackIdLength { .. }
        | TableError::DecimalMarks { .. }
        | TableError::NotANumber { .. }
        | TableError::NotAShare { .. }
        | TableError::OutOfRange { .. }
        | TableError::MissingValue { .. }
        | TableError::DuplicateTrackId { .. }
        | TableError::ProfileUnstated { .. }
        | TableError::ProfileMismatch { .. }
        | TableError::SchemaMismatch { .. } => false,
    }
}

fn pointer(error: &PointerError) -> bool {
    match error {
        PointerError::Io { source, .. } => io_is_passing(source),
        PointerError::Name { .. } => false,
    }
}

fn import(error: &ImportError) -> bool {
    match error {
        ImportError::Io { source, .. } => io_is_passing(source),
        ImportError::TooLarge { .. }
        | ImportError::NotFeatures { .. }
        | ImportError::NotFinite { .. }
        | ImportError::Pickle { .. }
        | ImportError::Json { .. }
        | ImportError::NotAScaler { .. }
        | ImportError::ScalerWidth { .. }
        | ImportError::ColumnsUnstated { .. }
        | ImportError::ColumnCount { .. }
        | ImportError::ColumnTwice { .. }
        | ImportError::ColumnsDisagree { .. }
        | ImportError::RowCount { .. }
        | ImportError::NotScaled { .. }
        | ImportError::Rounding { .. } => false,
    }
}

fn distribution(error: &DistributionError) -> bool {
    match error {
        DistributionError::Storage(StorageError::Io { source, .. })
        | DistributionError::Io { source, .. } => io_is_passing(source),
        DistributionError::Storage(error) => error.is_passing(),
        // Others are at work, and will have done.
        DistributionError::Restless { .. } | DistributionError::CacheInUse { .. } => true,
        DistributionError::Manifest { source, .. } => source.is_passing(),
        DistributionError::NoPointer { .. }
        | DistributionError::Pointer { .. }
        | DistributionError::NoVersion { .. }
        | DistributionError::Going { .. }
        | DistributionError::NothingBefore { .. }
        | DistributionError::OwnName { .. }
        | DistributionError::Damaged { .. }
        | DistributionError::FileName { .. }
        | DistributionError::Lost { .. } => false,
    }
}

/// As [`engine::io_is_passing`]; an error of an object store that came through a reader passes as it does itself.
pub(crate) fn io_is_passing(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<StorageError>());
    inner.map_or_else(|| engine::io_is_passing(error), StorageError::is_passing)
}

#[cfg(test)]
mod tests;
