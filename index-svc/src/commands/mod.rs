//! One file per subcommand: wiring only.

pub(crate) mod append;
pub(crate) mod build;
pub(crate) mod import;
pub(crate) mod inputs;
pub(crate) mod query;
pub(crate) mod remove;
pub(crate) mod serve;
pub(crate) mod validate;
