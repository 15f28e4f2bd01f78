//! Filter banks and transforms of a recipe at a rate and a hop, made once and kept for the next signal.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::dsp::cqt::octaves::{OctavePlan, SegmentTables};
use crate::dsp::dct::Dct;
use crate::dsp::fft::radix4::RealFft;
use crate::dsp::mel::MelFilters;
use crate::dsp::resample::{Halving, Resamplers};
use crate::dsp::window::hann;
use crate::features::tuning::Tuning;
use crate::recipe::{FeatureKind, Profile, Recipe};

/// Most tables that are kept; those used last stay.
const MAX_KEPT: usize = 8;

/// The tables that were used last, those of the last signal first.
static KEPT: Cache = Cache(Mutex::new(Vec::new()));

/// Everything that depends on recipe, rate and hop alone.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Whose they are.
    pub(crate) recipe: &'static Recipe,
    /// Rate of the signal, in Hz.
    pub(crate) sample_rate: u32,
    /// Samples from frame to frame.
    pub(crate) hop_length: usize,
    /// Transform of the spectral features.
    pub(crate) transform: RealFft,
    /// Periodic Hann window.
    pub(crate) window: Vec<f32>,
    /// Mel filter bank.
    pub(crate) mel: MelFilters,
    /// Cosine transform of the MFCCs.
    pub(crate) dct: Dct,
    /// Conversions to the rate.
    pub(crate) resamplers: Resamplers,
    /// Filter between the octaves of the constant-Q transform.
    pub(crate) halving: Halving,
    /// Walks of the constant-Q transform, by tuning.
    octaves: Vec<OnceLock<OctavePlan>>,
    segments: SegmentTables,
}

impl Tables {
    /// The tables of `profile`, which others may use as well.
    pub(crate) fn of(profile: &Profile) -> Arc<Self> {
        KEPT.of(profile.recipe(), profile.sample_rate(), profile.hop_length())
    }

    fn new(recipe: &'static Recipe, sample_rate: u32, hop_length: usize) -> Self {
        let Recipe { n_fft, n_mels, tuning, .. } = *recipe;
        let n_mfcc = recipe.family(FeatureKind::Mfcc).map_or(0, |family| family.rows);
        Self {
            recipe,
            sample_rate,
            hop_length,
            transform: RealFft::new(n_fft),
            resamplers: Resamplers::new(recipe.resampler),
            halving: Halving::new(),
            window: hann(n_fft).map(|value| value as f32).collect(),
            mel: MelFilters::new(sample_rate.into(), n_fft, n_mels),
            dct: Dct::new(n_mfcc, n_mels),
            octaves: (0..tuning.bins).map(|_| OnceLock::new()).collect(),
            segments: SegmentTables::default(),
        }
    }

    /// The constant-Q transform's walk at a tuning.
    pub(crate) fn octaves(&self, tuning: Tuning) -> &OctavePlan {
        self.octaves[tuning.index()].get_or_init(|| {
            let Self { recipe, sample_rate, hop_length, .. } = *self;
            let rate = f64::from(sample_rate);
            OctavePlan::new(recipe.cqt, rate, hop_length, tuning.value(), &self.segments)
        })
    }

    /// Width of a bin of the spectral features, in Hz.
    pub(crate) fn bin_hz(&self) -> f64 {
        f64::from(self.sample_rate) / self.recipe.n_fft as f64
    }
}

/// Tables by recipe, rate and hop; a bounded number of them.
struct Cache(Mutex<Vec<Arc<Tables>>>);

impl Cache {
    fn of(&self, recipe: &'static Recipe, sample_rate: u32, hop_length: usize) -> Arc<Tables> {
        let same = |tables: &Arc<Tables>| {
            let numbers = (tables.sample_rate, tables.hop_length);
            tables.recipe.id == recipe.id && numbers == (sample_rate, hop_length)
        };
        let find = |kept: &mut Vec<Arc<Tables>>| {
            let at = kept.iter().position(same)?;
            kept[..=at].rotate_right(1);
            Some(Arc::clone(&kept[0]))
        };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = find(&mut lock()) {
            return tables;
        }
        // Made without the lock: signals of other recipes need not wait for it.
        let made = Arc::new(Tables::new(recipe, sample_rate, hop_length));
        let mut kept = lock();
        find(&mut kept).unwrap_or_else(|| {
            kept.insert(0, Arc::clone(&made));
            kept.truncate(MAX_KEPT);
            made
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::LIBROSA_0_11;

    #[test]
    fn tables_are_shared_and_those_used_last_are_kept() {
        let cache = Cache(Mutex::new(Vec::new()));
        let at = |rate: u32| cache.of(&LIBROSA_0_11, rate, 512);
        let (first, second) = (at(22_050), at(32_000));
        assert!(Arc::ptr_eq(&first, &at(22_050)) && !Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &cache.of(&LIBROSA_0_11, 22_050, 256)), "another hop");
        for rate in 44_100..44_100 + MAX_KEPT as u32 {
            at(22_050);
            at(rate);
        }
        assert_eq!(cache.0.lock().unwrap().len(), MAX_KEPT);
        assert!(Arc::ptr_eq(&first, &at(22_050)), "what is used stays");
        assert!(!Arc::ptr_eq(&second, &at(32_000)), "what was not is made again");
    }
}
