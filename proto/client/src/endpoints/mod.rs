//! Where calls go: names and their addresses, the endpoints there are, whether each is ready, and what
//! secures the way to it.

pub(crate) mod balance;
pub(crate) mod changes;
pub(crate) mod endpoint;
pub(crate) mod names;
pub(crate) mod resolve;
pub(crate) mod security;
pub(crate) mod target;
