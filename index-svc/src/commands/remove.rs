//! `remove`: a version without some tracks.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::ExitCode,
    time::Instant,
};

use anyhow::Context as _;
use index_svc::builder::{RemovePlan, UnknownRule, remove};

use super::append::report;
use crate::cli::{RemoveArgs, UnknownArg};

/// Most bytes of a file of ids: twice as many tracks as an index can have would not fit.
const MAX_IDS_BYTES: u64 = 4 << 30;

pub(crate) fn run(args: RemoveArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut ids = args.ids;
    if let Some(path) = &args.ids_from {
        ids.extend(read_ids(path).with_context(|| path.display().to_string())?);
    }
    let RemoveArgs { index, output, refit, unknown, .. } = args;
    let unknown = match unknown {
        UnknownArg::Error => UnknownRule::Error,
        UnknownArg::Skip => UnknownRule::Skip,
    };
    let grown = remove(&RemovePlan { index, ids, unknown, output, refit })?;
    report(args.format, &grown, start.elapsed())?;
    Ok(ExitCode::SUCCESS)
}

/// An id a line; empty lines do not count.
fn read_ids(path: &Path) -> std::io::Result<Vec<String>> {
    let lines = BufReader::new(File::open(path)?.take(MAX_IDS_BYTES)).lines();
    lines.filter(|line| line.as_ref().map_or(true, |line| !line.is_empty())).collect()
}
