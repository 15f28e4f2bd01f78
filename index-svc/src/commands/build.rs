//! `build`: tables to an index directory, and a short report.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::Instant,
};

use index_svc::{
    builder::{BuildPlan, build},
    printable::Lines,
};

use super::inputs::{self, beside};
use crate::cli::BuildArgs;

pub(crate) fn run(args: BuildArgs) -> anyhow::Result<ExitCode> {
    let place = beside(&args.output);
    let tables = inputs::fetch(&args.input, &args.storage.to_options(), place)?;
    let plan = BuildPlan { inputs: tables.paths, ..args.into() };
    let start = Instant::now();
    let built = build(&plan)?;
    let manifest = &built.manifest;
    let mut out = Lines(stdout().lock());
    writeln!(out, "built {} in {:.1} s", plan.output.display(), start.elapsed().as_secs_f64())?;
    writeln!(out, "index version   {}", built.version)?;
    writeln!(out, "profile         {}", manifest.profile_id)?;
    inputs::print_provenance(&mut out, &manifest.provenance())?;
    writeln!(out, "tracks          {}", manifest.rows)?;
    writeln!(out, "features        {}", manifest.dims)?;
    writeln!(out, "trees           {}", manifest.forest.trees)?;
    writeln!(
        out,
        "recall at 10    {:.3} ({} rows, left out of their own answers)",
        manifest.recall_at_10, manifest.recall_sample
    )?;
    for point in &manifest.recall_curve {
        let effort = point.effort().map_or("exact".to_owned(), |effort| effort.to_string());
        writeln!(
            out,
            "  {} {} at {}, for {}: {:.4} by {effort}, {:.1} % of the rows",
            point.engine,
            point.queries.as_str(),
            point.k,
            point.target,
            point.recall,
            100.0 * point.scored_share,
        )?;
    }
    let missing = &manifest.missing_values;
    if !missing.per_feature.is_empty() {
        writeln!(
            out,
            "missing values  {} filled by rule `{}`, {} rows dropped",
            missing.imputed_values, missing.rule, missing.dropped_rows
        )?;
        for (feature, count) in &missing.per_feature {
            writeln!(out, "  {feature}: {count}")?;
        }
    }
    if missing.duplicate_rows > 0 {
        writeln!(out, "repeated ids    {} rows left out", missing.duplicate_rows)?;
    }
    inputs::print_warnings(&mut out, manifest)?;
    if !manifest.constant_features.is_empty() {
        writeln!(out, "constant        {}", manifest.constant_features.join(", "))?;
    }
    inputs::print_features_left_out(&mut out, &built.features_left_out)?;
    inputs::print_left_out(&mut out, &built.columns_left_out)?;
    Ok(ExitCode::SUCCESS)
}
