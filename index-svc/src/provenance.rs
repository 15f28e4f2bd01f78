//! What made the rows of an index besides their profile: builds of the extractor, and the window of each
//! recording that it analysed. Nothing in the numbers shows either, so a mix of them is said.

use crate::table::{Table, TableError};

/// Longest name of an extractor's build, in bytes.
const MAX_NAME_BYTES: usize = 512;
/// Most builds of the extractor that a table may name.
const MAX_VERSIONS: usize = 256;

/// Builds and windows, each once, in the order they are first seen; none of either where tables do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Builds of the extractor.
    pub extractor_versions: Vec<String>,
    /// Analysed windows, as texts.
    pub windows: Vec<String>,
}

impl Provenance {
    /// What a table says.
    ///
    /// # Errors
    /// When its builds are not names.
    pub(crate) fn of_table(table: &Table) -> Result<Self, TableError> {
        let Some(recipe) = table.recipe() else { return Ok(Self::default()) };
        let versions = &recipe.extractor_versions;
        let is_name = |name: &String| {
            !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
        };
        if versions.len() > MAX_VERSIONS || !versions.iter().all(is_name) {
            let (path, line) = (table.path().to_owned(), 0);
            let why = "its extractor_versions are not names of builds".to_owned();
            return Err(TableError::Malformed { path, line, why });
        }
        let windows = recipe.window.iter().map(ToString::to_string).collect();
        Ok(Self { extractor_versions: versions.clone(), windows })
    }

    /// Adds what is not known yet.
    pub(crate) fn add(&mut self, more: &Self) {
        append_new(&mut self.extractor_versions, more.extractor_versions.iter().cloned());
        append_new(&mut self.windows, more.windows.iter().cloned());
    }

    /// Says so where there are several of either.
    pub(crate) fn warn(&self) {
        if self.extractor_versions.len() > 1 {
            let versions = self.extractor_versions.join(", ");
            tracing::warn!(versions, "rows are of several versions of the extractor");
        }
        if self.windows.len() > 1 {
            let windows = self.windows.join("; ");
            tracing::warn!(windows, "rows are of several windows of their recordings");
        }
    }
}

/// Adds the names that are not there yet.
pub(crate) fn append_new(names: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}
