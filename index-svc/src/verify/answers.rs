//! What an index answers, and what it says of its answers.

use index::{
    card::Card,
    curve::{QueryKind, RecallPoint},
};

use super::Check;
use crate::{
    calibration::{measure_point, probes},
    card::NEIGHBORS,
    error::Error,
    query::{Options, Query, QueryError},
    recall::{Figures, Trial, sample_rows},
    search::Answer,
    searcher::Searcher,
};

/// How many standard errors a recall measured with other queries may be from the manifest's.
const ERRORS: f64 = 4.0;
/// How many neighbours more may be missed, where so few are that their spread says nothing.
const MISSES: f64 = 3.0;
/// How far two distances that are equal but for rounding may be apart, relative to them.
const ROUNDING: f64 = 1e-12;
/// Differences that a brute force may compute; bounds its time to seconds.
const BRUTE_FORCE_OPERATIONS: u64 = 2_000_000_000;
/// Fewest and most queries that are answered by brute force too.
const BRUTE_FORCE_QUERIES: (u64, u64) = (4, 100);

/// Asks `sample` rows for themselves, through the whole search: with the seed included, each finds
/// itself at distance zero, under its own id, or rows equal to it. And compares exact answers with a
/// brute force over the raw vectors.
///
/// # Errors
/// When the index cannot be read.
pub fn check_answers(index: &Searcher, sample: usize) -> Result<Vec<Check>, Error> {
    let rows: Vec<u32> = sample_rows(index.rows(), sample, index.manifest().forest.seed)
        .iter()
        .filter_map(|probe| probe.row())
        .collect();
    let mut lost = None;
    for row in &rows {
        let answer = ask(index, *row, false)?;
        let own = index.metadata(*row)?;
        let is_itself = answer.neighbors.iter().any(|near| {
            near.row == *row && near.metadata.track_id == own.track_id && near.distance == 0.0
        });
        let all_equal = !answer.neighbors.is_empty()
            && answer.neighbors.iter().all(|near| near.distance == 0.0);
        if !(is_itself || all_equal) {
            lost.get_or_insert_with(|| format!("row {row} does not find itself"));
        }
    }
    let found = format!("{} of {} rows asked, each finds itself", rows.len(), index.rows());
    Ok(vec![Check::new("self-test", lost, found), check_exact(index, &rows)?])
}

fn ask(index: &Searcher, row: u32, exact: bool) -> Result<Answer, Error> {
    let options =
        Options::new(NEIGHBORS as i64, exact, 0, true).map_err(unasked)?.with_duplicates(true);
    let query = Query::by_row(index, row.into(), options).map_err(unasked)?;
    index.search(&query)
}

/// A query of this file's own is sound, so only the index can have failed.
fn unasked(error: QueryError) -> Error {
    match error {
        QueryError::Index(error) => error,
        other => Error::Unsound(other.to_string()),
    }
}

fn check_exact(index: &Searcher, rows: &[u32]) -> Result<Check, Error> {
    let cost = u64::from(index.rows()) * index.scaler().dims() as u64;
    let (fewest, most) = BRUTE_FORCE_QUERIES;
    let count = (BRUTE_FORCE_OPERATIONS / cost.max(1)).clamp(fewest, most) as usize;
    // Spread over the sample, which ascends.
    let step = rows.len().div_ceil(count).max(1);
    let asked: Vec<u32> = rows.iter().copied().step_by(step).collect();
    let truth = brute_force(index, &asked)?;
    let mut differing = None;
    for (row, truth) in asked.iter().zip(truth) {
        let answer = ask(index, *row, true)?;
        let got: Vec<(f64, u32)> =
            answer.neighbors.iter().map(|near| (near.distance, near.row)).collect();
        let query = plainly_scaled(index, *row)?;
        let same = same_within_rounding(&got, &truth, |row| {
            let other = plainly_scaled(index, row)?;
            Ok::<f64, Error>(squares(&query, &other).sqrt())
        })?;
        if !same {
            let got: Vec<u32> = answer.neighbors.iter().map(|near| near.row).collect();
            let expected: Vec<u32> = truth.iter().map(|(_, row)| *row).collect();
            differing.get_or_insert_with(|| {
                format!("row {row} is answered with {got:?}, brute force finds {expected:?}")
            });
        }
    }
    let equal = format!("{} exact answers equal a brute force", asked.len());
    Ok(Check::new("exact answers", differing, equal))
}

/// Whether an answer is the brute force's but for rounding: rows that are equally far within
/// [`ROUNDING`] may change places, at the end of the list with rows that are not in it. Rows of one distance
/// still go by number, and no row comes twice.
fn same_within_rounding<E>(
    got: &[(f64, u32)],
    truth: &[(f64, u32)],
    mut distance_to: impl FnMut(u32) -> Result<f64, E>,
) -> Result<bool, E> {
    let near = |a: f64, b: f64| (a - b).abs() <= ROUNDING * b;
    let ascends = got.windows(2).all(|pair| {
        let ((a, first), (b, second)) = (pair[0], pair[1]);
        a.total_cmp(&b).then(first.cmp(&second)).is_lt()
    });
    let fits = got.iter().zip(truth).all(|((a, _), (b, _))| near(*a, *b));
    let mut rows: Vec<u32> = got.iter().map(|(_, row)| *row).collect();
    rows.sort_unstable();
    rows.dedup();
    if !ascends || !fits || got.len() != truth.len() || rows.len() != got.len() {
        return Ok(false);
    }
    for (distance, row) in got {
        if !near(*distance, distance_to(*row)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The scaled vector of a row, with arithmetic of this file's own.
fn plainly_scaled(index: &Searcher, row: u32) -> Result<Vec<f64>, Error> {
    let raw = index.store().raw(row, index.scaler().dims())?;
    Ok(scaled(index, &raw))
}

fn scaled(index: &Searcher, raw: &[f64]) -> Vec<f64> {
    let columns = raw.iter().zip(index.scaler().mean().iter().zip(index.scaler().scale()));
    columns.map(|(value, (mean, scale))| (value - mean) / scale).collect()
}

fn squares(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// The nearest rows to each of `asked`, themselves included, with their distances, ties by row: one
/// pass over the raw vectors, with arithmetic of its own.
fn brute_force(index: &Searcher, asked: &[u32]) -> Result<Vec<Vec<(f64, u32)>>, Error> {
    let mut stored = index.store().in_order();
    let queries: Vec<Vec<f64>> =
        asked.iter().map(|row| plainly_scaled(index, *row)).collect::<Result<_, _>>()?;
    let mut nearest: Vec<Vec<(f64, u32)>> = vec![Vec::new(); queries.len()];
    for row in 0..index.rows() {
        let other = scaled(index, &stored.raw(row, index.scaler().dims())?);
        for (query, near) in queries.iter().zip(&mut nearest) {
            let squares = squares(query, &other);
            // Rows come in order, so a row goes behind those it equals.
            let place = near.partition_point(|(known, _)| *known <= squares);
            if place < NEIGHBORS {
                near.truncate(NEIGHBORS - 1);
                near.insert(place, (squares, row));
            }
        }
    }
    for near in nearest.iter_mut().flatten() {
        near.0 = near.0.sqrt();
    }
    Ok(nearest)
}

/// Compares the manifest's card with one that was measured now. An index of a builder without cards
/// has nothing to compare.
#[must_use]
pub fn check_card(stored: Option<&Card>, measured: &Card) -> Option<Check> {
    let stored = stored?;
    let differing = (!stored.agrees_with(measured))
        .then(|| format!("the manifest says {stored:?}, measured is {measured:?}"));
    Some(Check::new("model card", differing, "measured again, as in the manifest".to_owned()))
}

/// Measures the recall curve again with `sample` other rows: a planner that trusts a curve of
/// another index would miss its targets and not know it.
///
/// # Errors
/// When the index cannot be read.
pub fn check_curve(index: &Searcher, sample: usize) -> Result<Option<Check>, Error> {
    if index.manifest().recall_curve.is_empty() {
        let success = "there is none: all answers are exact".to_owned();
        return Ok(Some(Check::new("recall curve", None, success)));
    }
    let seed = index.manifest().forest.seed.wrapping_add(1);
    let trial = |queries| Trial::graded(index, &probes(index, queries, sample, seed));
    let trials = QueryKind::ALL.map(|queries| Ok::<_, Error>((queries, trial(queries)?)));
    let (mut measured, mut failure) = (Vec::new(), None);
    for of_kind in trials {
        let (queries, trial) = of_kind?;
        let is_measured = |point: &&RecallPoint| {
            point.queries == queries && index.engines().is_open(point.engine)
        };
        for point in index.manifest().recall_curve.iter().filter(is_measured) {
            let figures = measure_point(&trial, point)?;
            let (recall, allowed) = (figures.recall, allowed_difference(&figures, point));
            let RecallPoint { engine, k, target, recall: stored, .. } = point;
            let of = format!("{engine} {}@{k} for {target}", queries.as_str());
            if figures.questions > 0 && (recall - stored).abs() > allowed {
                failure.get_or_insert_with(|| {
                    format!("recall of {of} is {recall:.4}, manifest says {stored:.4}")
                });
            }
            measured.push(format!("{recall:.4} {of}"));
        }
    }
    let success = format!("{} ({sample} queries of each kind at most)", measured.join(", "));
    Ok(Some(Check::new("recall curve", failure, success)))
}

/// How far two measurements of one recall may be apart: both are means over samples, and the manifest's
/// spread is taken to be this one's. Neighbours of one query are missed together, so that a long list counts
/// as ten at most.
fn allowed_difference(figures: &Figures, point: &RecallPoint) -> f64 {
    let questions = figures.questions.max(1) as f64;
    let stored = f64::from(point.sample.max(1));
    let neighbors = questions * f64::from(point.k.min(NEIGHBORS as u32));
    ERRORS * figures.error * (1.0 + questions / stored).sqrt() + MISSES / neighbors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_queries_tell_99_from_97() {
        let point = RecallPoint {
            engine: engine::EngineName::Blocks,
            queries: QueryKind::Track,
            k: 10,
            target: 0.99,
            margin: Some(0.5),
            search_k: None,
            recall: 0.991,
            sample: 1000,
            scored_share: 0.1,
            reach: None,
        };
        // As measured on clustered rows: a query in ten misses one of its ten.
        let figures = Figures { recall: 0.99, error: 0.001, questions: 1000, ..Figures::default() };
        let allowed = allowed_difference(&figures, &point);
        assert!(allowed < 0.01 && allowed > 0.005, "{allowed}");
        // Where nothing is missed, a few misses are no contradiction.
        let none = Figures { recall: 1.0, questions: 100, ..Figures::default() };
        assert!((allowed_difference(&none, &point) - 0.003).abs() < 1e-12);
    }

    #[test]
    fn only_rounding_may_change_places() {
        let a_bit = 1.0 + 2.0 * f64::EPSILON;
        let truth = [(0.0, 4), (1.0, 7), (a_bit, 2), (3.0, 9)];
        let distance = |row| {
            Ok::<f64, ()>(match row {
                4 => 0.0,
                7 => 1.0,
                2 => a_bit,
                9 | 11 => 3.0,
                _ => 5.0,
            })
        };
        let check = |got: &[(f64, u32)], expected: bool| {
            assert_eq!(same_within_rounding(got, &truth, distance), Ok(expected), "{got:?}");
        };
        check(&truth, true);
        // Rounded alike, and so in the order of rows.
        check(&[(0.0, 4), (1.0, 2), (1.0, 7), (3.0, 9)], true);
        // The last one may be another that is as far.
        check(&[(0.0, 4), (1.0, 7), (a_bit, 2), (3.0, 11)], true);
        check(&[(0.0, 4), (1.0, 7), (1.0, 2), (3.0, 9)], false);
        check(&[(0.0, 4), (1.0, 7), (a_bit, 7), (3.0, 9)], false);
        check(&[(0.0, 4), (1.0, 7), (3.0, 9), (a_bit, 2)], false);
        check(&[(0.0, 4), (1.0, 7), (a_bit, 12), (3.0, 9)], false);
        check(&[(0.0, 4), (1.0, 7), (a_bit, 2)], false);
        check(&[(0.0, 4), (1.0, 7), (a_bit, 2), (3.1, 9)], false);
    }
}
