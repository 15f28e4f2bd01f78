//! One suite of recommendations over both engines: equal answers in exact mode, the same rules and
//! whole lists in approximate mode, pages from either server.

use std::collections::BTreeSet;

use e2e::catalogue::{Catalogue, TRACKS, genre, vector};
use proto::{
    features::DEFAULT_PROFILE,
    v1::{
        BatchLookupRequest, BatchRecommendRequest, ExplainDistanceRequest, FeatureVector,
        LookupView, Neighbor, QueryOptions, RecommendRequest, RecommendResponse, Seed,
        batch_lookup_response, batch_recommend_response, index_service_client::IndexServiceClient,
        query_options::ResultView, recommend_request::Strategy, seed,
    },
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

fn by_id(track: usize, weight: f64) -> Seed {
    Seed { seed: Some(seed::Seed::TrackId(format!("s{track}"))), weight }
}

fn by_row(track: usize, weight: f64) -> Seed {
    Seed { seed: Some(seed::Seed::TrackIndex(track as i64)), weight }
}

fn by_vector(track: usize, weight: f64) -> Seed {
    let values = vector(track).iter().map(|value| value + 0.01).collect();
    let vector = FeatureVector {
        values,
        profile_id: DEFAULT_PROFILE.to_owned(),
        ..FeatureVector::default()
    };
    Seed { seed: Some(seed::Seed::FeatureVector(vector)), weight }
}

/// Every option and strategy at least once.
fn suite() -> Vec<RecommendRequest> {
    let plain = QueryOptions::default;
    let groups = [("mfcc".to_owned(), 0.2), ("zcr".to_owned(), 0.0)];
    let options = [
        plain(),
        QueryOptions { include_seeds: true, include_duplicates: true, ..plain() },
        QueryOptions { max_per_artist: 2, ..plain() },
        QueryOptions { max_distance: Some(6.0), page_size: 1000, ..plain() },
        QueryOptions { filter: r#"genre_top = "Jazz" AND year >= 1990"#.to_owned(), ..plain() },
        QueryOptions { filter: "-genre_top IN (Rock, Jazz)".to_owned(), page_size: 400, ..plain() },
        QueryOptions { diversity: 0.4, ..plain() },
        QueryOptions { group_weights: groups.into(), ..plain() },
        QueryOptions { view: ResultView::Explained.into(), ..plain() },
    ];
    let seeds = [
        vec![by_id(19, 0.0)],
        vec![by_vector(70, 1.0)],
        vec![by_id(3, 1.0), by_row(800, 2.0), by_vector(70, 0.5), by_row(44, -1.5)],
    ];
    let strategies = [Strategy::Centroid, Strategy::BestOf, Strategy::SharedTraits];
    let mut suite = Vec::new();
    for options in options {
        for seeds in &seeds {
            for strategy in strategies {
                suite.push(RecommendRequest {
                    seeds: seeds.clone(),
                    strategy: strategy.into(),
                    options: Some(options.clone()),
                });
            }
        }
    }
    suite
}

fn with(mut request: RecommendRequest, change: impl FnOnce(&mut QueryOptions)) -> RecommendRequest {
    change(request.options.get_or_insert_default());
    request
}

async fn recommend(channel: &Channel, request: RecommendRequest) -> RecommendResponse {
    let answer = IndexServiceClient::new(channel.clone()).recommend(request.clone()).await;
    answer.unwrap_or_else(|status| panic!("{request:?}: {status:?}")).into_inner()
}

fn rows(neighbors: &[Neighbor]) -> Vec<i64> {
    neighbors.iter().filter_map(|hit| Some(hit.track.as_ref()?.track_index)).collect()
}

/// What holds of any answer, exact or not.
#[track_caller]
fn assert_lawful(request: &RecommendRequest, answer: &RecommendResponse) {
    let options = request.options.clone().unwrap_or_default();
    let hits = &answer.neighbors;
    let distinct: BTreeSet<i64> = rows(hits).into_iter().collect();
    assert_eq!(distinct.len(), hits.len(), "no track twice");
    let score = |hit: &Neighbor| hit.score.unwrap_or(hit.distance);
    if options.diversity <= 0.0 {
        assert!(hits.is_sorted_by(|a, b| score(a) <= score(b)), "{request:?}");
    }
    for hit in hits {
        let track = hit.track.as_ref().expect("a hit has a track");
        let id = track.track_index as usize;
        if options.filter.contains('-') {
            assert!(["Hip-Hop", "Folk"].contains(&genre(id)));
        } else if !options.filter.is_empty() {
            assert!(genre(id) == "Jazz" && 1950 + id % 70 >= 1990);
        }
        assert!(options.max_distance.is_none_or(|most| hit.distance <= most));
        if !options.include_seeds {
            assert!(![3, 800, 44].contains(&id) || request.seeds.len() == 1, "{request:?}");
        }
        if options.max_per_artist > 0 {
            let same = hits.iter().filter(|other| {
                other.track.as_ref().is_some_and(|other| other.artist_name == track.artist_name)
            });
            assert!(same.count() <= options.max_per_artist as usize);
        }
        if options.view == i32::from(ResultView::Explained) {
            for shares in [&hit.contributions, &hit.group_contributions] {
                let sum: f64 = shares.iter().map(|part| part.share).sum();
                assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
        }
    }
    let named = request.seeds.iter().map(|seed| match &seed.seed {
        Some(seed::Seed::TrackId(id)) => id.clone(),
        Some(seed::Seed::TrackIndex(row)) => format!("s{row}"),
        _ => String::new(),
    });
    assert!(named.eq(answer.seed_track_ids.iter().cloned()), "{:?}", answer.seed_track_ids);
    let stats = answer.stats.as_ref().expect("always sent");
    let full = hits.len() == if options.page_size == 0 { 10 } else { options.page_size as usize };
    assert!(full || answer.next_page_token.is_empty(), "a short list has no next page");
    assert!(full || stats.exact, "a list that ends is exact");
}

#[tokio::test]
async fn both_engines_give_the_same_exact_answers_and_lawful_approximate_ones() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let servers = ["forest", "blocks"].map(|engine| catalogue.serve(engine).expect("it opens"));
    let forest = servers[0].connect().await.expect("it listens");
    let blocks = servers[1].connect().await.expect("it listens");
    for request in suite() {
        let exact = with(request.clone(), |options| options.exact = true);
        let a = recommend(&forest, exact.clone()).await;
        let b = recommend(&blocks, exact.clone()).await;
        assert_eq!(
            (&a.neighbors, &a.next_page_token),
            (&b.neighbors, &b.next_page_token),
            "{exact:?}"
        );
        let counts = |answer: &RecommendResponse| {
            let stats = answer.stats.clone().expect("always sent");
            assert!(stats.exact);
            (
                (stats.suppressed_seed_count, stats.suppressed_duplicate_count),
                (stats.suppressed_artist_count, stats.suppressed_distance_count),
                (stats.matched_track_count, stats.out_of_range_features),
            )
        };
        assert_eq!(counts(&a), counts(&b), "{exact:?}");
        assert_lawful(&exact, &a);
        for channel in [&forest, &blocks] {
            let rough = with(request.clone(), |options| options.search_k = 1);
            assert_lawful(&rough, &recommend(channel, rough.clone()).await);
        }
    }
}

#[tokio::test]
async fn pages_from_either_server_are_one_list() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let servers = ["forest", "blocks"].map(|engine| catalogue.serve(engine).expect("it opens"));
    let forest = servers[0].connect().await.expect("it listens");
    let blocks = servers[1].connect().await.expect("it listens");
    for strategy in [Strategy::Centroid, Strategy::BestOf] {
        for search_k in [0, 1] {
            let seeds = vec![by_id(3, 1.0), by_row(44, -0.5)];
            let request = RecommendRequest {
                seeds,
                strategy: strategy.into(),
                ..RecommendRequest::default()
            };
            let mut seen = BTreeSet::new();
            let mut token = String::new();
            for page in 0..40 {
                let request = with(request.clone(), |options| {
                    (options.page_size, options.search_k) = ([30, 7, 100][page % 3], search_k);
                    options.page_token.clone_from(&token);
                });
                let answer = recommend([&forest, &blocks][page % 2], request).await;
                for row in rows(&answer.neighbors) {
                    assert!(seen.insert(row), "row {row} came twice");
                }
                token = answer.next_page_token;
                if token.is_empty() {
                    break;
                }
            }
            assert!(token.is_empty(), "the list ends");
            // All but two seeds and the copies: every 40th track.
            assert_eq!(seen.len(), TRACKS - 2 - TRACKS / 40, "nothing is lost");
        }
    }
}

/// An item's error as a status of a call would carry it.
fn refusal(encoded: Vec<u8>) -> (String, Vec<String>) {
    let status = Status::with_details(Code::Unknown, "", encoded.into());
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone()).unwrap_or_default();
    let fields = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    (reason, fields.into_iter().map(|violation| violation.field).collect())
}

#[tokio::test]
async fn items_of_a_batch_stand_and_fall_alone() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let sound = suite().swap_remove(2);
    let mut wrong = sound.clone();
    wrong.seeds = vec![by_id(3, 1.0), by_id(TRACKS, 1.0)];
    let unwanted = RecommendRequest { seeds: vec![by_id(3, -1.0)], ..sound.clone() };
    let requests = vec![sound.clone(), wrong, unwanted, sound.clone()];
    let mut client = IndexServiceClient::new(channel.clone());
    let results = client.batch_recommend(BatchRecommendRequest { requests }).await;
    let alone = recommend(&channel, sound).await;
    let results = results.expect("the batch is answered").into_inner().results;
    use batch_recommend_response::result::Result as Item;
    let outcomes: Vec<Item> = results.into_iter().filter_map(|result| result.result).collect();
    let [
        Item::Response(first),
        Item::ErrorStatus(unknown),
        Item::ErrorStatus(none),
        Item::Response(last),
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!((first, last), (&alone, &alone));
    assert_eq!(refusal(unknown.clone()).0, "TRACK_NOT_FOUND");
    assert_eq!(refusal(none.clone()), ("NO_WANTED_SEED".to_owned(), vec!["seeds".to_owned()]));

    let track_ids = ["s5", "nobody", ""].map(str::to_owned).to_vec();
    let request = BatchLookupRequest { track_ids, view: LookupView::Full.into() };
    let results = client.batch_lookup(request).await.expect("answered").into_inner().results;
    use batch_lookup_response::result::Result as Found;
    let outcomes: Vec<Found> = results.into_iter().filter_map(|result| result.result).collect();
    let [Found::Response(found), Found::ErrorStatus(unknown), Found::ErrorStatus(empty)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    let features = found.feature_vector.as_ref().expect("asked for");
    assert_eq!((&features.values, features.names.len()), (&vector(5), 74));
    assert_eq!(refusal(unknown.clone()).0, "TRACK_NOT_FOUND");
    let expected = ("INVALID_TRACK_ID".to_owned(), vec!["track_id".to_owned()]);
    assert_eq!(refusal(empty.clone()), expected);
}

#[tokio::test]
async fn a_distance_is_explained() {
    let catalogue = Catalogue::shared().expect("the catalogue builds");
    let server = catalogue.serve("auto").expect("it opens");
    let channel = server.connect().await.expect("it listens");
    let mut far = vector(70);
    far[41] += 1000.0;
    let far = FeatureVector {
        values: far,
        profile_id: DEFAULT_PROFILE.to_owned(),
        ..FeatureVector::default()
    };
    let left = Seed { seed: Some(seed::Seed::FeatureVector(far)), weight: 0.0 };
    let request = ExplainDistanceRequest {
        left: Some(left),
        right: Some(by_id(70, 0.0)),
        ..ExplainDistanceRequest::default()
    };
    let answer = IndexServiceClient::new(channel).explain_distance(request).await;
    let answer = answer.expect("two vectors").into_inner();
    assert_eq!(answer.seed_track_ids, ["", "s70"]);
    let hit = answer.neighbor.expect("always sent");
    assert_eq!(hit.track.expect("a track of the index").track_id, "s70");
    assert_eq!((hit.contributions.len(), hit.group_contributions.len()), (74, 7));
    let (first, group) = (&hit.contributions[0], &hit.group_contributions[0]);
    assert_eq!(
        (first.feature.as_str(), group.feature.as_str()),
        ("chroma_cqt_mean_2", "chroma_cqt")
    );
    assert!(first.share > 0.999 && group.share > 0.999);
    let delta = first.delta_std.expect("a feature has one");
    assert!((delta + hit.distance).abs() < 1e-6 * hit.distance, "right minus left: {delta}");
    assert_eq!(answer.out_of_range_features, ["chroma_cqt_mean_2"]);
    assert!(hit.similarity_percentile < 1e-9);
}
