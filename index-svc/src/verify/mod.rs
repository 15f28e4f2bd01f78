//! Is an index what it says it is? Every row, every digest, the scaler, the engines, the model card;
//! against the tables it was built from; and does it answer as a brute force would.
//!
//! Belongs here: checks, each of one promise. Does not: how good the index is ([`crate::gate`]).
//!
//! Raw vectors are the reference: everything else is compared with what follows from them, so that
//! one damaged part fails one check.

mod answers;
mod contents;
mod sources;

use serde::Serialize;

pub use self::{
    answers::{check_answers, check_card, check_curve},
    contents::check_contents,
    sources::check_sources,
};

/// Outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it holds.
    pub passed: bool,
    /// What was compared, or the first thing that does not fit.
    pub detail: String,
}

impl Check {
    /// A check that fails with the first thing that does not fit, if there is one.
    #[must_use]
    pub fn new(name: &'static str, first_failure: Option<String>, success: String) -> Self {
        let passed = first_failure.is_none();
        Self { name, passed, detail: first_failure.unwrap_or(success) }
    }
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
