//! Profile ids: a recipe by its name, or one with other numbers, which has another name.

use std::fmt;

use proto::features::{CUSTOM_PROFILE_PREFIX, FeatureSchema};
use thiserror::Error;

use super::{FeatureKind, LIBROSA_0_11, RECIPES, Recipe, Statistic};

/// Sample rates that are taken, in Hz.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Hops that are taken, in samples.
const HOP_LENGTHS: std::ops::RangeInclusive<usize> = 16..=65_536;

/// Longest constant-Q frames that are computed, in samples. Hops that are not divisible by 64 keep
/// the full rate for the lowest octaves, whose filters then get this long.
const MAX_CQT_FRAME: usize = 1 << 17;

/// A recipe, at the rate and hop that the id says.
#[derive(Clone)]
pub struct Profile {
    id: String,
    recipe: &'static Recipe,
    sample_rate: u32,
    hop_length: usize,
}

impl Profile {
    /// Every recipe under its own name; the first is the default.
    #[must_use]
    pub fn known() -> Vec<Self> {
        RECIPES.map(Self::of).into()
    }

    fn of(recipe: &'static Recipe) -> Self {
        let Recipe { id, sample_rate, hop_length, .. } = *recipe;
        Self { id: id.to_owned(), recipe, sample_rate, hop_length }
    }

    /// Resolves a profile id: that of a recipe, or `custom:` followed by `sr=` (Hz) and
    /// `hop_length=` (samples) in any order, separated by commas, each at most once; what is left
    /// out is the default's. The id of the result is canonical, and the default's own numbers
    /// resolve to the default profile.
    ///
    /// # Errors
    /// [`ProfileError`] for ids that name no recipe, and for recipes that librosa refuses.
    pub fn parse(id: &str) -> Result<Self, ProfileError> {
        if let Some(recipe) = RECIPES.into_iter().find(|recipe| recipe.id == id) {
            return Ok(Self::of(recipe));
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
        let base = &LIBROSA_0_11;
        let hop_length = hop_length.map_or(base.hop_length, |hop_length: u32| hop_length as usize);
        Self::custom(base, sample_rate.unwrap_or(base.sample_rate), hop_length)
    }

    /// A recipe at another rate and hop.
    fn custom(
        recipe: &'static Recipe,
        sample_rate: u32,
        hop_length: usize,
    ) -> Result<Self, ProfileError> {
        if !SAMPLE_RATES.contains(&sample_rate) {
            let (min, max) = (*SAMPLE_RATES.start(), *SAMPLE_RATES.end());
            return Err(ProfileError::SampleRate { sample_rate, min, max });
        }
        if !HOP_LENGTHS.contains(&hop_length) {
            let (min, max) = (*HOP_LENGTHS.start(), *HOP_LENGTHS.end());
            return Err(ProfileError::HopLength { hop_length, min, max });
        }
        let rate = f64::from(sample_rate);
        let (cqt, tunings) = (recipe.cqt, recipe.tuning.ends());
        let reach = tunings.map(|tuning| cqt.filter_cutoff(tuning)).into_iter().fold(0.0, f64::max);
        if reach > rate / 2.0 {
            let needed = (2.0 * reach).ceil() as u32;
            return Err(ProfileError::Nyquist { sample_rate, needed });
        }
        let frame = tunings.map(|tuning| cqt.longest_frame(rate, hop_length, tuning));
        let frame = frame[0].max(frame[1]);
        if frame > MAX_CQT_FRAME {
            return Err(ProfileError::FrameLength { hop_length, frame, max: MAX_CQT_FRAME });
        }
        if sample_rate == recipe.sample_rate && hop_length == recipe.hop_length {
            return Ok(Self::of(recipe));
        }
        let id = format!("{CUSTOM_PROFILE_PREFIX}sr={sample_rate},hop_length={hop_length}");
        Ok(Self { id, recipe, sample_rate, hop_length })
    }

    /// The canonical id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Everything but rate and hop.
    #[must_use]
    pub fn recipe(&self) -> &'static Recipe {
        self.recipe
    }

    /// The columns of its vectors.
    #[must_use]
    pub fn schema(&self) -> FeatureSchema {
        self.recipe.schema()
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
        self.recipe.cqt.longest_filter_seconds()
    }

    /// The recipe in words.
    #[must_use]
    pub fn description(&self) -> String {
        let Recipe { n_fft, n_mels, cqt, roll_percent, statistics, .. } = self.recipe;
        let rows = |feature| self.recipe.family(feature).map_or(0, |family| family.rows);
        let (n_mfcc, n_chroma) = (rows(FeatureKind::Mfcc), rows(FeatureKind::ChromaCqt));
        let words = statistics.iter().map(|statistic| match statistic {
            Statistic::Mean => "mean",
            Statistic::Std => "population standard deviation",
        });
        format!(
            "librosa 0.11: mono at {} Hz by {}, n_fft {n_fft}, hop_length {}, {n_mfcc} MFCCs of \
             {n_mels} mel bands, {n_chroma} chroma of a {}-octave CQT with {} bins per octave, \
             spectral centroid, bandwidth and roll-off ({roll_percent}), RMS energy, zero-crossing \
             rate; {} over frames",
            self.sample_rate,
            self.recipe.resampler.name(),
            self.hop_length,
            cqt.octaves,
            cqt.bins_per_octave,
            words.collect::<Vec<_>>().join(" and "),
        )
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
        "profile {id:?} is unknown, expected one of {known:?} or \"{CUSTOM_PROFILE_PREFIX}sr=...,hop_length=...\"",
        known = RECIPES.map(|recipe| recipe.id)
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
    use proto::features::DEFAULT_PROFILE;

    use super::*;

    fn id(text: &str) -> Result<String, ProfileError> {
        Profile::parse(text).map(|profile| profile.id().to_owned())
    }

    #[test]
    fn ids_are_canonical() {
        for (text, expected) in [
            (DEFAULT_PROFILE, DEFAULT_PROFILE),
            ("librosa-0.11-22050-kaiser_fast", "librosa-0.11-22050-kaiser_fast"),
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
    fn the_description_says_all_numbers() {
        let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
        assert_eq!(
            profile.description(),
            "librosa 0.11: mono at 22050 Hz by soxr HQ, n_fft 2048, hop_length 512, 20 MFCCs of 128 mel \
             bands, 12 chroma of a 7-octave CQT with 36 bins per octave, spectral centroid, \
             bandwidth and roll-off (0.85), RMS energy, zero-crossing rate; mean and population \
             standard deviation over frames"
        );
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
