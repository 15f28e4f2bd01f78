//! The one pass over the frames of the spectral features.

use super::AnalysisError;
use super::inspection::Inspection;
use super::log_mel::LogMel;
use super::rms::rms;
use super::spectral_bandwidth::spectral_bandwidth;
use super::spectral_centroid::{norm, spectral_centroid};
use super::spectral_rolloff::{ROLL_PERCENT, spectral_rolloff};
use super::tables::{N_FFT, Tables};
use super::tuning::{PITCH_HOP_LENGTH, Pitches};
use super::zero_crossing_rate::ZeroCrossings;
use crate::simd::{LANES, Level};
use crate::spectrum::frame::{frame, frame_count};
use crate::spectrum::moments::Moments;
use crate::spectrum::stft::{Group, Stft};

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

/// Sweeps over the frames of `y`, a group at a time.
pub(crate) fn sweep(
    y: &[f32],
    tables: &Tables,
    level: Level,
    cancel: &dyn Fn() -> bool,
    inspection: &mut impl Inspection,
) -> Result<Swept, AnalysisError> {
    let (hop_length, bin_hz) = (tables.hop_length, tables.bin_hz());
    let frames = frame_count(y.len(), hop_length);
    let mut stft = Stft::new(N_FFT, Some(tables.window.clone()), 0..N_FFT / 2 + 1, level);
    let mut crossings = ZeroCrossings::new(y, N_FFT, level);
    let (mut power, mut moments, mut edge) = (Vec::new(), Moments::default(), Vec::new());
    let mut swept = Swept {
        frames,
        log_mel: LogMel::with_capacity(frames),
        pitches: Pitches::new(bin_hz, N_FFT / 2 + 1),
        spectral_centroid: Vec::with_capacity(frames),
        spectral_bandwidth: Vec::with_capacity(frames),
        spectral_rolloff: Vec::with_capacity(frames),
        rmse: Vec::with_capacity(frames),
        zcr: Vec::with_capacity(frames),
    };
    for first in (0..frames).step_by(LANES) {
        if cancel() {
            return Err(AnalysisError::Cancelled);
        }
        let count = LANES.min(frames - first);
        let scale = stft.power(Group { y, hop_length, first, count }, &mut power);
        moments.sweep(&power, level);
        inspection.magnitudes(first, count, &moments.magnitudes, &scale);
        swept.log_mel.add(&tables.mel, &power, &scale, level, |mel| {
            inspection.mel(first, count, mel);
        });
        if hop_length == PITCH_HOP_LENGTH {
            swept.pitches.add(&moments.magnitudes, &moments.largest, &scale, count);
        }
        let rolloff = moments.bin_reaching(ROLL_PERCENT, level);
        for lane in 0..count {
            let norm = norm(&moments, lane, scale[lane]);
            let centroid = spectral_centroid(&moments, lane, norm, bin_hz);
            let bandwidth = spectral_bandwidth(&moments, lane, norm, centroid, bin_hz);
            swept.spectral_centroid.push(centroid);
            swept.spectral_bandwidth.push(bandwidth);
            swept.spectral_rolloff.push(spectral_rolloff(rolloff[lane], bin_hz));
            let t = first + lane;
            swept.rmse.push(rms(frame(y, t, hop_length, N_FFT, &mut edge), level));
            swept.zcr.push(crossings.rate(t * hop_length));
        }
    }
    if hop_length != PITCH_HOP_LENGTH {
        sweep_pitches(y, &mut stft, &mut swept.pitches, level, cancel)?;
    }
    Ok(swept)
}

/// The pass for pitches alone, where the profile's hop is not theirs.
fn sweep_pitches(
    y: &[f32],
    stft: &mut Stft,
    pitches: &mut Pitches,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<(), AnalysisError> {
    let (mut power, mut moments) = (Vec::new(), Moments::default());
    let (hop_length, frames) = (PITCH_HOP_LENGTH, frame_count(y.len(), PITCH_HOP_LENGTH));
    for first in (0..frames).step_by(LANES) {
        if cancel() {
            return Err(AnalysisError::Cancelled);
        }
        let count = LANES.min(frames - first);
        let scale = stft.power(Group { y, hop_length, first, count }, &mut power);
        moments.sweep(&power, level);
        pitches.add(&moments.magnitudes, &moments.largest, &scale, count);
    }
    Ok(())
}
