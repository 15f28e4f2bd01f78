//! The rest of an exact search: every leaf, but for those that a plane shows to be beyond the limit.

use super::bounds::PlaneBound;
use super::kernel::Kernel;
use super::view::{Child, View};

/// Branches not yet walked, the one to walk next last.
#[derive(Debug)]
pub(super) struct Sweep {
    stack: Vec<Branch>,
    bound: PlaneBound,
}

/// A node or leaf, whose rows are all at least this far from the query.
#[derive(Debug, Clone, Copy)]
struct Branch {
    code: u32,
    at_least: f64,
}

/// A leaf whose rows are all at least this far from the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swept {
    pub(super) leaf: usize,
    pub(super) at_least: f64,
}

impl Sweep {
    pub(super) fn new(view: &View<'_>, query: &[f32]) -> Self {
        let root = view.root().map(|code| Branch { code, at_least: 0.0 });
        let bound = PlaneBound::new(query, view.counts.dims, view.extent);
        Self { stack: Vec::from_iter(root), bound }
    }

    /// The next leaf that may hold a row within `limit` of a padded query, near sides of planes first.
    pub(super) fn next(
        &mut self,
        view: &View<'_>,
        kernel: Kernel,
        query: &[f32],
        limit: f64,
    ) -> Option<Swept> {
        while let Some(Branch { code, at_least }) = self.stack.pop() {
            if PlaneBound::beyond(at_least, limit) {
                continue;
            }
            let node = match Child::decode(code) {
                Child::Leaf(leaf) => return Some(Swept { leaf, at_least }),
                Child::Node(node) => node,
            };
            let [offset, below, above, _] = view.nodes[node];
            let margin = kernel.dot(query, view.normal(node)) - f32::from_bits(offset);
            let (near, far) = if margin < 0.0 { (below, above) } else { (above, below) };
            // Of a margin that is no number nothing follows.
            let far_at_least = at_least.max(self.bound.at_least(margin));
            self.stack.push(Branch { code: far, at_least: far_at_least });
            self.stack.push(Branch { code: near, at_least });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Noise, index};

    /// Rows that are nowhere far from all others, so that leaves' radii tell little.
    #[test]
    fn a_sweep_misses_no_leaf_with_a_row_within_the_limit_and_most_of_the_others() {
        let dims = 6;
        let rows = Noise::new(31).values(3000 * dims);
        let blocks = index(&rows, dims, 32);
        let view = blocks.view();
        let leaf_of = |position: usize| {
            let first = |leaf: usize| view.leaf_first(leaf);
            (0..view.counts.leaves).rfind(|leaf| first(*leaf) <= position).unwrap()
        };
        let mut visited = 0;
        for row in (0..3000).step_by(100) {
            let mut query = vec![0.0; view.counts.padded_dims()];
            query[..dims].copy_from_slice(&rows[row * dims..][..dims]);
            let sweep = |limit| {
                let mut sweep = super::Sweep::new(&view, &query);
                let next = || sweep.next(&view, blocks.kernel, &query, limit);
                let mut leaves: Vec<usize> =
                    std::iter::from_fn(next).map(|swept| swept.leaf).collect();
                leaves.sort_unstable();
                leaves
            };
            let all: Vec<usize> = (0..view.counts.leaves).collect();
            assert_eq!(sweep(f64::INFINITY), all);
            let limit = 0.3;
            let leaves = sweep(limit);
            visited += leaves.len();
            for position in 0..3000 {
                let squared = blocks.kernel.squared_distance(&query[..dims], view.row_at(position));
                if squared.sqrt() <= limit {
                    assert!(leaves.binary_search(&leaf_of(position)).is_ok(), "{row}: {position}");
                }
            }
        }
        let all = 30 * view.counts.leaves;
        assert!(visited < all / 2, "{visited} of {all}");
    }
}
