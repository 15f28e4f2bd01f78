//! What holds for every signal: no panic, no number that is not one, laws of scale and silence.

mod oracle;

use extractor_svc::dsp::simd::Level;
use extractor_svc::features::{AnalysisError, analyze, analyze_stages, analyze_with};
use extractor_svc::recipe::{FeatureKind, Profile};
use oracle::noise;
use proptest::prelude::*;
use proto::features::DEFAULT_PROFILE;

fn profile() -> Profile {
    Profile::parse(DEFAULT_PROFILE).expect("the default profile")
}

fn values(y: Vec<f32>) -> Result<Vec<f64>, AnalysisError> {
    analyze(y, &profile(), &|| false).map(|found| found.values)
}

#[test]
fn extreme_signals_give_numbers_or_typed_errors() {
    let square = |gain: f32| -> Vec<f32> {
        (0..5000).map(|i| if i % 100 < 50 { gain } else { -gain }).collect()
    };
    for gain in [f32::MIN_POSITIVE, 1e-45, 1e-20, 1.0, 1e8] {
        let found = values(square(gain)).unwrap_or_else(|error| panic!("{gain:e}: {error}"));
        assert!(found.iter().all(|value| value.is_finite()), "{gain:e}");
    }
    for gain in [1e38, f32::MAX] {
        let Err(AnalysisError::NotFinite { column, .. }) = values(square(gain)) else {
            panic!("{gain:e} gave a vector");
        };
        assert_eq!(column, "mfcc_mean_1");
    }
    for len in [1, 2, 3, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049] {
        assert!(values(noise(len)).is_ok(), "{len} samples");
    }
    assert_eq!(values(Vec::new()), Err(AnalysisError::Empty));
    // Not in the contract, but no reason to panic.
    let _ = values(vec![f32::NAN; 3000]);
    let _ = values(vec![f32::INFINITY; 3000]);
    let _ = values(vec![0.0; 3000]);
}

#[test]
fn early_downsampling_needs_samples() {
    let profile = Profile::parse("custom:sr=96000,hop_length=1024").expect("a profile");
    let error = analyze(vec![0.5; 3], &profile, &|| false);
    assert_eq!(error, Err(AnalysisError::TooShort { len: 3, min: 4 }));
    assert!(analyze(vec![0.5; 4], &profile, &|| false).is_ok());
}

#[test]
fn cancellation_is_heard_in_every_phase() {
    let calls = std::cell::Cell::new(0);
    let count = || {
        calls.set(calls.get() + 1);
        false
    };
    analyze(noise(100_000), &profile(), &count).expect("noise");
    let total = calls.get();
    // Every 16 frames of the sweep, and every 40 of each of the seven octaves: tens of
    // microseconds of work.
    let frames = 1 + 100_000 / 512;
    let least = frames / 16 + 7 * (frames / 40);
    assert!(total >= least, "asked only {total} times, expected {least}");
    calls.set(0);
    analyze(noise(1_000_000), &profile(), &count).expect("noise");
    assert!(calls.get() > 8 * total, "asked {} times of ten times the audio", calls.get());
    for stop_at in [1, total / 20, total / 2, total] {
        calls.set(0);
        let stop = || {
            calls.set(calls.get() + 1);
            calls.get() >= stop_at
        };
        let found = analyze(noise(100_000), &profile(), &stop);
        assert_eq!(found, Err(AnalysisError::Cancelled), "at call {stop_at} of {total}");
    }
}

/// A silent frame beside a loud one shares its transform, and must stay silent all the same.
#[test]
fn silent_frames_are_exactly_silent() {
    let mut y = noise(60_000);
    y[20_000..40_000].fill(0.0);
    let stages = analyze_stages(y, &profile(), Level::detect()).expect("noise");
    let silent = 42..77;
    let zero = |value: f64| value.abs() <= 0.0;
    let found = |feature: FeatureKind| stages.matrices.of(feature).expect("the recipe has it");
    for t in silent {
        assert!(stages.stft_magnitude.column(t).iter().all(|&x| zero(x.into())), "stft, frame {t}");
        assert!(zero(found(FeatureKind::SpectralCentroid)[(0, t)]), "centroid, frame {t}");
        assert!(zero(found(FeatureKind::SpectralBandwidth)[(0, t)]), "bandwidth, frame {t}");
        assert!(zero(found(FeatureKind::SpectralRolloff)[(0, t)]), "roll-off, frame {t}");
        assert!(zero(found(FeatureKind::Rms)[(0, t)]), "rms, frame {t}");
        assert!(zero(found(FeatureKind::ZeroCrossingRate)[(0, t)]), "zcr, frame {t}");
    }
    assert!(found(FeatureKind::SpectralCentroid)[(0, 20)] > 1000.0);
}

/// Both forms of every hot loop agree: the levels differ in fused rounding alone.
#[test]
fn instruction_sets_agree() {
    for id in [DEFAULT_PROFILE, "custom:sr=44100,hop_length=441", "custom:sr=48000,hop_length=256"]
    {
        let profile = Profile::parse(id).expect("a profile");
        let of = |level| analyze_with(noise(50_000), &profile, level, &|| false).expect("noise");
        let a = of(Level::BASELINE);
        for b in Level::all().skip(1).map(of) {
            assert_eq!(a.tuning.to_bits(), b.tuning.to_bits());
            for (column, (a, b)) in a.values.iter().zip(&b.values).enumerate() {
                let is_close = (a - b).abs() <= 1e-6 + 1e-6 * a.abs();
                assert!(is_close, "{id}, column {column}: {a} and {b}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// A gain of a power of two is exact, and only level-dependent features follow it.
    #[test]
    fn gain_moves_only_the_level(exponent in -12_i32..8, seed in 0_usize..1000) {
        let y: Vec<f32> = noise(30_000 + seed)[seed..].to_vec();
        let gain = 2.0_f32.powi(exponent);
        let louder: Vec<f32> = y.iter().map(|x| x * gain).collect();
        let (a, b) = (values(y).expect("noise"), values(louder).expect("noise"));
        // mfcc_std and everything but mfcc_mean_1 and rmse.
        for column in (1..70).chain([72, 73]) {
            let close = (a[column] - b[column]).abs() <= 1e-4;
            prop_assert!(close, "column {}: {} and {}", column, a[column], b[column]);
        }
        let gain = f64::from(gain);
        prop_assert!((b[70] / a[70] / gain - 1.0).abs() < 1e-6);
        // dB sums over 128 bands, orthonormal: 20 log10(gain) sqrt(128).
        let step = 20.0 * gain.log10() * 128.0_f64.sqrt();
        prop_assert!((b[0] - a[0] - step).abs() < 1e-3);
    }

    #[test]
    fn any_bits_are_survived(bits in prop::collection::vec(any::<u32>(), 1..6000)) {
        let y = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        if let Ok(found) = values(y) {
            prop_assert!(found.iter().all(|value| value.is_finite()));
        }
    }
}
