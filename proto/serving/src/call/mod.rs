//! A call on its way through the server: what is known of it, the layers around its service, and the
//! form of its errors.

pub(crate) mod body;
pub(crate) mod context;
pub(crate) mod peer;
pub(crate) mod reasons;
pub(crate) mod stack;
pub mod status;
