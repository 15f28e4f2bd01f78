//! The lift that gives the forest's planes their offsets, without the bias of clusters' spreads.
//!
//! arroy splits a node by the plane through the origin whose normal is the difference of two means. On the
//! paraboloid `(x, R - |x|² / 2R)` such a plane has an offset, but the mean of the last coordinate of a cluster is
//! `R - (|c|² + v) / 2R`: below the paraboloid over its centre `c` by its variance `v`. Between two clusters of
//! unequal variance the plane moves towards the looser one by `(v₁ - v₂) / 2|c₁ - c₂|`, and cuts through it or misses
//! both; a split beyond arroy's limit of balance becomes a random one.
//!
//! Each row is therefore lifted to `(x, R - (|x|² - s) / 2R)`, where `s` is the variance around it, taken down a tree
//! of two-means splits: the variance of the row's leaf, and at each node above it the variance of the means of the two
//! sides. Then the mean height of any node of that tree is the height of its centre, up to a constant that both
//! sides of a split share: their planes lie halfway. The forest's own nodes are other ones, but clusters are
//! clusters in every tree.

use crate::{
    blocks::{Kernel, LEAF_BIT, Table, Tree},
    error::EngineError,
    vectors::ScaledVectors,
};

/// `R` of the lift: far larger than the norm of a scaled vector (8.6 for 74 columns), small enough
/// that `f32` keeps four decimals of the last coordinate.
pub const LIFT_RADIUS: f32 = 300.0;

/// Rows of a leaf whose variance is taken as a whole; a leaf of the forest has some 75.
const LEAF_ROWS: usize = 16;

/// `(x, R - (|x|² - spread) / 2R)`. A query has no spread: what its last coordinate changes is far below the distance
/// between planes.
#[must_use]
pub fn lift(scaled: &[f32], spread: f32) -> Vec<f32> {
    let squared_norm: f32 = scaled.iter().map(|x| x * x).sum();
    let mut lifted = Vec::with_capacity(scaled.len() + 1);
    lifted.extend_from_slice(scaled);
    lifted.push(LIFT_RADIUS - (squared_norm - spread) / (2.0 * LIFT_RADIUS));
    lifted
}

/// The spread around each row, in squared standard deviations. The same rows and seed give the same spreads, whatever
/// the number of threads.
///
/// # Errors
/// When the threads cannot be started.
pub(super) fn spreads(vectors: &ScaledVectors, seed: u64) -> Result<Vec<f32>, EngineError> {
    let values = vectors.values();
    let table = Table::new(&values, vectors.dims());
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|_| "forest".to_owned())
        .build()
        .map_err(|error| EngineError::Threads(Box::new(error)))?;
    let tree = pool.install(|| Tree::grow(&table, LEAF_ROWS, seed, Kernel::detect()));
    let mut spread = Spread { table, tree: &tree, between: vec![0.0; tree.nodes.len()] };
    let mut found = vec![0.0; vectors.rows()];
    if vectors.rows() > 0 {
        let root = if tree.nodes.is_empty() { LEAF_BIT } else { 0 };
        spread.measure(root);
        spread.hand_down(root, 0.0, &mut found);
    }
    Ok(found)
}

struct Spread<'a> {
    table: Table<'a>,
    tree: &'a Tree,
    /// For each node, the variance of the means of its two sides, weighted by their rows.
    between: Vec<f64>,
}

/// Rows and their mean.
struct Group {
    rows: f64,
    mean: Vec<f64>,
}

impl Spread<'_> {
    /// Fills in `between` for a node and all below.
    fn measure(&mut self, node: u32) -> Group {
        if node & LEAF_BIT != 0 {
            return self.leaf(node);
        }
        let [below, above] = self.tree.nodes[node as usize].children;
        let (below, above) = (self.measure(below), self.measure(above));
        let rows = below.rows + above.rows;
        let apart = squared(below.mean.iter().copied().zip(above.mean.iter().copied()));
        self.between[node as usize] = below.rows * above.rows / (rows * rows) * apart;
        let weigh = |(a, b): (&f64, &f64)| (a * below.rows + b * above.rows) / rows;
        Group { rows, mean: below.mean.iter().zip(&above.mean).map(weigh).collect() }
    }

    fn leaf(&self, leaf: u32) -> Group {
        let members = &self.tree.leaves[(leaf & !LEAF_BIT) as usize];
        let rows = members.len() as f64;
        let mut mean = vec![0.0; self.table.dims()];
        for row in members {
            for (sum, value) in mean.iter_mut().zip(self.table.row(*row)) {
                *sum += f64::from(*value);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= rows);
        Group { rows, mean }
    }

    /// Gives every row below a node the variances above it and that of its leaf.
    fn hand_down(&self, node: u32, above: f64, found: &mut [f32]) {
        if node & LEAF_BIT == 0 {
            let above = above + self.between[node as usize];
            for child in self.tree.nodes[node as usize].children {
                self.hand_down(child, above, found);
            }
            return;
        }
        let Group { rows, mean } = self.leaf(node);
        let members = &self.tree.leaves[(node & !LEAF_BIT) as usize];
        let from_mean = |row: &u32| {
            squared(
                self.table
                    .row(*row)
                    .iter()
                    .map(|value| f64::from(*value))
                    .zip(mean.iter().copied()),
            )
        };
        let within = members.iter().map(from_mean).sum::<f64>() / rows;
        for row in members {
            found[*row as usize] = (above + within) as f32;
        }
    }
}

fn squared(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    pairs.map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::vectors::squared_distance;

    #[test]
    fn the_lift_keeps_distances_nearly() {
        let a: Vec<f32> = (0..74_i16).map(|i| f32::from(i % 7) - 3.0).collect();
        let b: Vec<f32> = (0..74_i16).map(|i| f32::from(i % 5) - 2.0).collect();
        let (plain, lifted) =
            (squared_distance(&a, &b), squared_distance(&lift(&a, 0.0), &lift(&b, 0.0)));
        let norms: (f32, f32) = (a.iter().map(|x| x * x).sum(), b.iter().map(|x| x * x).sum());
        let change = ((norms.0 - norms.1) / (2.0 * LIFT_RADIUS)).powi(2);
        assert!((lifted - plain - change).abs() < 1e-2, "{lifted} {plain} {change}");
    }

    /// A tight cluster and a loose one: the mean heights of both are those of their centres, up to the same constant.
    #[test]
    fn the_spread_of_a_cluster_does_not_move_its_mean_height() {
        const DIMS: usize = 8;
        let mut random = StdRng::seed_from_u64(5);
        let mut values = Vec::new();
        for row in 0..2000 {
            let (centre, width) = if row < 1000 { (10.0, 0.1) } else { (-10.0, 3.0) };
            values.extend((0..DIMS).map(|_| centre + width * random.random_range(-1.0_f32..1.0)));
        }
        let vectors = ScaledVectors::new(values, DIMS).expect("whole rows");
        let spreads = spreads(&vectors, 7).expect("threads");
        // |x|² less the spread, over its rows, and |c|² of the centre.
        let excess = |rows: std::ops::Range<u32>, spreads: &[f32]| {
            let count = f64::from(rows.end - rows.start);
            let mut mean = [0.0; DIMS];
            let mut height = 0.0;
            for row in rows {
                let vector = vectors.row(row);
                let square: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
                height += (square - f64::from(spreads[row as usize])) / count;
                mean.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x) / count);
            }
            height - mean.iter().map(|x| x * x).sum::<f64>()
        };
        let apart =
            |spreads: &[f32]| (excess(0..1000, spreads) - excess(1000..2000, spreads)).abs();
        // 8 columns of variance 3² / 3: the loose cluster's centre lies 24 below its mean height.
        assert!((apart(&[0.0; 2000]) - 24.0).abs() < 2.0, "{}", apart(&[0.0; 2000]));
        assert!(apart(&spreads) < 1e-3, "{}", apart(&spreads));
    }

    #[test]
    fn few_rows_and_equal_rows_have_their_variance() {
        let vectors = ScaledVectors::new(vec![1.0, 3.0], 1).expect("rows");
        assert_eq!(spreads(&vectors, 7).expect("threads"), [1.0, 1.0]);
        let vectors = ScaledVectors::new(vec![2.0; 100], 1).expect("rows");
        assert_eq!(spreads(&vectors, 7).expect("threads"), [0.0; 100]);
    }
}
