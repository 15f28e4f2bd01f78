//! More copies of a track than a leaf of the forest holds: it lists the same of them as an exact answer does.

use engine::EngineName;
use index::EngineChoice;
use index_svc::{
    Searcher,
    query::{Options, Query},
};

use super::music::{Music, tracks};

const ROWS: usize = 3000;

fn rows(
    index: &Searcher,
    raw: &[f64],
    (exact, search_k): (bool, i64),
    duplicates: bool,
) -> Vec<u32> {
    let options = Options::new(10, exact, search_k, false).expect("in range");
    let options = options.with_duplicates(duplicates);
    let query = Query::by_vector(index, raw.to_vec(), options).expect("finite");
    let answer = index.search(&query).expect("readable");
    let by_forest = answer.plan.engine == EngineName::Forest;
    assert_eq!(by_forest, !exact, "{:?}", answer.plan);
    answer.neighbors.iter().map(|near| near.row).collect()
}

#[test]
fn the_lowest_rows_of_many_copies_are_listed() {
    let mut tracks = tracks(ROWS);
    let copied = tracks[11].raw.clone();
    (11..ROWS).step_by(9).for_each(|row| tracks[row].raw.clone_from(&copied));
    let (_copy, index) = Music::built(tracks).open(EngineChoice::Auto);
    for column in [3, 40] {
        let mut raw = copied.clone();
        raw[column] += 0.01;
        let all = rows(&index, &raw, (true, 0), true);
        assert_eq!(all, (0..10).map(|copy| 11 + 9 * copy).collect::<Vec<u32>>());
        assert_eq!(rows(&index, &raw, (false, 40), true), all);
        // Where copies are left out, the lowest one stands for them.
        let first = |way| rows(&index, &raw, way, false)[0];
        assert_eq!((first((true, 0)), first((false, 40))), (11, 11));
    }
}
