//! librosa 0.5's estimate of the tuning: the fullest of 99 bins of how far pitches lie from the
//! semitones of A440.
//!
//! Its histogram is given 100 edges, from -0.5 to 0.49, where 101 are meant: what lies above 0.49 is
//! left out. The estimate is the lower edge of the fullest bin, in semitones.

/// Edges of the histogram.
const EDGES: usize = 100;

/// Pitches that are looked at, in Hz.
const HERTZ: [f64; 2] = [150.0, 4000.0];

/// Share of a frame's largest value above which a peak counts.
const THRESHOLD: f32 = 0.1;

/// The peaks of spectra.
#[derive(Debug)]
pub(super) struct Pitches {
    sample_rate: f64,
    n_fft: usize,
    /// Bins that are looked at.
    bins: std::ops::Range<usize>,
    hertz: Vec<f32>,
    magnitudes: Vec<f32>,
}

impl Pitches {
    /// For spectra of `n_fft` samples, taken to be at `sample_rate` Hz.
    pub(super) fn new(sample_rate: f64, n_fft: usize) -> Self {
        let bin_hz = sample_rate / n_fft as f64;
        let top = HERTZ[1].min(sample_rate / 2.0);
        let bin = |hertz: f64| (hertz / bin_hz).ceil() as usize;
        let bins = bin(HERTZ[0]).max(1)..bin(top).min(n_fft / 2);
        Self { sample_rate, n_fft, bins, hertz: Vec::new(), magnitudes: Vec::new() }
    }

    /// Takes the values of one frame.
    pub(super) fn add(&mut self, values: &[f32]) {
        let least = THRESHOLD * values.iter().copied().fold(0.0, f32::max);
        let loud = |value: f32| if value > least { value } else { 0.0 };
        for at in self.bins.clone() {
            let [left, here, right] = [values[at - 1], values[at], values[at + 1]];
            // Values below the threshold are zero, and so are no higher than their neighbours.
            if here <= least || here <= loud(left) || here < loud(right) {
                continue;
            }
            let slope = 0.5 * (right - left);
            let curve = 2.0 * here - right - left;
            let curve = if curve.abs() < f32::MIN_POSITIVE { curve + 1.0 } else { curve };
            let shift = slope / curve;
            let hertz = (at as f64 + f64::from(shift)) * self.sample_rate / self.n_fft as f64;
            let hertz = hertz as f32;
            if hertz > 0.0 {
                self.hertz.push(hertz);
                self.magnitudes.push(here + 0.5 * slope * shift);
            }
        }
    }

    /// The estimate in semitones; `None` without any peak.
    pub(super) fn estimate(&self) -> Option<f64> {
        let median = median(self.magnitudes.clone())?;
        let edge = |bin: usize| bin as f64 * (1.0 / EDGES as f64) - 0.5;
        let mut histogram = [0_u32; EDGES - 1];
        for (&hertz, &magnitude) in self.hertz.iter().zip(&self.magnitudes) {
            if magnitude < median {
                continue;
            }
            let residual = (12.0 * (hertz / 27.5).log2()).rem_euclid(1.0);
            let residual = f64::from(if residual >= 0.5 { residual - 1.0 } else { residual });
            let near = (((residual + 0.5) * EDGES as f64) as usize).min(EDGES - 1);
            // Rounding may have passed an edge.
            let bin = (near.saturating_sub(1)..near + 2).rev().find(|&bin| edge(bin) <= residual);
            match bin {
                Some(bin) if bin < EDGES - 1 => histogram[bin] += 1,
                // The last bin has its upper edge.
                Some(bin) if residual <= edge(bin) => histogram[EDGES - 2] += 1,
                _ => {}
            }
        }
        let fullest = histogram.iter().enumerate().rev().max_by_key(|(_, count)| **count);
        fullest.map(|(bin, _)| edge(bin))
    }
}

/// `numpy.median`: of an even number, the mean of the middle two.
fn median(mut values: Vec<f32>) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().fold(f32::MIN, f32::max);
    Some(if even { 0.5 * (lower + upper) } else { upper })
}
