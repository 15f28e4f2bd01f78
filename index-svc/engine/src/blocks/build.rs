//! From rows to an image: check, grow the tree, fill the sections.

use std::io::Write;

use rayon::prelude::*;

use super::error::BlocksError;
use super::image::{Counts, LEAF_ROWS, Layout, MAX_DIMS, MAX_ROWS, seal};
use super::kernel::{GROUP_ROWS, Kernel};
use super::pack::{LeafSlots, pack_leaf};
use super::storage::{Image, allocate};
use super::tree::{Table, Tree};

/// Values of larger magnitude are refused: their squares, summed over [`MAX_DIMS`] columns, must stay within f32.
pub const MAX_MAGNITUDE: f32 = 1e16;

/// How an index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlocksOptions {
    /// Rows aimed at per leaf: a leaf has at most half as many again.
    pub leaf_rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads to build with; 0 for one per processor. The image does not depend on it.
    pub threads: usize,
}

impl Default for BlocksOptions {
    fn default() -> Self {
        Self { leaf_rows: 256, seed: 0, threads: 1 }
    }
}

/// Builds an index over `rows`, row-major `[rows, dims]`, and returns its image.
///
/// # Errors
/// Shape, options or a value out of range; no memory; no threads.
pub fn build(rows: &[f32], dims: usize, options: &BlocksOptions) -> Result<Image, BlocksError> {
    check(rows, dims, options)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    pool.install(|| assemble(&Table::new(rows, dims), options))
}

/// As [`build`], into a writer. The file it makes is ready to map.
///
/// # Errors
/// As [`build`]; the writer fails.
pub fn write(
    rows: &[f32],
    dims: usize,
    options: &BlocksOptions,
    mut out: impl Write,
) -> Result<(), BlocksError> {
    let image = build(rows, dims, options)?;
    out.write_all(image.bytes())?;
    out.flush()?;
    Ok(())
}

fn check(rows: &[f32], dims: usize, options: &BlocksOptions) -> Result<(), BlocksError> {
    if !(1..=MAX_DIMS).contains(&dims) {
        return Err(BlocksError::Dims { dims, limit: MAX_DIMS });
    }
    if !rows.len().is_multiple_of(dims) {
        return Err(BlocksError::Shape { values: rows.len(), dims });
    }
    if rows.len() / dims > MAX_ROWS {
        return Err(BlocksError::TooManyRows { rows: rows.len() / dims, limit: MAX_ROWS });
    }
    if !LEAF_ROWS.contains(&options.leaf_rows) {
        let (lowest, highest) = (*LEAF_ROWS.start(), *LEAF_ROWS.end());
        return Err(BlocksError::LeafRows { leaf_rows: options.leaf_rows, lowest, highest });
    }
    check_values(rows, dims)
}

/// Refuses NaN, infinities and magnitudes above [`MAX_MAGNITUDE`].
pub(super) fn check_values(values: &[f32], dims: usize) -> Result<(), BlocksError> {
    match values.iter().position(|value| value.is_nan() || value.abs() > MAX_MAGNITUDE) {
        None => Ok(()),
        Some(at) => {
            let (row, column) = (at / dims, at % dims);
            Err(BlocksError::Value { row, column, value: values[at], limit: MAX_MAGNITUDE })
        }
    }
}

fn assemble(table: &Table<'_>, options: &BlocksOptions) -> Result<Image, BlocksError> {
    let most_leaf_rows = options.leaf_rows + options.leaf_rows / 2;
    let mut tree = Tree::grow(table, most_leaf_rows, options.seed, Kernel::detect());
    let counts = Counts {
        dims: table.dims(),
        rows: table.rows(),
        leaves: tree.leaves.len(),
        groups: tree.leaves.iter().map(|leaf| leaf.len().div_ceil(GROUP_ROWS)).sum(),
        leaf_rows: most_leaf_rows,
        seed: options.seed,
    };
    let layout = Layout::new(&counts)?;
    let mut memory = allocate(layout.total)?;
    {
        let mut sections = Sections::new(&mut memory[..layout.total], &layout);
        sections.fill_nodes(&tree, counts.padded_dims());
        sections.fill_leaves(table, &mut tree.leaves, &counts);
    }
    seal(&mut memory[..layout.total], &counts);
    Image::from_memory(memory)
}

/// The sections of an image under construction.
struct Sections<'a> {
    nodes: &'a mut [[u32; 4]],
    normals: &'a mut [f32],
    leaves: &'a mut [[u32; 4]],
    centroids: &'a mut [f32],
    scales: &'a mut [f32],
    errors: &'a mut [f32],
    norms: &'a mut [f32],
    codes: &'a mut [u8],
    rows: &'a mut [f32],
    row_numbers: &'a mut [u32],
    positions: &'a mut [u32],
}

impl<'a> Sections<'a> {
    fn new(image: &'a mut [u8], layout: &Layout) -> Self {
        let mut rest = image;
        let mut at = 0;
        let mut take = |range: &std::ops::Range<usize>| {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(range.start - at);
            let (section, tail) = tail.split_at_mut(range.len());
            rest = tail;
            at = range.end;
            section
        };
        Self {
            nodes: bytemuck::cast_slice_mut(take(&layout.nodes)),
            normals: bytemuck::cast_slice_mut(take(&layout.normals)),
            leaves: bytemuck::cast_slice_mut(take(&layout.leaves)),
            centroids: bytemuck::cast_slice_mut(take(&layout.centroids)),
            scales: bytemuck::cast_slice_mut(take(&layout.scales)),
            errors: bytemuck::cast_slice_mut(take(&layout.errors)),
            norms: bytemuck::cast_slice_mut(take(&layout.norms)),
            codes: take(&layout.codes),
            rows: bytemuck::cast_slice_mut(take(&layout.rows)),
            row_numbers: bytemuck::cast_slice_mut(take(&layout.row_numbers)),
            positions: bytemuck::cast_slice_mut(take(&layout.positions)),
        }
    }

    fn fill_nodes(&mut self, tree: &Tree, padded_dims: usize) {
        let slots = self.nodes.iter_mut().zip(self.normals.chunks_exact_mut(padded_dims));
        for (node, (slot, normal)) in tree.nodes.iter().zip(slots) {
            *slot = [node.plane.offset.to_bits(), node.children[0], node.children[1], 0];
            normal.copy_from_slice(&node.plane.normal);
        }
    }

    fn fill_leaves(&mut self, table: &Table<'_>, leaves: &mut [Vec<u32>], counts: &Counts) {
        let mut position = 0;
        let mut group = 0;
        for (slot, members) in self.leaves.iter_mut().zip(leaves.iter()) {
            *slot = [position as u32, members.len() as u32, group as u32, 0];
            position += members.len();
            group += members.len().div_ceil(GROUP_ROWS);
        }
        let (mut scales, mut errors) = (&mut *self.scales, &mut *self.errors);
        let (mut norms, mut codes) = (&mut *self.norms, &mut *self.codes);
        let (mut rows, mut numbers) = (&mut *self.rows, &mut *self.row_numbers);
        let centroids = self.centroids.chunks_exact_mut(counts.padded_dims());
        let mut work: Vec<(&mut Vec<u32>, LeafSlots<'_>)> = Vec::with_capacity(counts.leaves);
        for ((members, leaf), centroid) in
            leaves.iter_mut().zip(self.leaves.iter_mut()).zip(centroids)
        {
            let groups = members.len().div_ceil(GROUP_ROWS);
            let slots = LeafSlots {
                leaf,
                centroid,
                scales: front(&mut scales, groups),
                errors: front(&mut errors, groups),
                norms: front(&mut norms, groups * GROUP_ROWS),
                codes: front(&mut codes, groups * counts.group_bytes()),
                rows: front(&mut rows, members.len() * counts.dims),
                row_numbers: front(&mut numbers, members.len()),
            };
            work.push((members, slots));
        }
        work.into_par_iter().for_each(|(members, slots)| pack_leaf(table, members, slots));
        for (position, &row) in self.row_numbers.iter().enumerate() {
            self.positions[row as usize] = position as u32;
        }
    }
}

/// Cuts the first `count` elements off `rest`.
fn front<'a, T>(rest: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (head, tail) = std::mem::take(rest).split_at_mut(count);
    *rest = tail;
    head
}
