//! Queries that succeed: order, distances, seeds, rows, metadata.

use e2e::{
    calls::{lookup, query, query_row, top},
    library::Library,
};
use proto::{
    features::{DEFAULT_PROFILE, FeatureSchema},
    v1::{
        GetIndexInfoRequest, LookupView, Neighbor, QueryOptions,
        index_service_client::IndexServiceClient,
    },
};

/// Clips that have a vector.
const TRACKS: i64 = 56;

/// Nearest first; equal distances by row; no track twice; finite, not negative.
#[track_caller]
fn assert_ranked(neighbors: &[Neighbor]) {
    let key =
        |hit: &Neighbor| (hit.distance, hit.track.as_ref().expect("a hit has a track").track_index);
    for pair in neighbors.windows(2) {
        let ((near, row), (far, next_row)) = (key(&pair[0]), key(&pair[1]));
        assert!(near < far || (near.total_cmp(&far).is_eq() && row < next_row), "{pair:?}");
    }
    assert!(neighbors.iter().all(|hit| hit.distance.is_finite() && hit.distance >= 0.0));
    assert!(neighbors.iter().all(|hit| (0.0..=1.0).contains(&hit.similarity_percentile)));
}

#[tokio::test]
async fn the_model_card_describes_the_index() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    let info = IndexServiceClient::new(channel)
        .get_index_info(GetIndexInfoRequest {})
        .await
        .expect("it is answered")
        .into_inner();
    let schema = FeatureSchema::librosa();
    assert_eq!((info.track_count, info.profile_id.as_str()), (TRACKS, DEFAULT_PROFILE));
    assert_eq!(
        (info.feature_names.as_slice(), &info.schema_sha256),
        (schema.names(), &schema.sha256())
    );
    assert_eq!((info.tree_count, info.imputed_value_count), (50, 0));
    assert_eq!(info.index_version.len(), 64);
    assert!(info.build_time.is_some());
    assert!((0.9..=1.0).contains(&info.recall_at_10), "{}", info.recall_at_10);
    assert!(info.max_page_size > 0 && info.max_search_k > 0);
    let card = info.card.expect("the builder measures it");
    assert_eq!(card.sampled_row_count, TRACKS);
    let warnings = card.warnings.expect("its table says them");
    let counts = warnings.row_counts.values();
    assert!(counts.clone().all(|rows| *rows <= warnings.row_count), "{warnings:?}");
    assert!(warnings.row_counts["SHORT_WINDOW"] > 0, "clips are short: {warnings:?}");
    assert_eq!(info.extractor_versions.len(), 1);
    assert!(info.filter_fields.ends_with(&["damaged_share".into(), "warnings".into()]));
    let (near, random) = (card.neighbor_distance, card.random_pair_distance);
    assert!(near.expect("measured").p50 < random.expect("measured").p50, "{near:?} {random:?}");
    let limits = info.limits.expect("always sent");
    assert_eq!(limits.feature_count as usize, info.feature_names.len());
}

/// The original returned the row itself first; here the seed is left out and counted.
#[tokio::test]
async fn a_row_is_not_its_own_neighbour() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    for row in 0..TRACKS {
        let answer = query_row(&channel, row, top(5)).await.expect("the row exists");
        let seed = answer.seed.expect("the seed is named");
        assert_eq!(seed.track_index, row);
        assert_eq!(answer.neighbors.len(), 5);
        assert_ranked(&answer.neighbors);
        let rows: Vec<_> = answer
            .neighbors
            .iter()
            .filter_map(|hit| Some(hit.track.as_ref()?.track_index))
            .collect();
        assert!(!rows.contains(&row), "{row} in {rows:?}");
        assert!(answer.stats.expect("always sent").suppressed_seed_count >= 1);

        let options = QueryOptions { include_seeds: true, ..top(5) };
        let answer = query_row(&channel, row, options).await.expect("the row exists");
        let first = &answer.neighbors[0];
        assert_eq!(first.track.as_ref().map(|track| track.track_index), Some(row));
        assert!(first.distance.abs() < 1e-9, "{}", first.distance);
    }
}

#[tokio::test]
async fn a_looked_up_vector_finds_its_track() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    let row = query_row(&channel, 11, top(1)).await.expect("the row exists");
    let id = row.seed.expect("the seed is named").track_id;

    let bare = lookup(&channel, &id, LookupView::Unspecified).await.expect("the id exists");
    assert_eq!(bare.feature_vector, None);
    assert_eq!(bare.track.as_ref().map(|track| track.track_index), Some(11));

    let basic = lookup(&channel, &id, LookupView::Features).await.expect("the id exists");
    let vector = basic.feature_vector.expect("asked for");
    assert_eq!((vector.values.len(), vector.names.len()), (74, 0));
    let full = lookup(&channel, &id, LookupView::Full).await.expect("the id exists");
    assert_eq!(full.feature_vector.expect("asked for").names, FeatureSchema::librosa().names());

    let options = QueryOptions { include_seeds: true, exact: true, ..top(3) };
    let answer = query(&channel, vector, options).await.expect("a valid vector");
    assert_ranked(&answer.neighbors);
    assert_eq!(answer.neighbors[0].track.as_ref().map(|track| &track.track_id), Some(&id));
    let stats = answer.stats.expect("always sent");
    assert_eq!((stats.exact, stats.candidate_count), (true, TRACKS));
    assert_eq!(stats.index_version, full.index_version);
}

#[tokio::test]
async fn an_exhausted_index_is_an_answer() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    let options = QueryOptions { exact: true, ..top(1000) };
    let answer = query_row(&channel, 0, options).await.expect("the row exists");
    let left_out = answer.stats.expect("always sent").suppressed_seed_count;
    assert_eq!(i64::try_from(answer.neighbors.len()).expect("few") + i64::from(left_out), TRACKS);
    assert_ranked(&answer.neighbors);
    // No page size means 10.
    let answer = query_row(&channel, 0, top(0)).await.expect("the row exists");
    assert_eq!(answer.neighbors.len(), 10);
    // Far above the limit is the limit, not an error.
    query_row(&channel, 0, top(i32::MAX)).await.expect("clamped");
}

/// 40 tracks fit any candidate budget: the forest must find what the scan finds.
#[tokio::test]
async fn the_forest_agrees_with_the_scan() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let channel = server.connect().await.expect("it listens");
    for row in 0..TRACKS {
        let forest = query_row(&channel, row, top(10)).await.expect("the row exists");
        let options = QueryOptions { exact: true, ..top(10) };
        let scan = query_row(&channel, row, options).await.expect("the row exists");
        assert_eq!(forest.neighbors, scan.neighbors, "row {row}");
    }
}
