//! What each subcommand wires together.

pub mod extract;
pub mod serve;
