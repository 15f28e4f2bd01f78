//! The seven statistics of a row over time, as numpy and scipy 0.19 have them.

/// In the order of the published columns.
pub(super) fn statistics(row: &[f64]) -> [f64; 7] {
    let count = row.len() as f64;
    let mean = row.iter().sum::<f64>() / count;
    let (min, max) = row
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &x| (min.min(x), max.max(x)));
    let moment = |power: i32| row.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / count;
    let variance = moment(2);
    // A constant row has no shape: scipy of 2017 calls its skew 0 and its kurtosis -3.
    let (skew, kurtosis) = if min < max && variance > 0.0 {
        (moment(3) / variance.powf(1.5), moment(4) / (variance * variance) - 3.0)
    } else {
        (0.0, -3.0)
    };
    let mut sorted = row.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        0.5 * (sorted[middle - 1] + sorted[middle])
    } else {
        sorted[middle]
    };
    [kurtosis, max, mean, median, min, skew, variance.sqrt()]
}
