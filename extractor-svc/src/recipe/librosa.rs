//! The recipes of librosa 0.11 with its defaults, at 22,050 Hz: `librosa-0.11-22050`, and the same by
//! another resampler.

use proto::features::DEFAULT_PROFILE;

use super::{Family, FeatureKind, Recipe, ResamplerKind, Statistic, TuningGrid};
use crate::dsp::cqt::CqtShape;

/// librosa 0.11.0 with soxr 1.1.0, 74 columns. The names of the families are those of the data sets in
/// use, so root-mean-square energy is `rmse`.
pub const LIBROSA_0_11: Recipe = Recipe {
    id: DEFAULT_PROFILE,
    sample_rate: 22_050,
    resampler: ResamplerKind::SoxrHq,
    n_fft: 2048,
    hop_length: 512,
    n_mels: 128,
    top_db: 80.0,
    roll_percent: 0.85,
    tuning: TuningGrid { hop_length: 512, bins: 100, steps_per_octave: 36 },
    cqt: CqtShape { octaves: 7, bins_per_octave: 36 },
    families: &[
        Family { feature: FeatureKind::Mfcc, name: "mfcc", rows: 20 },
        Family { feature: FeatureKind::ChromaCqt, name: "chroma_cqt", rows: 12 },
        Family { feature: FeatureKind::SpectralCentroid, name: "spectral_centroid", rows: 1 },
        Family { feature: FeatureKind::SpectralBandwidth, name: "spectral_bandwidth", rows: 1 },
        Family { feature: FeatureKind::SpectralRolloff, name: "spectral_rolloff", rows: 1 },
        Family { feature: FeatureKind::Rms, name: "rmse", rows: 1 },
        Family { feature: FeatureKind::ZeroCrossingRate, name: "zcr", rows: 1 },
    ],
    statistics: &[Statistic::Mean, Statistic::Std],
};

/// The same with `librosa.load(..., res_type="kaiser_fast")`, by resampy 0.4.3: vectors that were made in
/// this way stay comparable. At 22,050 Hz nothing is resampled, and only the name differs.
pub const LIBROSA_0_11_KAISER_FAST: Recipe = Recipe {
    id: "librosa-0.11-22050-kaiser_fast",
    resampler: ResamplerKind::KaiserFast,
    ..LIBROSA_0_11
};

#[cfg(test)]
mod tests {
    use proto::features::{DIMS, FAMILIES, FeatureSchema};

    use super::*;

    #[test]
    fn the_recipe_is_the_contracts() {
        assert_eq!(LIBROSA_0_11.schema(), FeatureSchema::librosa());
        assert_eq!(LIBROSA_0_11.dims(), DIMS);
        let families = LIBROSA_0_11.families.iter().map(|family| (family.name, family.rows));
        assert!(families.eq(FAMILIES));
    }
}
