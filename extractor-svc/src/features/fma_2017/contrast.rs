//! Spectral contrast: in seven bands, how far the loudest bins stand above the quietest, in dB.

/// Bands: up to 200 Hz, octaves from there on, and what is above the last.
pub(super) const BANDS: usize = 7;

/// Share of a band's bins that are its peak, and its valley.
const QUANTILE: f64 = 0.02;

/// dB below the loudest of all frames and bands that are told apart.
const TOP_DB: f64 = 80.0;

/// Decibels as librosa's `power_to_db` has them, not clipped yet.
pub(super) fn decibels(power: f64) -> f64 {
    10.0 * power.max(1e-10).log10()
}

/// Lifts what is more than 80 dB below the largest of all rows.
pub(super) fn clip(rows: &mut [Vec<f64>]) {
    let loudest = rows.iter().flatten().copied().fold(f64::MIN, f64::max);
    rows.iter_mut().flatten().for_each(|value| *value = value.max(loudest - TOP_DB));
}

/// The bands of a spectrum.
#[derive(Debug)]
pub(super) struct Contrast {
    /// Bins of each band, and how many of them are averaged.
    bands: Vec<(std::ops::Range<usize>, usize)>,
    peaks: Vec<Vec<f64>>,
    valleys: Vec<Vec<f64>>,
    scratch: Vec<f32>,
}

impl Contrast {
    /// For spectra of `bins` values of which the last is at `nyquist` Hz.
    pub(super) fn new(bins: usize, nyquist: f64) -> Self {
        let hertz = |bin: usize| bin as f64 * (nyquist / (bins - 1) as f64);
        let edge = |at: usize| if at == 0 { 0.0 } else { 200.0 * 2.0_f64.powi(at as i32 - 1) };
        let band = |band: usize| {
            let inside = |bin: &usize| (edge(band)..=edge(band + 1)).contains(&hertz(*bin));
            let mut range = (0..bins).filter(inside);
            let first = range.next().unwrap_or(0);
            let last = range.next_back().unwrap_or(first);
            // A band begins with the bin below its edge, and all but the last leave out their own last.
            let first = first - usize::from(band > 0);
            let is_last = band == BANDS - 1;
            let end = if is_last { bins } else { last + 1 };
            let count = (QUANTILE * (end - first) as f64).round_ties_even().max(1.0) as usize;
            (first..if is_last { end } else { last }, count)
        };
        let rows = vec![Vec::new(); BANDS];
        let bands = (0..BANDS).map(band).collect();
        Self { bands, peaks: rows.clone(), valleys: rows, scratch: Vec::new() }
    }

    /// Takes the magnitudes of one frame; librosa takes decibels of them as if they were powers.
    pub(super) fn add(&mut self, magnitudes: &[f32]) {
        for (index, (bins, count)) in self.bands.iter().enumerate() {
            self.scratch.clear();
            self.scratch.extend_from_slice(&magnitudes[bins.clone()]);
            let mean = |values: &[f32]| {
                let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
                decibels(f64::from((sum / values.len() as f64) as f32))
            };
            let (last, total) = (*count - 1, self.scratch.len());
            self.scratch.select_nth_unstable_by(last, f32::total_cmp);
            self.valleys[index].push(mean(&self.scratch[..*count]));
            self.scratch.select_nth_unstable_by(total - count, f32::total_cmp);
            self.peaks[index].push(mean(&self.scratch[total - count..]));
        }
    }

    /// The contrast, `[7][t]`. Peaks and valleys are clipped each by the loudest of all of them.
    pub(super) fn finish(self) -> Vec<Vec<f64>> {
        let (mut peaks, mut valleys) = (self.peaks, self.valleys);
        clip(&mut peaks);
        clip(&mut valleys);
        for (peaks, valleys) in peaks.iter_mut().zip(&valleys) {
            peaks.iter_mut().zip(valleys).for_each(|(peak, valley)| *peak -= valley);
        }
        peaks
    }
}
