//! Feature tables: one row per recording: `source_path`, the schema's columns, `damaged_share`, and
//! last the kinds of `warnings`, joined by `;` in CSV and a list of texts otherwise.
//!
//! Every table says which profile and which builds of this program filled it: Parquet in its own
//! metadata, CSV and JSONL in a sidecar beside the file. Rows are written in the order they are given.

mod delimited;
mod error;
mod format;
mod origin;
mod parquet;
mod read;
mod row;
mod shard;
mod sidecar;
mod spool;
mod writer;

pub use self::{
    error::TableError,
    format::{Destination, TableFormat},
    origin::{TableOrigin, TableWindow},
    read::{Rows, read_rows},
    row::{DAMAGED_SHARE, Measured, Row, SOURCE_PATH, WARNINGS},
    shard::{Shard, ShardFooter, ShardWriter},
    sidecar::{Sidecar, sidecar_path},
    spool::{spool_path, spool_paths},
    writer::TableWriter,
};
