//! Where the rows of a table come from, as the table itself says it.

use proto::features::FeatureSchema;
use serde::{Deserialize, Serialize};

use crate::decode::Window;

/// Where the rows of a table come from, as the table says it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOrigin {
    /// Profile that filled the table.
    pub profile_id: String,
    /// Builds of this program that filled it; several where a run went on with another one's rows.
    pub extractor_versions: Vec<String>,
    /// Columns between `source_path` and `damaged_share`.
    pub schema: FeatureSchema,
    /// What was analysed of each recording.
    pub window: Window,
}

/// The analysed window, as tables say it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableWindow {
    /// Start in seconds.
    pub offset_seconds: f64,
    /// Length in seconds, or to the end.
    pub duration_seconds: Option<f64>,
}

impl From<Window> for TableWindow {
    fn from(window: Window) -> Self {
        Self { offset_seconds: window.offset(), duration_seconds: window.duration() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::table) fn origin_of_two_columns() -> TableOrigin {
        TableOrigin {
            profile_id: "some".to_owned(),
            extractor_versions: vec!["one/1".to_owned(), "two/2".to_owned()],
            schema: FeatureSchema::from_names(vec!["a_1".to_owned(), "b_1".to_owned()]),
            window: Window::new(1.5, None).expect("a window"),
        }
    }
}
