//! `append`: rows behind those of the last version, and a report of both grown versions and drift.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use index::lineage::{ColumnDrift, CurveOrigin};
use index_svc::{
    builder::{AppendPlan, Grown, Outcome, Unchanged, append},
    printable::Lines,
    table::LeftOut,
};
use serde_json::{Value, json};

use super::inputs::{self, beside};
use crate::cli::{AppendArgs, FormatArg};

/// Columns of a drift that are shown as text.
const SHOWN_COLUMNS: usize = 5;
/// A drift from which the report says that there is one: a quarter of a deviation, or of the scale.
const TELLING_EXTENT: f64 = 0.25;

pub(crate) fn run(args: AppendArgs) -> anyhow::Result<ExitCode> {
    let format = args.format;
    let start = Instant::now();
    let place = beside(&args.index);
    let tables = inputs::fetch(&args.input, &args.storage.to_options(), place)?;
    let grown = append(&AppendPlan { inputs: tables.paths, ..args.into() })?;
    report(format, &grown, start.elapsed())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes what growing came to.
pub(super) fn report(format: FormatArg, outcome: &Outcome, took: Duration) -> anyhow::Result<()> {
    match (format, outcome) {
        (FormatArg::Json, outcome) => {
            let object = match outcome {
                Outcome::Made(grown) => object(grown, took)?,
                Outcome::Unchanged(unchanged) => unchanged_object(unchanged),
            };
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&object)?)?;
        }
        (FormatArg::Text, Outcome::Made(grown)) => print(grown, took)?,
        (FormatArg::Text, Outcome::Unchanged(unchanged)) => print_unchanged(unchanged)?,
    }
    Ok(())
}

fn unchanged_object(unchanged: &Unchanged) -> Value {
    json!({
        "made": false,
        "index_version": unchanged.version,
        "path": unchanged.path,
        "rows_read": unchanged.read,
        "rows_repeated": unchanged.repeated,
        "rows_dropped": unchanged.dropped,
        "ids_unknown": unchanged.unknown,
    })
}

fn print_unchanged(unchanged: &Unchanged) -> anyhow::Result<()> {
    let Unchanged { read, repeated, dropped, unknown, .. } = unchanged;
    let mut out = Lines(stdout().lock());
    writeln!(out, "nothing to change; no version was made")?;
    writeln!(out, "index version   {} stays", unchanged.version)?;
    writeln!(
        out,
        "rows            {read} read, {repeated} in the index already, {dropped} dropped for missing values"
    )?;
    if *unknown > 0 {
        writeln!(out, "ids             {unknown} not in the index")?;
    }
    Ok(())
}

fn object(grown: &Grown, took: Duration) -> anyhow::Result<Value> {
    let manifest = &grown.manifest;
    let left_out = |column: &LeftOut| json!({ "column": column.name, "kind": column.kind });
    let columns_left_out: Vec<Value> = grown.columns_left_out.iter().map(left_out).collect();
    Ok(json!({
        "made": true,
        "index_version": grown.version,
        "path": grown.path,
        "pointer_moved": grown.pointer_moved,
        "tracks": manifest.rows,
        "scaler": manifest.scaler,
        "growth": manifest.growth,
        "extractor_versions": manifest.extractor_versions,
        "windows": manifest.windows,
        "warnings": manifest.card.as_ref().and_then(|card| card.warnings.as_ref()),
        "drift_of_added": grown.drift_of_added,
        "freed_features": grown.freed_features,
        "features_left_out": grown.features_left_out,
        "columns_left_out": columns_left_out,
        "recall_at_10": manifest.recall_at_10,
        "recall_curve": manifest.recall_curve,
        "seconds": took.as_secs_f64(),
    }))
}

fn print(grown: &Grown, took: Duration) -> anyhow::Result<()> {
    let manifest = &grown.manifest;
    let mut out = Lines(stdout().lock());
    writeln!(out, "made {} in {:.1} s", grown.path.display(), took.as_secs_f64())?;
    writeln!(out, "index version   {}", grown.version)?;
    let Some(growth) = &manifest.growth else { return Ok(()) };
    writeln!(out, "from version    {}", growth.from_version)?;
    writeln!(
        out,
        "tracks          {} (were {}, {} added, {} removed)",
        manifest.rows, growth.rows_before, growth.added, growth.removed
    )?;
    inputs::print_provenance(&mut out, &manifest.provenance())?;
    inputs::print_warnings(&mut out, manifest)?;
    let curve = match growth.recall_curve {
        CurveOrigin::Checked => "efforts kept, recall measured again at each",
        CurveOrigin::Calibrated => "efforts chosen again",
    };
    writeln!(out, "recall at 10    {:.3} ({curve})", manifest.recall_at_10)?;
    let scaler = if growth.refitted { "fitted again" } else { "kept" };
    writeln!(out, "scaler          {scaler}; drift of all rows from the one before:")?;
    print_drift(&mut out, &growth.drift)?;
    if !grown.drift_of_added.is_empty() {
        writeln!(out, "                and of the added rows alone:")?;
        print_drift(&mut out, &grown.drift_of_added)?;
    }
    let far = growth.drift.iter().filter(|column| column.extent() > TELLING_EXTENT).count();
    if far > 0 && !growth.refitted {
        writeln!(
            out,
            "                {far} features are more than {TELLING_EXTENT} off: consider --refit"
        )?;
    }
    if !grown.freed_features.is_empty() {
        let freed = grown.freed_features.join(", ");
        writeln!(
            out,
            "not constant    {freed}: no deviation is known, so they count in their own unit"
        )?;
        writeln!(out, "                and may outweigh all others; use --refit")?;
    }
    inputs::print_features_left_out(&mut out, &grown.features_left_out)?;
    inputs::print_left_out(&mut out, &grown.columns_left_out)?;
    if !grown.pointer_moved && grown.path.parent().is_some_and(index_svc::versions::is_folder) {
        writeln!(out, "CURRENT was moved elsewhere in the meantime and stays so")?;
    }
    Ok(())
}

/// The columns that drifted most.
fn print_drift(out: &mut impl std::io::Write, drift: &[ColumnDrift]) -> std::io::Result<()> {
    let mut columns: Vec<&ColumnDrift> = drift.iter().collect();
    columns.sort_by(|a, b| b.extent().total_cmp(&a.extent()));
    for column in columns.iter().take(SHOWN_COLUMNS) {
        writeln!(
            out,
            "  {:24} mean {:+.4} deviations, scale x {:.4}",
            column.feature, column.mean_shift, column.scale_ratio
        )?;
    }
    Ok(())
}
