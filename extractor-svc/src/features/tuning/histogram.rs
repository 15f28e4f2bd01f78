//! The histogram of distances from the grid, whose fullest bin is the estimate.

use crate::recipe::TuningGrid;

/// An estimate: one of the grid's edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tuning {
    bin: u8,
    value: f64,
}

impl Tuning {
    /// The estimate that the histogram's `bin` stands for.
    pub(super) fn of(grid: TuningGrid, bin: usize) -> Self {
        let bin = bin as u8;
        Self { bin, value: grid.edge(bin) }
    }

    /// Position among the grid's bins.
    pub(crate) fn index(self) -> usize {
        usize::from(self.bin)
    }

    /// The estimate in steps of the grid.
    pub(crate) fn value(self) -> f64 {
        self.value
    }
}

/// An estimate, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// The estimate.
    pub(crate) tuning: Tuning,
    /// Whether rounding decided between it and another.
    pub(crate) is_ambiguous: bool,
}

/// The first of the bins with the most peaks.
pub(super) fn fullest(histogram: &[u32]) -> usize {
    let most = histogram.iter().copied().max().unwrap_or(0);
    histogram.iter().position(|&count| count == most).unwrap_or(0)
}

/// Distance of a pitch from the grid, in its steps, -0.5 up to 0.5.
pub(super) fn residual(grid: TuningGrid, hz: f32) -> f64 {
    // librosa.hz_to_octs: octaves above 27.5 Hz.
    let octaves = f64::from(hz / 27.5).log2() as f32;
    let bins = grid.steps_per_octave as f32 * octaves;
    // Pitches lie far above the reference, so that this is the remainder.
    let residual = bins - bins.floor();
    f64::from(if residual >= 0.5 { residual - 1.0 } else { residual })
}

/// Histogram bin of such a distance.
pub(super) fn residual_bin(grid: TuningGrid, residual: f64) -> u8 {
    // The guess is right or one off; the edges decide.
    let last = (grid.bins - 1) as u8;
    let guess = (((residual + 0.5) * grid.bins as f64) as u8).min(last);
    if residual < grid.edge(guess) {
        guess.saturating_sub(1)
    } else if guess < last && residual >= grid.edge(guess + 1) {
        guess + 1
    } else {
        guess
    }
}

/// `numpy.median`; reorders the values.
pub(super) fn median(values: &mut [f32]) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = *upper;
    if even {
        let lower = below.iter().copied().fold(f32::MIN, f32::max);
        Some((lower + upper) / 2.0)
    } else {
        Some(upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::LIBROSA_0_11;

    #[test]
    fn median_is_numpys() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [5.0, 1.0, 3.0]), Some(3.0));
    }

    #[test]
    fn residuals_fall_into_their_bins() {
        for (bins_above_a, expected) in
            [(0.004, 50), (-0.004, 49), (0.494, 99), (-0.494, 0), (0.255, 75)]
        {
            let hz = 440.0 * 2.0_f64.powf((72.0 + bins_above_a) / 36.0);
            let grid = LIBROSA_0_11.tuning;
            assert_eq!(residual_bin(grid, residual(grid, hz as f32)), expected, "{bins_above_a}");
        }
    }
}
