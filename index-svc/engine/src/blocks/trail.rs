//! A walk that remembers what it had found at each of its steps: one walk tells what every margin finds.
//!
//! Walks for a query visit the same leaves in the same order whatever their margin is, and end before the first
//! leaf that lies beyond it. So what a margin finds is what a larger one had found on its way.

use super::search::{Asked, Searcher, Until};
use super::{Blocks, BlocksError, Effort};

/// A walk for the nearest rows of one query, as far as it was asked about.
#[derive(Debug)]
pub struct Trail {
    asked: Asked,
    visited: Vec<usize>,
    /// Positions of the rows that are looked for, ascending.
    sought: Vec<u32>,
    found: usize,
    steps: Vec<Step>,
}

/// What a search by a margin meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Rows that were looked for, of those in the leaves visited.
    pub found: usize,
    /// Rows whose codes or distances were looked at.
    pub scanned: usize,
}

/// A leaf was visited, or all that a far query takes.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Margins below this end here.
    ends_below: f64,
    met: Met,
}

impl Blocks {
    /// Begins a walk for the `k` rows nearest to `query`, during which the rows `sought` are counted.
    ///
    /// # Errors
    /// The query is of another width or holds a value out of range.
    pub fn trail(&self, query: &[f32], k: usize, sought: &[u32]) -> Result<Trail, BlocksError> {
        let searcher = Searcher::new(self, None)?;
        searcher.check(query, Effort::Margin(0.0))?;
        let positions = self.view().positions;
        let position = |row: &u32| positions.get(*row as usize).copied();
        let mut sought: Vec<u32> = sought.iter().filter_map(position).collect();
        sought.sort_unstable();
        let asked = searcher.ask(query, k.clamp(1, self.rows().max(1)));
        Ok(Trail { asked, visited: Vec::new(), sought, found: 0, steps: Vec::new() })
    }
}

impl Trail {
    /// What [`Blocks::nearest`] meets by a margin of the same query and `k`.
    ///
    /// # Errors
    /// The margin is not a finite number of 0 or more.
    pub fn at(&mut self, blocks: &Blocks, margin: f32) -> Result<Met, BlocksError> {
        if !(margin >= 0.0 && margin.is_finite()) {
            return Err(BlocksError::Effort { value: margin });
        }
        let margin = f64::from(margin);
        if self.steps.last().is_none_or(|last| last.ends_below <= margin) {
            self.go_on(&mut Searcher::new(blocks, None)?, margin);
        }
        let ends_here = self.steps.partition_point(|step| step.ends_below <= margin);
        let none = Met { found: 0, scanned: 0 };
        Ok(self.steps.get(ends_here).map_or(none, |step| step.met))
    }

    /// Walks until a margin ends.
    fn go_on(&mut self, searcher: &mut Searcher<'_>, margin: f64) {
        let until = searcher.until(Effort::Margin(0.0));
        let mut ends_below = self.steps.last().map_or(0.0, |last| last.ends_below);
        while let Some(reached) = self.asked.next()
            && ends_below <= margin
        {
            let before = self.visited.len();
            if let Some(rows) = until.rows_of_far(&self.asked) {
                searcher.by_centroids(&mut self.asked, &mut self.visited, rows, usize::MAX);
                ends_below = f64::INFINITY;
            } else {
                self.visited.push(reached.leaf);
                searcher.step(&mut self.asked, Until::Everything);
                let next = self.asked.share_of_next().unwrap_or(f64::INFINITY);
                ends_below = ends_below.max(next);
            }
            let leaves = &self.visited[before..];
            self.found += leaves.iter().map(|leaf| self.sought_in(searcher, *leaf)).sum::<usize>();
            let met = Met { found: self.found, scanned: self.asked.scanned() };
            self.steps.push(Step { ends_below, met });
        }
    }

    fn sought_in(&self, searcher: &Searcher<'_>, leaf: usize) -> usize {
        let view = &searcher.scanner.view;
        let first = view.leaf_first(leaf);
        let end = first + view.leaf_rows(leaf);
        let before =
            |end: usize| self.sought.partition_point(|position| (*position as usize) < end);
        before(end) - before(first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Noise, index};
    use super::*;

    /// Queries among the rows, beside them, and far from all of them.
    #[test]
    fn a_trail_meets_what_searches_by_each_margin_meet() {
        let (dims, rows) = (8, 6000);
        let mut noise = Noise::new(17);
        let centres = noise.values(40 * dims);
        let near = noise.values(rows * dims);
        let values: Vec<f32> = (0..rows * dims)
            .map(|at| 4.0 * centres[at / dims % 40 * dims + at % dims] + 0.4 * near[at])
            .collect();
        let blocks = index(&values, dims, 32);
        let mut between = 0;
        for (row, moved) in [(0, 0.0), (77, 0.0), (900, 1.5), (5000, 0.4), (3000, 60.0), (8, 9e4)] {
            let mut query = values[row * dims..][..dims].to_vec();
            query[1] += moved;
            for k in [1, 12, 300] {
                let exact = blocks.nearest(&query, k, None, Effort::Exact).expect("as wide").hits;
                let truth: Vec<u32> = exact.iter().map(|hit| hit.row).collect();
                let mut trail = blocks.trail(&query, k, &truth).expect("as wide");
                // Not in order: a trail goes on from where it was, or looks back.
                for margin in [0.25, 0.0, 0.01, 0.04, 2.0, 0.1, 0.5, 1024.0, 1.0] {
                    let effort = Effort::Margin(margin);
                    let found = blocks.nearest(&query, k, None, effort).expect("as wide");
                    let both = found.hits.iter().filter(|hit| truth.contains(&hit.row)).count();
                    let expected = Met { found: both, scanned: found.scanned };
                    let met = trail.at(&blocks, margin).expect("a margin");
                    assert_eq!(met, expected, "row {row} moved {moved}, {k} by {margin}");
                    between += usize::from(both > 0 && both < k);
                }
            }
        }
        assert!(between > 20, "searches that find some of what they look for: {between}");
        let mut trail = blocks.trail(&values[..dims], 3, &[]).expect("as wide");
        assert!(trail.at(&blocks, f32::NAN).is_err() && trail.at(&blocks, -1.0).is_err());
        assert!(blocks.trail(&values[..dims - 1], 3, &[]).is_err());
    }
}
