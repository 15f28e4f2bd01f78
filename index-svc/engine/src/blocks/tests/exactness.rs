//! Answers against brute force, to the last bit and tie.

use proptest::prelude::*;

use super::*;

/// Values that make rows collide, nearly collide, and differ by magnitudes.
fn adversarial() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -3.0f32..3.0,
        2 => prop::sample::select(vec![0.0f32, -0.0, 1.0, -1.0, 0.5]),
        1 => prop::sample::select(vec![1.0f32.next_up(), 1.0f32.next_down(), 0.5f32.next_up()]),
        1 => prop::sample::select(vec![50.0f32, -50.0, 1e4, -1e15, 1e-20, 1e-40, MAX_MAGNITUDE]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn exact_search_is_brute_force(
        (dims, rows, queries) in (1usize..24).prop_flat_map(|dims| (
            Just(dims),
            prop::collection::vec(prop::collection::vec(adversarial(), dims), 0..200),
            prop::collection::vec(prop::collection::vec(adversarial(), dims), 1..6),
        )),
        copies in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60),
        k in prop_oneof![0usize..12, Just(500)],
        shares in prop::option::of(prop::collection::vec(any::<bool>(), 200)),
    ) {
        let mut rows = rows;
        if !rows.is_empty() {
            for (from, to) in copies {
                let row = from.get(&rows).clone();
                *to.get_mut(&mut rows) = row;
            }
        }
        let allowed = shares.map(|shares| RowSet::from_members(
            rows.len(),
            (0..rows.len() as u32).filter(|&row| shares[row as usize]),
        ));
        check_exact(&rows.concat(), dims, &queries.concat(), k, allowed.as_ref());
    }
}

#[test]
fn tables_larger_than_the_gather_are_exact_under_filters() {
    let rows = Noise::new(3).clustered(6000, 10);
    let queries = Noise::new(4).clustered(30, 10);
    for step in [1, 2, 3, 10] {
        let allowed = RowSet::from_members(6000, (0..6000).step_by(step));
        check_exact(&rows, 10, &queries, 10, Some(&allowed));
    }
    check_exact(&rows, 10, &queries, 10, None);
}

#[test]
fn all_rows_equal() {
    let rows = [0.3f32, -7.0, 1e-3].repeat(2000);
    check_exact(&rows, 3, &[0.3, -7.0, 1e-3, 1.0, 1.0, 1.0], 17, None);
}

#[test]
fn one_row_no_row_and_k_beyond() {
    check_exact(&[1.0, 2.0], 2, &[0.0, 0.0], 5, None);
    check_exact(&[], 2, &[0.0, 0.0], 5, None);
    check_exact(&Noise::new(1).values(90), 3, &[0.0; 3], 31, None);
}

#[test]
fn constant_columns_and_a_column_of_huge_range() {
    let mut noise = Noise::new(8);
    let mut rows = noise.values(3000 * 9);
    for (number, row) in rows.chunks_exact_mut(9).enumerate() {
        row[0] = 4.25;
        row[3] = 0.0;
        // Magnitudes from 1e-12 to 1e12 in one column.
        row[5] *= 10f32.powi((number % 25) as i32 - 12);
    }
    let mut queries = rows[..9 * 60].to_vec();
    queries[7] += 0.5;
    check_exact(&rows, 9, &queries, 10, None);
}

#[test]
fn near_ties_around_a_sphere() {
    // All rows at distance 1 from the query up to rounding: codes cannot tell them apart.
    let mut noise = Noise::new(9);
    let mut rows = noise.values(4000 * 16);
    for row in rows.chunks_exact_mut(16) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|v| *v /= length);
    }
    check_exact(&rows, 16, &[0.0; 16], 25, None);
}

#[test]
fn heavy_tails_stay_exact_and_cheap() {
    let mut noise = Noise::new(10);
    let (count, dims) = (8000, 40);
    let mut rows = noise.clustered(count, dims);
    // One row in fifty has an outlier of 50 in some column.
    for row in (0..count).step_by(50) {
        rows[row * dims + row % dims] = 50.0;
    }
    let mut queries = noise.clustered(40, dims);
    queries[13] = 50.0;
    check_exact(&rows, dims, &queries, 10, None);
    let blocks = index(&rows, dims, 256);
    for query in queries.chunks_exact(dims) {
        let reranked = blocks.nearest(query, 10, None, Effort::Exact).unwrap().reranked;
        // Rows are spread evenly within their cluster of 667, so that a coarse code leaves some hundreds; were it an outlier's
        // scale that the code has, it would be thousands.
        assert!(reranked <= 400, "outliers blur the codes: {reranked} rows re-ranked");
    }
}

#[test]
fn limited_effort_finds_the_nearest_of_what_it_scans() {
    let rows = Noise::new(11).clustered(20_000, 24);
    let queries = Noise::new(12).clustered(50, 24);
    let blocks = index(&rows, 24, 256);
    let (mut found, mut scanned) = (0, 0);
    for query in queries.chunks_exact(24) {
        let truth = brute_force(&rows, query, 10, None);
        for effort in
            [Effort::Rows(0), Effort::Rows(4000), Effort::Margin(0.0), Effort::Margin(0.3)]
        {
            let result = blocks.nearest(query, 10, None, effort).unwrap();
            assert_eq!(result.hits.len(), 10);
            assert!(result.hits.is_sorted_by(|a, b| a.squared_distance <= b.squared_distance));
            for hit in &result.hits {
                let row = blocks.row(hit.row).unwrap();
                assert_eq!(
                    brute_force(row, query, 1, None)[0].squared_distance.to_bits(),
                    hit.squared_distance.to_bits()
                );
            }
            if effort == Effort::Rows(4000) {
                assert!(
                    result.scanned < 4000 + 384,
                    "whole leaves past the budget: {}",
                    result.scanned
                );
                scanned += result.scanned;
                found += truth.iter().filter(|hit| result.hits.contains(hit)).count();
            }
        }
        let all = blocks.nearest(query, 10, None, Effort::Rows(usize::MAX)).unwrap();
        assert_eq!(all.hits, truth, "a budget of all rows is exact");
        let all = blocks.nearest(query, 10, None, Effort::Margin(1e9)).unwrap();
        assert_eq!(all.hits, truth, "an endless margin is exact");
    }
    assert!(found >= 440, "recall {found} of 500 after {scanned} rows");
}

/// Margins of a query far from everything say nothing: it is walked for a share of the rows, which are the nearest of what is seen.
#[test]
fn a_query_far_from_everything_takes_no_more_than_a_share_of_the_rows() {
    let rows = Noise::new(31).clustered(20_000, 24);
    let blocks = index(&rows, 24, 256);
    let half = RowSet::from_members(20_000, (0..20_000).step_by(2));
    for far in [1e3, 5e5, 1e9, MAX_MAGNITUDE] {
        for step in [1, 5, 24] {
            let mut query = Noise::new(32).clustered(1, 24);
            query.iter_mut().step_by(step).for_each(|value| *value = far.copysign(*value));
            for allowed in [None, Some(&half)] {
                let found = blocks.nearest(&query, 10, allowed, Effort::Margin(0.3)).unwrap();
                assert_eq!(found.hits.len(), 10);
                assert!(found.scanned <= 20_000 / 6, "{far}, {step}: {} rows", found.scanned);
                let exact = blocks.nearest(&query, 10, allowed, Effort::Exact).unwrap();
                assert_eq!(exact.hits, brute_force(&rows, &query, 10, allowed));
            }
        }
    }
}

#[test]
fn filtered_walks_find_what_they_should() {
    let rows = Noise::new(13).clustered(30_000, 24);
    let queries = Noise::new(14).clustered(50, 24);
    let blocks = index(&rows, 24, 256);
    for step in [2, 10] {
        let allowed = RowSet::from_members(30_000, (0..30_000).step_by(step));
        let mut found = 0;
        for query in queries.chunks_exact(24) {
            let truth = brute_force(&rows, query, 10, Some(&allowed));
            let result = blocks.nearest(query, 10, Some(&allowed), Effort::Margin(0.5)).unwrap();
            assert!(result.hits.iter().all(|hit| allowed.contains(hit.row)));
            found += truth.iter().filter(|hit| result.hits.contains(hit)).count();
        }
        assert!(found >= 490, "recall {found} of 500 with one row in {step}");
    }
}

/// A limit on the rows to look at changes no answer: there is none, or the one without a limit.
#[test]
fn a_limit_on_rows_gives_the_answer_or_none() {
    let rows = Noise::new(16).clustered(20_000, 24);
    let queries = Noise::new(17).clustered(20, 24);
    let blocks = index(&rows, 24, 256);
    let tenth = RowSet::from_members(20_000, (0..20_000).step_by(5));
    let few = RowSet::from_members(20_000, (0..20_000).step_by(100));
    let (mut answers, mut refusals) = (0, 0);
    for query in queries.chunks_exact(24) {
        for allowed in [None, Some(&tenth), Some(&few)] {
            for effort in [Effort::Exact, Effort::Rows(3000), Effort::Margin(0.3)] {
                let whole = blocks.nearest(query, 10, allowed, effort).unwrap();
                for most in [0, 100, 1000, 5000, 30_000] {
                    match blocks.nearest_within(query, 10, allowed, effort, most).unwrap() {
                        Some(found) => {
                            assert_eq!(found, whole);
                            assert!(found.scanned <= most, "{} > {most}", found.scanned);
                            answers += 1;
                        }
                        None => refusals += 1,
                    }
                }
            }
        }
    }
    assert!(answers > 200 && refusals > 200, "{answers} answers, {refusals} refusals");
}

#[test]
fn a_batch_of_limited_searches_is_its_single_ones() {
    let rows = Noise::new(18).clustered(20_000, 24);
    let queries = Noise::new(19).clustered(150, 24);
    let blocks = index(&rows, 24, 256);
    let fifth = RowSet::from_members(20_000, (0..20_000).step_by(5));
    for allowed in [None, Some(&fifth)] {
        for effort in [Effort::Rows(0), Effort::Rows(3000), Effort::Margin(0.3)] {
            let batch = blocks.nearest_batch(&queries, 10, allowed, effort).unwrap();
            let single: Vec<SearchResult> = queries
                .chunks_exact(24)
                .map(|query| blocks.nearest(query, 10, allowed, effort).unwrap())
                .collect();
            assert_eq!(batch, single);
        }
    }
}

#[test]
fn a_filter_that_changes_is_not_asked_with_its_old_form() {
    let rows = Noise::new(20).clustered(9000, 12);
    let [blocks, other] = [256, 64].map(|leaf_rows| index(&rows, 12, leaf_rows));
    let query = &rows[12 * 77..][..12];
    let mut allowed = RowSet::from_members(9000, (0..9000).step_by(3));
    for removed in [77 - 77 % 3, 78, 81] {
        for blocks in [&blocks, &other] {
            let found = blocks.nearest(query, 25, Some(&allowed), Effort::Exact).unwrap();
            assert_eq!(found.hits, brute_force(&rows, query, 25, Some(&allowed)));
        }
        assert!(allowed.remove(removed) && allowed.insert(removed + 1));
        let nearest = brute_force(&rows, query, 1, Some(&allowed))[0].row;
        assert!(allowed.remove(nearest));
    }
}

#[test]
fn bad_queries_are_refused() {
    let blocks = index(&Noise::new(15).values(300), 3, 16);
    let ask = |query: &[f32], allowed: Option<&RowSet>, effort| {
        blocks.nearest(query, 3, allowed, effort).map(|_| ())
    };
    assert!(matches!(
        ask(&[0.0; 4], None, Effort::Exact),
        Err(BlocksError::Shape { values: 4, dims: 3 })
    ));
    assert!(matches!(
        ask(&[0.0, f32::NAN, 0.0], None, Effort::Exact),
        Err(BlocksError::Value { column: 1, .. })
    ));
    assert!(matches!(
        ask(&[0.0, 0.0, 1e17], None, Effort::Exact),
        Err(BlocksError::Value { column: 2, .. })
    ));
    assert!(matches!(
        ask(&[0.0; 3], Some(&RowSet::new(99)), Effort::Exact),
        Err(BlocksError::FilterRows { .. })
    ));
    assert!(matches!(
        ask(&[0.0; 3], None, Effort::Margin(f32::NAN)),
        Err(BlocksError::Effort { .. })
    ));
    assert!(matches!(
        blocks.nearest_batch(&[0.0; 7], 3, None, Effort::Exact),
        Err(BlocksError::Shape { values: 7, dims: 3 })
    ));
}
