//! Mel filter bank: `librosa.filters.mel(sr, n_fft, n_mels, norm="slaney")`.

use crate::dsp::simd::{Isa, Kernel, Lanes, Level, ZERO, each_lane, scale_add};

/// Triangular filters on the Slaney mel scale from 0 Hz to the Nyquist frequency, each of unit
/// area per Hz.
#[derive(Clone, Debug)]
pub(crate) struct MelFilters {
    filters: Vec<Filter>,
}

/// The non-zero weights of one band.
#[derive(Clone, Debug)]
struct Filter {
    first_bin: usize,
    weights: Vec<f32>,
}

impl MelFilters {
    pub(crate) fn new(sample_rate: f64, n_fft: usize, n_mels: usize) -> Self {
        let edges = band_edges(sample_rate, n_mels);
        let bin_hz = sample_rate / n_fft as f64;
        let filters = edges.windows(3).map(|edge| {
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                // librosa casts the triangle to f32 before it scales it.
                let triangle = rising.min(falling).max(0.0) as f32;
                (f64::from(triangle) * (2.0 / (edge[2] - edge[0]))) as f32
            };
            let mut bins = (0..=n_fft / 2).filter(|&bin| weight(bin) > 0.0);
            let first_bin = bins.next();
            let end = bins.next_back().or(first_bin).map_or(0, |bin| bin + 1);
            let first_bin = first_bin.unwrap_or(0);
            Filter { first_bin, weights: (first_bin..end).map(weight).collect() }
        });
        Self { filters: filters.collect() }
    }

    /// Mel power of a group of frames, `[band][lane]`, from power spectra whose true value is
    /// `power * scale²`.
    pub(crate) fn apply(&self, power: &[Lanes], scale: &Lanes, mel: &mut [Lanes], level: Level) {
        level.run(Apply { filters: &self.filters, power, scale, mel });
    }
}

/// The same filters in double precision: first bin and weights of each band.
pub(crate) fn double_filters(
    sample_rate: f64,
    n_fft: usize,
    n_mels: usize,
) -> Vec<(usize, Vec<f64>)> {
    let bin_hz = sample_rate / n_fft as f64;
    let filter = |edge: &[f64]| {
        let weight = |bin: usize| {
            let hz = bin as f64 * bin_hz;
            let rising = (hz - edge[0]) / (edge[1] - edge[0]);
            let falling = (edge[2] - hz) / (edge[2] - edge[1]);
            rising.min(falling).max(0.0) * 2.0 / (edge[2] - edge[0])
        };
        let inside = |bin: &usize| weight(*bin) > 0.0;
        let first = (0..=n_fft / 2).find(inside).unwrap_or(0);
        (first, (first..=n_fft / 2).take_while(inside).map(weight).collect())
    };
    band_edges(sample_rate, n_mels).windows(3).map(filter).collect()
}

/// Lower edge, centre and upper edge of the bands, each of which begins at the centre of the last, in Hz.
fn band_edges(sample_rate: f64, n_mels: usize) -> Vec<f64> {
    let top = hz_to_mel(sample_rate / 2.0);
    (0..n_mels + 2).map(|i| mel_to_hz(top * i as f64 / (n_mels + 1) as f64)).collect()
}

struct Apply<'a> {
    filters: &'a [Filter],
    power: &'a [Lanes],
    scale: &'a Lanes,
    mel: &'a mut [Lanes],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let scale = *self.scale;
        for (filter, mel) in self.filters.iter().zip(self.mel) {
            let mut sum = ZERO;
            for (&weight, power) in filter.weights.iter().zip(&self.power[filter.first_bin..]) {
                sum = scale_add::<I>(weight, power, &sum);
            }
            *mel = each_lane(|lane| sum[lane] * scale[lane] * scale[lane]);
        }
    }
}

/// Slaney's mel scale: linear below 1 kHz, logarithmic above.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_START_HZ: f64 = 1000.0;
const LOG_START_MEL: f64 = LOG_START_HZ / HZ_PER_MEL;

/// Natural logarithm of 6.4, over 27: one mel above 1 kHz.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz >= LOG_START_HZ {
        LOG_START_MEL + (hz / LOG_START_HZ).ln() / log_step()
    } else {
        hz / HZ_PER_MEL
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel >= LOG_START_MEL {
        LOG_START_HZ * (log_step() * (mel - LOG_START_MEL)).exp()
    } else {
        HZ_PER_MEL * mel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bank_has_librosas_number_of_weights() {
        // np.count_nonzero(librosa.filters.mel(sr=22050, n_fft=2048))
        let bank = MelFilters::new(22050.0, 2048, 128);
        assert_eq!(bank.filters.iter().map(|filter| filter.weights.len()).sum::<usize>(), 2018);
        assert_eq!(bank.filters.len(), 128);
    }

    /// Above, librosa warns of empty bands.
    #[test]
    fn every_band_holds_a_bin_up_to_168210_hz() {
        let filled = |sample_rate: f64| {
            let bands = double_filters(sample_rate, 2048, 128);
            assert_eq!(bands.len(), 128);
            bands.iter().all(|(_, weights)| weights.iter().sum::<f64>() > 0.0)
        };
        assert!(filled(9_712.0) && filled(96_000.0) && filled(168_210.0) && !filled(168_211.0));
    }

    #[test]
    fn double_filters_are_the_single_ones() {
        let (bank, double) =
            (MelFilters::new(44_100.0, 2048, 128), double_filters(44_100.0, 2048, 128));
        for (single, (first, weights)) in bank.filters.iter().zip(&double) {
            assert_eq!((single.first_bin, single.weights.len()), (*first, weights.len()));
            for (one, other) in single.weights.iter().zip(weights) {
                assert!((f64::from(*one) - other).abs() <= 1e-6 * other.abs(), "{one}, {other}");
            }
        }
    }

    #[test]
    fn scale_is_slaneys() {
        assert!((hz_to_mel(60.0) - 0.9).abs() < 1e-12);
        assert!((mel_to_hz(hz_to_mel(6400.0)) - 6400.0).abs() < 1e-9);
        assert!((hz_to_mel(6400.0) - 42.0).abs() < 1e-9);
    }
}
