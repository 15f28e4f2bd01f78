//! Are the features those that the scaler made? A scaler leaves every column with mean 0 and deviation 1 over
//! the rows it was fitted to; raw features, or those of another scaler, have others.

use std::convert::Infallible;

use index::scaler::two_passes;

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

/// Mean and deviation of each column, in schema order; neither where a sum overflows.
fn moments(model: &Model<'_>) -> Vec<(f64, f64)> {
    let (rows, dims) = (model.features.rows(), model.columns.schema().dims());
    let each_row = |take: &mut dyn FnMut(&[f64])| {
        (0..rows).for_each(|row| take(&model.scaled(row)));
        Ok::<(), Infallible>(())
    };
    let Ok(moments) = two_passes(dims, each_row);
    let Ok(moments) = moments else { return vec![(f64::NAN, f64::NAN); dims] };
    let deviations = moments.variances().into_iter().map(|variance| variance.max(0.0).sqrt());
    moments.means().iter().copied().zip(deviations).collect()
}
