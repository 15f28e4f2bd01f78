//! `validate`: open, examine, write the report, and an exit code.

use std::{
    fs,
    io::{Write as _, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use index_svc::{
    Searcher,
    gate::Threshold,
    planner::Wanted,
    printable::Lines,
    recall::Probe,
    report::Report,
    table::{ColumnRule, IdRule, Table},
    validation::Validation,
};

use super::inputs::{self, beside};
use crate::{
    cli::{ReportFormatArg, ValidateArgs},
    config,
};

/// Most held-out vectors that are read.
const MAX_PROBES: usize = 1_000_000;

pub(crate) fn run(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let thresholds = config::thresholds(&args.fail_under)?;
    let wanted = config::validation(args)?.wanted();
    // A gate says in its own form what is wrong with an index, where a build server looks for it.
    let report = match inputs::index(&args.index, &args.storage) {
        Ok(local) => examine(args, &local.directory, wanted, thresholds)?,
        Err(error) => Report::unreadable(&serving::told_once(error.as_ref())),
    };
    let text = match args.format {
        ReportFormatArg::Text => report.to_text(),
        ReportFormatArg::Json => serde_json::to_string_pretty(&report)? + "\n",
        ReportFormatArg::Junit => report.to_junit()?,
        ReportFormatArg::Html => report.to_html(&name(&args.index))?,
    };
    match &args.output {
        None => stdout().write_all(text.as_bytes())?,
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            summarise(&report, path)?;
        }
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine(
    args: &ValidateArgs,
    directory: &Path,
    wanted: Wanted,
    thresholds: Vec<Threshold>,
) -> anyhow::Result<Report> {
    let tables = inputs::fetch(&args.input, &args.storage.to_options(), beside(directory))?;
    let index = match Searcher::open(directory) {
        Ok(index) => index,
        Err(error) => return Ok(Report::unreadable(&error)),
    };
    let held_out = args.queries.as_deref().map(|path| held_out(&index, path));
    let validation = Validation {
        inputs: tables.paths,
        sample: args.sample as usize,
        held_out: held_out.transpose()?,
        wanted,
        genre_column: args.genre_column.clone(),
        thresholds,
        pictures: args.format == ReportFormatArg::Html,
    };
    Ok(validation.run(&index, directory)?)
}

/// What failed, for those who see the log and not the file.
fn summarise(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut out = Lines(stdout().lock());
    for check in report.failures() {
        writeln!(out, "FAIL  {:16}  {}", check.name, check.detail)?;
    }
    let (failed, all) = (report.failures().count(), report.checks.len());
    Ok(writeln!(out, "{} of {all} checks passed; report in {}", all - failed, path.display())?)
}

/// The index directory's own name.
fn name(index: &Path) -> String {
    let whole = index.canonicalize().unwrap_or_else(|_| index.to_owned());
    whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
}

/// Held-out vectors; a table that states another profile is refused.
fn held_out(index: &Searcher, path: &Path) -> anyhow::Result<Vec<Probe>> {
    let rule = ColumnRule::Schema(index.schema().clone());
    let (path, _spooled) = inputs::table(path)?;
    let mut table = Table::open(&path, &rule, IdRule::Optional)?;
    if let Some(recipe) = table.recipe() {
        index_svc::query::check_recipe(index, &recipe.profile_id, &recipe.schema_sha256)?;
    }
    let mut probes = Vec::new();
    while let Some(row) = table.next_row()? {
        anyhow::ensure!(
            row.values.iter().all(|value| value.is_finite()),
            "{}, line {}: a value is missing",
            path.display(),
            row.line
        );
        anyhow::ensure!(probes.len() < MAX_PROBES, "more than {MAX_PROBES} held-out vectors");
        probes.push(Probe::Raw(row.values));
    }
    anyhow::ensure!(!probes.is_empty(), "{} has no rows", path.display());
    Ok(probes)
}
