//! `prune`: versions that nobody needs, removed from an object store.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
};

use index_svc::distribution::prune;
use serde_json::json;

use crate::{
    cli::{FormatArg, PruneArgs},
    config,
};

pub(crate) fn run(args: &PruneArgs) -> anyhow::Result<ExitCode> {
    let place = config::place(&args.place.at, &args.place.storage)?;
    let pruned = prune(&place, args.keep as usize, args.grace)?;
    let mut out = stdout().lock();
    if args.place.format == FormatArg::Json {
        let object = json!({
            "kept": pruned.kept,
            "removed": pruned.removed,
            "removed_bytes": pruned.removed_bytes,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for version in &pruned.removed {
        writeln!(out, "removed {version}")?;
    }
    let (gone, kept) = (pruned.removed.len(), pruned.kept.len());
    writeln!(out, "{gone} versions removed ({} bytes), {kept} kept", pruned.removed_bytes)?;
    Ok(ExitCode::SUCCESS)
}
