//! An image opened for reading: sections as typed slices, every number checked once.

use super::bounds::{SLACK, reach};
use super::error::BlocksError;
use super::image::{Counts, LEAF_BIT, Layout};
use super::kernel::{GROUP_ROWS, LANES};

/// The sections of an open image.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) counts: &'a Counts,
    pub(super) nodes: &'a [[u32; 4]],
    pub(super) normals: &'a [f32],
    pub(super) leaves: &'a [[u32; 4]],
    pub(super) centroids: &'a [f32],
    pub(super) scales: &'a [f32],
    pub(super) errors: &'a [f32],
    pub(super) norms: &'a [f32],
    pub(super) codes: &'a [u8],
    pub(super) rows: &'a [f32],
    pub(super) row_numbers: &'a [u32],
    pub(super) positions: &'a [u32],
    pub(super) extent: &'a Extent,
}

/// How far rows reach, measured when an image is opened; see [`super::bounds`].
#[derive(Debug, Clone, Default)]
pub(super) struct Extent {
    /// For each group, a bound on its rows' distance from their leaf's centroid.
    pub(super) reaches: Vec<f32>,
    /// A bound on the norm of any row.
    pub(super) farthest: f64,
    /// A bound on the norm of any plane's normal.
    pub(super) longest: f64,
}

/// One leaf's part of the sections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    /// Position of the leaf's first row.
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) radius: f32,
    pub(super) centroid: &'a [f32],
    pub(super) groups: usize,
    /// One per group, then those of other leaves, at least 16.
    pub(super) scales: &'a [f32],
    /// As `scales`.
    pub(super) errors: &'a [f32],
    pub(super) norms: &'a [f32],
    pub(super) codes: &'a [u8],
    /// One per group; see [`Extent`].
    pub(super) reaches: &'a [f32],
}

/// A child of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    Node(usize),
    Leaf(usize),
}

impl Child {
    pub(super) fn decode(code: u32) -> Self {
        if code & LEAF_BIT == 0 {
            Self::Node(code as usize)
        } else {
            Self::Leaf((code & !LEAF_BIT) as usize)
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn new(
        image: &'a [u8],
        counts: &'a Counts,
        layout: &Layout,
        extent: &'a Extent,
    ) -> Self {
        Self {
            counts,
            nodes: bytemuck::cast_slice(&image[layout.nodes.clone()]),
            normals: bytemuck::cast_slice(&image[layout.normals.clone()]),
            leaves: bytemuck::cast_slice(&image[layout.leaves.clone()]),
            centroids: bytemuck::cast_slice(&image[layout.centroids.clone()]),
            scales: bytemuck::cast_slice(&image[layout.scales.clone()]),
            errors: bytemuck::cast_slice(&image[layout.errors.clone()]),
            norms: bytemuck::cast_slice(&image[layout.norms.clone()]),
            codes: &image[layout.codes.clone()],
            rows: bytemuck::cast_slice(&image[layout.rows.clone()]),
            row_numbers: bytemuck::cast_slice(&image[layout.row_numbers.clone()]),
            positions: bytemuck::cast_slice(&image[layout.positions.clone()]),
            extent,
        }
    }

    /// Where a walk starts; `None` in an empty index.
    pub(super) fn root(&self) -> Option<u32> {
        match self.counts.leaves {
            0 => None,
            1 => Some(LEAF_BIT),
            _ => Some(0),
        }
    }

    pub(super) fn leaf(&self, leaf: usize) -> Leaf<'a> {
        let [first, rows, group, radius] = self.leaves[leaf];
        let (first, rows, group) = (first as usize, rows as usize, group as usize);
        let groups = rows.div_ceil(GROUP_ROWS);
        let padded = self.counts.padded_dims();
        let bytes = self.counts.group_bytes();
        Leaf {
            first,
            rows,
            radius: f32::from_bits(radius),
            centroid: &self.centroids[leaf * padded..][..padded],
            groups,
            scales: &self.scales[group..][..groups + LANES],
            errors: &self.errors[group..][..groups + LANES],
            norms: &self.norms[group * GROUP_ROWS..][..groups * GROUP_ROWS],
            codes: &self.codes[group * bytes..][..groups * bytes],
            reaches: &self.extent.reaches[group..][..groups],
        }
    }

    /// Position of a leaf's first row.
    pub(super) fn leaf_first(&self, leaf: usize) -> usize {
        self.leaves[leaf][0] as usize
    }

    pub(super) fn leaf_rows(&self, leaf: usize) -> usize {
        self.leaves[leaf][1] as usize
    }

    pub(super) fn normal(&self, node: usize) -> &'a [f32] {
        let padded = self.counts.padded_dims();
        &self.normals[node * padded..][..padded]
    }

    /// The row at a position.
    pub(super) fn row_at(&self, position: usize) -> &'a [f32] {
        &self.rows[position * self.counts.dims..][..self.counts.dims]
    }

    /// Checks that leaves tile the positions and groups, that the nodes form one tree over them, and that row numbers and
    /// positions are each other's inverse.
    pub(super) fn check(&self) -> Result<(), BlocksError> {
        let wrong =
            |what, value: u32| Err(BlocksError::Structure { what, value: u64::from(value) });
        let (mut position, mut group) = (0usize, 0usize);
        for &[first, rows, first_group, radius] in self.leaves {
            if first as usize != position || first_group as usize != group {
                return wrong("leaf's start", first);
            }
            if rows == 0 || rows as usize > self.counts.leaf_rows {
                return wrong("leaf's row count", rows);
            }
            if f32::from_bits(radius).is_nan() || f32::from_bits(radius) < 0.0 {
                return wrong("leaf's radius", radius);
            }
            position += rows as usize;
            group += (rows as usize).div_ceil(GROUP_ROWS);
        }
        if position != self.counts.rows || group != self.counts.groups {
            return wrong("sum of the leaves' rows", position as u32);
        }
        self.check_tree()?;
        for (at, &row) in self.row_numbers.iter().enumerate() {
            if self.positions.get(row as usize).is_none_or(|&back| back as usize != at) {
                return wrong("row number", row);
            }
        }
        Ok(())
    }

    /// Measures how far rows reach, in an image that [`Self::check`] accepts.
    pub(super) fn measure(&self) -> Extent {
        let norms = self.norms.as_chunks::<GROUP_ROWS>().0;
        let groups = norms.iter().zip(self.scales.iter().zip(self.errors));
        let reaches = groups.map(|(norms, (scale, error))| {
            // Rows that pad are infinitely far.
            let norms = norms.iter().copied().filter(|norm| norm.is_finite());
            reach(norms.fold(0.0, f32::max), *scale, *error)
        });
        let padded = self.counts.padded_dims();
        let norm = |row: &[f32]| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let leaves = self.leaves.iter().zip(self.centroids.chunks_exact(padded));
        let farthest =
            leaves.map(|(leaf, centroid)| norm(centroid) + f64::from(f32::from_bits(leaf[3])));
        let planes = self.normals.chunks_exact(padded).map(norm);
        Extent {
            reaches: reaches.collect(),
            farthest: farthest.fold(0.0, f64::max) * (1.0 + SLACK),
            longest: planes.fold(0.0, f64::max) * (1.0 + SLACK),
        }
    }

    /// Each node after its parent, each child of one parent only.
    fn check_tree(&self) -> Result<(), BlocksError> {
        let mut seen_nodes = vec![false; self.nodes.len()];
        let mut seen_leaves = vec![false; self.leaves.len()];
        for (number, &[_, below, above, _]) in self.nodes.iter().enumerate() {
            for code in [below, above] {
                let seen = match Child::decode(code) {
                    Child::Node(node) if node > number => seen_nodes.get_mut(node),
                    Child::Node(_) => None,
                    Child::Leaf(leaf) => seen_leaves.get_mut(leaf),
                };
                match seen {
                    Some(seen) if !*seen => *seen = true,
                    _ => {
                        return Err(BlocksError::Structure {
                            what: "child",
                            value: u64::from(code),
                        });
                    }
                }
            }
        }
        // n - 1 nodes with 2 (n - 1) distinct children cover the n leaves and all nodes but the root.
        Ok(())
    }
}
