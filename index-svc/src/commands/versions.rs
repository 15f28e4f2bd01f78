//! `versions`: what an object store has of an index.

use std::{
    cmp::Reverse,
    io::{Write as _, stdout},
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use index_svc::{distribution::PublishedVersion, printable::Lines};
use serde_json::{Value, json};

use crate::{
    cli::{FormatArg, VersionsArgs},
    config,
};

/// Digits of an index version.
const VERSION_DIGITS: usize = 64;

pub(crate) fn run(args: &VersionsArgs) -> anyhow::Result<ExitCode> {
    let place = config::place(&args.place.at, &args.place.storage)?;
    let pointer = place.pointer()?.map(|(pointer, _)| pointer);
    let mut versions = place.versions()?;
    versions.sort_by_key(|version| Reverse(version.written_at_unix));
    let role = |name: &str| {
        let pointer = pointer.as_ref()?;
        if name == pointer.version {
            return Some("wanted".to_owned());
        }
        let steps = pointer.before.iter().position(|before| before == name)?;
        Some(format!("before-{}", steps + 1))
    };
    let mut out = stdout().lock();
    if args.place.format == FormatArg::Json {
        let list: Vec<Value> =
            versions.iter().map(|version| object(version, role(&version.version))).collect();
        let object = json!({
            "store": args.place.at.to_string(),
            "wanted": pointer.as_ref().map(|pointer| &pointer.version),
            "moved_by": pointer.as_ref().and_then(|pointer| pointer.by.as_ref()),
            "moved_at": pointer.as_ref().and_then(|pointer| pointer.at.as_ref()),
            "versions": list,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Lines(out);
    writeln!(out, "{:64}  {:9}  {:>10}  {:>14}  WRITTEN", "VERSION", "ROLE", "TRACKS", "BYTES")?;
    for version in &versions {
        let tracks = match &version.manifest {
            Some(Ok(manifest)) => manifest.rows.to_string(),
            // A name that somebody chose, in a folder; see `DistributionError::OwnName`.
            Some(Err(_)) if version.version.len() != VERSION_DIGITS => "own name".to_owned(),
            Some(Err(_)) => "damaged".to_owned(),
            None => "not whole".to_owned(),
        };
        let role = role(&version.version).unwrap_or_else(|| "-".to_owned());
        let (name, bytes) = (&version.version, version.bytes);
        writeln!(out, "{name:64}  {role:9}  {tracks:>10}  {bytes:>14}  {}", written(version))?;
    }
    if let Some(pointer) = pointer {
        let by = pointer.by.unwrap_or_else(|| "somebody".to_owned());
        let at = pointer.at.map(|at| format!(" at {at}")).unwrap_or_default();
        writeln!(out, "CURRENT was moved to {} by {by}{at}", pointer.version)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn object(version: &PublishedVersion, role: Option<String>) -> Value {
    let manifest = version.manifest.as_ref();
    json!({
        "index_version": version.version,
        "role": role,
        "whole": manifest.is_some_and(Result::is_ok),
        "damage": manifest.and_then(|manifest| manifest.as_ref().err()),
        "tracks": manifest.and_then(|m| m.as_ref().ok()).map(|manifest| manifest.rows),
        "profile": manifest.and_then(|m| m.as_ref().ok()).map(|manifest| &manifest.profile_id),
        "bytes": version.bytes,
        "written_at": written(version),
    })
}

fn written(version: &PublishedVersion) -> String {
    let seconds = u64::try_from(version.written_at_unix).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}
