//! Are the features those that the scaler made? A scaler leaves every column with mean 0 and deviation 1 over
//! the rows it was fitted to; raw features, or those of another scaler, have others.

use super::{ImportError, Model, scaler_file::ModelScaler};

/// How far a mean or a deviation may be off: far more than 32-bit floats cost.
const TOLERANCE: f64 = 1e-4;

/// Refuses features that are not scaled by a fit to these rows.
pub(super) fn check(model: &Model<'_>, scaler: &ModelScaler) -> Result<(), ImportError> {
    let constant = model.scaler.constant_columns();
    for (column, (mean, deviation)) in moments(model).into_iter().enumerate() {
        // sklearn divides what hardly varies by 1.
        let varies = !constant.contains(&column) && deviation > TOLERANCE;
        let is_shifted = !scaler.keeps_means && mean.abs() > TOLERANCE;
        let is_stretched =
            varies && !scaler.keeps_deviations && (deviation - 1.0).abs() > TOLERANCE;
        // Not a number is no match either.
        if is_shifted || is_stretched || mean.is_nan() || deviation.is_nan() {
            let column = model.columns.schema().names()[column].clone();
            let rows = model.features.rows();
            let fitted_rows = scaler.fitted_rows;
            return Err(ImportError::NotScaled { column, mean, deviation, rows, fitted_rows });
        }
    }
    Ok(())
}

/// Mean and deviation of each column, in schema order.
fn moments(model: &Model<'_>) -> Vec<(f64, f64)> {
    let (rows, dims) = (model.features.rows(), model.columns.schema().dims());
    let mut means = vec![0.0; dims];
    for row in 0..rows {
        means.iter_mut().zip(model.scaled(row)).for_each(|(sum, value)| *sum += value);
    }
    means.iter_mut().for_each(|sum| *sum /= rows as f64);
    let mut squares = vec![0.0; dims];
    for row in 0..rows {
        let differences = model.scaled(row).into_iter().zip(&means);
        let sums = squares.iter_mut().zip(differences);
        sums.for_each(|(sum, (value, mean))| *sum += (value - mean) * (value - mean));
    }
    let deviations = squares.into_iter().map(|sum| (sum / rows as f64).sqrt());
    means.into_iter().zip(deviations).collect()
}
