//! The page: one file without scripts and without anything to fetch, pictures inline.
//!
//! Pictures are drawn by plotters as SVG in the colours of [`ink`]; the style sheet gives each of them
//! its shade for light and for dark.

mod curves;
mod ink;
mod map;
mod page;
mod shapes;
mod tables;

use super::Report;

/// What plotters says when it cannot draw.
pub type DrawingError = plotters::drawing::DrawingAreaErrorKind<std::io::Error>;

impl Report {
    /// The page about the index called `name`.
    ///
    /// # Errors
    /// When a picture cannot be drawn.
    pub fn to_html(&self, name: &str) -> Result<String, DrawingError> {
        Ok(page::page(self, name)?.into_string())
    }
}
