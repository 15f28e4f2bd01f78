//! One file per subcommand: wiring only.

pub(crate) mod build;
pub(crate) mod query;
pub(crate) mod serve;
pub(crate) mod validate;
