//! From a matrix `[d, t]` to one mean and one standard deviation per row.

use ndarray::Array2;

/// Means and standard deviations of the rows of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowStatistics {
    /// `numpy.mean(matrix, axis=1)`.
    pub(super) mean: Vec<f64>,
    /// `numpy.std(matrix, axis=1)`: the population's, without Bessel's correction.
    pub(super) std: Vec<f64>,
}

impl RowStatistics {
    /// Takes the statistics of every row in double precision, in two passes.
    #[must_use]
    pub(super) fn of<T: Copy + Into<f64>>(matrix: &Array2<T>) -> Self {
        let (mean, std) =
            matrix.rows().into_iter().map(|row| mean_std(row.iter().copied())).unzip();
        Self { mean, std }
    }
}

fn mean_std<T: Into<f64>>(values: impl ExactSizeIterator<Item = T> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().map(Into::into).sum::<f64>() / count;
    let variance = values.map(|value| (value.into() - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn statistics_are_numpys() {
        let found = RowStatistics::of(&array![[1.0_f32, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]]);
        // np.std([1, 2, 3, 6]) == 1.8708286933869707
        assert_eq!(found.mean, [3.0, 5.0]);
        assert!((found.std[0] - 1.870_828_693_386_970_7).abs() < 1e-15);
        assert!(found.std[1].abs() < 1e-300);
    }
}
