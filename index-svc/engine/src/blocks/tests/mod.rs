//! The engine as a whole against a brute-force scan; its image against damage.

mod exactness;
mod stored;

use super::*;

/// A generator of test tables.
pub(super) struct Noise(two_means::SplitMix64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(two_means::SplitMix64::new(seed))
    }

    /// Uniform in -1.0..1.0.
    pub(super) fn value(&mut self) -> f32 {
        (self.0.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(super) fn values(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.value()).collect()
    }

    /// Rows around a few centres.
    pub(super) fn clustered(&mut self, rows: usize, dims: usize) -> Vec<f32> {
        let centres: Vec<Vec<f32>> = (0..12).map(|_| self.values(dims)).collect();
        (0..rows)
            .flat_map(|row| centres[row * 7 % 12].iter().map(|c| 3.0 * c).collect::<Vec<_>>())
            .map(|centre| centre + 0.3 * self.value())
            .collect()
    }
}

/// Every allowed row's distance in f64, sorted, ties by row: the definition of the answer.
pub(super) fn brute_force(
    rows: &[f32],
    query: &[f32],
    k: usize,
    allowed: Option<&RowSet>,
) -> Vec<Hit> {
    let scalar = Kernel::available()[0];
    let mut all: Vec<Hit> = rows
        .chunks_exact(query.len())
        .enumerate()
        .map(|(row, values)| Hit {
            row: row as u32,
            squared_distance: scalar.squared_distance(query, values),
        })
        .filter(|hit| allowed.is_none_or(|allowed| allowed.contains(hit.row)))
        .collect();
    all.sort_by(|a, b| a.squared_distance.total_cmp(&b.squared_distance).then(a.row.cmp(&b.row)));
    all.truncate(k);
    all
}

pub(super) fn options(leaf_rows: usize) -> BlocksOptions {
    BlocksOptions { leaf_rows, seed: 5, threads: 1 }
}

pub(super) fn index(rows: &[f32], dims: usize, leaf_rows: usize) -> Blocks {
    Blocks::open(build(rows, dims, &options(leaf_rows)).unwrap()).unwrap()
}

/// Exact search with every kernel, alone and in a batch, gives the brute-force answer bit for bit.
pub(super) fn check_exact(
    rows: &[f32],
    dims: usize,
    queries: &[f32],
    k: usize,
    allowed: Option<&RowSet>,
) {
    let image = build(rows, dims, &options(16)).unwrap();
    for kernel in Kernel::available() {
        let blocks = Blocks::open_with(Image::copy(image.bytes()).unwrap(), kernel).unwrap();
        let batch = blocks.nearest_batch(queries, k, allowed, Effort::Exact).unwrap();
        for (query, batched) in queries.chunks_exact(dims).zip(batch) {
            let expected = brute_force(rows, query, k, allowed);
            let found = blocks.nearest(query, k, allowed, Effort::Exact).unwrap();
            assert_eq!(found.hits, expected, "{} kernel", kernel.name());
            assert_eq!(batched.hits, expected, "{} kernel, batch", kernel.name());
        }
    }
}
