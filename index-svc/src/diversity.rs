//! Maximal marginal relevance: an order that trades nearness to the query for distance from what is
//! in the list already.
//!
//! Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
//! producing summaries", SIGIR 1998; here with distances in place of similarities: the next is the one
//! with the least `(1 - diversity) score - diversity d`, `d` being its distance to the nearest chosen one.

use engine::{Stop, distance};

use crate::error::Error;

/// Results that are reordered at a time. What is beyond them is never nearer, so that a list can be
/// told page by page.
pub const BLOCK: usize = 512;

/// A block of results: `scores[i]` belongs to `vectors[i]`; best first.
pub(crate) struct Block {
    scores: Vec<f64>,
    vectors: Vec<Vec<f64>>,
    /// How far each is from the nearest result before the block.
    apart: Vec<f64>,
}

impl Block {
    /// A block of a list that has nothing before it.
    pub(crate) fn new(scores: Vec<f64>, vectors: Vec<Vec<f64>>) -> Self {
        let apart = vec![f64::INFINITY; scores.len()];
        Self { scores, vectors, apart }
    }

    /// Tells the block of a result before it. Which order these have does not matter.
    pub(crate) fn behind(&mut self, earlier: &[f64]) {
        for (apart, vector) in self.apart.iter_mut().zip(&self.vectors) {
            *apart = apart.min(distance(vector, earlier));
        }
    }

    /// The first `wanted` places of the block's order; of equal ones the earlier goes first.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn order(
        self,
        diversity: f64,
        wanted: usize,
        stop: Stop<'_>,
    ) -> Result<Vec<usize>, Error> {
        let Self { scores, vectors, mut apart } = self;
        let mut left: Vec<usize> = (0..scores.len()).collect();
        let mut chosen = Vec::with_capacity(wanted.min(scores.len()));
        while chosen.len() < wanted {
            stop.check()?;
            let value = |place: usize| {
                // The first of all has none to be apart from.
                let apart = if apart[place].is_finite() { apart[place] } else { 0.0 };
                (1.0 - diversity) * scores[place] - diversity * apart
            };
            let Some((at, next)) = left
                .iter()
                .copied()
                .enumerate()
                .min_by(|(_, a), (_, b)| value(*a).total_cmp(&value(*b)).then(a.cmp(b)))
            else {
                break;
            };
            left.swap_remove(at);
            for place in &left {
                apart[*place] = apart[*place].min(distance(&vectors[*place], &vectors[next]));
            }
            chosen.push(next);
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(line: &[f64], diversity: f64, wanted: usize) -> Vec<usize> {
        behind(&[], line, diversity, wanted)
    }

    /// The order of a block behind earlier results.
    fn behind(earlier: &[f64], line: &[f64], diversity: f64, wanted: usize) -> Vec<usize> {
        let vectors: Vec<Vec<f64>> = line.iter().map(|x| vec![*x]).collect();
        let scores: Vec<f64> = line.iter().map(|x| x.abs()).collect();
        let mut block = Block::new(scores, vectors);
        earlier.iter().for_each(|x| block.behind(&[*x]));
        block.order(diversity, wanted, Stop::never()).expect("not stopped")
    }

    #[test]
    fn a_block_knows_the_results_before_it() {
        // All is diversity: the farthest from 5, then from 5 and -9.
        assert_eq!(behind(&[5.0], &[5.5, 6.0, -9.0], 1.0, 3), [2, 1, 0]);
        assert_eq!(
            ordered(&[5.5, 6.0, -9.0], 1.0, 3)[0],
            0,
            "with nothing before it the best is first"
        );
    }

    #[test]
    fn none_is_the_ranking_and_all_is_the_farthest_each_time() {
        let line = [0.0, 1.0, 1.5, 4.0, 9.0];
        assert_eq!(ordered(&line, 0.0, 5), [0, 1, 2, 3, 4]);
        // First the best; then what is farthest from all chosen.
        assert_eq!(ordered(&line, 1.0, 5), [0, 4, 3, 2, 1]);
        // 1 - 0.5 d: of two alike the second waits.
        assert_eq!(ordered(&[1.0, 1.1, -1.2], 0.5, 3), [0, 2, 1]);
    }

    proptest! {
        /// Each choice against the formula, computed anew; shorter orders are the beginning of longer ones.
        #[test]
        fn each_is_the_best_that_was_left(
            line in prop::collection::vec(-20.0..20.0, 1..24),
            earlier in prop::collection::vec(-20.0..20.0, 0..5),
            diversity in 0.0..1.0,
        ) {
            let mut line = line;
            line.sort_by(|a: &f64, b| a.abs().total_cmp(&b.abs()));
            let all = behind(&earlier, &line, diversity, line.len());
            for (n, next) in all.iter().enumerate() {
                let value = |i: usize| {
                    let before = all[..n].iter().map(|c| line[*c]).chain(earlier.iter().copied());
                    let apart = before.map(|c| (line[i] - c).abs());
                    let apart = apart.min_by(f64::total_cmp).unwrap_or(0.0);
                    (1.0 - diversity) * line[i].abs() - diversity * apart
                };
                prop_assert!(all[n..].iter().all(|other| value(*next) <= value(*other) + 1e-12));
            }
            let half = line.len() / 2;
            prop_assert_eq!(&behind(&earlier, &line, diversity, half), &all[..half]);
        }
    }
}
