//! `validate`: every check, the recall figures, and an exit code.

use std::{
    collections::BTreeMap,
    io::{Write as _, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use index_svc::{
    Index,
    manifest::{Manifest, MissingValues},
    recall::{self, Probe},
    table::{ColumnRule, IdRule, Table},
    verify::{self, Check},
};
use serde::Serialize;

use crate::{
    cli::{FormatArg, ValidateArgs},
    config,
};

/// The values of `k` recall is measured at.
const RECALL_AT: [usize; 2] = [10, 100];
/// Most held-out vectors that are read.
const MAX_PROBES: usize = 1_000_000;

/// What `validate` found.
#[derive(Debug, Serialize)]
struct Report {
    index_version: String,
    profile_id: String,
    tracks: u32,
    features: u32,
    trees: u32,
    passed: bool,
    checks: Vec<Check>,
    recall: BTreeMap<String, f64>,
    recall_probes: usize,
    recall_source: &'static str,
    /// Engine and effort of an answer of 10.
    plan: String,
    /// Median microseconds of an answer of 10.
    p50_us: u128,
    /// Median microseconds of an exact answer of 100.
    exact_p50_us: u128,
    constant_features: Vec<String>,
    missing_values: MissingValues,
}

pub(crate) fn run(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let floors = config::recall_floors(&args.fail_under)?;
    let wanted = config::validation(args)?.wanted();
    let index = Index::open(&args.index)?;
    let mut checks = vec![files_check(&args.index, index.manifest())];
    checks.extend(verify::check_contents(&index)?);
    checks.extend(verify::check_curve(&index, args.sample as usize)?);
    if !args.input.is_empty() {
        checks.extend(verify::check_sources(&index, &args.input)?);
    }
    let (probes, recall_source) = match &args.queries {
        Some(path) => (held_out(&index, path)?, "held-out vectors"),
        None => {
            let seed = index.manifest().forest.seed;
            (recall::sample_rows(index.rows(), args.sample as usize, seed), "rows of the index")
        }
    };
    let measured = recall::measure(&index, &probes, &RECALL_AT, wanted)?;
    for (k, floor) in floors {
        let figures = RECALL_AT.iter().zip(&measured.recall);
        for (_, value) in figures.filter(|(at, _)| **at == k) {
            checks.push(Check {
                name: "recall floor",
                passed: *value >= floor,
                detail: format!("recall@{k} is {value:.4}, expected at least {floor}"),
            });
        }
    }
    let plan = index.plan(wanted, RECALL_AT[0]);
    let manifest = index.manifest();
    let report = Report {
        index_version: index.version().to_owned(),
        profile_id: manifest.profile_id.clone(),
        tracks: manifest.rows,
        features: manifest.dims,
        trees: manifest.forest.trees,
        passed: checks.iter().all(|check| check.passed),
        checks,
        recall: RECALL_AT.iter().map(|k| format!("recall@{k}")).zip(measured.recall).collect(),
        recall_probes: probes.len(),
        recall_source,
        plan: format!("{} {}", plan.engine, plan.effort),
        p50_us: measured.p50.as_micros(),
        exact_p50_us: measured.exact_p50.as_micros(),
        constant_features: manifest.constant_features.clone(),
        missing_values: manifest.missing_values.clone(),
    };
    match args.format {
        FormatArg::Json => writeln!(stdout(), "{}", serde_json::to_string_pretty(&report)?)?,
        FormatArg::Text => print(&report)?,
    }
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn files_check(path: &Path, manifest: &Manifest) -> Check {
    let verified = Index::verify_files(path, manifest);
    Check {
        name: "file digests",
        passed: verified.is_ok(),
        detail: verified.err().map_or_else(|| "as in the manifest".to_owned(), |e| e.to_string()),
    }
}

/// Held-out vectors; a table that states another profile is refused.
fn held_out(index: &Index, path: &Path) -> anyhow::Result<Vec<Probe>> {
    let rule = ColumnRule::Schema(index.schema().clone());
    let mut table = Table::open(path, &rule, IdRule::Optional)?;
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

fn print(report: &Report) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    let line = writeln!(
        out,
        "index {}: {} tracks, {} features, {} trees, profile {}",
        report.index_version, report.tracks, report.features, report.trees, report.profile_id
    );
    line.context("cannot write the report")?;
    for check in &report.checks {
        let mark = if check.passed { "ok  " } else { "FAIL" };
        writeln!(out, "{mark}  {:16}  {}", check.name, check.detail)?;
    }
    for (figure, value) in &report.recall {
        let (probes, source) = (report.recall_probes, report.recall_source);
        writeln!(out, "      {figure:16}  {value:.4} ({probes} {source})")?;
    }
    writeln!(
        out,
        "      median time       {} us by {} (k = 10), {} us exact (k = 100)",
        report.p50_us, report.plan, report.exact_p50_us
    )?;
    let constant = &report.constant_features;
    let constant = if constant.is_empty() { "none".to_owned() } else { constant.join(", ") };
    writeln!(out, "      constant          {constant}")?;
    let missing = &report.missing_values;
    writeln!(
        out,
        "      missing values    {} filled by rule `{}`, {} rows dropped",
        missing.imputed_values, missing.rule, missing.dropped_rows
    )?;
    for (feature, count) in &missing.per_feature {
        writeln!(out, "        {feature}: {count}")?;
    }
    Ok(())
}
