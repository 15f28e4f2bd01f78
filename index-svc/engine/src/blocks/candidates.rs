//! Rows that may be among the nearest, and the k nearest of those whose distance is known.

use std::collections::BinaryHeap;

use super::Hit;
use super::bounds::{Interval, SLACK};
use super::kernel::Kernel;
use super::view::View;

/// Rows by bounds on their distance. Keeps each row that can still be among the k nearest.
#[derive(Debug)]
pub(super) struct Candidates {
    k: usize,
    /// Bits of the k least upper bounds, greatest on top: non-negative floats order as their bits do.
    uppers: BinaryHeap<u64>,
    limit: f64,
    rows: Vec<Candidate>,
    /// Length of `rows` at which those beyond the limit are dropped.
    crowded: usize,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    lower: f64,
    position: u32,
}

impl Candidates {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            uppers: BinaryHeap::new(),
            limit: f64::INFINITY,
            rows: Vec::with_capacity(128),
            crowded: 4 * k + 1024,
        }
    }

    /// `T` of [`super::bounds`]: at least k rows offered lie within it.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    #[inline]
    pub(super) fn offer(&mut self, position: usize, interval: Interval) {
        if interval.lower > self.limit {
            return;
        }
        self.rows.push(Candidate { lower: interval.lower, position: position as u32 });
        if interval.upper < self.limit {
            if self.uppers.len() == self.k {
                self.uppers.pop();
            }
            self.uppers.push(interval.upper.to_bits());
            if self.uppers.len() == self.k {
                self.limit = self.uppers.peek().map_or(f64::INFINITY, |&bits| f64::from_bits(bits));
            }
        }
        if self.rows.len() >= self.crowded {
            let limit = self.limit;
            self.rows.retain(|candidate| candidate.lower <= limit);
            self.crowded = 2 * self.rows.len() + 1024;
        }
    }

    /// Computes distances, nearest bounds first, until no candidate left can be among the k nearest. Returns how many.
    pub(super) fn rerank(
        &mut self,
        view: &View<'_>,
        kernel: Kernel,
        query: &[f32],
        nearest: &mut Nearest,
    ) -> usize {
        let limit = self.limit;
        self.rows.retain(|candidate| candidate.lower <= limit);
        self.rows.sort_unstable_by(|a, b| a.lower.total_cmp(&b.lower));
        for (done, candidate) in self.rows.iter().enumerate() {
            if candidate.lower > nearest.limit() {
                return done;
            }
            let position = candidate.position as usize;
            let squared_distance = kernel.squared_distance(query, view.row_at(position));
            nearest.offer(Hit { row: view.row_numbers[position], squared_distance });
        }
        self.rows.len()
    }
}

/// The k nearest rows, ties by row number.
#[derive(Debug)]
pub(super) struct Nearest {
    k: usize,
    /// Bits of the squared distance, then the row: the greatest pair on top.
    heap: BinaryHeap<(u64, u32)>,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::with_capacity(k + 1) }
    }

    /// A row with a larger distance than this cannot enter.
    fn limit(&self) -> f64 {
        match self.heap.peek() {
            Some(&(bits, _)) if self.heap.len() == self.k => {
                f64::from_bits(bits).sqrt() * (1.0 + SLACK)
            }
            _ => f64::INFINITY,
        }
    }

    pub(super) fn offer(&mut self, hit: Hit) {
        let entry = (hit.squared_distance.to_bits(), hit.row);
        if self.heap.len() < self.k {
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }

    /// Nearest first.
    pub(super) fn into_hits(self) -> Vec<Hit> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|(bits, row)| Hit { row, squared_distance: f64::from_bits(bits) })
            .collect()
    }
}
