//! What a query takes is known before it begins, as far as it can be, and bounded where it cannot.

use engine::Stop;
use index::EngineChoice;
use index_svc::{
    Error, Searcher,
    query::{Example, Options, Query, Seed},
    recommend::Strategy,
};

use super::music::Music;

/// Rows of the shared catalogue.
const ROWS: u64 = 3000;
const EXAMPLES: u64 = 100;

fn exact(k: i64) -> Options {
    Options::new(k, true, 0, false).expect("in range")
}

fn best_of(index: &Searcher, options: Options) -> Query {
    let example = |row| -> Example {
        Seed::row(index, row).expect("in range").weighing(0.0).expect("in range")
    };
    let examples = (0..EXAMPLES as i64).map(example).collect();
    Query::by_examples(examples, Strategy::BestOf, options).expect("valid")
}

#[track_caller]
fn too_large<T: std::fmt::Debug>(result: Result<T, Error>, limit: u64) -> u64 {
    match result {
        Err(Error::WorkTooLarge { work, limit: said }) if said == limit && work > limit => work,
        other => panic!("{other:?}"),
    }
}

#[test]
fn many_examples_are_compared_with_every_row_once() {
    let music = Music::shared();
    for choice in [EngineChoice::Forest, EngineChoice::Blocks] {
        let (_copy, index) = music.open(choice);
        let weighted = exact(10).with_group_weights(&index, [("mfcc", 2.0)]).expect("a group");
        for options in [weighted, exact(10)] {
            let query = best_of(&index, options);
            let answer = index.search(&query).expect("readable");
            // Each row with each example; then the examples, the list and a few more are read whole.
            let compared = ROWS * EXAMPLES;
            let reads = 512 + EXAMPLES;
            assert!(answer.work <= compared + (EXAMPLES + 30) * reads, "{}", answer.work);
            too_large(index.check_work(&query, compared), compared);
            let enough = compared + 11 * reads;
            index.check_work(&query, enough).expect("as much as is foreseen");
            let none = Stop::when(&|| panic!("nothing begins"));
            let without = too_large(index.search_within(&query, enough - 1, none), enough - 1);
            assert_eq!(without, enough);
        }
    }
}

#[test]
fn a_filter_is_counted_by_the_rows_it_leaves() {
    let (_copy, index) = Music::shared().open(EngineChoice::Auto);
    let limit = ROWS * 30;
    let weighted = exact(10).with_group_weights(&index, [("mfcc", 2.0)]).expect("a group");
    too_large(index.check_work(&best_of(&index, weighted.clone()), limit), limit);
    let few = best_of(&index, weighted.with_filter(&index, "year = 1958").expect("valid"));
    index.check_work(&few, limit).expect("not known yet");
    let answer = index.search_within(&few, limit, Stop::never()).expect("few rows");
    assert!(answer.matched_count < 50 && answer.work < limit, "{answer:?}");
    let limit = 100;
    too_large(index.search_within(&few, limit, Stop::never()), limit);
}

/// A list of one track per artist has few of many rows: the search widens, and that counts too.
#[test]
fn rounds_beyond_the_first_are_counted() {
    let (_copy, index) = Music::shared().open(EngineChoice::Auto);
    let query = Query::by_row(&index, 3, exact(1000).with_max_per_artist(1).expect("in range"));
    let query = query.expect("in range");
    let all = index.search(&query).expect("readable").work;
    let first = ROWS + 1001 * 513;
    index.check_work(&query, first).expect("as much as is foreseen");
    assert!(all > ROWS * 513, "every row is read: {all}");
    too_large(index.search_within(&query, first, Stop::never()), first);
    too_large(index.search_within(&query, all - 1, Stop::never()), all - 1);
    let answer = index.search_within(&query, all, Stop::never()).expect("enough");
    assert_eq!(answer.work, all);
}

#[test]
fn an_item_that_takes_too_much_stops_no_other() {
    let (_copy, index) = Music::shared().open(EngineChoice::Auto);
    let weighted = exact(10).with_group_weights(&index, [("mfcc", 2.0)]).expect("a group");
    let row = |row| Query::by_row(&index, row, exact(10)).expect("in range");
    let queries = [row(1), best_of(&index, weighted), row(2)];
    let limit = ROWS * 10;
    let mut answers = index.search_many(&queries, limit, Stop::never()).expect("readable");
    too_large(answers.remove(1), limit);
    for (query, answer) in [&queries[0], &queries[2]].into_iter().zip(answers) {
        let alone = index.search(query).expect("readable");
        assert_eq!(answer.expect("little work").neighbors, alone.neighbors);
    }
}
