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

pub use self::hubness::HUB_ROWS;
use index::card::{Card, Spread};

use crate::{error::Error, recall::Trial, searcher::Searcher};

/// Attribute columns that are taken for the genre when none is named, the first one first.
pub const GENRE_COLUMNS: [&str; 2] = ["genre_top", "genre"];
/// Neighbours that make a neighbourhood.
pub const NEIGHBORS: usize = 10;

/// Measures the card of `index`. `trial` holds the true neighbours of a sample of its rows;
/// `genre_column` is the attribute that names a track's genre, the first of [`GENRE_COLUMNS`]
/// that is there if none is named.
///
/// # Errors
/// When the index cannot be read.
pub fn measure(
    index: &Searcher,
    trial: &Trial<'_>,
    genre_column: Option<&str>,
) -> Result<Card, Error> {
    let (duplicates, repeats) = duplicates::find(index)?;
    let genre_column = genre_column.or_else(|| default_genre_column(index));
    let lists: Vec<_> = trial.neighborhoods(NEIGHBORS).collect();
    let mut distances: Vec<f64> =
        lists.iter().flat_map(|(_, near)| near.iter().map(|near| near.distance)).collect();
    distances.sort_unstable_by(f64::total_cmp);
    Ok(Card {
        sampled_rows: lists.len() as u32,
        duplicates,
        hubness: hubness::measure(index, &repeats, &lists)?,
        artist_purity: purity::artists(index, &lists)?,
        genre_purity: match genre_column {
            Some(column) => purity::attribute(index, &lists, column)?,
            None => None,
        },
        neighbor_distance: Spread::of(&distances),
        random_pair_distance: Spread::of(index.pairs().quantiles()),
        warnings: warnings::count(index)?,
    })
}

/// Measures the purity of another genre column.
///
/// # Errors
/// When the index cannot be read.
pub fn set_genre_column(
    card: &mut Card,
    index: &Searcher,
    trial: &Trial<'_>,
    column: &str,
) -> Result<(), Error> {
    let lists: Vec<_> = trial.neighborhoods(NEIGHBORS).collect();
    card.genre_purity = purity::attribute(index, &lists, column)?;
    Ok(())
}

/// The attribute that is taken for the genre when none is named.
#[must_use]
pub fn default_genre_column(index: &Searcher) -> Option<&'static str> {
    let names = &index.manifest().attribute_names;
    GENRE_COLUMNS.into_iter().find(|column| names.iter().any(|name| name == column))
}
