//! Values that no feature has: one such cell stretches the scale of its column until all other rows are equal in
//! it. They are refused, with their place in the tables.

use super::{rows::RowSource, spill::Spill};
use crate::{
    error::Error,
    query::{MAX_DEVIATIONS, beyond_deviations},
    table::TableError,
};

/// Rows that tell what is usual in a column.
const SAMPLE: u32 = 4096;
/// One in so many values at either end is not usual.
const TAIL: usize = 100;
/// Deviations of a normal distribution between its first and its last hundredth.
const MIDDLE_DEVIATIONS: f64 = 4.65;
/// Least spread, in shares of the values: below, they differ by rounding alone.
const LEAST_SPREAD: f64 = 1e-9;
/// What a value is too far from, as errors say it; see [`MAX_DEVIATIONS`].
const USUAL: &str =
    "1,000,000 deviations from what is usual in its column; correct it, or leave the cell empty";
const SCALER: &str =
    "1,000,000 deviations of the scaler from its mean; correct it, or fit the scaler again";

/// What is usual in each column: its middle, and how far from there values may be.
#[derive(Debug)]
pub(super) struct Usual(Vec<(f64, f64)>);

impl Usual {
    /// Of the middle 98 % of some thousand rows. A column where these are equal has no limit: whatever one row
    /// has there, the others stay as near to each other as they were.
    pub(super) fn of(spill: &mut Spill, filling: &[f64]) -> Result<Self, Error> {
        let rows = spill.sample(SAMPLE, filling)?;
        let column = |column: usize| {
            let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            values.sort_unstable_by(f64::total_cmp);
            let tail = values.len().div_ceil(TAIL);
            let middle = values.get(tail..values.len().saturating_sub(tail)).unwrap_or_default();
            let (Some(low), Some(high)) = (middle.first(), middle.last()) else {
                return (0.0, f64::INFINITY);
            };
            let deviation = (high - low) / MIDDLE_DEVIATIONS;
            let is_constant = deviation <= LEAST_SPREAD * low.abs().max(high.abs());
            let reach = if is_constant { f64::INFINITY } else { MAX_DEVIATIONS * deviation };
            (middle[middle.len() / 2], reach)
        };
        Ok(Self((0..filling.len()).map(column).collect()))
    }

    /// Refuses a row with a value that is more than [`MAX_DEVIATIONS`] from what is usual.
    pub(super) fn check(&self, sources: &dyn RowSource, raw: &[f64]) -> Result<(), Error> {
        let is_beyond =
            |(value, (middle, reach)): (&f64, &(f64, f64))| (value - middle).abs() > *reach;
        match raw.iter().zip(&self.0).position(is_beyond) {
            Some(column) => Err(refused(sources, column, raw[column], USUAL)),
            None => Ok(()),
        }
    }
}

/// Refuses a row that a query by its own vector would be refused for. Rows that a scaler was fitted to are not.
pub(super) fn check_scaled(
    sources: &dyn RowSource,
    raw: &[f64],
    scaled: &[f64],
) -> Result<(), Error> {
    match beyond_deviations(scaled) {
        Some(column) => Err(refused(sources, column, raw[column], SCALER)),
        None => Ok(()),
    }
}

/// The error that names the place of a value; the tables are read again for it.
fn refused(sources: &dyn RowSource, column: usize, value: f64, beyond: &'static str) -> Error {
    let name = sources.schema().names()[column].clone();
    let found = sources.each_row(&mut |path, row| {
        let there = row.values.get(column).is_some_and(|own| own.to_bits() == value.to_bits());
        if !there {
            return Ok(());
        }
        let (path, line, column) = (path.to_owned(), row.line, name.clone());
        Err(TableError::OutOfRange { path, line, column, value, beyond }.into())
    });
    let why = "a value is too far from the mean";
    found.err().unwrap_or(Error::Unscalable { column: name, why })
}
