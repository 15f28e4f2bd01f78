//! A server from bind to exit: what it waits for, what it tells of its health, how it ends.

pub(crate) mod health;
pub(crate) mod server;
pub(crate) mod shutdown;
pub(crate) mod startup;
