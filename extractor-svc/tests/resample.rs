//! The resampler against soxr's own output, and its laws.

mod oracle;

use extractor_svc::resample::Resampler;
use extractor_svc::simd::Level;
use oracle::{committed, noise};
use proptest::prelude::*;

/// soxr's own rounding is 5e-7 at full scale, and so is ours; 1e-6 holds their difference.
const TOLERANCE: f64 = 1e-6;

fn resample(x: &[f32], from_hz: u32, to_hz: u32, level: Level) -> Vec<f32> {
    let mut resampler = Resampler::with_level(from_hz, to_hz, level);
    let mut out = Vec::new();
    resampler.push(x, &mut out);
    resampler.finish(&mut out);
    out
}

fn largest_difference(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    got.iter().zip(expected).map(|(&g, &e)| (f64::from(g) - e).abs()).fold(0.0, f64::max)
}

fn input_len(from_hz: u32) -> usize {
    (1500 * from_hz as usize / 22050).min(24000)
}

#[test]
fn every_rate_is_soxr() {
    let rates = [
        5600, 8000, 11025, 12000, 12345, 16000, 22051, 24000, 32000, 37800, 44056, 44100, 48000,
        50000, 66150, 88200, 96000, 176_400, 192_000,
    ];
    let cases = rates.map(|rate| (rate, 22050, input_len(rate)));
    let others = [(44100, 48000), (22050, 44100), (44100, 16000), (48000, 16000), (8000, 24000)];
    let others = others.map(|(from, to)| (from, to, 1500 * from as usize / to as usize));
    for (from_hz, to_hz, len) in cases.into_iter().chain(others) {
        let expected = committed(&format!("resample_{from_hz}_{to_hz}")).values;
        for level in Level::all() {
            let got = resample(&noise(len), from_hz, to_hz, level);
            let difference = largest_difference(&got, &expected);
            println!("{from_hz} -> {to_hz}: {difference:.1e}");
            assert!(difference <= TOLERANCE, "{from_hz} -> {to_hz}: {difference:e}");
        }
    }
}

#[test]
fn long_signals_are_soxr_across_blocks() {
    for from_hz in [44100, 48000] {
        let expected = committed(&format!("resample_long_{from_hz}_22050")).values;
        let got = resample(&noise(200_000), from_hz, 22050, Level::detect());
        let got: Vec<f32> = got.into_iter().step_by(101).collect();
        let difference = largest_difference(&got, &expected);
        assert!(difference <= TOLERANCE, "{from_hz}: {difference:e}");
    }
}

#[test]
fn equal_rates_copy_every_bit() {
    let x = [1.5e-42_f32, -0.0, 3e38, 0.1, f32::MIN_POSITIVE];
    let got = resample(&x, 22050, 22050, Level::detect());
    assert_eq!(got.map_bits(), x.to_vec().map_bits());
}

trait MapBits {
    fn map_bits(&self) -> Vec<u32>;
}

impl MapBits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|value| value.to_bits()).collect()
    }
}

/// Transforms leave their rounding in silence; scale-free features would take it for sound.
#[test]
fn silence_stays_exactly_zero() {
    for from_hz in [11025, 44100, 48000, 96000, 37800] {
        let mut x = noise(120_000);
        x[30_000..90_000].fill(0.0);
        let got = resample(&x, from_hz, 22050, Level::detect());
        let ratio = 22050.0 / f64::from(from_hz);
        // No filter reaches further than 700 input samples at these rates.
        let (from, to) = ((30_700.0 * ratio) as usize, (89_300.0 * ratio) as usize);
        assert!(got[from..to].iter().all(|&y| y.abs() <= 0.0), "{from_hz}");
        assert!(got[..from - 1000].iter().any(|&y| y.abs() > 0.1), "{from_hz}");
    }
}

/// A loud block must not drown the quiet one that shares its transform.
#[test]
fn quiet_blocks_beside_loud_ones_keep_their_precision() {
    // The first block, 3,072 samples with its margins, and nothing more is quiet.
    let mut x = noise(40_000);
    x[..2900].iter_mut().for_each(|x| *x *= 1e-7);
    let alone = resample(&x[..2900], 44100, 22050, Level::detect());
    let beside = resample(&x, 44100, 22050, Level::detect());
    for (alone, beside) in alone[..1300].iter().zip(&beside) {
        assert!((alone - beside).abs() <= 1e-13, "{alone:e} became {beside:e}");
    }
}

#[test]
fn lengths_are_librosas() {
    // len(librosa.resample(np.ones(n, "f4"), orig_sr=sr, target_sr=22050))
    for (from_hz, len, expected) in [
        (48000, 1, 1),
        (48000, 30_000, 13_782),
        (37800, 108, 64),
        (44100, 3, 2),
        (8000, 1, 3),
        (44100, 0, 0),
    ] {
        assert_eq!(resample(&noise(len), from_hz, 22050, Level::detect()).len(), expected);
        assert_eq!(Resampler::output_len(from_hz, 22050, len), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn result_does_not_depend_on_the_split(
        rate in prop::sample::select(vec![8000_u32, 44100, 48000, 96000, 37800, 22051]),
        cuts in prop::collection::vec(0_usize..30_000, 0..6),
    ) {
        let x = noise(30_000);
        let whole = resample(&x, rate, 22050, Level::detect());
        let mut cuts = cuts;
        cuts.extend([0, x.len()]);
        cuts.sort_unstable();
        let mut resampler = Resampler::new(rate, 22050);
        let mut parts = Vec::new();
        for pair in cuts.windows(2) {
            resampler.push(&x[pair[0]..pair[1]], &mut parts);
        }
        resampler.finish(&mut parts);
        prop_assert_eq!(whole.map_bits(), parts.map_bits());
    }

    #[test]
    fn powers_of_two_scale_exactly(exponent in -60_i32..60) {
        let x = noise(20_000);
        let gain = 2.0_f32.powi(exponent);
        let scaled: Vec<f32> = x.iter().map(|x| x * gain).collect();
        let direct = resample(&scaled, 44100, 22050, Level::detect());
        let after: Vec<f32> =
            resample(&x, 44100, 22050, Level::detect()).iter().map(|y| y * gain).collect();
        prop_assert_eq!(direct.map_bits(), after.map_bits());
    }
}
