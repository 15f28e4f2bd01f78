//! How `librosa.cqt` walks down the octaves: which signal, hop and filters serve each of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::segments::SegmentTable;
use super::wavelet::{WaveletBasis, frame_length};

/// Bins of a constant-Q transform, from C1 up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CqtShape {
    /// Octaves.
    pub octaves: usize,
    /// Bins of each.
    pub bins_per_octave: usize,
}

/// Equivalent noise bandwidth of a Hann window, in bins: `librosa.filters.window_bandwidth`.
const HANN_BANDWIDTH: f64 = 1.500_183_105_468_75;

impl CqtShape {
    /// C1 in Hz, 45 semitones below A440; `tuning` in fractions of a bin.
    fn lowest_frequency(self, tuning: f64) -> f64 {
        440.0 * 2.0_f64.powf(-45.0 / 12.0) * 2.0_f64.powf(tuning / self.bins_per_octave as f64)
    }

    /// Cycles in a filter: the inverse of the relative bandwidth.
    fn quality(self) -> f64 {
        let step = 2.0_f64.powf(2.0 / self.bins_per_octave as f64);
        (step + 1.0) / (step - 1.0)
    }

    /// Frequency, in Hz, up to which the highest filter reaches.
    pub(crate) fn filter_cutoff(self, tuning: f64) -> f64 {
        let bins = self.bins_per_octave;
        let top = (self.octaves * bins - 1) as f64 / bins as f64;
        let width = 1.0 + 0.5 * HANN_BANDWIDTH / self.quality();
        self.lowest_frequency(tuning) * 2.0_f64.powf(top) * width
    }

    /// Length, in seconds, of the filter of the lowest note.
    pub(crate) fn longest_filter_seconds(self) -> f64 {
        self.quality() / self.lowest_frequency(0.0)
    }

    /// Length of the longest frames that the walk needs, in samples.
    pub(crate) fn longest_frame(self, sample_rate: f64, hop_length: usize, tuning: f64) -> usize {
        let early = self.early_halvings(sample_rate, hop_length, tuning);
        let octaves = octaves(self.octaves, hop_length >> early);
        let halvings = octaves.iter().filter(|octave| octave.halve).count();
        let rate = sample_rate / 2.0_f64.powi(early.cast_signed() + halvings as i32);
        frame_length(self.quality() * rate / self.lowest_frequency(tuning))
    }

    /// `librosa.core.constantq.__early_downsample_count`.
    fn early_halvings(self, sample_rate: f64, hop_length: usize, tuning: f64) -> u32 {
        let room = (sample_rate / 2.0 / self.filter_cutoff(tuning)).log2().ceil() - 2.0;
        let spare = (hop_length.trailing_zeros() + 1).saturating_sub(self.octaves as u32);
        spare.min(room.max(0.0) as u32)
    }
}

/// The walk for one sample rate, hop and tuning.
#[derive(Clone, Debug)]
pub(crate) struct OctavePlan {
    /// Its bins.
    pub(crate) shape: CqtShape,
    /// The signal is first brought to its `2^early_halvings`-th rate.
    pub(crate) early_halvings: u32,
    /// Octaves from the highest down.
    pub(crate) octaves: Vec<Octave>,
    /// Filters that octaves share.
    pub(crate) bases: Vec<WaveletBasis>,
    /// How each octave's spectra are computed: by segments where its frames overlap enough, else
    /// by Fourier transforms.
    pub(crate) segments: Vec<Option<Arc<SegmentTable>>>,
}

/// One octave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Octave {
    /// Samples from frame to frame at this octave's rate.
    pub(crate) hop_length: usize,
    /// Index into [`OctavePlan::bases`].
    pub(crate) basis: usize,
    /// Whether the signal is halved before the next octave.
    pub(crate) halve: bool,
}

impl OctavePlan {
    /// The walk over `shape` at `sample_rate` Hz; `tuning` in fractions of a bin. Plans that are given the same
    /// `shared` tables share those.
    pub(crate) fn new(
        shape: CqtShape,
        sample_rate: f64,
        hop_length: usize,
        tuning: f64,
        shared: &SegmentTables,
    ) -> Self {
        let CqtShape { octaves: count, bins_per_octave } = shape;
        let early_halvings = shape.early_halvings(sample_rate, hop_length, tuning);
        let sample_rate = sample_rate / 2.0_f64.powi(early_halvings.cast_signed());
        let octaves = octaves(count, hop_length >> early_halvings);
        let (quality, lowest) = (shape.quality(), shape.lowest_frequency(tuning));
        let frequency = |bin: usize| {
            let octave = 2.0_f64.powi((count - 1) as i32);
            octave * 2.0_f64.powf(bin as f64 / bins_per_octave as f64) * lowest / sample_rate
        };
        let top: Vec<f64> = (0..bins_per_octave).map(frequency).collect();
        let count = octaves.last().map_or(0, |octave| octave.basis + 1);
        // Octaves whose signal was halved along with their frequencies have the same filters.
        // librosa weights a filter by the root of the rate lost in halving, and the response by
        // the inverse root of the filter's length at the full rate; where both halve they cancel.
        let bases = (0..count).map(|basis| {
            let below = 2.0_f64.powi(basis as i32);
            let frequencies: Vec<f64> = top.iter().map(|frequency| frequency / below).collect();
            let gain = |bin: usize| (frequencies[bin] / quality).sqrt();
            WaveletBasis::new(&frequencies, quality, gain)
        });
        let bases: Vec<WaveletBasis> = bases.collect();
        let segments = octaves.iter().map(|octave| shared.of(octave, &bases[octave.basis]));
        let segments = segments.collect();
        Self { shape, early_halvings, octaves, bases, segments }
    }
}

/// Tables that walks at different tunings share: the bins they need are nearly the same.
#[derive(Debug, Default)]
pub(crate) struct SegmentTables(Mutex<Vec<Arc<SegmentTable>>>);

impl SegmentTables {
    fn of(&self, octave: &Octave, basis: &WaveletBasis) -> Option<Arc<SegmentTable>> {
        let (n_fft, hop_length) = (basis.transform.len(), octave.hop_length);
        if !SegmentTable::suits(n_fft, hop_length) {
            return None;
        }
        let bins = SegmentTable::covering(&basis.bins);
        // A table is whole once it is in the list.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |table: &&Arc<SegmentTable>| {
            table.n_fft() == n_fft && table.hop_length() == hop_length && *table.bins() == bins
        };
        if let Some(table) = tables.iter().find(same) {
            return Some(Arc::clone(table));
        }
        let table = Arc::new(SegmentTable::new(n_fft, hop_length, &bins));
        tables.push(Arc::clone(&table));
        Some(table)
    }
}

/// Halves while the hop allows it; an odd hop keeps the rate, and filters grow instead.
fn octaves(count: usize, mut hop_length: usize) -> Vec<Octave> {
    let mut basis = 0;
    (0..count)
        .map(|index| {
            let halve = hop_length.is_multiple_of(2) && index + 1 < count;
            let octave = Octave { hop_length, basis, halve };
            if halve {
                hop_length /= 2;
            } else {
                basis += 1;
            }
            octave
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That of `librosa.feature.chroma_cqt`.
    const SHAPE: CqtShape = CqtShape { octaves: 7, bins_per_octave: 36 };

    #[test]
    fn standard_walk_shares_one_basis() {
        let plan = OctavePlan::new(SHAPE, 22050.0, 512, 0.0, &SegmentTables::default());
        assert_eq!(plan.early_halvings, 0);
        assert_eq!(plan.bases.len(), 1);
        assert_eq!(plan.bases[0].transform.len(), 1024);
        // librosa's basis has 596 values, in each octave.
        let values = plan.bases[0].filters.iter().flat_map(|filter| &filter.re);
        assert_eq!(values.filter(|value| value.abs() > 0.0).count(), 596);
        let hops: Vec<usize> = plan.octaves.iter().map(|octave| octave.hop_length).collect();
        assert_eq!(hops, [512, 256, 128, 64, 32, 16, 8]);
        let by_segments: Vec<bool> = plan.segments.iter().map(Option::is_some).collect();
        assert_eq!(by_segments, [false, true, true, true, true, true, true]);
    }

    #[test]
    fn early_halving_is_librosas() {
        for (sample_rate, hop_length, expected) in
            [(44100.0, 512, 1), (48000.0, 512, 1), (96000.0, 1024, 2), (44100.0, 441, 0)]
        {
            assert_eq!(
                SHAPE.early_halvings(sample_rate, hop_length, 0.0),
                expected,
                "{sample_rate}"
            );
        }
    }

    #[test]
    fn odd_hop_lengthens_the_filters() {
        let plan = OctavePlan::new(SHAPE, 22050.0, 441, 0.0, &SegmentTables::default());
        let lengths: Vec<usize> = plan.bases.iter().map(|basis| basis.transform.len()).collect();
        assert_eq!(lengths, [1024, 2048, 4096, 8192, 16384, 32768, 65536]);
        assert_eq!(SHAPE.longest_frame(22050.0, 441, 0.0), 65536);
        assert_eq!(SHAPE.longest_frame(22050.0, 512, 0.0), 1024);
    }
}
