//! The report for a terminal: checks, then figures.

use std::fmt::{self, Write as _};

use index::card::{Purity, Spread};

use super::{Findings, Report, percent};
use crate::printable::printable;

impl Report {
    /// Lines of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to memory cannot fail.
        let _ = self.write_text(&mut out);
        out.split_inclusive('\n')
            .map(|line| printable(line.trim_end_matches('\n')) + "\n")
            .collect()
    }

    fn write_text(&self, out: &mut String) -> fmt::Result {
        if let Some(found) = &self.findings {
            writeln!(
                out,
                "index {}: {} tracks, {} features, {} trees, profile {}",
                found.index_version, found.tracks, found.features, found.trees, found.profile_id
            )?;
        }
        for check in &self.checks {
            let mark = if check.passed { "ok  " } else { "FAIL" };
            writeln!(out, "{mark}  {:16}  {}", check.name, check.detail)?;
        }
        match &self.findings {
            Some(found) => write_findings(out, found),
            None => Ok(()),
        }
    }
}

fn write_findings(out: &mut String, found: &Findings) -> fmt::Result {
    for (figure, value) in &found.recall {
        let (probes, source) = (found.recall_probes, found.recall_source);
        writeln!(out, "      {figure:16}  {value:.4} ({probes} {source})")?;
    }
    writeln!(
        out,
        "      median time       {} us by {} (k = 10), {} us exact (k = 100)",
        found.p50_us, found.plan, found.exact_p50_us
    )?;
    let card = &found.card;
    for (name, purity) in
        [("artist purity", &card.artist_purity), ("genre purity", &card.genre_purity)]
    {
        writeln!(out, "      {name:16}  {}", purity_text(purity.as_ref()))?;
    }
    let duplicates = &card.duplicates;
    writeln!(
        out,
        "      duplicates        {} of the rows repeat another: {} rows in {} groups{}",
        percent(duplicates.share(found.tracks)),
        duplicates.rows,
        duplicates.groups,
        named(found, duplicates.largest_group_row, ", the largest with")
    )?;
    let hubness = &card.hubness;
    writeln!(
        out,
        "      hubness           skewness {:.2}, {} orphans ({} rows); largest hub in {} of the lists{}",
        hubness.skewness,
        percent(hubness.orphan_share),
        hubness.rows,
        percent(hubness.largest_hub_share),
        named(found, hubness.largest_hub_row, ":")
    )?;
    let spread = |spread: Option<Spread>| {
        spread.map_or_else(
            || "none".to_owned(),
            |at| format!("{:.3} (5 %), {:.3} (median), {:.3} (95 %)", at.p5, at.p50, at.p95),
        )
    };
    writeln!(out, "      to 10 nearest     {}", spread(card.neighbor_distance))?;
    writeln!(out, "      random pairs      {}", spread(card.random_pair_distance))?;
    if let Some(warnings) = &card.warnings {
        writeln!(out, "      warnings          {} of the rows have some", warnings.rows)?;
        if warnings.unknown_rows > 0 {
            writeln!(out, "        of {} rows it is not known", warnings.unknown_rows)?;
        }
        for (code, rows) in &warnings.rows_by_code {
            writeln!(out, "        {code}: {rows}")?;
        }
    }
    let constant = &found.constant_features;
    let constant = if constant.is_empty() { "none".to_owned() } else { constant.join(", ") };
    writeln!(out, "      constant          {constant}")?;
    let missing = &found.missing_values;
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

fn purity_text(purity: Option<&Purity>) -> String {
    purity.map_or_else(
        || "not known: no such column, or empty".to_owned(),
        |purity| {
            format!(
                "{:.4} of the 10 nearest, {:.4} by chance ({}, {} rows)",
                purity.at_10, purity.by_chance, purity.column, purity.rows
            )
        },
    )
}

fn named(found: &Findings, row: Option<u32>, before: &str) -> String {
    let id = row.and_then(|row| Some((row, found.track_ids.get(&row)?)));
    id.map_or_else(String::new, |(row, id)| format!("{before} `{id}` (row {row})"))
}
