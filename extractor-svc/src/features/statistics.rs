//! From a matrix `[d, t]` to one value per row and statistic.

use ndarray::Array2;

use crate::recipe::Statistic;

/// Appends the statistics of every row, in double precision: all rows of the first statistic, then all
/// of the next.
pub(super) fn append<T: Copy + Into<f64>>(
    matrix: &Array2<T>,
    statistics: &[Statistic],
    values: &mut Vec<f64>,
) {
    let rows: Vec<Row> =
        matrix.rows().into_iter().map(|row| Row::of(row.iter().copied())).collect();
    for statistic in statistics {
        values.extend(rows.iter().map(|row| match statistic {
            Statistic::Mean => row.mean,
            Statistic::Std => row.std,
        }));
    }
}

/// What is known of a row over time.
struct Row {
    /// `numpy.mean(row)`.
    mean: f64,
    /// `numpy.std(row)`: the population's, without Bessel's correction.
    std: f64,
}

impl Row {
    /// In two passes.
    fn of<T: Into<f64>>(values: impl ExactSizeIterator<Item = T> + Clone) -> Self {
        let count = values.len() as f64;
        let mean = values.clone().map(Into::into).sum::<f64>() / count;
        let variance = values.map(|value| (value.into() - mean).powi(2)).sum::<f64>() / count;
        Self { mean, std: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn statistics_are_numpys() {
        let matrix = array![[1.0_f32, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]];
        let mut values = Vec::new();
        append(&matrix, &[Statistic::Mean, Statistic::Std], &mut values);
        // np.std([1, 2, 3, 6]) == 1.8708286933869707
        assert_eq!(values[..2], [3.0, 5.0]);
        assert!((values[2] - 1.870_828_693_386_970_7).abs() < 1e-15);
        assert!(values[3].abs() < 1e-300);
    }
}
