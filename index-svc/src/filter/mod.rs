//! Filters: which tracks may be results, as text of a subset of AIP-160.
//!
//! | file | holds |
//! |---|---|
//! | `token` | text into words, quoted texts and signs, each with its column |
//! | `parse` | tokens into an expression, limits and error positions |
//! | `expression` | the expression, and its one canonical text |
//! | `decimal` | numbers, compared exactly |
//! | `pattern` | texts with wildcards |
//! | `fold` | texts without regard to case |
//! | `column` | one metadata column of all rows, as codes into its distinct texts |
//! | `prepared` | the tests of one column, prepared for many texts |
//! | `evaluate` | an expression over columns into a set of rows |
//! | `cache` | columns and row sets that were needed lately, within a budget |
//!
//! Precedence is AIP-160's: `OR` binds tighter than `AND`. A value that a track does not have is the
//! empty text, and no number. Nothing here knows vectors or engines.

mod cache;
mod column;
mod decimal;
mod evaluate;
mod expression;
mod fold;
mod parse;
mod pattern;
mod prepared;
#[cfg(test)]
mod tests;
mod token;

use thiserror::Error;

pub(crate) use self::cache::Filters;
pub use self::{
    decimal::Decimal,
    expression::{Comparison, Expression, Term, Test, Value},
    parse::{MAX_DEPTH, MAX_FILTER_BYTES, MAX_TERMS},
    pattern::Pattern,
};

/// Fields that every index has, in the order of a metadata record.
pub const NAMED_FIELDS: [&str; 4] = ["track_id", "track_title", "artist_name", "album_title"];
/// Longest text of a filter that an error repeats, in characters.
const MAX_ECHO_CHARS: usize = 64;

/// A filter whose fields all exist in an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    pub(crate) expression: Expression,
    /// The canonical text: equal filters have equal ones.
    pub(crate) text: String,
}

impl Filter {
    /// Reads a filter over the named fields and the attributes of an index; none if it is blank.
    ///
    /// # Errors
    /// When it is not a filter, names a field that is not there, or is too large; the error says at
    /// which character.
    pub fn parse(text: &str, attribute_names: &[String]) -> Result<Option<Self>, FilterError> {
        let Some(expression) = parse::parse(text, attribute_names)? else { return Ok(None) };
        let text = expression.to_string();
        Ok(Some(Self { expression, text }))
    }

    /// How many comparisons and list values there are.
    pub(crate) fn values(&self) -> usize {
        self.expression.values()
    }

    /// The canonical text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why a filter was refused, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at column {column}: {problem}")]
pub struct FilterError {
    /// The character it is about, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Something else must stand there.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A quoted text does not end.
    #[error("the quoted text does not end")]
    Unterminated,
    /// A backslash before a character that needs none.
    #[error("`\\{found}` is no escape, expected a quote, a star or a backslash after a backslash")]
    Escape {
        /// The character.
        found: char,
    },
    /// The index has no such field.
    #[error("no field is called `{name}`; there are: {}", known.join(", "))]
    UnknownField {
        /// The name.
        name: String,
        /// The fields there are; cut when they are many.
        known: Vec<String>,
    },
    /// The text is too long.
    #[error("the filter has {got} bytes, expected at most {MAX_FILTER_BYTES}")]
    TooLong {
        /// Its length.
        got: usize,
    },
    /// Parentheses are nested too deep.
    #[error("more than {MAX_DEPTH} parentheses inside each other")]
    TooDeep,
    /// There are too many comparisons and list values.
    #[error("more than {MAX_TERMS} comparisons and list values")]
    TooManyTerms,
}
