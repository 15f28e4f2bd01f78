//! `rollback`: the pointer of an object store moved back.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use index_svc::distribution::rollback;
use serde_json::json;

use crate::{
    cli::{FormatArg, RollbackArgs},
    config,
};

pub(crate) fn run(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let place = config::place(&args.place.at, &args.place.storage)?;
    let by = config::publisher(args.by.as_deref());
    let done = rollback(&place, args.wanted.as_deref(), &by)?;
    let mut out = stdout().lock();
    match args.place.format {
        FormatArg::Json => {
            let object = json!({ "index_version": done.version, "from": done.from });
            writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?;
        }
        FormatArg::Text if done.version == done.from => {
            writeln!(out, "{} names {} already", args.place.at, done.version)?;
        }
        FormatArg::Text => {
            writeln!(out, "{} names {}, was {}", args.place.at, done.version, done.from)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
