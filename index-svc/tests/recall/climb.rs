//! What a calibration counts is what searches find: one walk in place of many, for each engine, kind of query, length and
//! effort.

use std::fs;

use engine::{Effort, EngineName};
use index::curve::{LIST_LENGTHS, QueryKind};
use index_svc::{
    Searcher,
    builder::{BuildPlan, build},
    calibration::probes,
    planner::Plan,
    recall::{Climb, Probe, Trial},
};

use super::{
    catalogue::{csv_text, plan},
    library::Library,
};

const ROWS: usize = 11_000;
/// Rows that are all alike: more than a list of one fetches beside its result.
const COPIES: usize = 20;

#[test]
fn a_climb_counts_what_searches_find() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = Library::seeded(23).rows(ROWS);
    for copy in 1..COPIES {
        rows[copy * 500] = rows[0].clone();
    }
    let table = folder.path().join("catalogue.csv");
    fs::write(&table, csv_text(&rows, str::to_owned)).expect("writable");
    let output = folder.path().join("index");
    build(&BuildPlan { trees: 10, ..plan(vec![table], output.clone()) }).expect("a sound table");
    let index = Searcher::open(&output).expect("just built");

    for kind in QueryKind::ALL {
        let mut asked = probes(&index, kind, 160, 5);
        if kind == QueryKind::Track {
            // One that has copies, of each depth that is known.
            [0, 4, 1]
                .into_iter()
                .for_each(|number| asked[number] = Probe::Row(number as u32 * 500));
        }
        let trial = Trial::graded(&index, &asked).expect("readable");
        let mut climb = Climb::new(Trial::graded(&index, &asked).expect("readable"));
        let mut missing = 0;
        for k in LIST_LENGTHS {
            let margins = [0.5, 0.0, 0.02, 0.1, 4.0, 0.25].map(Effort::Margin);
            let numbers = [400, 100, 2000, 1500].map(Effort::Rows);
            let of = |engine, efforts: &[Effort]| efforts.iter().map(|it| (engine, *it)).collect();
            let blocks: Vec<(EngineName, Effort)> = of(EngineName::Blocks, &margins);
            let forest: Vec<(EngineName, Effort)> = of(EngineName::Forest, &numbers);
            for (engine, effort) in blocks.into_iter().chain(forest) {
                let found = trial.figures(k, Plan::unmeasured(engine, effort)).expect("readable");
                let counted = climb.figures(k, engine, Some(effort)).expect("readable");
                let of = format!("{engine} {} at {k} by {effort}", kind.as_str());
                let of = format!("{of}: {counted:?} {found:?}");
                assert_eq!(counted.questions, found.questions, "{of}");
                missing += usize::from(counted.recall < 1.0);
                // A list that the forest cannot fill is made exactly instead, and counts as what the forest found.
                if matches!(effort, Effort::Rows(rows) if rows < 4 * k) {
                    assert!(counted.recall <= found.recall + 1e-12, "{of}");
                    continue;
                }
                // A search that misses neighbours may meet seeds in their place, and be widened for these: it finds more
                // than is counted.
                if kind == QueryKind::Centroid {
                    let more = counted.recall - found.recall;
                    assert!((-0.05..0.005).contains(&more), "{of}");
                    continue;
                }
                assert!((counted.recall - found.recall).abs() < 1e-12, "{of}");
                assert!((counted.error - found.error).abs() < 1e-12, "{of}");
                // The forest adds as many copies of what it meets as results are wanted.
                let added = if engine == EngineName::Forest { COPIES as f64 } else { 1e-9 };
                assert!((counted.scored - found.scored).abs() <= added, "{of}");
            }
        }
        assert!(missing > 10, "efforts that find everything prove nothing: {missing}");
    }
}
