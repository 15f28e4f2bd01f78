//! Feature profiles: the whole recipe from mono PCM to a vector, under an immutable name.
//!
//! Nothing in a vector's numbers shows which recipe made it, so a recipe with other numbers has
//! another name, never the same name with options.

use std::fmt;
use std::sync::{Arc, OnceLock};

use proto::features::{CUSTOM_PROFILE_PREFIX, DEFAULT_PROFILE};
use thiserror::Error;

use crate::dsp::cqt::octaves::{filter_cutoff, longest_filter_seconds, longest_frame};
use crate::dsp::resample::Resampler;
use crate::features::Tables;

/// Sample rate of the default profile, in Hz.
const DEFAULT_SAMPLE_RATE: u32 = 22050;

/// Hop of the default profile, in samples.
const DEFAULT_HOP_LENGTH: usize = 512;

/// Sample rates that are taken, in Hz.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Hops that are taken, in samples.
const HOP_LENGTHS: std::ops::RangeInclusive<usize> = 16..=65_536;

/// Longest constant-Q frames that are computed, in samples. Hops that are not divisible by 64 keep
/// the full rate for the lowest octaves, whose filters then get this long.
const MAX_CQT_FRAME: usize = 1 << 17;

/// Ends of the tuning estimate, in fractions of a bin.
const TUNING_ENDS: [f64; 2] = [-0.5, 0.49];

/// An immutable recipe.
#[derive(Clone)]
pub struct Profile {
    id: String,
    sample_rate: u32,
    hop_length: usize,
    /// Filter banks and transforms, made when first needed and shared by clones.
    tables: Arc<OnceLock<Tables>>,
}

impl Profile {
    /// Resolves a profile id: [`DEFAULT_PROFILE`], or `custom:` followed by `sr=` (Hz) and
    /// `hop_length=` (samples) in any order, separated by commas, each at most once; what is left
    /// out is the default's. The id of the result is canonical, and the default's own numbers
    /// resolve to the default profile.
    ///
    /// # Errors
    /// [`ProfileError`] for ids that name no recipe, and for recipes that librosa refuses.
    pub fn parse(id: &str) -> Result<Self, ProfileError> {
        if id == DEFAULT_PROFILE {
            return Self::new(DEFAULT_SAMPLE_RATE, DEFAULT_HOP_LENGTH);
        }
        let Some(settings) = id.strip_prefix(CUSTOM_PROFILE_PREFIX) else {
            return Err(ProfileError::Unknown { id: id.to_owned() });
        };
        let (mut sample_rate, mut hop_length) = (None, None);
        for setting in settings.split(',') {
            let malformed = || ProfileError::Malformed { setting: setting.to_owned() };
            let (key, value) = setting.split_once('=').ok_or_else(malformed)?;
            let number = value.parse().map_err(|_| malformed())?;
            let slot = match key {
                "sr" => &mut sample_rate,
                "hop_length" => &mut hop_length,
                _ => return Err(malformed()),
            };
            if slot.replace(number).is_some() {
                return Err(ProfileError::Repeated { key: key.to_owned() });
            }
        }
        let hop_length =
            hop_length.map_or(DEFAULT_HOP_LENGTH, |hop_length: u32| hop_length as usize);
        Self::new(sample_rate.unwrap_or(DEFAULT_SAMPLE_RATE), hop_length)
    }

    fn new(sample_rate: u32, hop_length: usize) -> Result<Self, ProfileError> {
        if !SAMPLE_RATES.contains(&sample_rate) {
            let (min, max) = (*SAMPLE_RATES.start(), *SAMPLE_RATES.end());
            return Err(ProfileError::SampleRate { sample_rate, min, max });
        }
        if !HOP_LENGTHS.contains(&hop_length) {
            let (min, max) = (*HOP_LENGTHS.start(), *HOP_LENGTHS.end());
            return Err(ProfileError::HopLength { hop_length, min, max });
        }
        let rate = f64::from(sample_rate);
        let reach = TUNING_ENDS.map(filter_cutoff).into_iter().fold(0.0, f64::max);
        if reach > rate / 2.0 {
            let needed = (2.0 * reach).ceil() as u32;
            return Err(ProfileError::Nyquist { sample_rate, needed });
        }
        let frame = TUNING_ENDS.map(|tuning| longest_frame(rate, hop_length, tuning));
        let frame = frame[0].max(frame[1]);
        if frame > MAX_CQT_FRAME {
            return Err(ProfileError::FrameLength { hop_length, frame, max: MAX_CQT_FRAME });
        }
        let default = sample_rate == DEFAULT_SAMPLE_RATE && hop_length == DEFAULT_HOP_LENGTH;
        let id = if default {
            DEFAULT_PROFILE.to_owned()
        } else {
            format!("{CUSTOM_PROFILE_PREFIX}sr={sample_rate},hop_length={hop_length}")
        };
        Ok(Self { id, sample_rate, hop_length, tables: Arc::default() })
    }

    /// The canonical id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Rate that audio is resampled to, in Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Samples from frame to frame.
    #[must_use]
    pub fn hop_length(&self) -> usize {
        self.hop_length
    }

    /// Seconds of audio from which on the longest filter of the recipe lies within the recording.
    #[must_use]
    pub fn recommended_seconds(&self) -> f64 {
        longest_filter_seconds()
    }

    /// The recipe in words.
    #[must_use]
    pub fn description(&self) -> String {
        format!(
            "librosa 0.11: mono at {} Hz by soxr HQ, n_fft 2048, hop_length {}, 20 MFCCs of 128 mel \
             bands, 12 chroma of a 7-octave CQT with 36 bins per octave, spectral centroid, \
             bandwidth and roll-off (0.85), RMS energy, zero-crossing rate; mean and population \
             standard deviation over frames",
            self.sample_rate, self.hop_length
        )
    }

    /// A new conversion from `from_hz` to this recipe's rate.
    pub(crate) fn resampler(&self, from_hz: u32) -> Resampler {
        self.tables().resamplers.start(from_hz, self.sample_rate)
    }

    /// Filter banks and transforms of this recipe.
    pub(crate) fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| Tables::new(f64::from(self.sample_rate), self.hop_length))
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Profile {}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.id).finish()
    }
}

/// Why an id names no usable recipe.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileError {
    /// Neither a known profile nor a custom one.
    #[error(
        "profile {id:?} is unknown, expected {DEFAULT_PROFILE:?} or \"{CUSTOM_PROFILE_PREFIX}sr=...,hop_length=...\""
    )]
    Unknown {
        /// The id given.
        id: String,
    },
    /// A setting of a custom profile that is not `sr=` or `hop_length=` and a whole number.
    #[error("profile setting {setting:?} is malformed, expected sr=<Hz> or hop_length=<samples>")]
    Malformed {
        /// The setting given.
        setting: String,
    },
    /// A setting given twice.
    #[error("profile setting {key:?} is given more than once")]
    Repeated {
        /// The setting's key.
        key: String,
    },
    /// Sample rate out of range.
    #[error("sample rate {sample_rate} Hz is out of range, expected {min} to {max} Hz")]
    SampleRate {
        /// The rate given, in Hz.
        sample_rate: u32,
        /// Least rate.
        min: u32,
        /// Largest rate.
        max: u32,
    },
    /// Hop out of range.
    #[error("hop length {hop_length} is out of range, expected {min} to {max} samples")]
    HopLength {
        /// The hop given, in samples.
        hop_length: usize,
        /// Least hop.
        min: usize,
        /// Largest hop.
        max: usize,
    },
    /// The highest constant-Q filter would pass the Nyquist frequency; librosa refuses that too.
    #[error(
        "sample rate {sample_rate} Hz is too low for seven octaves of chroma, expected at least {needed} Hz"
    )]
    Nyquist {
        /// The rate given, in Hz.
        sample_rate: u32,
        /// Least rate that holds all filters at every tuning, in Hz.
        needed: u32,
    },
    /// The lowest constant-Q filters would be too long to compute.
    #[error(
        "hop length {hop_length} needs constant-Q frames of {frame} samples, expected at most {max}: use a multiple of 64"
    )]
    FrameLength {
        /// The hop given, in samples.
        hop_length: usize,
        /// Frame length needed, in samples.
        frame: usize,
        /// Largest frame length, in samples.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<String, ProfileError> {
        Profile::parse(text).map(|profile| profile.id().to_owned())
    }

    #[test]
    fn ids_are_canonical() {
        for (text, expected) in [
            (DEFAULT_PROFILE, DEFAULT_PROFILE),
            ("custom:sr=22050,hop_length=512", DEFAULT_PROFILE),
            ("custom:hop_length=512", DEFAULT_PROFILE),
            ("custom:hop_length=256,sr=44100", "custom:sr=44100,hop_length=256"),
            ("custom:sr=044100", "custom:sr=44100,hop_length=512"),
        ] {
            assert_eq!(id(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refusals_say_why() {
        for (text, expected) in [
            ("librosa-0.10", "profile \"librosa-0.10\" is unknown"),
            ("custom:", "profile setting \"\" is malformed"),
            ("custom:sr=44100;hop_length=2", "malformed"),
            ("custom:sr=-1", "malformed"),
            ("custom:n_fft=2048", "malformed"),
            ("custom:sr=44100,sr=44100", "\"sr\" is given more than once"),
            ("custom:sr=3999", "sample rate 3999 Hz is out of range"),
            ("custom:sr=4294967296", "malformed"),
            ("custom:sr=384001", "out of range"),
            ("custom:hop_length=15", "hop length 15 is out of range"),
            ("custom:hop_length=65537", "out of range"),
            ("custom:sr=8000", "sample rate 8000 Hz is too low for seven octaves"),
            ("custom:sr=384000,hop_length=441", "use a multiple of 64"),
        ] {
            let error = id(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn nyquist_limit_is_the_highest_filter_at_the_highest_tuning() {
        let Err(ProfileError::Nyquist { needed, .. }) = Profile::parse("custom:sr=8000") else {
            panic!("8000 Hz was taken");
        };
        assert!(Profile::parse(&format!("custom:sr={needed}")).is_ok());
        assert!(Profile::parse(&format!("custom:sr={}", needed - 1)).is_err());
    }
}
