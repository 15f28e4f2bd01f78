//! `publish`: an index into an object store, and what of it was uploaded.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use index_svc::distribution::{Published, Publisher, publish};
use serde_json::json;

use crate::{
    cli::{FormatArg, PublishArgs},
    config,
};

/// Time between two lines of the log about the same upload.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &PublishArgs) -> anyhow::Result<ExitCode> {
    let place = config::place(&args.to, &args.storage)?;
    let by = config::publisher(args.by.as_deref());
    let start = Instant::now();
    let (mut told, mut done, mut of) = (start, 0, String::new());
    let mut moved = |file: &str, bytes: u64, of_bytes: u64| {
        if of != file {
            (done, of) = (0, file.to_owned());
        }
        done += bytes;
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let percent = 100 * done / of_bytes.max(1);
            tracing::info!(file, bytes = done, of_bytes, percent, "uploading");
        }
    };
    let published = publish(&args.index, &place, &mut Publisher { by: &by, moved: &mut moved })?;
    report(args, &published, start.elapsed())?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &PublishArgs, published: &Published, took: Duration) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    let moved = published.before.as_deref() != Some(&published.version);
    if args.format == FormatArg::Json {
        let object = json!({
            "index_version": published.version,
            "store": args.to.to_string(),
            "tracks": published.rows,
            "before": published.before,
            "pointer_moved": moved,
            "uploaded": published.uploaded,
            "skipped": published.skipped,
            "uploaded_bytes": published.uploaded_bytes,
            "seconds": took.as_secs_f64(),
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?;
        return Ok(());
    }
    writeln!(out, "published to {} in {:.1} s", args.to, took.as_secs_f64())?;
    writeln!(out, "index version   {}", published.version)?;
    writeln!(out, "tracks          {}", published.rows)?;
    writeln!(
        out,
        "objects         {} uploaded ({} bytes), {} were there",
        published.uploaded.len(),
        published.uploaded_bytes,
        published.skipped.len()
    )?;
    match &published.before {
        Some(before) if moved => writeln!(out, "CURRENT         was {before}")?,
        Some(_) => writeln!(out, "CURRENT         named it already")?,
        None => writeln!(out, "CURRENT         is new")?,
    }
    Ok(())
}
