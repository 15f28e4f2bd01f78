//! Which errors pass: the same call may be answered later, or by another server now, with nothing
//! changed by anybody. What is damaged, missing from an index or refused does not pass.

#![deny(clippy::wildcard_enum_match_arm)]

use std::io;

use rustix::io::Errno;
use storage::StorageError;

use crate::{
    distribution::DistributionError,
    engine::{EngineError, blocks::BlocksError, forest_error_is_passing},
    error::Error,
    import::ImportError,
    manifest::ManifestError,
    table::TableError,
    versions::PointerError,
};

impl Error {
    /// Whether it passes. Exhaustive, so that every new error is decided on.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io { source, .. } => io_is_passing(source),
            Self::Manifest(error) => manifest(error),
            Self::Store(error) => error.is_passing(),
            Self::Engine(error) => engine(error),
            Self::Table(error) => table(error),
            Self::Pointer(error) => pointer(error),
            Self::Distribution(error) => distribution(error),
            Self::Import(error) => import(error),
            Self::Busy { .. } => true,
            Self::Record(_)
            | Self::Stopped
            | Self::Panicked
            | Self::WorkTooLarge { .. }
            | Self::NotAnIndex { .. }
            | Self::Mismatch { .. }
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

fn manifest(error: &ManifestError) -> bool {
    match error {
        ManifestError::Io { source, .. } => io_is_passing(source),
        ManifestError::Json { .. }
        | ManifestError::TooLarge { .. }
        | ManifestError::Format { .. }
        | ManifestError::Seal { .. }
        | ManifestError::Field { .. } => false,
    }
}

fn engine(error: &EngineError) -> bool {
    match error {
        EngineError::Forest(source) => forest_error_is_passing(&**source),
        EngineError::Image { source, .. } | EngineError::Blocks(source) => blocks(source),
        EngineError::Threads(_)
        | EngineError::Width { .. }
        | EngineError::ForeignImage { .. }
        | EngineError::NotBuilt { .. }
        | EngineError::ForestShape { .. } => false,
    }
}

fn blocks(error: &BlocksError) -> bool {
    match error {
        BlocksError::Io(source) => io_is_passing(source),
        BlocksError::Dims { .. }
        | BlocksError::TooManyRows { .. }
        | BlocksError::Shape { .. }
        | BlocksError::LeafRows { .. }
        | BlocksError::Value { .. }
        | BlocksError::Effort { .. }
        | BlocksError::FilterRows { .. }
        | BlocksError::Length { .. }
        | BlocksError::Magic
        | BlocksError::ByteOrder { .. }
        | BlocksError::Version { .. }
        | BlocksError::Digest { .. }
        | BlocksError::Structure { .. }
        | BlocksError::Alignment { .. }
        | BlocksError::Threads(_) => false,
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
        DistributionError::Manifest { source, .. } => manifest(source),
        DistributionError::NoPointer { .. }
        | DistributionError::Pointer { .. }
        | DistributionError::NoVersion { .. }
        | DistributionError::Going { .. }
        | DistributionError::NothingBefore { .. }
        | DistributionError::Damaged { .. }
        | DistributionError::FileName { .. }
        | DistributionError::Lost { .. } => false,
    }
}

/// Whether the operating system may say otherwise when it is asked again: a file is gone, a disk full,
/// a call interrupted, a disk or the network away. A file that ends too early is damaged.
pub(crate) fn io_is_passing(error: &io::Error) -> bool {
    // These have no kind: a disk that fails, and no room for open files.
    let passing = [Errno::IO, Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    if let Some(number) = error.raw_os_error()
        && passing.contains(&number)
    {
        return true;
    }
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<StorageError>()) {
        return error.is_passing();
    }
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::StaleNetworkFileHandle
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NotConnected
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests;
