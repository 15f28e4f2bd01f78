//! The walk: leaves in the order of the accumulated squared margin.
//!
//! A branch on the other side of a plane from the query costs the squared distance to that plane, on top of what its parent cost.
//! For perpendicular planes the sum is the squared distance to the cell; for others it is an estimate, which only the order
//! of leaves and the end of an approximate search rest on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::kernel::Kernel;
use super::view::{Child, View};

/// A leaf and the squared margin accumulated on the way to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) squared_margin: f32,
    pub(super) leaf: usize,
}

/// Branches not yet walked, nearest first.
#[derive(Debug)]
pub(super) struct Frontier {
    /// Margin's bits above, child's code below: non-negative floats order as their bits do.
    heap: BinaryHeap<Reverse<u64>>,
}

impl Frontier {
    pub(super) fn new(view: &View<'_>) -> Self {
        let mut frontier = Self { heap: BinaryHeap::with_capacity(64) };
        if let Some(root) = view.root() {
            frontier.push(0.0, root);
        }
        frontier
    }

    fn push(&mut self, squared_margin: f32, child: u32) {
        self.heap.push(Reverse(u64::from(squared_margin.to_bits()) << 32 | u64::from(child)));
    }

    /// The next leaf for a padded query; `None` when all were reached.
    pub(super) fn next(
        &mut self,
        view: &View<'_>,
        kernel: Kernel,
        query: &[f32],
    ) -> Option<Reached> {
        let Reverse(entry) = self.heap.pop()?;
        let squared_margin = f32::from_bits((entry >> 32) as u32);
        let mut code = entry as u32;
        loop {
            let node = match Child::decode(code) {
                Child::Leaf(leaf) => return Some(Reached { squared_margin, leaf }),
                Child::Node(node) => node,
            };
            let [offset, below, above, _] = view.nodes[node];
            let margin = kernel.dot(query, view.normal(node)) - f32::from_bits(offset);
            let (near, far) = if margin < 0.0 { (below, above) } else { (above, below) };
            // An image's own numbers may be anything finite or not; the order must not depend on a NaN's bits.
            let cost = squared_margin + margin * margin;
            self.push(if cost.is_finite() { cost } else { f32::MAX }, far);
            code = near;
        }
    }
}
