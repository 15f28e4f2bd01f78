//! What each subcommand wires together.

pub mod documents;
pub mod extract;
pub mod inspect;
pub mod plan;
pub mod serve;
mod signals;
pub mod work;

use std::path::Path;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::config::ConfigError;

/// A folder for what is in the making, removed with its holder; in `parent`, or where the system
/// has them.
fn spool(parent: Option<&Path>) -> anyhow::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("extractor-svc-");
    let made = match parent {
        Some(parent) => builder.tempdir_in(parent),
        None => builder.tempdir(),
    };
    made.context("cannot make a folder in the spool")
}

/// What is wrong with a plan is wrong on every try, as with a command line.
fn unusable<T>(result: Result<T, impl ToString>) -> anyhow::Result<T> {
    result.map_err(|error| ConfigError(vec![error.to_string()]).into())
}
