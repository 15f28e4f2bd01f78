//! The first look at an opened index: its pages are there for the first caller, and what this machine
//! does in a moment is known.

use std::time::{Duration, Instant};

use engine::{Effort, EngineName};

use crate::{
    recall::{Probe, sample_rows},
    searcher::Searcher,
};

/// What a query may take on the thread that asks; less than half of what must go to a worker.
const MOMENT: Duration = Duration::from_micros(200);
/// Queries the pace is learnt from; the median is taken.
const LAPS: usize = 15;
/// Rows each of them looks at.
const LAP_ROWS: usize = 4096;
/// More rows than this are never a moment's work, whatever was measured.
const MOST_ROWS: usize = 100_000;

impl Searcher {
    /// Asks a few of the index's own rows. Until it has been called, [`Self::search_here`] answers
    /// nothing.
    pub fn warm(&self) {
        self.here.get_or_init(|| self.rows_of_a_moment());
    }

    /// Rows the blocks engine looks at in a moment; 0 without it.
    fn rows_of_a_moment(&self) -> usize {
        let mut paces: Vec<f64> = sample_rows(self.rows(), LAPS, 0)
            .iter()
            .filter_map(|probe| {
                let Probe::Row(row) = probe else { return None };
                let start = Instant::now();
                let query = self.vectors().row(*row);
                let effort = Effort::Rows(LAP_ROWS);
                let found =
                    self.engines().nearest(EngineName::Blocks, query, 10, None, effort).ok()?;
                Some(start.elapsed().as_secs_f64() / found.scored.max(1) as f64)
            })
            .collect();
        paces.sort_unstable_by(f64::total_cmp);
        let pace = paces.get(paces.len() / 2);
        pace.map_or(0, |pace| ((MOMENT.as_secs_f64() / pace) as usize).min(MOST_ROWS))
    }
}
