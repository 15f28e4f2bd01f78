//! What batch extraction adds to the pipeline: which files, in which order, by how many threads,
//! how a later run goes on, and what becomes of those that fail.

mod extractor;
mod failures;
mod journal;
mod ordered;
mod progress;
mod resume;
mod walk;

pub use self::{
    extractor::Extractor,
    failures::{Failure, FailureLog, failures_text},
    journal::{Entry, Identity, JournalReader, JournalWriter, Outcome, Recipe, journal_path},
    ordered::{Pace, for_each_ordered},
    progress::Progress,
    resume::{Known, ResumeError, forget},
    walk::{AUDIO_EXTENSIONS, Found, WalkError, Walker},
};
