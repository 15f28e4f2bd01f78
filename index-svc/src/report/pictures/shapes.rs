//! The distribution of each feature, as it was read and as it is compared.
//!
//! Scaling moves and stretches an axis and does nothing else. Drawn over its own range, a raw column
//! shows its unit and its shape; drawn over the deviations all columns share, it shows what it weighs
//! in a distance.

use crate::{error::Error, searcher::Searcher};

/// Bins of a histogram.
pub(crate) const BINS: usize = 36;
/// Standard deviations to each side that the scaled histogram shows; the outermost bins hold the rest.
pub(crate) const DEVIATIONS: f64 = 4.5;

/// One feature's values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Its name.
    pub(crate) name: String,
    /// Lowest and highest raw value of the sample.
    pub(crate) range: (f64, f64),
    /// Rows per bin of that range.
    pub(crate) raw: Vec<u32>,
    /// Rows per bin of the scaled axis.
    pub(crate) scaled: Vec<u32>,
    /// Share of the sample beyond that axis.
    pub(crate) beyond: f64,
    /// Whether it is constant.
    pub(crate) constant: bool,
}

pub(super) fn shapes(index: &Searcher, rows: &[u32]) -> Result<Vec<Shape>, Error> {
    let dims = index.scaler().dims();
    let mut columns = vec![Vec::with_capacity(rows.len()); dims];
    for row in rows {
        let raw = index.store().raw(*row, dims)?;
        columns.iter_mut().zip(raw).for_each(|(column, value)| column.push(value));
    }
    let (mean, scale) = (index.scaler().mean(), index.scaler().scale());
    Ok(index
        .schema()
        .names()
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let constant = index.scaler().constant_columns().contains(&i);
            shape(name, &columns[i], mean[i], scale[i], constant)
        })
        .collect())
}

fn shape(name: &str, values: &[f64], mean: f64, scale: f64, constant: bool) -> Shape {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled = |value: &f64| (value - mean) / scale;
    let beyond = values.iter().filter(|value| scaled(value).abs() > DEVIATIONS).count();
    Shape {
        name: name.to_owned(),
        range: (low, high),
        raw: histogram(values.iter().copied(), low, high),
        scaled: histogram(values.iter().map(scaled), -DEVIATIONS, DEVIATIONS),
        beyond: beyond as f64 / values.len().max(1) as f64,
        constant,
    }
}

/// Values per bin; those beyond the range are in the outermost bins.
pub(super) fn histogram(values: impl Iterator<Item = f64>, low: f64, high: f64) -> Vec<u32> {
    let mut bins = vec![0; BINS];
    let width = (high - low) / BINS as f64;
    for value in values {
        let bin = if width > 0.0 { ((value - low) / width).floor() } else { (BINS / 2) as f64 };
        bins[bin.clamp(0.0, (BINS - 1) as f64) as usize] += 1;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bin() {
        let bins = histogram([0.0, 0.01, 1.0, -5.0, 9.0].into_iter(), 0.0, 1.0);
        assert_eq!((bins[0], bins[BINS - 1], bins.iter().sum::<u32>()), (3, 2, 5));
        let constant = histogram([3.0; 7].into_iter(), 3.0, 3.0);
        assert_eq!(constant[BINS / 2], 7);
    }

    #[test]
    fn an_outlier_is_beyond_the_scaled_axis() {
        let mut values = vec![0.0; 99];
        values.push(100.0);
        let shape = shape("x", &values, 1.0, 10.0, false);
        assert_eq!(shape.range, (0.0, 100.0));
        assert!((shape.beyond - 0.01).abs() < 1e-12);
        assert_eq!((shape.raw[0], shape.scaled[BINS - 1]), (99, 1));
    }
}
