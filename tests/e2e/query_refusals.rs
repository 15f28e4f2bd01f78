//! What the index service refuses, and what it says: code, reason and the facts a client acts on.

use e2e::{
    calls::{lookup, query, query_row, top},
    library::Library,
    refusal::assert_refused,
};
use proto::{
    features::{DEFAULT_PROFILE, FeatureSchema},
    v1::{
        FeatureVector, LookupView, QueryByTrackIndexRequest, QueryOptions,
        index_service_client::IndexServiceClient,
    },
};
use tonic::Code;

/// A vector no check of form can refuse.
fn vector() -> FeatureVector {
    let schema = FeatureSchema::librosa();
    FeatureVector {
        values: vec![0.5; schema.dims()],
        profile_id: DEFAULT_PROFILE.to_owned(),
        schema_sha256: schema.sha256(),
        ..FeatureVector::default()
    }
}

/// Nothing in the numbers shows that two recipes were mixed, so both names are compared and told.
#[tokio::test]
async fn a_vector_of_another_recipe() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");

    let other = FeatureVector { profile_id: "fma-2017".to_owned(), ..vector() };
    let answer = query(&channel, other, top(3)).await;
    let refusal = assert_refused(answer, Code::FailedPrecondition, "PROFILE_MISMATCH");
    let names: Vec<_> = refusal.facts.values().map(String::as_str).collect();
    assert!(names.contains(&"fma-2017") && names.contains(&DEFAULT_PROFILE), "{names:?}");

    let other = FeatureVector { schema_sha256: "0".repeat(64), ..vector() };
    let answer = query(&channel, other, top(3)).await;
    let refusal = assert_refused(answer, Code::FailedPrecondition, "SCHEMA_MISMATCH");
    let hashes: Vec<_> = refusal.facts.values().cloned().collect();
    let own = FeatureSchema::librosa().sha256();
    assert!(hashes.contains(&own) && hashes.contains(&"0".repeat(64)), "{hashes:?}");

    // Names are optional; those that are sent say what the values are.
    let mut names = FeatureSchema::librosa().names().to_vec();
    let named = FeatureVector { names: names.clone(), ..vector() };
    query(&channel, named, top(3)).await.expect("its own names");
    names.swap(0, 1);
    for wrong in [names.clone(), names[..73].to_vec()] {
        let swapped = FeatureVector { names: wrong.clone(), ..vector() };
        let answer = query(&channel, swapped, top(3)).await;
        let refusal = assert_refused(answer, Code::FailedPrecondition, "SCHEMA_MISMATCH");
        let theirs = FeatureSchema::from_names(wrong).sha256();
        assert_eq!(refusal.facts["query_schema_sha256"], theirs);
        assert_eq!(refusal.facts["index_schema_sha256"], own);
    }
}

#[tokio::test]
async fn vectors_of_a_wrong_form() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");

    for length in [0, 73, 75] {
        let short = FeatureVector { values: vec![0.5; length], ..vector() };
        let answer = query(&channel, short, top(3)).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "VECTOR_LENGTH");
        assert_eq!(refusal.fields, ["feature_vector.values"]);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut broken = vector();
        broken.values[17] = value;
        let answer = query(&channel, broken, top(3)).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "VALUE_NOT_FINITE");
        assert_eq!(refusal.fields, ["feature_vector.values[17]"]);
        let names: Vec<_> = refusal.facts.values().map(String::as_str).collect();
        assert!(names.contains(&"mfcc_mean_18"), "{names:?}");
    }
    // Finite, and so far off that all tracks are equally far.
    for value in [1e12, -1e160, f64::MAX] {
        let mut absurd = vector();
        absurd.values[17] = value;
        let answer = query(&channel, absurd, top(3)).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, "VALUE_OUT_OF_RANGE");
        assert_eq!(refusal.fields, ["feature_vector.values[17]"]);
        assert_eq!(refusal.facts["feature"], "mfcc_mean_18");
        assert_eq!(refusal.facts["max_deviations"], "1000000");
    }
    let nameless = FeatureVector { profile_id: String::new(), ..vector() };
    let answer = query(&channel, nameless, top(3)).await;
    assert_refused(answer, Code::InvalidArgument, "PROFILE_MISSING");
}

#[tokio::test]
async fn options_out_of_range() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    for (options, reason, field) in [
        (top(-1), "INVALID_PAGE_SIZE", "options.page_size"),
        (QueryOptions { search_k: -1, ..top(3) }, "INVALID_SEARCH_K", "options.search_k"),
        (QueryOptions { search_k: 1_000_001, ..top(3) }, "INVALID_SEARCH_K", "options.search_k"),
    ] {
        let answer = query(&channel, vector(), options).await;
        let refusal = assert_refused(answer, Code::InvalidArgument, reason);
        assert_eq!(refusal.fields, [field]);
    }
}

#[tokio::test]
async fn tracks_that_are_not_there() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");

    // No row is not row 0.
    let request = QueryByTrackIndexRequest { track_index: None, options: Some(top(3)) };
    let answer = IndexServiceClient::new(channel.clone()).query_by_track_index(request).await;
    let refusal = assert_refused(answer, Code::InvalidArgument, "TRACK_INDEX_MISSING");
    assert_eq!(refusal.fields, ["track_index"]);
    let answer = query_row(&channel, 0, top(3)).await.expect("row 0 is one");
    assert_eq!(answer.seed.map(|seed| seed.track_index), Some(0));
    for row in [56, i64::MAX] {
        let answer = query_row(&channel, row, top(3)).await;
        assert_refused(answer, Code::OutOfRange, "TRACK_INDEX_OUT_OF_RANGE");
    }
    let answer = query_row(&channel, -1, top(3)).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_TRACK_INDEX");
    let answer = lookup(&channel, "no such song", LookupView::Unspecified).await;
    assert_refused(answer, Code::NotFound, "TRACK_NOT_FOUND");
    for id in [String::new(), "x".repeat(513)] {
        let answer = lookup(&channel, &id, LookupView::Unspecified).await;
        assert_refused(answer, Code::InvalidArgument, "INVALID_TRACK_ID");
    }
}

/// A row means nothing after a rebuild; a client that says which version it means is told.
#[tokio::test]
async fn another_version_of_the_index() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    let version = query_row(&channel, 3, top(3))
        .await
        .expect("the row exists")
        .stats
        .expect("always sent")
        .index_version;

    let expecting =
        |version: &str| QueryOptions { expected_index_version: version.to_owned(), ..top(3) };
    query_row(&channel, 3, expecting(&version)).await.expect("this is the version");
    let answer = query_row(&channel, 3, expecting("0123456789abcdef")).await;
    let refusal = assert_refused(answer, Code::Aborted, "INDEX_VERSION_MISMATCH");
    assert!(refusal.facts.values().any(|fact| *fact == version), "{refusal:?}");
    let answer = query(&channel, vector(), expecting("0123456789abcdef")).await;
    assert_refused(answer, Code::Aborted, "INDEX_VERSION_MISMATCH");
}
