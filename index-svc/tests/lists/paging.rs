//! Pages: together they are the list, whatever the engine, and each token is held to its query.

use std::collections::BTreeSet;

use index::EngineChoice;
use index_svc::{
    Searcher,
    pages::PageTokenError,
    query::{Options, Query, QueryError, Seed},
    recommend::Strategy,
};

use super::music::Music;

/// Asks page after page, each of another size and by another server; checks that no row comes twice.
fn all_pages(servers: &[&Searcher], query: impl Fn(&Searcher, i64) -> Query) -> Vec<Vec<u32>> {
    let sizes = [7, 40, 1, 300, 1000];
    let mut pages = Vec::new();
    let (mut token, mut seen) = (String::new(), BTreeSet::new());
    for page in 0.. {
        let index = servers[page % servers.len()];
        let asked = query(index, sizes[page % sizes.len()]);
        let answer = index.search(&asked.from_page(index, &token).expect("its own token"));
        let answer = answer.expect("readable");
        let rows: Vec<u32> = answer.neighbors.iter().map(|hit| hit.row).collect();
        assert!(rows.iter().all(|row| seen.insert(*row)), "a row came twice");
        assert!(page == 0 || answer.plan.is_exact(), "later pages are exact");
        pages.push(rows);
        token = answer.next_page_token;
        if token.is_empty() {
            return pages;
        }
        let asked_for = sizes[page % sizes.len()] as usize;
        assert_eq!(pages[page].len(), asked_for, "only the last page is short");
    }
    unreachable!("the list ends")
}

type Kind<'a> = &'a dyn Fn(&Searcher, Options) -> Options;

/// Two wanted tracks and an unwanted one; `(k, exact, search_k)`.
fn asked(index: &Searcher, kind: Kind<'_>, (k, exact, search_k): (i64, bool, i64)) -> Query {
    let options = Options::new(k, exact, search_k, false).expect("in range");
    let seeds = [(12, 1.0), (90, 2.0), (33, -1.0)].map(|(row, weight)| {
        Seed::row(index, row).and_then(|seed| seed.weighing(weight)).expect("in range")
    });
    Query::by_examples(seeds.to_vec(), Strategy::BestOf, kind(index, options))
        .expect("two are wanted")
}

#[test]
fn pages_of_any_query_are_its_list_on_any_engine() {
    let music = Music::shared();
    let (_a, forest) = music.open(EngineChoice::Forest);
    let (_b, blocks) = music.open(EngineChoice::Blocks);
    let (_c, both) = music.open(EngineChoice::Auto);
    let plain = |_: &Searcher, options: Options| options;
    let limited = |index: &Searcher, options: Options| {
        let options = options.with_filter(index, "genre_top IN (Rock, Jazz)").expect("valid");
        options.with_max_per_artist(30).expect("valid")
    };
    let near = |_: &Searcher, options: Options| options.with_max_distance(11.0).expect("valid");
    let diverse = |index: &Searcher, options: Options| {
        let options = options.with_filter(index, "year >= 1960").expect("valid");
        options.with_diversity(0.3).expect("valid")
    };
    let weighted = |index: &Searcher, options: Options| {
        options.with_group_weights(index, [("mfcc", 0.2)]).expect("known")
    };
    let kinds: [(&str, Kind<'_>); 5] = [
        ("plain", &plain),
        ("limited", &limited),
        ("near", &near),
        ("diverse", &diverse),
        ("weighted", &weighted),
    ];
    for (name, kind) in kinds {
        for (exact, search_k) in [(true, 0), (false, 1), (false, 400)] {
            let query = |index: &Searcher, k: i64| asked(index, kind, (k, exact, search_k));
            let lists: Vec<Vec<Vec<u32>>> = [
                &[&forest][..],
                &[&blocks],
                // Any server may go on where another one began.
                &[&forest, &blocks, &both],
                &[&blocks, &both, &forest],
            ]
            .map(|servers| all_pages(servers, query))
            .to_vec();
            let label = format!("{name}, exact {exact}, search_k {search_k}");
            let whole = |index: &Searcher, k: i64| asked(index, kind, (k, true, 0));
            let truth = all_pages(&[&blocks], whole).concat();
            for pages in &lists {
                let rows = pages.concat();
                if exact || name == "diverse" || name == "weighted" {
                    assert_eq!(rows, truth, "{label}");
                    continue;
                }
                // What an approximate first page missed comes later; nothing is lost but where an
                // artist's places went to the first page's tracks.
                if name != "limited" {
                    let sorted = |rows: &[u32]| rows.iter().copied().collect::<BTreeSet<_>>();
                    assert_eq!(sorted(&rows), sorted(&truth), "{label}");
                }
                assert_eq!(rows.len(), truth.len(), "{label}");
                let rest: Vec<u32> = rows[pages[0].len()..].to_vec();
                let order: Vec<usize> = rest
                    .iter()
                    .filter_map(|row| truth.iter().position(|other| other == row))
                    .collect();
                assert!(order.is_sorted(), "{label}: the rest is in order");
            }
        }
    }
}

#[test]
fn an_approximate_first_page_differs_or_this_suite_tests_nothing() {
    let music = Music::shared();
    for choice in [EngineChoice::Forest, EngineChoice::Blocks] {
        let (_copy, index) = music.open(choice);
        let missed = (0..60).any(|row| {
            let ask = |exact, search_k| {
                let options = Options::new(10, exact, search_k, false).expect("in range");
                let query = Query::by_row(&index, row, options).expect("in range");
                let answer = index.search(&query).expect("readable");
                answer.neighbors.iter().map(|hit| hit.row).collect::<Vec<_>>()
            };
            ask(true, 0) != ask(false, 20)
        });
        assert!(missed, "{choice:?}");
    }
}

#[test]
fn a_token_is_held_to_its_query() {
    let (_copy, index) = Music::shared().open(EngineChoice::Auto);
    let options = || Options::new(5, false, 0, false).expect("in range");
    let by_row = |row, options| Query::by_row(&index, row, options).expect("in range");
    let token = index.search(&by_row(3, options())).expect("readable").next_page_token;
    let refused = |query: Query, token: &str| {
        query.from_page(&index, token).expect_err("must be refused").to_string()
    };
    let other = PageTokenError::OtherQuery.to_string();
    assert_eq!(refused(by_row(4, options()), &token), other);
    for changed in [
        options().with_duplicates(true),
        options().with_max_per_artist(3).expect("valid"),
        options().with_max_distance(3.0).expect("valid"),
        options().with_max_distance(0.0).expect("valid"),
        options().with_diversity(0.1).expect("valid"),
        options().with_filter(&index, "year = 1999").expect("valid"),
        options().with_group_weights(&index, [("zcr", 2.0)]).expect("known"),
        options().with_target_recall(0.95).expect("valid"),
        Options::new(5, true, 0, false).expect("in range"),
        Options::new(5, false, 9, false).expect("in range"),
        Options::new(5, false, 0, true).expect("in range"),
    ] {
        assert_eq!(refused(by_row(3, changed.clone()), &token), other, "{changed:?}");
    }
    // Size and view may change, and a filter may be spelled otherwise.
    let larger = Options::new(50, false, 0, false).expect("in range").with_explanations();
    by_row(3, larger).from_page(&index, &token).expect("the same query");
    let filtered = |text| by_row(3, options().with_filter(&index, text).expect("valid"));
    let token = index.search(&filtered("year>1960")).expect("readable").next_page_token;
    filtered("  year > 1.960e3").from_page(&index, &token).expect("the same filter");
    let garbled = by_row(3, options()).from_page(&index, "AAAA").expect_err("no token");
    assert!(matches!(garbled, QueryError::PageToken(PageTokenError::Malformed)), "{garbled}");
}
