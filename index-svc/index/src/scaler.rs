//! Standard scaling: `(x - mean) / scale` per column, with scikit-learn's own arithmetic.
//!
//! `StandardScaler.partial_fit` of scikit-learn 1.9 sums each column in float64 row by row, then
//! sums the deviations from the mean and their squares, and corrects the second sum with the first
//! (the corrected two-pass algorithm; Chan, Golub, LeVeque 1983, equation 1.7). A column whose
//! variance is within that algorithm's error bound of zero is constant and gets scale 1. The same
//! operations in the same order give the same bits here.
//!
//! Missing values (NaN) are skipped in sums and counts, as scikit-learn does; what replaces them
//! before a fit is the builder's rule.

use std::convert::Infallible;

/// A fitted scaler over columns in schema order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    mean: Vec<f64>,
    scale: Vec<f64>,
    constant: Vec<usize>,
}

impl Scaler {
    /// A scaler of given means and scales (population standard deviations, 1 for constant columns).
    ///
    /// Returns `None` unless both have one length, all numbers are finite and all scales positive.
    #[must_use]
    pub fn from_parts(mean: Vec<f64>, scale: Vec<f64>, constant: Vec<usize>) -> Option<Self> {
        let sound = mean.len() == scale.len()
            && mean.iter().all(|value| value.is_finite())
            && scale.iter().all(|value| value.is_finite() && *value > 0.0)
            && constant.iter().all(|column| *column < mean.len());
        sound.then_some(Self { mean, scale, constant })
    }

    /// Fits to rows that are in memory: both passes.
    ///
    /// # Errors
    /// With the number of the first column that has no value, or whose sums overflow.
    pub fn fit<'a>(
        dims: usize,
        rows: impl Iterator<Item = &'a [f64]> + Clone,
    ) -> Result<Self, usize> {
        let each_row = |take: &mut dyn FnMut(&[f64])| {
            rows.clone().for_each(take);
            Ok::<(), Infallible>(())
        };
        let Ok(moments) = two_passes(dims, each_row);
        moments?.finish()
    }

    /// Number of columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.mean.len()
    }

    /// Mean of each column.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Divisor of each column: its population standard deviation, or 1 where it is constant.
    #[must_use]
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Columns that are constant or indistinguishable from constant.
    #[must_use]
    pub fn constant_columns(&self) -> &[usize] {
        &self.constant
    }

    /// `(raw - mean) / scale`.
    ///
    /// # Panics
    /// Never on rows of [`Self::dims`] values; a debug build asserts the length.
    pub fn transform(&self, raw: &[f64]) -> Vec<f64> {
        debug_assert_eq!(raw.len(), self.dims(), "a row has the scaler's width");
        self.transformed(raw).collect()
    }

    /// As [`Self::transform`], in the place of the raw vector.
    pub fn transform_in_place(&self, mut raw: Vec<f64>) -> Vec<f64> {
        debug_assert_eq!(raw.len(), self.dims(), "a row has the scaler's width");
        for (x, (m, s)) in raw.iter_mut().zip(self.mean.iter().zip(&self.scale)) {
            *x = (*x - m) / s;
        }
        raw
    }

    /// Euclidean distance of a scaled vector from a raw one, that of their scaled forms to the last
    /// bit: the distance that ranks and that replies carry.
    #[must_use]
    pub fn distance(&self, scaled: &[f64], raw: &[f64]) -> f64 {
        debug_assert_eq!(raw.len(), self.dims(), "a row has the scaler's width");
        scaled.iter().zip(self.transformed(raw)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    }

    fn transformed(&self, raw: &[f64]) -> impl Iterator<Item = f64> {
        raw.iter().zip(self.mean.iter().zip(&self.scale)).map(|(x, (m, s))| (x - m) / s)
    }
}

/// Both passes of a fit; `each_row` calls its argument with every row, twice the same. The inner error is the
/// number of the first column that has no value, or whose sum overflows.
///
/// # Errors
/// What reading the rows gives.
pub fn two_passes<E>(
    dims: usize,
    mut each_row: impl FnMut(&mut dyn FnMut(&[f64])) -> Result<(), E>,
) -> Result<Result<VariancePass, usize>, E> {
    let mut sums = MeanPass::new(dims);
    each_row(&mut |row| sums.push(row))?;
    let mut variances = match sums.finish() {
        Ok(variances) => variances,
        Err(column) => return Ok(Err(column)),
    };
    each_row(&mut |row| variances.push(row))?;
    Ok(Ok(variances))
}

/// First pass of a fit: sums.
#[derive(Clone, Debug)]
pub struct MeanPass {
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl MeanPass {
    /// A pass over rows of `dims` values.
    #[must_use]
    pub fn new(dims: usize) -> Self {
        Self { sums: vec![0.0; dims], counts: vec![0; dims] }
    }

    /// Adds a row; NaN counts as missing.
    pub fn push(&mut self, row: &[f64]) {
        for ((sum, count), value) in self.sums.iter_mut().zip(&mut self.counts).zip(row) {
            if !value.is_nan() {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// Mean of each column over the values that are there; NaN for a column without any.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        self.sums.iter().zip(&self.counts).map(|(sum, count)| sum / *count as f64).collect()
    }

    /// The second pass.
    ///
    /// # Errors
    /// With the number of the first column that has no value, or whose sum overflows.
    pub fn finish(self) -> Result<VariancePass, usize> {
        let mean = self.means();
        if let Some(column) = mean.iter().position(|value| !value.is_finite()) {
            return Err(column);
        }
        let (deviations, squares) = (vec![0.0; mean.len()], vec![0.0; mean.len()]);
        Ok(VariancePass { mean, counts: self.counts, deviations, squares })
    }
}

/// Second pass of a fit: deviations from the mean and their squares.
#[derive(Clone, Debug)]
pub struct VariancePass {
    mean: Vec<f64>,
    counts: Vec<u64>,
    deviations: Vec<f64>,
    squares: Vec<f64>,
}

impl VariancePass {
    /// Adds a row; the same rows as in the first pass, in the same order.
    pub fn push(&mut self, row: &[f64]) {
        let sums = self.deviations.iter_mut().zip(&mut self.squares);
        for ((deviations, squares), (value, mean)) in sums.zip(row.iter().zip(&self.mean)) {
            if !value.is_nan() {
                let deviation = value - mean;
                *deviations += deviation;
                *squares += deviation * deviation;
            }
        }
    }

    /// Mean of each column.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.mean
    }

    /// Population variance of each column.
    #[must_use]
    pub fn variances(&self) -> Vec<f64> {
        (0..self.mean.len()).map(|column| self.variance(column)).collect()
    }

    fn variance(&self, column: usize) -> f64 {
        let n = self.counts[column] as f64;
        let correction = self.deviations[column] * self.deviations[column] / n;
        (self.squares[column] - correction) / n
    }

    /// The scaler.
    ///
    /// # Errors
    /// With the number of the first column whose variance overflows.
    pub fn finish(self) -> Result<Scaler, usize> {
        let mut scale = Vec::with_capacity(self.mean.len());
        let mut constant = Vec::new();
        for (column, mean) in self.mean.iter().enumerate() {
            let n = self.counts[column] as f64;
            let variance = self.variance(column);
            if !variance.is_finite() {
                return Err(column);
            }
            if is_constant(variance, *mean, n) {
                constant.push(column);
                scale.push(1.0);
            } else {
                scale.push(variance.sqrt());
            }
        }
        Ok(Scaler { mean: self.mean, scale, constant })
    }
}

/// scikit-learn's `_is_constant_feature`: the variance is within the two-pass algorithm's own error.
fn is_constant(variance: f64, mean: f64, n: f64) -> bool {
    let mean_error = n * mean * f64::EPSILON;
    variance <= n * f64::EPSILON * variance + mean_error * mean_error
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit(rows: &[[f64; 2]]) -> Result<Scaler, usize> {
        Scaler::fit(2, rows.iter().map(<[f64; 2]>::as_slice))
    }

    #[test]
    fn a_constant_column_is_centred_and_not_divided() {
        let scaler = fit(&[[1.0, 0.1], [3.0, 0.1], [5.0, 0.1]]).expect("finite");
        assert_eq!(scaler.constant_columns(), [1]);
        let scaled = scaler.transform(&[5.0, 0.1]);
        assert!((scaled[0] - (2.0 / (8.0_f64 / 3.0).sqrt())).abs() < 1e-15);
        assert!(scaled[1].abs() < 1e-15);
    }

    #[test]
    fn missing_values_do_not_count() {
        let scaler = fit(&[[1.0, f64::NAN], [2.0, 4.0], [3.0, 8.0]]).expect("finite");
        assert_eq!(scaler.mean(), [2.0, 6.0]);
        assert_eq!(scaler.scale()[1].to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_column_without_values_or_with_an_overflow_has_no_scaler() {
        assert_eq!(fit(&[[1.0, f64::NAN], [2.0, f64::NAN]]), Err(1));
        assert_eq!(fit(&[[1e300, 0.0], [-1e300, 1.0]]), Err(0));
    }

    proptest! {
        /// Scaled columns have mean 0 and variance 1, whatever the offset and spread.
        #[test]
        fn scaled_columns_are_standard(
            values in prop::collection::vec(-1.0_f64..1.0, 8..200),
            offset in -1e6_f64..1e6,
            spread in 1e-3_f64..1e6,
        ) {
            prop_assume!(values.iter().any(|v| (v - values[0]).abs() > 0.1));
            let rows: Vec<[f64; 2]> = values.iter().map(|v| [v * spread + offset, *v]).collect();
            let scaler = fit(&rows).expect("finite");
            prop_assume!(scaler.constant_columns().is_empty());
            let scaled: Vec<f64> = rows.iter().map(|row| scaler.transform(row)[0]).collect();
            let n = scaled.len() as f64;
            let mean = scaled.iter().sum::<f64>() / n;
            let variance = scaled.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            // The offset costs digits: eps * offset / spread.
            let tolerance = 1e-12 + 1e-14 * offset.abs() / spread;
            prop_assert!(mean.abs() < tolerance, "mean {mean}");
            prop_assert!((variance - 1.0).abs() < tolerance, "variance {variance}");
        }
    }
}
