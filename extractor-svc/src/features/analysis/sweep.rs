//! The one pass over the frames of the spectral features.

use super::error::AnalysisError;
use super::inspection::Inspection;
use super::tables::{N_FFT, Tables};
use crate::dsp::frame::{frame, frame_count};
use crate::dsp::moments::Moments;
use crate::dsp::peak::PeakMap;
use crate::dsp::simd::rows::Rows;
use crate::dsp::simd::{LANES, Level};
use crate::dsp::stft::{Group, Stft};
use crate::features::log_mel::LogMel;
use crate::features::rms::rms;
use crate::features::spectral_bandwidth::spectral_bandwidth;
use crate::features::spectral_centroid::spectral_centroid;
use crate::features::spectral_rolloff::spectral_rolloff;
use crate::features::tuning::{PITCH_HOP_LENGTH, Pitches};
use crate::features::zero_crossing_rate::ZeroCrossings;

/// A pass over the frames of a signal that may still be growing.
///
/// Groups of frames begin at multiples of [`LANES`], and one is treated only once all samples it
/// reads are there, so the result does not depend on how the signal came.
#[derive(Debug)]
pub(crate) struct Sweep<'t> {
    tables: &'t Tables,
    level: Level,
    stft: Stft,
    peaks: PeakMap,
    crossings: ZeroCrossings,
    power: Rows,
    moments: Moments,
    edge: Vec<f32>,
    swept: Swept,
}

/// What the pass yields, one value per frame.
#[derive(Clone, Debug)]
pub(crate) struct Swept {
    pub(crate) frames: usize,
    pub(crate) log_mel: LogMel,
    pub(crate) pitches: Pitches,
    pub(crate) spectral_centroid: Vec<f64>,
    pub(crate) spectral_bandwidth: Vec<f64>,
    pub(crate) spectral_rolloff: Vec<f64>,
    pub(crate) rmse: Vec<f32>,
    pub(crate) zcr: Vec<f64>,
}

impl<'t> Sweep<'t> {
    pub(crate) fn new(tables: &'t Tables, level: Level) -> Self {
        let window = Some(tables.window.clone());
        Self {
            tables,
            level,
            stft: Stft::new(tables.transform.clone(), window, 0..N_FFT / 2 + 1, level),
            peaks: PeakMap::default(),
            crossings: ZeroCrossings::new(N_FFT, level),
            power: Rows::default(),
            moments: Moments::default(),
            edge: Vec::new(),
            swept: Swept {
                frames: 0,
                log_mel: LogMel::default(),
                pitches: Pitches::new(tables.bin_hz(), N_FFT / 2 + 1),
                spectral_centroid: Vec::new(),
                spectral_bandwidth: Vec::new(),
                spectral_rolloff: Vec::new(),
                rmse: Vec::new(),
                zcr: Vec::new(),
            },
        }
    }

    /// Treats the groups of frames for which `y`, so far, is long enough.
    pub(crate) fn advance(
        &mut self,
        y: &[f32],
        cancel: &dyn Fn() -> bool,
        inspection: &mut impl Inspection,
    ) -> Result<(), AnalysisError> {
        let complete = PeakMap::complete(y.len());
        let hop_length = self.tables.hop_length;
        loop {
            let last = self.swept.frames + LANES - 1;
            if last * hop_length + N_FFT / 2 > complete {
                return Ok(());
            }
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            self.peaks.extend(&y[..complete], self.level);
            self.group(y, LANES, inspection);
        }
    }

    /// Treats the frames that are left, now that `y` is whole.
    pub(crate) fn finish(
        mut self,
        y: &[f32],
        cancel: &dyn Fn() -> bool,
        inspection: &mut impl Inspection,
    ) -> Result<(Swept, PeakMap), AnalysisError> {
        self.peaks.extend(y, self.level);
        let frames = frame_count(y.len(), self.tables.hop_length);
        while self.swept.frames < frames {
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            self.group(y, LANES.min(frames - self.swept.frames), inspection);
        }
        if self.tables.hop_length != PITCH_HOP_LENGTH {
            self.sweep_pitches(y, cancel)?;
        }
        Ok((self.swept, self.peaks))
    }

    /// Bytes that grow with the signal.
    pub(crate) fn bytes(&self) -> usize {
        let per_frame = 4 * size_of::<f64>() + size_of::<f32>();
        self.swept.log_mel.bytes() + self.swept.pitches.bytes() + self.swept.frames * per_frame
    }

    /// The next `count` frames.
    fn group(&mut self, y: &[f32], count: usize, inspection: &mut impl Inspection) {
        let Self { tables, level, stft, peaks, power, moments, swept, .. } = self;
        let (level, hop_length, bin_hz) = (*level, tables.hop_length, tables.bin_hz());
        let first = swept.frames;
        let scale = stft.power(Group { y, peaks, hop_length, first, count }, power);
        inspection.lap("stft");
        moments.sweep(power, level);
        inspection.lap("moments");
        inspection.magnitudes(first, count, &moments.magnitudes, &scale);
        swept.log_mel.add(&tables.mel, power, &scale, level, |mel| {
            inspection.mel(first, count, mel);
        });
        inspection.lap("mel, decibel");
        if hop_length == PITCH_HOP_LENGTH {
            swept.pitches.add(moments, &scale, count, level);
        }
        inspection.lap("pitches");
        let rolloff = spectral_rolloff(moments, level);
        let centroid = spectral_centroid(moments, &scale, level);
        let bandwidth = spectral_bandwidth(moments, &scale, &centroid, level);
        for lane in 0..count {
            swept.spectral_centroid.push(centroid[lane] * bin_hz);
            swept.spectral_bandwidth.push(bandwidth[lane] * bin_hz);
            swept.spectral_rolloff.push(f64::from(rolloff[lane]) * bin_hz);
        }
        inspection.lap("centroid, bandwidth, rolloff");
        for t in first..first + count {
            swept.rmse.push(rms(frame(y, t, hop_length, N_FFT, &mut self.edge), level));
            swept.zcr.push(self.crossings.rate(y, t * hop_length));
        }
        swept.frames += count;
        inspection.lap("rms, zcr");
    }

    /// The pass for pitches alone, where the profile's hop is not theirs.
    fn sweep_pitches(&mut self, y: &[f32], cancel: &dyn Fn() -> bool) -> Result<(), AnalysisError> {
        let (hop_length, frames) = (PITCH_HOP_LENGTH, frame_count(y.len(), PITCH_HOP_LENGTH));
        for first in (0..frames).step_by(LANES) {
            if cancel() {
                return Err(AnalysisError::Cancelled);
            }
            let count = LANES.min(frames - first);
            let group = Group { y, peaks: &self.peaks, hop_length, first, count };
            let scale = self.stft.power(group, &mut self.power);
            self.moments.sweep(&self.power, self.level);
            self.swept.pitches.add(&self.moments, &scale, count, self.level);
        }
        Ok(())
    }
}
