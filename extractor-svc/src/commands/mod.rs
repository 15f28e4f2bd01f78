//! What each subcommand wires together.

pub mod documents;
pub mod extract;
pub mod inspect;
pub mod serve;
