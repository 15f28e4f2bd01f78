//! `query`: one answer per track or per row of a table, as text or JSON lines.

use std::{
    io::{Write, stdout},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use index_svc::{
    Searcher,
    explain::{Contribution, Explanation},
    printable::{Lines, printable},
    query::{Options, Query, check_recipe},
    search::Answer,
    table::{ColumnRule, IdRule, Table, TableError},
};
use serde_json::json;

use super::inputs;
use crate::{
    cli::{FormatArg, QueryArgs},
    config,
};

/// Features that a text explanation names.
const TOLD_FEATURES: usize = 5;

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let local = inputs::index(&args.index, &args.storage)?;
    let index = Searcher::open(&local.directory)?;
    let options = config::options(&index, &args.ranking)?;
    let mut out = stdout().lock();
    let mut answer = |label: &str, query: &Query| -> anyhow::Result<()> {
        let query = query.clone().from_page(&index, &args.ranking.page_token)?;
        let answer = index.search(&query)?;
        match args.format {
            FormatArg::Json => write_json(&mut out, &index, label, &answer),
            FormatArg::Text => write_text(&mut Lines(&mut out), label, &answer),
        }
    };
    if let Some(track_id) = &args.track_id {
        answer(track_id, &Query::by_track_id(&index, track_id, options)?)?;
    } else if let Some(row) = args.track_index {
        answer(&format!("row {row}"), &Query::by_row(&index, row, options)?)?;
    } else if let Some(path) = &args.features {
        each_query(&index, path, args.profile.as_deref(), &options, answer)?;
    } else {
        let examples = config::examples(&index, args)?;
        let label = args.like.join(" + ");
        answer(&label, &Query::by_examples(examples, args.strategy.into(), options)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn each_query(
    index: &Searcher,
    path: &Path,
    profile: Option<&str>,
    options: &Options,
    mut answer: impl FnMut(&str, &Query) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let rule = ColumnRule::Schema(index.schema().clone());
    let (path, _spooled) = inputs::table(path)?;
    let path = path.as_path();
    let mut table = Table::open(path, &rule, IdRule::Optional)?;
    match (table.recipe(), profile) {
        (Some(recipe), Some(profile)) if recipe.profile_id != profile => {
            return Err(TableError::ProfileMismatch {
                path: path.to_owned(),
                got: recipe.profile_id.clone(),
                expected: profile.to_owned(),
            }
            .into());
        }
        (Some(recipe), _) => check_recipe(index, &recipe.profile_id, &recipe.schema_sha256)?,
        (None, Some(profile)) => check_recipe(index, profile, "")?,
        (None, None) => {
            return Err(TableError::ProfileUnstated { path: path.to_owned() }.into());
        }
    }
    let mut number = 0_u64;
    while let Some(row) = table.next_row()? {
        let id = row.metadata.track_id;
        let label = if id.is_empty() { format!("query {number}") } else { id };
        let query = Query::by_vector(index, row.values, options.clone())
            .with_context(|| format!("{}, line {}", path.display(), row.line))?;
        answer(&label, &query)?;
        number += 1;
    }
    Ok(())
}

fn write_json(
    out: &mut impl Write,
    index: &Searcher,
    label: &str,
    answer: &Answer,
) -> anyhow::Result<()> {
    let neighbors: Vec<_> = answer
        .neighbors
        .iter()
        .map(|neighbor| {
            json!({
                "track_index": neighbor.row,
                "track_id": neighbor.metadata.track_id,
                "track_title": neighbor.metadata.track_title,
                "artist_name": neighbor.metadata.artist_name,
                "album_title": neighbor.metadata.album_title,
                "attributes": neighbor.metadata.attributes,
                "distance": neighbor.distance,
                "similarity_percentile": neighbor.similarity_percentile,
                "score": neighbor.score,
                "explanation": neighbor.explanation.as_ref().map(explanation),
            })
        })
        .collect();
    let line = json!({
        "query": label,
        "index_version": index.version(),
        "exact": answer.plan.is_exact(),
        "engine": answer.plan.engine.as_str(),
        "effort": answer.plan.effort.to_string(),
        "promised_recall": answer.plan.promised_recall,
        "candidate_count": answer.candidate_count,
        "matched_track_count": answer.matched_count,
        "suppressed_seed_count": answer.left_out.seeds,
        "suppressed_duplicate_count": answer.left_out.duplicates,
        "suppressed_artist_count": answer.left_out.artists,
        "suppressed_distance_count": answer.too_far_count,
        "out_of_range_features": answer.out_of_range_features,
        "neighbors": neighbors,
        "next_page_token": answer.next_page_token,
    });
    Ok(writeln!(out, "{line}")?)
}

fn explanation(of: &Explanation) -> serde_json::Value {
    let group = |part: &Contribution| json!({ "group": part.feature, "share": part.share });
    let feature = |part: &Contribution| json!({ "feature": part.feature, "share": part.share, "delta_std": part.delta_std });
    json!({
        "groups": of.groups.iter().map(group).collect::<Vec<_>>(),
        "features": of.features.iter().map(feature).collect::<Vec<_>>(),
    })
}

fn write_text(out: &mut impl Write, label: &str, answer: &Answer) -> anyhow::Result<()> {
    let label = printable(label);
    let seed = answer.seed.as_ref().map_or_else(String::new, |(row, seed)| {
        let (artist, title) = (printable(&seed.artist_name), printable(&seed.track_title));
        format!(" (row {row}: {artist} - {title})")
    });
    let reasons = [
        (answer.left_out.seeds, "equal to the query"),
        (answer.left_out.duplicates, "equal to a better one"),
        (answer.left_out.artists, "over the artist limit"),
        (answer.too_far_count, "too far"),
    ];
    let told = reasons.iter().filter(|(count, _)| *count > 0);
    let suppressed: String =
        told.map(|(count, reason)| format!(", {count} {reason} left out")).collect();
    let how = format!("{} {}", answer.plan.engine, answer.plan.effort);
    writeln!(out, "{label}{seed}: {how}, {} candidates{suppressed}", answer.candidate_count)?;
    writeln!(out, "{:>4}  {:>10}  {:>10}  {:>8}  TRACK", "RANK", "DISTANCE", "PERCENTILE", "ROW")?;
    for (rank, neighbor) in (1..).zip(&answer.neighbors) {
        let track = &neighbor.metadata;
        writeln!(
            out,
            "{rank:>4}  {:>10.4}  {:>10.4}  {:>8}  {} - {} - {} [{}]",
            neighbor.distance,
            neighbor.similarity_percentile,
            neighbor.row,
            printable(&track.artist_name),
            printable(&track.track_title),
            printable(&track.album_title),
            printable(&track.track_id)
        )?;
        if let Some(explained) = &neighbor.explanation {
            write_explanation(out, explained)?;
        }
    }
    if !answer.next_page_token.is_empty() {
        writeln!(out, "more: --page-token {}", answer.next_page_token)?;
    }
    if !answer.out_of_range_features.is_empty() {
        writeln!(out, "more than 6 deviations off: {}", answer.out_of_range_features.join(", "))?;
    }
    Ok(())
}

/// The groups, and the features that weigh most.
fn write_explanation(out: &mut impl Write, of: &Explanation) -> anyhow::Result<()> {
    let percent = |part: &Contribution| format!("{} {:.0} %", part.feature, 100.0 * part.share);
    let groups: Vec<String> = of.groups.iter().map(percent).collect();
    let signed = |part: &Contribution| {
        let delta = part.delta_std.unwrap_or_default();
        format!("{} ({delta:+.1} deviations)", percent(part))
    };
    let features: Vec<String> = of.features.iter().take(TOLD_FEATURES).map(signed).collect();
    Ok(writeln!(out, "      {}\n      {}", groups.join(", "), features.join(", "))?)
}
