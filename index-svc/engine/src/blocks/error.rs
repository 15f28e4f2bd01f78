//! What can be wrong with rows, a query, or a stored image.

#![deny(clippy::wildcard_enum_match_arm)]

use thiserror::Error;

use crate::passing::io_is_passing;

/// Errors of this engine. No variant is made by arithmetic on valid input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlocksError {
    /// Too few or too many columns.
    #[error("{dims} columns; an index has 1 to {limit}")]
    Dims {
        /// Columns given.
        dims: usize,
        /// Most columns supported.
        limit: usize,
    },
    /// More rows than row numbers.
    #[error("{rows} rows; an index has at most {limit}")]
    TooManyRows {
        /// Rows given.
        rows: usize,
        /// Most rows supported.
        limit: usize,
    },
    /// The values do not form whole rows, or a query has another width than the index.
    #[error("{values} values; expected a multiple of {dims}, at least one row")]
    Shape {
        /// Values given.
        values: usize,
        /// Columns expected.
        dims: usize,
    },
    /// A leaf size out of range.
    #[error("{leaf_rows} rows per leaf; expected {lowest} to {highest}")]
    LeafRows {
        /// Rows per leaf asked for.
        leaf_rows: usize,
        /// Least allowed.
        lowest: usize,
        /// Most allowed.
        highest: usize,
    },
    /// A value that is NaN, infinite, or too large to square.
    #[error(
        "value {value} in row {row}, column {column}; expected a magnitude of at most {limit:e}"
    )]
    Value {
        /// Row of the value, from 0.
        row: usize,
        /// Column of the value, from 0.
        column: usize,
        /// The value.
        value: f32,
        /// Largest magnitude allowed.
        limit: f32,
    },
    /// An effort that is NaN or negative.
    #[error("effort {value}; expected a finite number of at least 0")]
    Effort {
        /// The number given.
        value: f32,
    },
    /// A filter made for another number of rows.
    #[error("filter over {filter_rows} rows for an index of {rows}")]
    FilterRows {
        /// Rows the filter covers.
        filter_rows: usize,
        /// Rows of the index.
        rows: usize,
    },
    /// The image ends early or carries bytes past its end.
    #[error("image of {actual} bytes; its header calls for {expected}")]
    Length {
        /// Bytes given.
        actual: u64,
        /// Bytes the header calls for.
        expected: u64,
    },
    /// The image starts with something else.
    #[error("not an image of the blocks engine")]
    Magic,
    /// The image was written on a machine of other byte order.
    #[error("image of other byte order: marker {marker:#010x}")]
    ByteOrder {
        /// Marker as read.
        marker: u32,
    },
    /// The image is of another format version.
    #[error("image format {found}; this build reads {expected}")]
    Version {
        /// Version found.
        found: u32,
        /// Version this build reads.
        expected: u32,
    },
    /// Header or body do not hash to the stored digest.
    #[error("digest of the {part} does not match")]
    Digest {
        /// `header` or `body`.
        part: &'static str,
    },
    /// A number in the image points outside it or contradicts another.
    #[error("{what} of the image is out of range: {value}")]
    Structure {
        /// The number's name.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// The bytes do not start at a multiple of the alignment.
    #[error("image is not aligned to {alignment} bytes")]
    Alignment {
        /// Alignment needed.
        alignment: usize,
    },
    /// The worker threads of a build could not start.
    #[error("could not start the threads of the build")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The image could not be read, mapped, or allocated.
    #[error("could not read the image")]
    Io(#[from] std::io::Error),
}

impl BlocksError {
    /// Whether the same call may be answered later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io(source) => io_is_passing(source),
            Self::Dims { .. }
            | Self::TooManyRows { .. }
            | Self::Shape { .. }
            | Self::LeafRows { .. }
            | Self::Value { .. }
            | Self::Effort { .. }
            | Self::FilterRows { .. }
            | Self::Length { .. }
            | Self::Magic
            | Self::ByteOrder { .. }
            | Self::Version { .. }
            | Self::Digest { .. }
            | Self::Structure { .. }
            | Self::Alignment { .. }
            | Self::Threads(_) => false,
        }
    }
}
