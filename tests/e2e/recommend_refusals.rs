//! What recommendations refuse: code, reason and field of each.

use e2e::{
    catalogue::Catalogue,
    refusal::{Refusal, assert_refused},
};
use proto::v1::{
    BatchLookupRequest, BatchRecommendRequest, ExplainDistanceRequest, FeatureVector, QueryOptions,
    RecommendRequest, Seed, index_service_client::IndexServiceClient, query_options::ResultView,
    seed,
};
use tonic::{Code, transport::Channel};

fn by_row(row: i64, weight: f64) -> Seed {
    Seed { seed: Some(seed::Seed::TrackIndex(row)), weight }
}

fn like(seeds: Vec<Seed>) -> RecommendRequest {
    RecommendRequest { seeds, ..RecommendRequest::default() }
}

fn with(options: QueryOptions) -> RecommendRequest {
    RecommendRequest { options: Some(options), ..like(vec![by_row(3, 1.0)]) }
}

async fn refused(
    channel: &Channel,
    request: RecommendRequest,
    code: Code,
    reason: &str,
    field: &str,
) -> Refusal {
    let answer = IndexServiceClient::new(channel.clone()).recommend(request).await;
    let refusal = assert_refused(answer, code, reason);
    let expected: Vec<&str> = [field].into_iter().filter(|field| !field.is_empty()).collect();
    assert_eq!(refusal.fields, expected, "{refusal:?}");
    refusal
}

#[tokio::test]
async fn options_that_cannot_be() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let plain = QueryOptions::default;
    let filter = |text: &str| QueryOptions { filter: text.to_owned(), ..plain() };
    let weights = |name: &str, weight| QueryOptions {
        group_weights: [(name.to_owned(), weight)].into(),
        ..plain()
    };
    for (options, reason, field) in [
        (
            QueryOptions { max_distance: Some(-1.0), ..plain() },
            "INVALID_MAX_DISTANCE",
            "max_distance",
        ),
        (
            QueryOptions { max_per_artist: -1, ..plain() },
            "INVALID_MAX_PER_ARTIST",
            "max_per_artist",
        ),
        (QueryOptions { diversity: 1.5, ..plain() }, "INVALID_DIVERSITY", "diversity"),
        (QueryOptions { view: 9, ..plain() }, "INVALID_VIEW", "view"),
        (weights("tempo", 1.0), "UNKNOWN_FEATURE_GROUP", "group_weights[tempo]"),
        (weights("mfcc", f64::NAN), "INVALID_GROUP_WEIGHT", "group_weights[mfcc]"),
        (weights("mfcc", 1e-162), "INVALID_GROUP_WEIGHT", "group_weights[mfcc]"),
        (weights("mfcc", 1e9), "INVALID_GROUP_WEIGHT", "group_weights[mfcc]"),
        (filter("genre_top = "), "INVALID_FILTER", "filter"),
        (filter("mood = x"), "UNKNOWN_FILTER_FIELD", "filter"),
        (filter(&" ".repeat(5000)), "FILTER_TOO_LARGE", "filter"),
        (
            QueryOptions { page_token: "AAAA".to_owned(), ..plain() },
            "INVALID_PAGE_TOKEN",
            "page_token",
        ),
    ] {
        let field = format!("options.{field}");
        let refusal = refused(&channel, with(options), Code::InvalidArgument, reason, &field).await;
        if reason == "INVALID_FILTER" {
            assert_eq!(refusal.facts["column"], "13");
        }
        if reason == "UNKNOWN_FILTER_FIELD" {
            assert_eq!(refusal.facts["column"], "1");
            assert!(refusal.facts["known_fields"].contains("genre_top"), "{refusal:?}");
        }
    }
}

#[tokio::test]
async fn examples_that_cannot_be() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let vector = FeatureVector {
        values: vec![f64::NAN; 74],
        profile_id: proto::features::DEFAULT_PROFILE.to_owned(),
        ..FeatureVector::default()
    };
    let by_vector = Seed { seed: Some(seed::Seed::FeatureVector(vector.clone())), weight: 1.0 };
    let absurd = |weight| {
        let vector = FeatureVector { values: vec![1e160; 74], ..vector.clone() };
        Seed { seed: Some(seed::Seed::FeatureVector(vector)), weight }
    };
    let foreign = FeatureVector { profile_id: "fma-2017".to_owned(), ..vector.clone() };
    let foreign = Seed { seed: Some(seed::Seed::FeatureVector(foreign)), weight: 1.0 };
    let by_id = |id: &str| Seed { seed: Some(seed::Seed::TrackId(id.to_owned())), weight: 1.0 };
    let sound = || by_row(3, 1.0);
    let invalid = Code::InvalidArgument;
    for (seeds, code, reason, field) in [
        (vec![], invalid, "INVALID_SEED_COUNT", "seeds"),
        (vec![sound(); 101], invalid, "INVALID_SEED_COUNT", "seeds"),
        (vec![by_row(3, -1.0)], invalid, "NO_WANTED_SEED", "seeds"),
        (vec![sound(), Seed::default()], invalid, "SEED_MISSING", "seeds[1]"),
        (vec![sound(), by_row(3, f64::NAN)], invalid, "INVALID_SEED_WEIGHT", "seeds[1].weight"),
        (vec![sound(), by_row(3, -1e-162)], invalid, "INVALID_SEED_WEIGHT", "seeds[1].weight"),
        (vec![sound(), by_row(3, 1e-162)], invalid, "INVALID_SEED_WEIGHT", "seeds[1].weight"),
        (vec![by_vector], invalid, "VALUE_NOT_FINITE", "seeds[0].feature_vector.values[0]"),
        // Both infinitely far, they would have no difference.
        (
            vec![absurd(1.0), absurd(-1.0)],
            invalid,
            "VALUE_OUT_OF_RANGE",
            "seeds[0].feature_vector.values[0]",
        ),
        (vec![by_id("")], invalid, "INVALID_TRACK_ID", "seeds[0].track_id"),
        (vec![by_row(-1, 1.0)], invalid, "INVALID_TRACK_INDEX", "seeds[0].track_index"),
        (
            vec![by_row(9999, 1.0)],
            Code::OutOfRange,
            "TRACK_INDEX_OUT_OF_RANGE",
            "seeds[0].track_index",
        ),
        (vec![by_id("nobody")], Code::NotFound, "TRACK_NOT_FOUND", ""),
        (vec![foreign], Code::FailedPrecondition, "PROFILE_MISMATCH", ""),
    ] {
        refused(&channel, like(seeds), code, reason, field).await;
    }
    let unknown = RecommendRequest { strategy: 9, ..like(vec![sound()]) };
    refused(&channel, unknown, invalid, "INVALID_STRATEGY", "strategy").await;

    let mut client = IndexServiceClient::new(channel.clone());
    let request =
        ExplainDistanceRequest { left: Some(sound()), ..ExplainDistanceRequest::default() };
    let refusal = assert_refused(client.explain_distance(request).await, invalid, "SEED_MISSING");
    assert_eq!(refusal.fields, ["right"]);
    let request = ExplainDistanceRequest {
        left: Some(sound()),
        right: Some(absurd(1.0)),
        ..ExplainDistanceRequest::default()
    };
    let answer = client.explain_distance(request).await;
    let refusal = assert_refused(answer, invalid, "VALUE_OUT_OF_RANGE");
    assert_eq!(refusal.fields, ["right.feature_vector.values[0]"]);
}

#[tokio::test]
async fn tokens_of_others() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let answer =
        IndexServiceClient::new(channel.clone()).recommend(like(vec![by_row(3, 1.0)])).await;
    let token = answer.expect("sound").into_inner().next_page_token;
    let go_on = |token: &str, options: QueryOptions| {
        with(QueryOptions { page_token: token.to_owned(), ..options })
    };
    let plain = QueryOptions::default;
    let other = go_on(&token, QueryOptions { max_per_artist: 1, ..plain() });
    let (invalid, field) = (Code::InvalidArgument, "options.page_token");
    refused(&channel, other, invalid, "PAGE_TOKEN_QUERY_MISMATCH", field).await;
    let flipped = if token.ends_with('A') { 'B' } else { 'A' };
    let changed = format!("{}{flipped}", &token[..token.len() - 1]);
    refused(&channel, go_on(&changed, plain()), invalid, "INVALID_PAGE_TOKEN", field).await;
}

#[tokio::test]
async fn batches_that_are_too_large() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let mut client = IndexServiceClient::new(channel);
    let sized = |page_size, view: ResultView| {
        with(QueryOptions { page_size, view: view.into(), ..QueryOptions::default() })
    };
    for requests in [
        vec![sized(1, ResultView::Basic); 101],
        vec![sized(1000, ResultView::Basic); 11],
        vec![sized(100, ResultView::Explained); 11],
    ] {
        let answer = client.batch_recommend(BatchRecommendRequest { requests }).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "BATCH_TOO_LARGE");
        assert_eq!(refusal.fields, ["requests"]);
    }
    let track_ids = vec!["s1".to_owned(); 1001];
    let request = BatchLookupRequest { track_ids, view: 0 };
    let answer = client.batch_lookup(request).await;
    assert_refused(answer, Code::InvalidArgument, "BATCH_TOO_LARGE");
}
