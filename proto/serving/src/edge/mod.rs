//! The door: connections and their TLS, who may call, how many are let in.

pub(crate) mod admission;
pub(crate) mod auth;
pub(crate) mod buffers;
pub(crate) mod connection;
pub(crate) mod files;
pub(crate) mod reload;
pub(crate) mod tls;
pub(crate) mod web;
