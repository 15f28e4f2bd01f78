//! Golden messages: what other languages' libraries write is what this one writes, so field numbers
//! and types never move. The bytes are Google's (`testdata/make_wire_golden.py`).

use std::collections::HashMap;

use prost::Message as _;
use prost_types::Timestamp;
use proto::v1::{
    GetIndexInfoResponse, IndexCard, IndexLimits, MissingValueCensus,
    get_index_info_response::{RecallPoint, recall_point::QueryKind},
    index_card::{DistanceSpread, Duplicates, Hubness, Purity, Warnings},
};

/// Every field set, no two alike.
fn info() -> GetIndexInfoResponse {
    GetIndexInfoResponse {
        index_version: "0123456789abcdef".into(),
        profile_id: "profile".into(),
        schema_sha256: "00ff".into(),
        track_count: 3,
        tree_count: 4,
        recall_at_10: 0.5,
        build_time: Some(Timestamp { seconds: 7, nanos: 0 }),
        constant_features: vec!["c".into()],
        imputed_value_count: 9,
        feature_names: vec!["a".into(), "b".into()],
        max_page_size: 11,
        max_search_k: 12,
        recall_curve: vec![RecallPoint {
            target_recall: 0.25,
            margin: Some(1.5),
            recall: 0.75,
            scored_share: 0.125,
            engine: "e".into(),
            k: 13,
            query_kind: QueryKind::Centroid.into(),
            search_k: Some(17),
            sample_count: 18,
            reach: Some(45.5),
        }],
        recall_sample_count: 14,
        card: Some(IndexCard {
            sampled_row_count: 15,
            duplicates: Some(Duplicates {
                group_count: 16,
                row_count: 17,
                largest_group_size: 18,
                largest_group_track_index: Some(0),
            }),
            hubness: Some(Hubness {
                k: 10,
                row_count: 19,
                skewness: 2.5,
                orphan_share: 0.0625,
                largest_hub_track_index: Some(20),
                largest_hub_share: 0.375,
            }),
            artist_purity: Some(Purity {
                column: "artist_name".into(),
                at_10: 0.5,
                by_chance: 0.25,
                row_count: 21,
            }),
            genre_purity: Some(Purity {
                column: "genre".into(),
                at_10: 0.75,
                by_chance: 0.125,
                row_count: 22,
            }),
            neighbor_distance: Some(DistanceSpread { p5: 1.0, p50: 2.0, p95: 3.0 }),
            random_pair_distance: Some(DistanceSpread { p5: 4.0, p50: 5.0, p95: 6.0 }),
            warnings: Some(Warnings {
                row_count: 40,
                row_counts: HashMap::from([("CLIPPED".into(), 41)]),
                unknown_row_count: 43,
            }),
        }),
        missing_values: Some(MissingValueCensus {
            rule: "zero".into(),
            missing_value_counts: HashMap::from([("a".into(), 23)]),
            dropped_row_count: 24,
            repeated_track_id_count: 25,
        }),
        limits: Some(IndexLimits {
            default_page_size: 26,
            max_page_size: 27,
            max_search_k: 28,
            max_request_bytes: 29,
            max_track_id_bytes: 30,
            feature_count: 31,
            out_of_range_deviations: 6.0,
            max_explained_page_size: 32,
            max_listed: 33,
            max_filter_bytes: 34,
            max_filter_terms: 35,
            max_seeds: 36,
            max_batch_requests: 37,
            max_batch_results: 38,
            max_batch_lookups: 39,
            max_work: 42,
            max_deviations: 44.0,
        }),
        feature_groups: vec!["mfcc".into()],
        filter_fields: vec!["year".into()],
        extractor_versions: vec!["one/1".into(), "two/2".into()],
        default_engine: "f".into(),
    }
}

#[test]
fn index_info_is_googles() {
    let golden: String =
        include_str!("../testdata/get_index_info.hex").split_whitespace().collect();
    let encoded = info().encode_to_vec();
    assert_eq!(proto::features::hex(&encoded), golden);
    assert_eq!(GetIndexInfoResponse::decode(encoded.as_slice()), Ok(info()));
}
