//! What batch extraction adds to the pipeline: which files, in which order, by how many threads,
//! how a later run goes on, and what becomes of those that fail.

mod extractor;
mod failures;
mod file_error;
mod ordered;
mod outputs;
mod passed_over;
mod progress;
mod resume;
mod source_path;
mod walk;

pub use self::{
    extractor::Extractor,
    failures::{Failure, FailureLog, failures_text},
    file_error::FileError,
    ordered::{Pace, for_each_ordered},
    outputs::{OutputError, Outputs},
    passed_over::PassedOver,
    progress::Progress,
    resume::{
        Entry, Found, Identity, JournalHead, JournalReader, JournalWriter, Known, Outcome, Recipe,
        ResumeError, Scope, Stamp, forget, journal_path, previous_paths,
    },
    source_path::{path_of, source_path, source_path_of_text},
    walk::{AUDIO_EXTENSIONS, WalkError, Walked, Walker},
};
