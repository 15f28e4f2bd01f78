//! The model card: what an index's neighbourhoods are like, measured when it is built, stored in its
//! manifest, served by `GetIndexInfo`, and measured again by `validate`.
//!
//! Belongs here: figures of the catalogue. Does not: whether a figure is good enough
//! ([`crate::gate`]), whether the index is intact ([`crate::verify`]), how the engines do
//! ([`crate::calibration`]).
//!
//! The cost is bounded: neighbourhood figures come from the true neighbours of the rows that recall
//! is calibrated with, hubness from a catalogue of at most [`HUB_ROWS`] rows; only the search for
//! duplicates and the count of warnings look at every row. Everything is seeded and exact, so the figures are the same on
//! every machine and with every number of threads.

mod duplicates;
mod hubness;
mod purity;
mod warnings;

use serde::{Deserialize, Serialize};

pub use self::{
    duplicates::Duplicates,
    hubness::{HUB_ROWS, Hubness},
    purity::Purity,
    warnings::Warnings,
};
use crate::{error::Error, index::Index, recall::Trial};

/// Attribute columns that are taken for the genre when none is named, the first one first.
pub const GENRE_COLUMNS: [&str; 2] = ["genre_top", "genre"];
/// Neighbours that make a neighbourhood.
pub const NEIGHBORS: usize = 10;

/// What the neighbourhoods of an index are like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Rows whose true neighbours the figures about neighbourhoods come from.
    pub sampled_rows: u32,
    /// Rows that repeat another row's vector.
    pub duplicates: Duplicates,
    /// How unevenly rows occur in others' neighbourhoods.
    pub hubness: Hubness,
    /// Neighbours by the same artist; none where fewer than two sampled rows name one.
    pub artist_purity: Option<Purity>,
    /// Neighbours of the same genre; none without a genre column.
    pub genre_purity: Option<Purity>,
    /// Distances from a row to its [`NEIGHBORS`] nearest others.
    pub neighbor_distance: Option<Spread>,
    /// Distances between random pairs of rows.
    pub random_pair_distance: Option<Spread>,
    /// Rows whose recordings the extractor had warnings about; none where no table said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Warnings>,
}

/// Three quantiles of a distance in scaled space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Below it lie 5 % of the distances.
    pub p5: f64,
    /// The median.
    pub p50: f64,
    /// Below it lie 95 % of the distances.
    pub p95: f64,
}

impl Card {
    /// Measures the card of `index`. `trial` holds the true neighbours of a sample of its rows;
    /// `genre_column` is the attribute that names a track's genre, the first of [`GENRE_COLUMNS`]
    /// that is there if none is named.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn measure(
        index: &Index,
        trial: &Trial<'_>,
        genre_column: Option<&str>,
    ) -> Result<Self, Error> {
        let (duplicates, repeats) = duplicates::find(index)?;
        let genre_column = genre_column.or_else(|| default_genre_column(index));
        let lists: Vec<_> = trial.neighborhoods(NEIGHBORS).collect();
        let mut distances: Vec<f64> =
            lists.iter().flat_map(|(_, near)| near.iter().map(|near| near.distance)).collect();
        distances.sort_unstable_by(f64::total_cmp);
        Ok(Self {
            sampled_rows: lists.len() as u32,
            duplicates,
            hubness: Hubness::measure(index, &repeats, &lists)?,
            artist_purity: purity::artists(index, &lists)?,
            genre_purity: match genre_column {
                Some(column) => purity::attribute(index, &lists, column)?,
                None => None,
            },
            neighbor_distance: Spread::of(&distances),
            random_pair_distance: Spread::of(index.pairs.quantiles()),
            warnings: Warnings::count(index)?,
        })
    }

    /// Measures the purity of another genre column.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn set_genre_column(
        &mut self,
        index: &Index,
        trial: &Trial<'_>,
        column: &str,
    ) -> Result<(), Error> {
        let lists: Vec<_> = trial.neighborhoods(NEIGHBORS).collect();
        self.genre_purity = purity::attribute(index, &lists, column)?;
        Ok(())
    }

    /// Whether two measurements agree: counts exactly, shares and distances to rounding.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let purity = |a: &Option<Purity>, b: &Option<Purity>| match (a, b) {
            (Some(a), Some(b)) => a.agrees_with(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let spread = |a: Option<Spread>, b: Option<Spread>| match (a, b) {
            (Some(a), Some(b)) => close(a.p5, b.p5) && close(a.p50, b.p50) && close(a.p95, b.p95),
            (a, b) => a.is_none() && b.is_none(),
        };
        self.sampled_rows == other.sampled_rows
            && self.duplicates == other.duplicates
            && self.hubness.agrees_with(&other.hubness)
            && purity(&self.artist_purity, &other.artist_purity)
            && purity(&self.genre_purity, &other.genre_purity)
            && spread(self.neighbor_distance, other.neighbor_distance)
            && spread(self.random_pair_distance, other.random_pair_distance)
            && self.warnings == other.warnings
    }
}

/// The attribute that is taken for the genre when none is named.
#[must_use]
pub fn default_genre_column(index: &Index) -> Option<&'static str> {
    let names = &index.manifest.attribute_names;
    GENRE_COLUMNS.into_iter().find(|column| names.iter().any(|name| name == column))
}

impl Spread {
    /// Of ascending values; none of no values.
    fn of(ascending: &[f64]) -> Option<Self> {
        let last = ascending.len().checked_sub(1)?;
        let at = |percent: usize| ascending[last * percent / 100];
        Some(Self { p5: at(5), p50: at(50), p95: at(95) })
    }
}

/// Equal but for the rounding of sums: the relative error of a sum of ten thousand terms.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_three_quantiles() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(Spread::of(&values), Some(Spread { p5: 5.0, p50: 50.0, p95: 95.0 }));
        assert_eq!(Spread::of(&[2.0]), Some(Spread { p5: 2.0, p50: 2.0, p95: 2.0 }));
        assert_eq!(Spread::of(&[]), None);
    }
}
