//! The manifests of `deploy/`, against the binaries and the contract they deploy: facts that no
//! schema and no linter knows.
//!
//! Belongs here: what must agree between two manifests, or between a manifest and the services.
//! Schemas, policies and rules are checked by `deploy/checks`.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::disallowed_methods, reason = "a test asks whether it may be skipped")]

mod batch;
mod gateway;
mod lifecycle;
mod monitoring;
mod names;
mod ports;
mod promql;
mod render;
mod running;
mod scaling;
mod slow_callers;
