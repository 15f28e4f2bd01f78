//! The tree over a table's rows: planes above, leaves of neighbouring rows below.
//!
//! The same rows, options and seed make the same tree whatever the number of threads: each node draws from a generator seeded
//! by its path from the root, and rows keep their order on both sides of a plane.

use rayon::prelude::*;

use super::image::LEAF_BIT;
use super::kernel::{Kernel, LANES};
use super::two_means::{Plane, SplitMix64, split};

/// Each side of a plane gets at least this share of the rows, so that no outlier makes a leaf of its own.
const LEAST_SHARE: f64 = 0.1;
/// Nodes with more rows than this are worked on in parallel.
const PARALLEL_ROWS: usize = 4096;

/// Rows to index, row-major.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    values: &'a [f32],
    dims: usize,
}

impl<'a> Table<'a> {
    pub(crate) fn new(values: &'a [f32], dims: usize) -> Self {
        debug_assert_eq!(values.len() % dims, 0);
        Self { values, dims }
    }

    pub(crate) fn dims(&self) -> usize {
        self.dims
    }

    pub(super) fn padded_dims(&self) -> usize {
        self.dims.next_multiple_of(LANES)
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.dims
    }

    pub(crate) fn row(&self, row: u32) -> &'a [f32] {
        &self.values[row as usize * self.dims..][..self.dims]
    }
}

enum Branch {
    Leaf(Vec<u32>),
    Fork { plane: Plane, sides: Box<[Self; 2]> },
}

/// A node as stored: its plane and its children, which are nodes or, with [`LEAF_BIT`], leaves.
#[derive(Debug)]
pub(crate) struct Node {
    pub(super) plane: Plane,
    pub(crate) children: [u32; 2],
}

/// The tree, flattened: a node before its children, leaves from left to right.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) leaves: Vec<Vec<u32>>,
}

impl Tree {
    /// Splits until no leaf has more than `leaf_rows` rows. Uses the current thread pool.
    pub(crate) fn grow(table: &Table<'_>, leaf_rows: usize, seed: u64, kernel: Kernel) -> Self {
        let mut tree = Self::default();
        if table.rows() > 0 {
            let rows = (0..table.rows() as u32).collect();
            let root = Grower { table, leaf_rows, kernel }.branch(rows, seed);
            tree.flatten(root);
        }
        tree
    }

    fn flatten(&mut self, branch: Branch) -> u32 {
        match branch {
            Branch::Leaf(rows) => {
                self.leaves.push(rows);
                (self.leaves.len() - 1) as u32 | LEAF_BIT
            }
            Branch::Fork { plane, sides } => {
                let number = self.nodes.len();
                self.nodes.push(Node { plane, children: [0; 2] });
                let [below, above] = *sides;
                let children = [self.flatten(below), self.flatten(above)];
                self.nodes[number].children = children;
                number as u32
            }
        }
    }
}

struct Grower<'a> {
    table: &'a Table<'a>,
    leaf_rows: usize,
    kernel: Kernel,
}

impl Grower<'_> {
    fn branch(&self, rows: Vec<u32>, seed: u64) -> Branch {
        if rows.len() <= self.leaf_rows {
            return Branch::Leaf(rows);
        }
        let parallel = rows.len() > PARALLEL_ROWS;
        let mut random = SplitMix64::new(seed);
        let seeds = [random.next(), random.next()];
        let (plane, below, above) = self.part(&rows, &mut random);
        drop(rows);
        let grow = |rows, side: usize| self.branch(rows, seeds[side]);
        let (below, above) = if parallel {
            rayon::join(|| grow(below, 0), || grow(above, 1))
        } else {
            (grow(below, 0), grow(above, 1))
        };
        Branch::Fork { plane, sides: Box::new([below, above]) }
    }

    /// A plane and the rows below and above it, neither side empty.
    fn part(&self, rows: &[u32], random: &mut SplitMix64) -> (Plane, Vec<u32>, Vec<u32>) {
        let least = ((rows.len() as f64 * LEAST_SHARE) as usize).max(1);
        if let Some(mut plane) = split(self.table, rows, random, self.kernel) {
            let margins = self.margins(rows, &plane);
            let below = margins.iter().filter(|&&margin| margin < plane.offset).count();
            if below < least || rows.len() - below < least {
                let wanted = if below < least { least } else { rows.len() - least };
                let mut sorted = margins.clone();
                plane.offset = *sorted.select_nth_unstable_by(wanted, f32::total_cmp).1;
            }
            let (mut low, mut high) = (Vec::new(), Vec::new());
            for (&row, margin) in rows.iter().zip(margins) {
                if margin < plane.offset { &mut low } else { &mut high }.push(row);
            }
            if low.len() >= least.min(rows.len() / 16).max(1)
                && high.len() >= least.min(rows.len() / 16).max(1)
            {
                return (plane, low, high);
            }
        }
        // No plane parts these rows evenly: mostly duplicates. A plane of no direction sends a search to both sides.
        let (low, high) = rows.split_at(rows.len() / 2);
        (
            Plane { normal: vec![0.0; self.table.padded_dims()], offset: 0.0 },
            low.to_vec(),
            high.to_vec(),
        )
    }

    fn margins(&self, rows: &[u32], plane: &Plane) -> Vec<f32> {
        let margin = |padded: &mut Vec<f32>, row: &u32| {
            padded[..self.table.dims()].copy_from_slice(self.table.row(*row));
            self.kernel.dot(padded, &plane.normal)
        };
        let scratch = || vec![0.0f32; self.table.padded_dims()];
        if rows.len() > PARALLEL_ROWS {
            rows.par_iter().with_min_len(1024).map_init(scratch, margin).collect()
        } else {
            let mut padded = scratch();
            rows.iter().map(|row| margin(&mut padded, row)).collect()
        }
    }
}
