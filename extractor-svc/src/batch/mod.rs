//! What batch extraction adds to the pipeline: which files, in which order, by how many threads,
//! how a later run goes on, and what becomes of those that fail.

mod again;
mod extractor;
mod failures;
mod file_error;
mod journal;
mod ordered;
mod outputs;
mod passed_over;
mod progress;
mod resume;
mod scope;
mod source_path;
mod walk;

pub use self::{
    extractor::Extractor,
    failures::{Failure, FailureLog, failures_text},
    file_error::FileError,
    journal::{
        Entry, Identity, JournalHead, JournalReader, JournalWriter, Outcome, Recipe, Stamp,
        journal_path,
    },
    ordered::{Pace, for_each_ordered},
    outputs::{OutputError, Outputs},
    passed_over::PassedOver,
    progress::Progress,
    resume::{Found, Known, ResumeError, forget, previous_paths},
    scope::Scope,
    source_path::{path_of, source_path, source_path_of_text},
    walk::{AUDIO_EXTENSIONS, WalkError, Walked, Walker},
};
