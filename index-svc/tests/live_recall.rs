//! What the service shows of its searches, and of the recall of its approximate answers.

mod catalogue;
mod running;

use catalogue::{golden_rows, plan, write_csv};
use index_svc::builder::{BuildPlan, build};
use proto::v1::{QueryByTrackIndexRequest, QueryOptions};
use running::{Running, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn approximate_answers_are_compared_with_exact_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
    write_csv(&table, &golden_rows(), str::to_owned);
    build(&BuildPlan { trees: 1, ..plan(vec![table], index.clone()) }).expect("a sound table");
    // Every third of them.
    let server = Running::start(&index, &["--recall-check-interval", "3"]);
    let mut client = server.client().await;
    let mut ask = async |row, exact| {
        // One tree and a handful of candidates: some neighbours are missed.
        let search_k = if exact { 0 } else { 12 };
        let options = QueryOptions { page_size: 10, exact, search_k, ..QueryOptions::default() };
        let request = QueryByTrackIndexRequest { track_index: Some(row), options: Some(options) };
        client.query_by_track_index(request).await.expect("answers").into_inner()
    };
    let checks =
        |outcome| server.metric(&format!("index_recall_checks_total{{outcome=\"{outcome}\"}}"));
    let found =
        |outcome| server.metric(&format!("index_recall_neighbors_total{{outcome=\"{outcome}\"}}"));
    let (mut expected, mut missed) = (0.0, 0);
    for row in 0..12 {
        let approximate = ask(row, false).await;
        let rows = |answer: &proto::v1::QueryByTrackIndexResponse| -> Vec<i64> {
            answer
                .neighbors
                .iter()
                .filter_map(|near| Some(near.track.as_ref()?.track_index))
                .collect()
        };
        assert!(!approximate.stats.as_ref().expect("set").exact);
        if row % 3 == 0 {
            expected += 1.0;
            // The next one that is due comes after this one is done; none is skipped.
            wait_for("the check", || (checks("compared") == Some(expected)).then_some(()));
            let (near, truth) = (rows(&approximate), rows(&ask(row, true).await));
            missed += truth.iter().filter(|row| !near.contains(row)).count();
        }
    }
    assert_eq!(checks("compared"), Some(4.0));
    assert_eq!(checks("skipped"), Some(0.0));
    assert!(missed > 0, "a search of 12 candidates misses some");
    assert_eq!(found("missed"), Some(missed as f64));
    assert_eq!(found("found"), Some(40.0 - missed as f64));
    let searches = |engine, exact| {
        server.metric(&format!("index_searches_total{{engine=\"{engine}\",exact=\"{exact}\"}}"))
    };
    assert_eq!(searches("forest", false), Some(12.0));
    assert_eq!(searches("blocks", true), Some(4.0));
    assert_eq!(
        server.metric("index_search_candidates_count{engine=\"forest\",exact=\"false\"}"),
        Some(12.0)
    );
    drop(client);
    assert_eq!(server.terminate(), Some(0));
}
