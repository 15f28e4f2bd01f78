//! What the page draws, as numbers: bounded samples of an index, whatever its size.

mod distances;
mod pca;
mod projection;
mod shapes;
mod sweep;

pub(crate) use self::{
    distances::Distances,
    projection::Projection,
    shapes::{BINS, DEVIATIONS, Shape},
    sweep::Effort,
};
use index::card::Card;

use crate::{
    error::Error,
    recall::{Probe, Trial, sample_rows},
    searcher::Searcher,
};

/// Rows that the projection is fitted to and the histograms count.
const SAMPLE_ROWS: usize = 20_000;

/// Numbers behind the pictures.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// The catalogue in two dimensions.
    pub(crate) projection: Projection,
    /// Recall against effort; empty without the blocks engine.
    pub(crate) efforts: Vec<Effort>,
    /// Distances of neighbours and of random pairs; none of an index of one row.
    pub(crate) distances: Option<Distances>,
    /// The values of each feature.
    pub(crate) shapes: Vec<Shape>,
    /// Rows that were sampled for projection and histograms.
    pub(crate) sampled_rows: usize,
}

impl Pictures {
    /// Gathers them. `trial` holds true neighbours.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn gather(index: &Searcher, trial: &Trial<'_>, card: &Card) -> Result<Self, Error> {
        let sample = sample_rows(index.rows(), SAMPLE_ROWS, index.manifest().forest.seed);
        let rows: Vec<u32> = sample.iter().filter_map(Probe::row).collect();
        let column = card.genre_purity.as_ref().map(|purity| purity.column.as_str());
        Ok(Self {
            projection: Projection::of(index, &rows, column)?,
            efforts: sweep::efforts(index, trial)?,
            distances: Distances::of(index, trial),
            shapes: shapes::shapes(index, &rows)?,
            sampled_rows: rows.len(),
        })
    }
}
