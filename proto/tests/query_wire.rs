//! Golden messages of queries: what other languages' libraries write is what this one writes, so
//! field numbers and types never move. The bytes are Google's (`testdata/make_query_golden.py`).

use prost::Message;
use proto::v1::{
    BatchLookupRequest, BatchLookupResponse, BatchRecommendRequest, BatchRecommendResponse,
    ExplainDistanceRequest, ExplainDistanceResponse, FeatureVector, LookupResponse, LookupView,
    Neighbor, QueryByFeaturesRequest, QueryByFeaturesResponse, QueryByTrackIndexRequest,
    QueryByTrackIndexResponse, QueryOptions, QueryStats, RecommendRequest, RecommendResponse, Seed,
    Track, batch_lookup_response, batch_recommend_response, neighbor::Contribution,
    query_options::ResultView, recommend_request::Strategy, seed,
};

fn options() -> QueryOptions {
    QueryOptions {
        page_size: 1,
        page_token: "token".into(),
        expected_index_version: "version".into(),
        exact: true,
        search_k: 5,
        max_distance: Some(6.5),
        include_seeds: true,
        include_duplicates: true,
        max_per_artist: 9,
        filter: "year > 10".into(),
        diversity: 0.25,
        group_weights: [("mfcc".into(), 12.5)].into(),
        view: ResultView::Explained.into(),
        target_recall: Some(0.75),
    }
}

fn track() -> Track {
    Track {
        track_id: "id".into(),
        track_title: "title".into(),
        artist_name: "artist".into(),
        album_title: "album".into(),
        track_index: 4,
        attributes: [("genre".into(), "jazz".into())].into(),
    }
}

fn neighbor() -> Neighbor {
    let part = |feature: &str, share, delta_std| {
        vec![Contribution { feature: feature.into(), share, delta_std }]
    };
    Neighbor {
        track: Some(track()),
        distance: 2.5,
        similarity_percentile: 0.125,
        contributions: part("zcr_std_1", 0.5, Some(-1.5)),
        group_contributions: part("zcr", 0.75, None),
        score: Some(6.25),
    }
}

fn stats() -> QueryStats {
    QueryStats {
        index_version: "version".into(),
        exact: true,
        candidate_count: 3,
        suppressed_seed_count: 4,
        suppressed_duplicate_count: 5,
        suppressed_artist_count: 6,
        out_of_range_features: vec!["rmse_std_1".into()],
        engine: "blocks".into(),
        effort: "exact".into(),
        matched_track_count: 10,
        suppressed_distance_count: 11,
        promised_recall: Some(0.75),
    }
}

fn vector() -> FeatureVector {
    FeatureVector {
        values: vec![1.5],
        profile_id: "profile".into(),
        schema_sha256: "00ff".into(),
        ..FeatureVector::default()
    }
}

fn seeds() -> [Seed; 3] {
    [
        Seed { seed: Some(seed::Seed::TrackId("id".into())), weight: 3.5 },
        Seed { seed: Some(seed::Seed::FeatureVector(vector())), weight: 0.0 },
        Seed { seed: Some(seed::Seed::TrackIndex(4)), weight: 0.0 },
    ]
}

fn recommend() -> RecommendRequest {
    RecommendRequest {
        seeds: seeds().into(),
        strategy: Strategy::SharedTraits.into(),
        options: Some(options()),
    }
}

fn answer() -> RecommendResponse {
    RecommendResponse {
        neighbors: vec![neighbor()],
        next_page_token: "next".into(),
        stats: Some(stats()),
        seed_track_ids: vec!["first".into(), String::new()],
    }
}

/// Encoded as Google's library did, and read back.
#[track_caller]
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(name: &str, message: &M) {
    let golden = include_str!("../testdata/query_golden.txt").lines();
    let golden = golden.filter_map(|line| line.split_once(' ')).find(|(other, _)| *other == name);
    let (_, golden) = golden.expect("every message has golden bytes");
    let encoded = message.encode_to_vec();
    assert_eq!(proto::features::hex(&encoded), golden, "{name}");
    assert_eq!(M::decode(encoded.as_slice()).as_ref(), Ok(message), "{name}");
}

#[test]
fn queries_are_googles() {
    let RecommendResponse { neighbors, next_page_token, stats, .. } = answer();
    let (feature_vector, options) = (Some(vector()), Some(options()));
    let request = QueryByFeaturesRequest { feature_vector, options: options.clone() };
    check("QueryByFeaturesRequest", &request);
    check("QueryByTrackIndexRequest", &QueryByTrackIndexRequest { track_index: Some(7), options });
    let (hits, token) = (neighbors.clone(), next_page_token.clone());
    let found =
        QueryByFeaturesResponse { neighbors: hits, next_page_token: token, stats: stats.clone() };
    check("QueryByFeaturesResponse", &found);
    let seed = Some(track());
    let found = QueryByTrackIndexResponse { neighbors, next_page_token, stats, seed };
    check("QueryByTrackIndexResponse", &found);
}

#[test]
fn recommendations_are_googles() {
    use batch_recommend_response::{Result, result::Result as Outcome};
    check("RecommendRequest", &recommend());
    check("RecommendResponse", &answer());
    check("BatchRecommendRequest", &BatchRecommendRequest { requests: vec![recommend()] });
    let outcomes = [Outcome::Response(answer()), Outcome::ErrorStatus(vec![255])];
    let results = outcomes.map(|outcome| Result { result: Some(outcome) }).into();
    check("BatchRecommendResponse", &BatchRecommendResponse { results });
}

#[test]
fn lookups_and_explanations_are_googles() {
    use batch_lookup_response::{Result, result::Result as Outcome};
    let (track_ids, view) = (vec!["a".into(), "b".into()], LookupView::Full.into());
    check("BatchLookupRequest", &BatchLookupRequest { track_ids, view });
    let index_version = "version".to_owned();
    let found = LookupResponse {
        track: Some(track()),
        feature_vector: Some(vector()),
        index_version: index_version.clone(),
    };
    let outcomes = [Outcome::Response(found), Outcome::ErrorStatus(vec![255])];
    let results = outcomes.map(|outcome| Result { result: Some(outcome) }).into();
    check("BatchLookupResponse", &BatchLookupResponse { results });
    let [left, _, right] = seeds().map(Some);
    let expected_index_version = index_version.clone();
    let request = ExplainDistanceRequest { left, right, expected_index_version };
    check("ExplainDistanceRequest", &request);
    let out_of_range_features = vec!["rmse_std_1".to_owned()];
    let neighbor = Some(neighbor());
    let seed_track_ids = vec!["first".to_owned(), String::new()];
    let found =
        ExplainDistanceResponse { neighbor, out_of_range_features, index_version, seed_track_ids };
    check("ExplainDistanceResponse", &found);
}
