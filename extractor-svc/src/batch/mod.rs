//! What batch extraction adds to the pipeline: which files, in which order, by how many threads,
//! and what becomes of those that fail.

mod failures;
mod ordered;
mod walk;

pub use self::{
    failures::{Failure, FailureLog},
    ordered::for_each_ordered,
    walk::{AUDIO_EXTENSIONS, Found, WalkError, Walker},
};
