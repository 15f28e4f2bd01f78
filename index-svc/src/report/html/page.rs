//! The page from top to bottom: verdict, what failed, figures, pictures, card, every check.

use engine::EngineName;
use index::curve::{QueryKind, RecallPoint};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    DrawingError, curves,
    ink::{count, number},
    map, shapes, tables,
};
use crate::{
    calibration::CALIBRATION_K,
    gate::Figure,
    report::{Findings, Pictures, Report, percent, pictures::DEVIATIONS},
    verify::Check,
};

/// Nothing is fetched, even if a title should hold markup that slipped through.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn page(report: &Report, name: &str) -> Result<Markup, DrawingError> {
    let pictures = match (&report.findings, &report.pictures) {
        (Some(found), Some(pictures)) => drawn(found, pictures)?,
        _ => html! {},
    };
    let verdict = if report.passed { "passed" } else { "failed" };
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (name) ": index " (verdict) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                (header(report, name))
                main {
                    (failures(report))
                    @if let Some(found) = &report.findings { (tiles(found)) }
                    (pictures)
                    @if let Some(found) = &report.findings {
                        section { h2 { "Model card" } (tables::card(found)) }
                    }
                    (checks(report))
                }
            }
        }
    })
}

fn header(report: &Report, name: &str) -> Markup {
    let failed = report.failures().count();
    html! {
        header {
            div {
                p.kicker { "Index report" }
                h1 { (name) }
                @if let Some(found) = &report.findings {
                    p.sub {
                        (count(found.tracks.into())) " tracks · " (found.features) " features · profile "
                        code { (found.profile_id) } " · version " code { (found.index_version) }
                    }
                }
            }
            @if report.passed {
                p.verdict.ok { "✓ all " (report.checks.len()) " checks passed" }
            } @else {
                p.verdict.bad { "✗ " (failed) " of " (report.checks.len()) " checks failed" }
            }
        }
    }
}

fn failures(report: &Report) -> Markup {
    html! {
        @if !report.passed {
            section.failures {
                h2 { "What failed" }
                ul { @for check in report.failures() {
                    li { b { (check.name) } p { (check.detail) } }
                } }
            }
        }
    }
}

fn tiles(found: &Findings) -> Markup {
    let card = &found.card;
    let share = |figure: Figure| found.figures.get(figure).map_or("–".to_owned(), percent);
    let chance = |purity: Option<f64>| match purity {
        Some(by_chance) => format!("{} by chance", percent(by_chance)),
        None => "not known".to_owned(),
    };
    let recall = found.figures.get(Figure::Recall10);
    let all = [
        (
            "Recall at 10",
            recall.map_or("–".to_owned(), |recall| format!("{recall:.4}")),
            format!("{} µs, {}", found.p50_us, found.plan),
        ),
        (
            "Artist purity at 10",
            share(Figure::ArtistPurity),
            chance(card.artist_purity.as_ref().map(|purity| purity.by_chance)),
        ),
        (
            "Genre purity at 10",
            share(Figure::GenrePurity),
            chance(card.genre_purity.as_ref().map(|purity| purity.by_chance)),
        ),
        (
            "Exact duplicates",
            share(Figure::Duplicates),
            format!("{} groups", count(card.duplicates.groups)),
        ),
        (
            "Hubness",
            number(card.hubness.skewness),
            format!("{} orphans", percent(card.hubness.orphan_share)),
        ),
        (
            "Constant features",
            found.constant_features.len().to_string(),
            format!("of {}", found.features),
        ),
    ];
    html! {
        section.tiles aria-label="Key figures" {
            @for (name, value, note) in &all {
                div.tile { p.label { (name) } p.value { (value) } p.note { (note) } }
            }
        }
    }
}

fn drawn(found: &Findings, pictures: &Pictures) -> Result<Markup, DrawingError> {
    let projection = &pictures.projection;
    let map = map::map(projection)?;
    // The line is of tracks, at 10, by the blocks engine; so are the points on it.
    let is_drawn = |point: &RecallPoint| {
        let of = (point.engine, point.queries, point.k as usize);
        of == (EngineName::Blocks, QueryKind::Track, CALIBRATION_K)
    };
    let drawn: Vec<RecallPoint> = found.recall_curve.iter().copied().filter(is_drawn).collect();
    let recall = curves::recall(&pictures.efforts, &drawn)?;
    let distances = pictures.distances.as_ref().map(curves::distances).transpose()?;
    let shapes = shapes::shapes(&pictures.shapes)?;
    let sampled = count(pictures.sampled_rows as u64);
    Ok(html! {
        section {
            h2 { "The catalogue from above" }
            p.lead {
                "Each mark is a track, placed on the two directions in which the scaled vectors vary \
                 most. " (count(projection.points.len() as u64)) " of " (count(found.tracks.into()))
                " are drawn"
                @if projection.beyond > 0 { ", " (projection.beyond) " more lie beyond the frame" }
                ". Two dimensions flatten " (found.features) ": tracks that lie together here may be apart."
            }
            (map)
        }
        div.pair {
            section {
                h2 { "Recall against effort" }
                @if pictures.efforts.is_empty() {
                    p.lead { "The index was built or opened without the engine that has a curve." }
                } @else if pictures.efforts.iter().all(|effort| effort.scored_share >= 1.0) {
                    p.lead { "The catalogue is so small that every effort looks at all of it." }
                } @else {
                    p.lead { "How many of the ten true neighbours are found, by the share of the catalogue "
                        "that is looked at. Rings are the targets as they were met at build time, from which the planner chooses." }
                    div.scroll { (recall) }
                }
            }
            section {
                h2 { "Near against random" }
                @if let Some(distances) = &distances {
                    p.lead {
                        span.key.first { "To the ten nearest" } " and " span.key.second { "between random pairs" }
                        ", with medians. The less they overlap, the more a neighbour means."
                    }
                    div.scroll { (distances) }
                } @else { p.lead { "There are no two tracks to compare." } }
            }
        }
        section {
            h2 { "Features before and after scaling" }
            p.lead {
                span.key.second { "Left, raw values" } " over their own range; " span.key.first { "right, scaled" }
                " from −" (DEVIATIONS) " to " (DEVIATIONS) " standard deviations, the mean in the middle, tails in \
                 the outermost bars. " (sampled) " tracks."
            }
            (shapes)
        }
    })
}

fn checks(report: &Report) -> Markup {
    let mark = |check: &Check| if check.passed { "✓ ok" } else { "✗ failed" };
    html! {
        section {
            h2 { "All checks" }
            table.checks {
                thead { tr {
                    th scope="col" { "check" } th scope="col" { "outcome" } th scope="col" { "detail" }
                } }
                tbody { @for check in &report.checks {
                    tr.bad[!check.passed] {
                        th scope="row" { (check.name) } td { (mark(check)) } td { (check.detail) }
                    }
                } }
            }
        }
    }
}
