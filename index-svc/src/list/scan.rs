//! Candidates from a look at every row: each block of rows is read once, and compared with all points
//! while it is at hand.
//!
//! Rows and points are multiplied by the roots of the weights, so that weighted distances are plain ones.
//! Distances are computed in `f32`. A coordinate is rounded twice, by at most 2⁻²⁴ of its size each time, and
//! the sum of 74 squares by less than 1e-5 of itself, so that a distance is off by at most
//! `1e-5 d + 1e-6 |q|`, with several times the room that is needed.

use engine::{
    RowSet, ScaledVectors, Stop,
    blocks::{ABREAST, Kernel},
};

use super::leads::{Lead, Leads, unseen};
use crate::{error::Error, list::within_reach, target::Point, work::comparisons};

/// Comparisons of a row with a point between two looks at whether anybody still waits.
const STOP_STEPS: usize = 1 << 16;
/// Leads that a scan keeps at least: to keep them costs little, another scan would cost as much again.
pub(super) const LEAST_LEADS: usize = 1 << 10;
/// A filter that allows one in so many rows is asked of every row in the order in which they are stored.
const DENSE: usize = 8;

/// The `count` best candidates by distance to any of `points`, features weighted.
pub(super) fn scan(
    vectors: &ScaledVectors,
    points: &[Point],
    weights: Option<&[f64]>,
    (count, allowed): (usize, Option<&RowSet>),
    stop: Stop<'_>,
) -> Result<Leads, Error> {
    let dims = vectors.dims();
    let roots: Vec<f32> = match weights {
        Some(weights) => weights.iter().map(|weight| weight.sqrt() as f32).collect(),
        None => vec![1.0; dims],
    };
    let mut comparison = Comparison {
        kernel: Kernel::detect(),
        points: points.iter().map(|point| Compared::new(point, &roots)).collect(),
        columns: vec![[0.0; ABREAST]; dims],
        rows: Vec::with_capacity(ABREAST),
        nearest: Nearest::new(count),
    };
    let mut steps = 0;
    let mut take = |row: u32, vector: &[f32]| -> Result<(), Error> {
        let place = comparison.rows.len();
        let columns = comparison.columns.iter_mut();
        for ((column, value), root) in columns.zip(vector).zip(&roots) {
            column[place] = value * root;
        }
        comparison.rows.push(row);
        if place + 1 == ABREAST {
            comparison.compare();
            steps += ABREAST * points.len();
            if steps >= STOP_STEPS {
                steps = 0;
                stop.check()?;
            }
        }
        Ok(())
    };
    let scored = allowed.map_or(vectors.rows(), RowSet::len);
    match allowed {
        Some(allowed) if allowed.len().saturating_mul(DENSE) < vectors.rows() => {
            for row in allowed.iter() {
                take(row, vectors.row(row))?;
            }
        }
        allowed => {
            for (row, vector) in vectors.stored() {
                if allowed.is_none_or(|allowed| allowed.contains(row)) {
                    take(row, vector)?;
                }
            }
        }
    }
    comparison.compare();
    let leads = comparison.nearest.finish();
    let exhausted = leads.len() < count;
    let unseen = unseen(leads.last(), exhausted);
    let compared = comparisons(scored, points.len());
    Ok(Leads { leads, unseen, enough: unseen, exhausted, is_short: false, scored, compared })
}

/// A point as rows are compared with it.
struct Compared {
    at: Vec<f32>,
    factor: f64,
    /// What a distance may be off by, whatever it is.
    slack: f64,
    /// A squared distance above this is of no use.
    limit: f32,
}

impl Compared {
    fn new(point: &Point, roots: &[f32]) -> Self {
        let query = within_reach(&point.scaled);
        let at: Vec<f32> = query.iter().zip(roots).map(|(value, root)| value * root).collect();
        let norm = at.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        Self { at, factor: point.factor, slack: 1e-6 * norm + 1e-15, limit: f32::MAX }
    }

    fn at_least(&self, squared: f32) -> f64 {
        self.factor * (f64::from(squared).sqrt() * (1.0 - 1e-5) - self.slack)
    }

    /// Sets the limit so that what is beyond it has a bound above `most`.
    fn beyond(&mut self, most: f64) {
        let distance = (most / self.factor + self.slack).max(0.0) / (1.0 - 1e-5);
        let squared = distance * distance * (1.0 + 1e-6);
        self.limit =
            if squared < f64::from(f32::MAX) { (squared as f32).next_up() } else { f32::MAX };
    }
}

/// A block of rows, and what they are compared with.
struct Comparison {
    kernel: Kernel,
    points: Vec<Compared>,
    /// The values of each column, row beside row.
    columns: Vec<[f32; ABREAST]>,
    rows: Vec<u32>,
    nearest: Nearest,
}

impl Comparison {
    /// Compares the rows of the block with every point; the block is empty then.
    fn compare(&mut self) {
        let mut at_least = [f64::INFINITY; ABREAST];
        let mut squared = [0.0; ABREAST];
        for point in &self.points {
            if self.kernel.abreast(&self.columns, &point.at, point.limit, &mut squared) {
                for (least, squared) in at_least.iter_mut().zip(squared) {
                    if squared <= point.limit {
                        *least = least.min(point.at_least(squared));
                    }
                }
            }
        }
        let bound = self.nearest.bound;
        // Columns may have values of an earlier block behind the last row.
        for (row, at_least) in self.rows.drain(..).zip(at_least) {
            if at_least < f64::INFINITY {
                self.nearest.offer(Lead { at_least, row });
            }
        }
        if self.nearest.bound < bound {
            self.points.iter_mut().for_each(|point| point.beyond(self.nearest.bound));
        }
    }
}

/// Keeps the leads with the `count` least bounds: a buffer of twice as many, cut back when it is full.
struct Nearest {
    leads: Vec<Lead>,
    count: usize,
    bound: f64,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self { leads: Vec::with_capacity(2 * count.min(1 << 16)), count, bound: f64::INFINITY }
    }

    fn offer(&mut self, lead: Lead) {
        if lead.at_least <= self.bound {
            self.leads.push(lead);
            if self.leads.len() >= self.count.saturating_mul(2).max(2) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.leads.len() > self.count && self.count > 0 {
            self.leads.select_nth_unstable_by(self.count - 1, Lead::rank);
            self.bound = self.leads[self.count - 1].at_least;
        }
        self.leads.truncate(self.count);
    }

    fn finish(mut self) -> Vec<Lead> {
        self.cut();
        self.leads.sort_unstable_by(Lead::rank);
        self.leads
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::Target;

    const DIMS: usize = 5;

    fn points() -> impl Strategy<Value = Point> {
        let place = prop::collection::vec(-9.0..9.0, DIMS);
        (place, 1.0..8.0, prop::option::weighted(0.1, 0_i32..19)).prop_map(
            |(mut scaled, factor, far)| {
                scaled[0] *= 10_f64.powi(far.unwrap_or(0));
                Point { scaled, factor }
            },
        )
    }

    proptest! {
        /// Rows on a coarse grid, so that some are equal.
        #[test]
        fn leads_are_bounds_and_no_other_row_is_below_them(
            rows in prop::collection::vec(prop::collection::vec(-3_i8..4, DIMS), 1..200),
            wanted in prop::collection::vec(points(), 1..5),
            weights in prop::option::of(prop::collection::vec(0.0..9.0, DIMS)),
            count in 1_usize..40,
            one_in in prop::option::of(1_u32..20),
        ) {
            let rows: Vec<Vec<f64>> =
                rows.iter().map(|row| row.iter().map(|x| f64::from(*x) / 2.0).collect()).collect();
            let values = rows.iter().flatten().map(|x| *x as f32).collect();
            let vectors = ScaledVectors::new(values, DIMS).expect("whole rows");
            let numbers = || (0..vectors.rows() as u32).filter(|row| row % one_in.unwrap_or(1) == 0);
            let allowed = one_in.map(|_| RowSet::from_members(vectors.rows(), numbers()));
            let target = Target { wanted, unwanted: Vec::new(), weights };
            let weights = target.weights.as_deref();
            let asked = (count, allowed.as_ref());
            let found = scan(&vectors, &target.wanted, weights, asked, Stop::never())
                .expect("not stopped");
            prop_assert_eq!(found.scored, numbers().count());
            prop_assert_eq!(found.leads.len(), count.min(numbers().count()));
            prop_assert_eq!(found.exhausted, found.leads.len() < count);
            prop_assert!(found.leads.is_sorted_by(|a, b| a.rank(b).is_lt()));
            for row in numbers() {
                let score = target.score(&rows[row as usize]).score;
                let lead = found.leads.iter().find(|lead| lead.row == row);
                let at_least = lead.map_or(found.unseen, |lead| lead.at_least);
                prop_assert!(at_least <= score, "row {row}: {at_least} {score}");
                let near = target.wanted.iter().all(|point| point.scaled[0].abs() < 9.0);
                if let Some(lead) = lead && near {
                    prop_assert!(score - lead.at_least < 0.01, "{score} {lead:?}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_leads_are_kept_with_ties() {
        let mut nearest = Nearest::new(3);
        for (at_least, row) in
            [(5.0, 0), (1.0, 9), (1.0, 4), (9.0, 1), (1.0, 2), (2.0, 3), (0.5, 8)]
        {
            nearest.offer(Lead { at_least, row });
        }
        let rows: Vec<u32> = nearest.finish().iter().map(|lead| lead.row).collect();
        assert_eq!(rows, [8, 2, 4]);
    }
}
