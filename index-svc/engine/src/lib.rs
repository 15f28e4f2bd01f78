//! Engines: scaled query in, nearest rows out, nothing known about tracks.
//!
//! [`blocks`] answers from memory, exactly or approximately; [`Forest`] reads its trees through
//! LMDB and is for hosts with little memory; [`Scan`] looks at every row in `f32` and is the
//! reference. All order ties by row. `Scan` and `Forest` score in `f32`, `blocks` in `f64`; whoever
//! searches ranks what any of them returns again, from the raw vectors, and chooses among the open ones.
//!
//! This is the lowest of the crates of index-svc: it knows rows by number, and neither the files of an
//! index nor what is asked.

pub mod blocks;
mod engines;
mod error;
mod forest;
mod name;
mod nearest;
mod passing;
mod row_set;
mod scan;
mod stop;
mod vectors;

pub use self::{
    engines::{BLOCKS_FILE, Engines, digest_text, open_blocks},
    error::{EngineError, ForestError},
    forest::{COMMIT_ROWS, Forest, ForestStore, ForestWriter, LIFT_RADIUS, lift},
    name::EngineName,
    nearest::{Candidates, Effort, Engine, Hit},
    passing::{io_is_passing, lmdb_is_passing},
    row_set::RowSet,
    scan::Scan,
    stop::{Stop, Stopped},
    vectors::{RowMajor, ScaledVectors, distance, squared_distance, to_f32},
};
