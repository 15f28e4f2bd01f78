//! Audio made in memory, and its form as a WAV file: for cases no committed clip shows.

use std::f32::consts::TAU;

/// A sine at `hertz` and -6 dBFS, `samples` long.
#[must_use]
pub fn tone(sample_rate: u32, samples: usize, hertz: f32) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "test tones are a few seconds long")]
    let time = |i: usize| i as f32 / sample_rate as f32;
    (0..samples).map(|i| 0.5 * (TAU * hertz * time(i)).sin()).collect()
}

/// Samples as interleaved little-endian 32-bit floats.
#[must_use]
pub fn f32le(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Samples as interleaved little-endian 16-bit integers; full scale is 32,767.
#[must_use]
pub fn s16le(samples: &[f32]) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 16 bits just before")]
    let quantise = |sample: f32| (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
    samples.iter().flat_map(|&sample| quantise(sample).to_le_bytes()).collect()
}

/// A WAV file of 16-bit samples, interleaved over `channels`.
///
/// # Panics
/// When the audio is longer than a WAV header can say (4 GiB).
#[must_use]
pub fn wav_s16(sample_rate: u32, channels: u16, samples: &[f32]) -> Vec<u8> {
    let data = s16le(samples);
    let data_bytes = u32::try_from(data.len()).expect("test audio is short");
    let block = channels * 2;
    let mut wav = Vec::with_capacity(44 + data.len());
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&1_u16.to_le_bytes());
    wav.extend_from_slice(&channels.to_le_bytes());
    wav.extend_from_slice(&sample_rate.to_le_bytes());
    wav.extend_from_slice(&(sample_rate * u32::from(block)).to_le_bytes());
    wav.extend_from_slice(&block.to_le_bytes());
    wav.extend_from_slice(&16_u16.to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    wav.extend_from_slice(&data);
    wav
}
