//! `GetIndexInfo`: the manifest and its model card, as the wire has them.

use index::{
    card::{self, Card, Spread},
    manifest::MissingValues,
    metadata::MAX_TRACK_ID_BYTES,
};
use proto::v1::{
    GetIndexInfoResponse, IndexCard, IndexLimits, MissingValueCensus,
    get_index_info_response::{RecallPoint, recall_point::QueryKind},
    index_card::{DistanceSpread, Duplicates, Hubness, Purity, Warnings},
};

use crate::{
    explain::OUT_OF_RANGE_DEVIATIONS,
    filter::{MAX_FILTER_BYTES, MAX_TERMS, NAMED_FIELDS},
    pages::MAX_LISTED,
    planner::Wanted,
    query::{
        DEFAULT_PAGE_SIZE, MAX_BATCH_LOOKUPS, MAX_BATCH_REQUESTS, MAX_BATCH_RESULTS,
        MAX_DEVIATIONS, MAX_EXPLAINED_PAGE_SIZE, MAX_PAGE_SIZE, MAX_SEARCH_K, MAX_SEEDS,
    },
    searcher::Searcher,
    service::MAX_REQUEST_BYTES,
};

/// What is told about `index`, by a server that refuses queries of more than `max_work`.
pub(crate) fn info(index: &Searcher, max_work: u64) -> GetIndexInfoResponse {
    let manifest = index.manifest();
    GetIndexInfoResponse {
        index_version: index.version().to_owned(),
        profile_id: manifest.profile_id.clone(),
        schema_sha256: manifest.schema_sha256.clone(),
        track_count: i64::from(manifest.rows),
        tree_count: small(manifest.forest.trees as usize),
        recall_at_10: index.recall_at_10(),
        build_time: index
            .build()
            .map(|build| prost_types::Timestamp { seconds: build.built_at_unix, nanos: 0 }),
        constant_features: manifest.constant_features.clone(),
        imputed_value_count: large(manifest.missing_values.imputed_values),
        feature_names: manifest.feature_names.clone(),
        max_page_size: small(MAX_PAGE_SIZE),
        max_search_k: small(MAX_SEARCH_K),
        recall_curve: manifest.recall_curve.iter().map(recall_point).collect(),
        recall_sample_count: i64::from(manifest.recall_sample),
        card: manifest.card.as_ref().map(card),
        missing_values: Some(missing_values(&manifest.missing_values)),
        limits: Some(limits(index, max_work)),
        feature_groups: index.groups().names().to_vec(),
        filter_fields: filter_fields(&manifest.attribute_names),
        extractor_versions: manifest.extractor_versions.clone(),
        default_engine: index.plan(Wanted::Default, DEFAULT_PAGE_SIZE).engine.to_string(),
    }
}

fn filter_fields(attribute_names: &[String]) -> Vec<String> {
    let named = NAMED_FIELDS.into_iter().map(str::to_owned);
    named.chain(attribute_names.iter().cloned()).collect()
}

fn recall_point(point: &index::curve::RecallPoint) -> RecallPoint {
    let kind = match point.queries {
        index::curve::QueryKind::Track => QueryKind::Track,
        index::curve::QueryKind::Centroid => QueryKind::Centroid,
    };
    RecallPoint {
        target_recall: point.target,
        margin: point.margin.map(f64::from),
        recall: point.recall,
        scored_share: point.scored_share,
        engine: point.engine.to_string(),
        k: small(point.k as usize),
        query_kind: kind.into(),
        search_k: point.search_k.map(i64::from),
        sample_count: i64::from(point.sample),
        reach: point.reach,
    }
}

fn card(card: &Card) -> IndexCard {
    let Card { duplicates, hubness, .. } = card;
    IndexCard {
        sampled_row_count: i64::from(card.sampled_rows),
        duplicates: Some(Duplicates {
            group_count: large(duplicates.groups),
            row_count: large(duplicates.rows),
            largest_group_size: large(duplicates.largest_group),
            largest_group_track_index: duplicates.largest_group_row.map(i64::from),
        }),
        hubness: Some(Hubness {
            k: small(hubness.k as usize),
            row_count: i64::from(hubness.rows),
            skewness: hubness.skewness,
            orphan_share: hubness.orphan_share,
            largest_hub_track_index: hubness.largest_hub_row.map(i64::from),
            largest_hub_share: hubness.largest_hub_share,
        }),
        artist_purity: card.artist_purity.as_ref().map(purity),
        genre_purity: card.genre_purity.as_ref().map(purity),
        neighbor_distance: card.neighbor_distance.map(spread),
        random_pair_distance: card.random_pair_distance.map(spread),
        warnings: card.warnings.as_ref().map(warnings),
    }
}

fn purity(purity: &card::Purity) -> Purity {
    Purity {
        column: purity.column.clone(),
        at_10: purity.at_10,
        by_chance: purity.by_chance,
        row_count: i64::from(purity.rows),
    }
}

fn warnings(warnings: &card::Warnings) -> Warnings {
    let counts = warnings.rows_by_code.iter();
    Warnings {
        row_count: large(warnings.rows),
        unknown_row_count: large(warnings.unknown_rows),
        row_counts: counts.map(|(code, rows)| (code.clone(), large(*rows))).collect(),
    }
}

fn spread(spread: Spread) -> DistanceSpread {
    DistanceSpread { p5: spread.p5, p50: spread.p50, p95: spread.p95 }
}

fn missing_values(missing: &MissingValues) -> MissingValueCensus {
    let counts = missing.per_feature.iter();
    MissingValueCensus {
        rule: missing.rule.clone(),
        missing_value_counts: counts.map(|(name, count)| (name.clone(), large(*count))).collect(),
        dropped_row_count: large(missing.dropped_rows),
        repeated_track_id_count: large(missing.duplicate_rows),
    }
}

fn limits(index: &Searcher, max_work: u64) -> IndexLimits {
    IndexLimits {
        default_page_size: small(DEFAULT_PAGE_SIZE),
        max_page_size: small(MAX_PAGE_SIZE),
        max_search_k: small(MAX_SEARCH_K),
        max_request_bytes: large(MAX_REQUEST_BYTES as u64),
        max_track_id_bytes: small(MAX_TRACK_ID_BYTES),
        feature_count: small(index.schema().names().len()),
        out_of_range_deviations: OUT_OF_RANGE_DEVIATIONS,
        max_explained_page_size: small(MAX_EXPLAINED_PAGE_SIZE),
        max_listed: small(MAX_LISTED),
        max_filter_bytes: small(MAX_FILTER_BYTES),
        max_filter_terms: small(MAX_TERMS),
        max_seeds: small(MAX_SEEDS),
        max_batch_requests: small(MAX_BATCH_REQUESTS),
        max_batch_results: small(MAX_BATCH_RESULTS),
        max_batch_lookups: small(MAX_BATCH_LOOKUPS),
        max_work: large(max_work),
        max_deviations: MAX_DEVIATIONS,
    }
}

/// A count in the wire's 32 bits; the largest there is where it does not fit.
fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A count in the wire's 64 bits.
fn large(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
