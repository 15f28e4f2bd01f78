//! The whole system, from outside: the real binaries, real sockets, real audio.
//!
//! Belongs here: what a client or an operator can observe. What one function does is tested beside
//! it, and numerical parity per stage in the extractor's own tests.

mod client;
mod command_line;
mod conformance;
mod demo;
mod extract;
mod extract_findings;
mod extract_limits;
mod extract_refusals;
mod health;
mod hostile;
mod in_flight;
#[cfg(target_os = "linux")]
mod memory;
mod query;
mod query_refusals;
mod recommend_refusals;
mod roots;
mod round_trip;
mod shutdown;
mod unread_log;
