//! The engines' names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An engine, as replies and manifests name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// [`Blocks`](crate::blocks::Blocks).
    Blocks,
    /// [`Forest`](crate::Forest).
    Forest,
    /// [`Scan`](crate::Scan).
    Scan,
}

impl EngineName {
    /// `blocks`, `forest` or `scan`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Forest => "forest",
            Self::Scan => "scan",
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
