//! Window functions.

use std::f64::consts::PI;

/// Periodic Hann window: `0.5 - 0.5 cos(2πi / n)`, `scipy.signal.get_window("hann", n)`.
pub(crate) fn hann(len: usize) -> impl Iterator<Item = f64> {
    // A window of one sample is 1, not the formula's 0.
    (0..len).map(
        move |i| {
            if len == 1 { 1.0 } else { 0.5 - 0.5 * (2.0 * PI * i as f64 / len as f64).cos() }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hann_is_periodic() {
        let window: Vec<f64> = hann(8).collect();
        assert!(window[0].abs() < 1e-15 && (window[4] - 1.0).abs() < 1e-15);
        assert!((1..8).all(|i| (window[i] - window[8 - i]).abs() < 1e-15));
        assert!((hann(1).sum::<f64>() - 1.0).abs() < 1e-15);
    }
}
