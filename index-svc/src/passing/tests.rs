//! Every error of an index, and whether it passes.

use std::{collections::BTreeSet, io, path::PathBuf};

use engine::{EngineError, EngineName, ForestError, blocks::BlocksError};
use index::{IndexError, manifest::ManifestError, metadata::RecordError, store::StoreError};
use rustix::io::Errno;
use storage::StorageError;

use crate::{
    distribution::DistributionError, error::Error, import::ImportError, table::TableError,
    versions::PointerError,
};

fn path() -> PathBuf {
    "here".into()
}

fn text() -> String {
    "text".to_owned()
}

fn of_system(number: Errno) -> io::Error {
    io::Error::from_raw_os_error(number.raw_os_error())
}

/// The number of a variant; without a wildcard, so that a new one needs a number, and a line below.
fn number(error: &Error) -> usize {
    match error {
        Error::Io { .. } => 0,
        Error::Index(IndexError::Io { .. }) => 23,
        Error::Index(IndexError::Manifest(_)) => 1,
        Error::Index(IndexError::Store(_)) => 2,
        Error::Index(IndexError::Engine(_)) => 3,
        Error::Index(IndexError::Record(_)) => 4,
        Error::Table(_) => 5,
        Error::Stopped => 6,
        Error::Pointer(_) => 7,
        Error::Distribution(_) => 8,
        Error::Import(_) => 9,
        Error::Index(IndexError::NotAnIndex { .. }) => 10,
        Error::Index(IndexError::Mismatch { .. }) => 11,
        Error::OutputExists { .. } => 12,
        Error::OutputMissing { .. } => 13,
        Error::Busy { .. } => 14,
        Error::UnknownTracks { .. } => 15,
        Error::NoRows { .. } => 16,
        Error::TooManyRows { .. } => 17,
        Error::Unscalable { .. } => 18,
        Error::UnknownAttribute { .. } => 19,
        Error::Unsound(_) => 20,
        Error::WorkTooLarge { .. } => 21,
        Error::Panicked => 22,
        // The enum may grow in its crate, whose own match is exhaustive.
        Error::Index(_) => usize::MAX,
    }
}
const VARIANTS: usize = 24;

/// Each place that an error of the operating system can come from.
fn from_system(error: fn() -> io::Error) -> Vec<Error> {
    let stored = || StoreError::Io { path: path(), source: error() };
    vec![
        Error::Io { path: path(), source: error() },
        IndexError::Io { path: path(), source: error() }.into(),
        ManifestError::Io { path: path(), source: error() }.into(),
        stored().into(),
        StoreError::Lmdb { path: path(), source: error().into() }.into(),
        EngineError::Forest(ForestError::Lmdb { path: path(), source: error().into() }).into(),
        EngineError::Image { path: path(), source: BlocksError::Io(error()) }.into(),
        EngineError::Blocks(BlocksError::Io(error())).into(),
        TableError::Io { path: path(), source: error() }.into(),
        PointerError::Io { path: path(), source: error() }.into(),
        DistributionError::Io { path: path(), source: error() }.into(),
        DistributionError::Storage(StorageError::Io { path: path(), source: error() }).into(),
        ImportError::Io { path: path(), source: error() }.into(),
    ]
}

fn passing() -> Vec<Error> {
    let unreachable = StorageError::Unreachable { url: text(), cause: text() };
    let mut errors = vec![
        Error::Busy { path: path() },
        StoreError::OpenTwice { path: path() }.into(),
        DistributionError::Storage(StorageError::Changed { url: text() }).into(),
        DistributionError::Restless { url: text() }.into(),
        DistributionError::CacheInUse { path: path() }.into(),
        TableError::Io { path: path(), source: unreachable.into() }.into(),
        DistributionError::Storage(StorageError::Unreachable { url: text(), cause: text() }).into(),
    ];
    for error in [
        || io::ErrorKind::NotFound.into(),
        || of_system(Errno::NOSPC),
        || of_system(Errno::DQUOT),
        || of_system(Errno::INTR),
        || of_system(Errno::IO),
        || of_system(Errno::MFILE),
        || of_system(Errno::NFILE),
        || of_system(Errno::NOMEM),
        || of_system(Errno::STALE),
        || of_system(Errno::TIMEDOUT),
        || of_system(Errno::HOSTUNREACH),
        || of_system(Errno::CONNREFUSED),
    ] {
        errors.extend(from_system(error));
    }
    errors
}

fn lasting() -> Vec<Error> {
    let (got, expected) = (text, text);
    let mut errors = vec![
        IndexError::NotAnIndex { path: path(), why: text() }.into(),
        IndexError::Mismatch { what: text(), got: got(), expected: expected() }.into(),
        Error::OutputExists { path: path() },
        Error::OutputMissing { path: path() },
        Error::UnknownTracks { unknown: vec![text()] },
        Error::NoRows { read: 1, dropped: 1 },
        Error::TooManyRows { limit: 1 },
        Error::Unscalable { column: text(), why: "why" },
        Error::UnknownAttribute { column: text(), known: vec![] },
        Error::Unsound(text()),
        Error::WorkTooLarge { work: 2, limit: 1 },
        Error::Panicked,
        RecordError { field: 0, bytes: 1 }.into(),
        ManifestError::Seal { path: path() }.into(),
        ManifestError::TooLarge { path: path(), bytes: 1 }.into(),
        StoreError::Database { path: path(), name: "facts" }.into(),
        StoreError::Missing { what: "row", key: text() }.into(),
        StoreError::Length { what: "row", key: text(), got: 1, expected: 2 }.into(),
        StoreError::Place { path: path(), row: 1 }.into(),
        EngineError::Width { got: 1, expected: 2 }.into(),
        EngineError::Blocks(BlocksError::Magic).into(),
        EngineError::Image { path: path(), source: BlocksError::Digest { part: "body" } }.into(),
        EngineError::NotBuilt { name: EngineName::Forest }.into(),
        EngineError::Forest(ForestError::Missing { what: "fact", key: text() }).into(),
        TableError::Parquet { path: path(), why: text() }.into(),
        PointerError::Name { path: path(), name: text() }.into(),
        DistributionError::NoPointer { url: text() }.into(),
        DistributionError::NoVersion { url: text(), version: text(), known: vec![] }.into(),
        DistributionError::Going { url: text(), version: text() }.into(),
        DistributionError::Storage(StorageError::Denied { url: text(), cause: text() }).into(),
        DistributionError::Storage(StorageError::Missing { url: text() }).into(),
        ImportError::TooLarge { path: path(), limit: 1 }.into(),
    ];
    for error in [
        // A file that is shorter than it was: damaged.
        || io::ErrorKind::UnexpectedEof.into(),
        || io::ErrorKind::InvalidData.into(),
        || of_system(Errno::ACCESS),
        || of_system(Errno::ISDIR),
    ] {
        errors.extend(from_system(error));
    }
    errors
}

#[test]
fn each_error_passes_or_does_not() {
    let all = || passing().into_iter().chain(lasting()).chain([Error::Stopped]);
    let seen: BTreeSet<usize> = all().map(|error| number(&error)).collect();
    assert_eq!(seen, (0..VARIANTS).collect(), "every variant is in a list");
    for error in passing() {
        assert!(error.is_passing(), "{error:?}");
    }
    for error in lasting() {
        assert!(!error.is_passing(), "{error:?}");
    }
}
