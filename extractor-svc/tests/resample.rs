//! The resampler against soxr's own output, and its laws.

mod oracle;

use std::path::Path;

use extractor_svc::dsp::resample::{Resampler, ResamplerKind};
use extractor_svc::dsp::simd::Level;
use oracle::{committed, noise};
use proptest::prelude::*;

/// soxr's own rounding is 5e-7 at full scale, and so is ours; 1e-6 holds their difference.
const TOLERANCE: f64 = 1e-6;

fn resample(x: &[f32], from_hz: u32, to_hz: u32, level: Level) -> Vec<f32> {
    resample_by(ResamplerKind::SoxrHq, x, from_hz, to_hz, level)
}

fn resample_by(kind: ResamplerKind, x: &[f32], from_hz: u32, to_hz: u32, level: Level) -> Vec<f32> {
    let mut resampler = Resampler::with_level(kind, from_hz, to_hz, level);
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
        4000, 5512, 5600, 7350, 8000, 11025, 12000, 12345, 14700, 16000, 22051, 24000, 29400,
        32000, 33075, 37800, 44056, 44100, 48000, 50000, 66150, 88200, 96000, 176_400, 192_000,
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

/// Up and down, odd rates, one whose phases are too many to be kept.
#[test]
fn kaiser_fast_is_resampys() {
    for from_hz in
        [8000, 11025, 12345, 16000, 22051, 24000, 32000, 44056, 44100, 48000, 88200, 96000, 192_000]
    {
        let expected = committed(&format!("kaiser_fast_{from_hz}_22050")).values;
        let x = noise((800 * from_hz as usize / 22050).min(12000));
        for level in Level::all() {
            let got = resample_by(ResamplerKind::KaiserFast, &x, from_hz, 22050, level);
            let difference = largest_difference(&got, &expected);
            println!("{from_hz} -> 22050: {difference:.1e}");
            assert!(difference <= TOLERANCE, "{from_hz} -> 22050: {difference:e}");
        }
    }
}

/// resampy refuses what is too short for one sample; nothing is made of it here.
#[test]
fn kaiser_fast_makes_nothing_of_less_than_a_sample() {
    let len = |len: usize| {
        let kind = ResamplerKind::KaiserFast;
        resample_by(kind, &noise(len), 44100, 22050, Level::detect()).len()
    };
    assert_eq!([0, 1, 2, 3].map(len), [0, 0, 1, 2]);
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

/// Runs of zeros at least this long are compared, in samples: shorter ones are chance.
const LEAST_RUN: usize = 64;

/// A sample beside a run may be zero by chance, here or in soxr: where the filter gives nothing, the
/// last sum of a transform often cancels.
const CHANCE: usize = 4;

/// Runs of at least [`LEAST_RUN`] zeros.
fn zero_runs(y: &[f32]) -> Vec<(usize, usize)> {
    let runs = y.chunk_by(|one, other| (one.abs() > 0.0) == (other.abs() > 0.0));
    let mut end = 0;
    let placed = runs.map(|run| {
        end += run.len();
        (run[0].abs() > 0.0, end - run.len(), end)
    });
    placed
        .filter(|(sounds, start, end)| !sounds && end - start >= LEAST_RUN)
        .map(|(_, start, end)| (start, end))
        .collect()
}

/// Bursts of noise in silence: scale-free features hang on which frames are exactly zero, and in soxr
/// whole blocks of its transform are, or none of a block.
#[test]
fn silence_is_where_soxr_has_it() {
    const BURST: usize = 300;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dsp/zero_runs.csv");
    let rows = csv::Reader::from_path(path).expect("zero_runs.csv").into_records();
    let mut wrong = Vec::new();
    for row in rows {
        let row = row.expect("a row");
        let [from_hz, to_hz] = [0, 1].map(|at: usize| row[at].parse().expect("a rate"));
        let len: usize = row[2].parse().expect("a length");
        let edge = |text: &str| text.parse::<usize>().expect("a sample");
        let runs = row[3].split(' ').map(|run| run.split_once('-').expect("start-end"));
        let expected: Vec<_> = runs.map(|(start, end)| (edge(start), edge(end))).collect();
        let (mut x, sound) = (vec![0.0; len], noise(len));
        for start in [0, len / 4 + 77, len / 2 + 1013, len - 40 - BURST] {
            x[start..start + BURST].copy_from_slice(&sound[start..start + BURST]);
        }
        for level in Level::all() {
            let got = zero_runs(&resample(&x, from_hz, to_hz, level));
            let near = |(one, other): (&(usize, usize), &(usize, usize))| {
                one.0.abs_diff(other.0) <= CHANCE && one.1.abs_diff(other.1) <= CHANCE
            };
            if got.len() != expected.len() || !got.iter().zip(&expected).all(near) {
                wrong.push(format!("{from_hz} -> {to_hz}: {got:?} instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A loud block must not drown the quiet one that shares its transform.
#[test]
fn quiet_blocks_beside_loud_ones_keep_their_precision() {
    // The first block, 2,048 samples with 194 before the first, and nothing more is quiet.
    let mut x = noise(40_000);
    x[..1854].iter_mut().for_each(|x| *x *= 1e-7);
    let alone = resample(&x[..1854], 44100, 22050, Level::detect());
    let beside = resample(&x, 44100, 22050, Level::detect());
    for (alone, beside) in alone[..830].iter().zip(&beside) {
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
        let mut cuts = cuts;
        cuts.extend([0, x.len()]);
        cuts.sort_unstable();
        for kind in [ResamplerKind::SoxrHq, ResamplerKind::KaiserFast] {
            let whole = resample_by(kind, &x, rate, 22050, Level::detect());
            let mut resampler = Resampler::new(kind, rate, 22050);
            let mut parts = Vec::new();
            for pair in cuts.windows(2) {
                resampler.push(&x[pair[0]..pair[1]], &mut parts);
            }
            resampler.finish(&mut parts);
            prop_assert_eq!(whole.map_bits(), parts.map_bits());
        }
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
