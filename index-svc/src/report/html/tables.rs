//! The model card as tables.

use std::time::{Duration, UNIX_EPOCH};

use index::{
    card::{Purity, Spread},
    metadata::MAX_TRACK_ID_BYTES,
};
use maud::{Markup, html};

use super::ink::{count, number};
use crate::{
    query::{MAX_PAGE_SIZE, MAX_SEARCH_K},
    report::{Findings, percent},
};

/// Identity, neighbourhoods, speed, missing values, sources, limits.
pub(super) fn card(found: &Findings) -> Markup {
    html! {
        div.tables {
            (identity(found))
            (neighborhoods(found))
            (recall(found))
            (values(found))
            (sources(found))
            (limits())
        }
    }
}

fn table(title: &str, rows: &[(&str, Markup)]) -> Markup {
    html! {
        section.table {
            h3 { (title) }
            table { tbody {
                @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } }
            } }
        }
    }
}

fn identity(found: &Findings) -> Markup {
    let built = match &found.build {
        Some(build) => {
            let seconds = u64::try_from(build.built_at_unix).unwrap_or_default();
            let at = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds));
            html! { (at) br; (build.built_by) }
        }
        None => html! { "not known" },
    };
    let trees =
        if found.trees == 0 { "no forest".to_owned() } else { format!("{} trees", found.trees) };
    table(
        "Identity",
        &[
            ("version", html! { code { (found.index_version) } }),
            ("profile", html! { code { (found.profile_id) } }),
            ("schema", html! { code { (found.schema_sha256.get(..16).unwrap_or_default()) "…" } }),
            ("tracks", html! { (count(found.tracks.into())) }),
            ("features", html! { (found.features) }),
            ("forest", html! { (trees) ", seed " (found.seed) }),
            ("built", built),
        ],
    )
}

fn neighborhoods(found: &Findings) -> Markup {
    let card = &found.card;
    let (duplicates, hubness) = (&card.duplicates, &card.hubness);
    let track = |row: Option<u32>| {
        row.and_then(|row| found.track_ids.get(&row)).map_or("none", String::as_str).to_owned()
    };
    let purity = |purity: &Option<Purity>| match purity {
        Some(Purity { column, at_10, by_chance, .. }) => {
            html! { (percent(*at_10)) " of " code { (column) } ", " (percent(*by_chance)) " by chance" }
        }
        None => html! { "not known" },
    };
    let spread = |spread: Option<Spread>| match spread {
        Some(Spread { p5, p50, p95 }) => {
            html! { (number(p50)) " (" (number(p5)) " to " (number(p95)) ")" }
        }
        None => html! { "none" },
    };
    table(
        "Neighbourhoods",
        &[
            ("artist purity at 10", purity(&card.artist_purity)),
            ("genre purity at 10", purity(&card.genre_purity)),
            ("to the 10 nearest", spread(card.neighbor_distance)),
            ("random pairs", spread(card.random_pair_distance)),
            (
                "exact duplicates",
                html! { (count(duplicates.rows)) " rows in " (count(duplicates.groups)) " groups" },
            ),
            (
                "largest group",
                match duplicates.largest_group {
                    0 => html! { "none" },
                    n => {
                        html! { (count(n)) " rows: " code { (track(duplicates.largest_group_row)) } }
                    }
                },
            ),
            (
                "hubness",
                html! { "skewness " (number(hubness.skewness)) " over " (count(hubness.rows.into())) " rows" },
            ),
            ("orphans", html! { (percent(hubness.orphan_share)) }),
            (
                "largest hub",
                html! {
                    "in " (percent(hubness.largest_hub_share)) " of the lists: "
                    code { (track(hubness.largest_hub_row)) }
                },
            ),
        ],
    )
}

fn recall(found: &Findings) -> Markup {
    html! {
        section.table {
            h3 { "Recall and time" }
            table {
                thead { tr {
                    th scope="col" { "engine" } th scope="col" { "query" } th scope="col" { "k" }
                    th scope="col" { "target" } th scope="col" { "effort" } th scope="col" { "recall" }
                    th scope="col" { "rows seen" }
                } }
                tbody {
                    @for point in &found.recall_curve { tr {
                        th scope="row" { (point.engine.as_str()) }
                        td { (point.queries.as_str()) }
                        td { (point.k) }
                        td { (point.target) }
                        td { @match point.effort() { Some(effort) => (effort.to_string()), None => "exact" } }
                        td { (format!("{:.4}", point.recall)) }
                        td { (percent(point.scored_share)) }
                    } }
                }
            }
            p {
                "Measured when it was built. Now, on " (count(found.recall_probes as u64)) " "
                (found.recall_source) ", by " code { (found.plan) } ": "
                @for (name, value) in &found.recall { (name) " " b { (format!("{value:.4}")) } ", " }
                "median " (found.p50_us) " µs for 10, " (found.exact_p50_us) " µs for 100 exactly."
            }
        }
    }
}

fn values(found: &Findings) -> Markup {
    let missing = &found.missing_values;
    let constant = &found.constant_features;
    html! {
        section.table {
            h3 { "Values" }
            table { tbody {
                tr {
                    th scope="row" { "constant features" }
                    td { @if constant.is_empty() { "none" } @else { code { (constant.join(", ")) } } }
                }
                tr {
                    th scope="row" { "missing values" }
                    td { (count(missing.imputed_values)) " filled by rule " code { (missing.rule) } }
                }
                tr { th scope="row" { "rows left out" } td {
                    (count(missing.dropped_rows)) " for missing values, "
                    (count(missing.duplicate_rows)) " for repeated ids"
                } }
                @if let Some(warnings) = &found.card.warnings {
                    tr { th scope="row" { "rows with warnings" } td { (count(warnings.rows)) } }
                    @if warnings.unknown_rows > 0 {
                        tr { th scope="row" { "rows of which it is not known" } td { (count(warnings.unknown_rows)) } }
                    }
                    @for (code, rows) in &warnings.rows_by_code {
                        tr { th scope="row" { code { (code) } } td { (count(*rows)) " rows" } }
                    }
                }
                @for (feature, n) in &missing.per_feature {
                    tr { th scope="row" { code { (feature) } } td { (count(*n)) " missing" } }
                }
            } }
        }
    }
}

fn sources(found: &Findings) -> Markup {
    html! {
        section.table {
            h3 { "Sources" }
            table {
                thead { tr {
                    th scope="col" { "table" } th scope="col" { "rows" } th scope="col" { "SHA-256" }
                } }
                tbody {
                    @for source in &found.sources { tr {
                        th scope="row" { (source.name) }
                        td { (count(source.rows)) }
                        td { code { (source.sha256.get(..16).unwrap_or_default()) "…" } }
                    } }
                }
            }
        }
    }
}

fn limits() -> Markup {
    table(
        "Limits of a query",
        &[
            ("results", html! { (count(MAX_PAGE_SIZE as u64)) }),
            ("search_k", html! { (count(MAX_SEARCH_K as u64)) }),
            ("track id", html! { (count(MAX_TRACK_ID_BYTES as u64)) " bytes" }),
        ],
    )
}
