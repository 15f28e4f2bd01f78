//! The list of files that gave no row: `path,reason,message`, as CSV.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// Columns of the list.
const HEADER: [&str; 3] = ["path", "reason", "message"];

/// One file that gave no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The file, as it was found.
    pub path: String,
    /// Stable UPPER_SNAKE reason, as on the wire.
    pub reason: String,
    /// What, where, and what to do.
    pub message: String,
}

/// The failures file of a whole run as text.
///
/// # Errors
/// When a row cannot be encoded.
pub fn failures_text(failures: &[Failure]) -> io::Result<String> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for failure in failures {
        writer.serialize(failure)?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// An open failures file; without a path it only counts.
#[derive(Debug)]
pub struct FailureLog {
    writer: Option<csv::Writer<File>>,
    count: usize,
}

impl FailureLog {
    /// Opens the file and writes its header, so that it exists even when nothing fails.
    ///
    /// # Errors
    /// When a folder or the file cannot be made.
    pub fn create(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self { writer: None, count: 0 }) };
        if let Some(folder) = path.parent().filter(|folder| *folder != PathBuf::new()) {
            fs::create_dir_all(folder)?;
        }
        let mut writer =
            csv::WriterBuilder::new().has_headers(false).from_writer(File::create(path)?);
        writer.write_record(HEADER)?;
        writer.flush()?;
        Ok(Self { writer: Some(writer), count: 0 })
    }

    /// Appends a failure, at once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, failure: &Failure) -> io::Result<()> {
        self.count += 1;
        if let Some(writer) = &mut self.writer {
            writer.serialize(failure)?;
            writer.flush()?;
        }
        Ok(())
    }

    /// Failures so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}
