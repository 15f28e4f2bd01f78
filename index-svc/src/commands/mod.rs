//! One file per subcommand: wiring only.

pub(crate) mod append;
pub(crate) mod build;
pub(crate) mod import;
pub(crate) mod inputs;
pub(crate) mod prune;
pub(crate) mod publish;
pub(crate) mod query;
pub(crate) mod remove;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod validate;
pub(crate) mod versions;
