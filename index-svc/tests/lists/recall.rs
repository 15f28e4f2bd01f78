//! Recall with filters, on a catalogue large enough that the planner walks.

use engine::Effort;
use index::EngineChoice;
use index_svc::query::{Options, Query};

use super::music::{Music, tracks};

/// Of 24,000 tracks about 1 %, 10 % and 50 % pass, and all; the first two are few enough to be exact.
#[test]
fn filters_keep_the_recall() {
    let music = Music::built(tracks(24_000));
    let (_copy, index) = music.open(EngineChoice::Auto);
    let mut walked = 0;
    for (text, share) in [
        ("year = 1958", 1.0 / 70.0),
        ("genre_top = Jazz AND year < 1985", 6.0 / 70.0),
        ("year < 1992", 36.0 / 70.0),
        ("", 1.0),
    ] {
        let (mut found, mut wanted) = (0, 0);
        for row in (0..24_000).step_by(240) {
            let ask = |exact| {
                let options = Options::new(10, exact, 0, false).expect("in range");
                let options = options.with_filter(&index, text).expect("valid");
                let query = Query::by_row(&index, row, options).expect("in range");
                index.search(&query).expect("readable")
            };
            let (truth, answer) = (ask(true), ask(false));
            let matched = answer.matched_count as f64 / 24_000.0;
            assert!((matched - share).abs() < 0.001, "{text}: {matched}");
            walked += usize::from(matches!(answer.plan.effort, Effort::Margin(_)));
            let rows: Vec<u32> = answer.neighbors.iter().map(|hit| hit.row).collect();
            wanted += truth.neighbors.len();
            found += truth.neighbors.iter().filter(|hit| rows.contains(&hit.row)).count();
        }
        let recall = found as f64 / wanted as f64;
        assert!(recall >= 0.98, "{text}: {recall}");
    }
    assert!(walked > 0, "some queries are walked, or this tests the exact answer only");
}
