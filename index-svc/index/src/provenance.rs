//! What made the rows of an index besides their profile: builds of the extractor, and the window of each
//! recording that it analysed. Nothing in the numbers shows either, so a mix of them is said.

/// Builds and windows, each once, in the order they are first seen; none of either where tables do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Builds of the extractor.
    pub extractor_versions: Vec<String>,
    /// Analysed windows, as texts.
    pub windows: Vec<String>,
}

impl Provenance {
    /// Adds what is not known yet.
    pub fn add(&mut self, more: &Self) {
        append_new(&mut self.extractor_versions, more.extractor_versions.iter().cloned());
        append_new(&mut self.windows, more.windows.iter().cloned());
    }

    /// Says so where there are several of either.
    pub fn warn(&self) {
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
pub fn append_new(names: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}
