//! Parity with librosa 0.11, stage by stage and column by column.
//!
//! Vectors have the bounds of the parity report. Matrices, whose single values are not averaged, have
//! tolerances of about 30 times what separates double from single precision in librosa itself.

#![allow(clippy::print_stdout, reason = "tests say how much of a tolerance is used")]

#[path = "../examples/parity/bounds.rs"]
#[allow(dead_code, reason = "shares of files are the parity report's")]
mod bounds;
mod oracle;

use bounds::{Class, STATISTICS, bound};
use extractor_svc::decode::{EncodedAudio, Window};
use extractor_svc::dsp::simd::Level;
use extractor_svc::features::{Stages, analyze, analyze_stages, analyze_with};
use extractor_svc::limits::Limits;
use extractor_svc::pipeline::extract;
use extractor_svc::recipe::{FeatureKind, Profile};
use ndarray::Array2;
use oracle::{committed, npy, shared, wav};
use proto::features::{DEFAULT_PROFILE, FAMILIES, FeatureSchema};

/// Largest `|got - want| / (atol + rtol * |want|)` of a family, and where.
fn excess(got: &[f64], want: &[f64], atol: f64, rtol: f64) -> (f64, usize) {
    assert_eq!(got.len(), want.len(), "shapes differ");
    let ratio = |(got, want): (&f64, &f64)| (got - want).abs() / (atol + rtol * want.abs());
    let ratios = got.iter().zip(want).map(ratio).enumerate();
    ratios.fold((0.0, 0), |worst, (i, ratio)| if ratio > worst.0 { (ratio, i) } else { worst })
}

/// Absolute and relative tolerance of a column in a class.
fn tolerance(column: &str, class: Class) -> (f64, f64) {
    let named = |name: &&str| column.starts_with(*name);
    let family = FAMILIES.iter().map(|(family, _)| *family).find(named).expect("a family");
    let of = |name: &&str| column[family.len()..].starts_with(&format!("_{name}"));
    let statistic = STATISTICS.into_iter().find(of).expect("a statistic");
    let bound = bound(family, statistic, class);
    // A value of zero has no relative tolerance.
    (bound.atol.max(1e-12), bound.rtol)
}

/// Columns outside their tolerance when the PCM is the same, and the largest share of a tolerance that
/// is used. Chroma has `chroma_slack` times its tolerance.
fn compare(got: &[f64], want: &[f64], chroma_slack: f64) -> (Vec<String>, f64) {
    compare_in(Class::A, got, want, chroma_slack)
}

/// [`compare`] in a class.
fn compare_in(class: Class, got: &[f64], want: &[f64], chroma_slack: f64) -> (Vec<String>, f64) {
    let mut worst = 0.0_f64;
    let schema = FeatureSchema::librosa();
    assert_eq!(got.len(), want.len());
    let columns = schema.names().iter().zip(got).zip(want);
    let outside = columns.filter_map(|((name, &got), &want)| {
        let (atol, rtol) = tolerance(name, class);
        let atol = if name.starts_with("chroma") { chroma_slack * atol } else { atol };
        let (ratio, _) = excess(&[got], &[want], atol, rtol);
        worst = worst.max(ratio);
        (ratio > 1.0).then(|| format!("{name}: {got} instead of {want}"))
    });
    let outside = outside.collect();
    (outside, worst)
}

fn widen<T: Copy + Into<f64>>(matrix: &Array2<T>) -> Vec<f64> {
    matrix.iter().map(|&value| value.into()).collect()
}

fn check_matrix<T: Copy + Into<f64>>(
    name: &str,
    got: &Array2<T>,
    want: &oracle::Npy,
    (atol, rtol): (f64, f64),
) {
    assert_eq!(got.shape(), want.shape, "{name}");
    let (ratio, at) = excess(&widen(got), &want.values, atol, rtol);
    println!("{name}: {:.1} % of the tolerance", 100.0 * ratio);
    let (d, t) = (at / want.shape[1], at % want.shape[1]);
    assert!(ratio <= 1.0, "{name}[{d}, {t}] is {ratio} times its tolerance off");
}

fn default_profile() -> Profile {
    Profile::parse(DEFAULT_PROFILE).expect("the default profile")
}

fn check_features(stages: &Stages, reference: impl Fn(&str) -> oracle::Npy) {
    let found = &stages.matrices;
    let found = |feature: FeatureKind| found.of(feature).expect("the recipe has it");
    check_matrix("mfcc", &found(FeatureKind::Mfcc), &reference("mfcc"), (5e-3, 1e-5));
    check_matrix(
        "chroma_cqt",
        &found(FeatureKind::ChromaCqt),
        &reference("chroma_cqt"),
        (2e-5, 0.0),
    );
    let centroid = reference("spectral_centroid");
    check_matrix(
        "spectral_centroid",
        &found(FeatureKind::SpectralCentroid),
        &centroid,
        (2e-2, 0.0),
    );
    let bandwidth = reference("spectral_bandwidth");
    check_matrix(
        "spectral_bandwidth",
        &found(FeatureKind::SpectralBandwidth),
        &bandwidth,
        (2e-2, 0.0),
    );
    let rolloff = reference("spectral_rolloff");
    check_matrix("spectral_rolloff", &found(FeatureKind::SpectralRolloff), &rolloff, (1e-2, 0.0));
    check_matrix("rmse", &found(FeatureKind::Rms), &reference("rmse"), (1e-9, 1e-5));
    check_matrix("zcr", &found(FeatureKind::ZeroCrossingRate), &reference("zcr"), (1e-12, 0.0));
}

fn music() -> Vec<f32> {
    committed("music_i16").values.iter().map(|&x| x as f32 / 32768.0).collect()
}

#[test]
fn matrices_are_librosas() {
    let stages = analyze_stages(music(), &default_profile(), Level::detect()).expect("music");
    check_features(&stages, |name| committed(&format!("music_{name}")));
}

/// Other rates and hops: early downsampling, hops that keep the full rate, frames that overrun.
#[test]
fn custom_profiles_are_librosas() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dsp/profiles.csv");
    let mut rows = csv::Reader::from_path(path).expect("profiles.csv");
    for row in rows.records() {
        let row = row.expect("a row");
        let profile = Profile::parse(&format!("custom:{}", &row[0])).expect("a profile");
        let numbers: Vec<f64> =
            row.iter().skip(1).map(|cell| cell.parse().expect("a number")).collect();
        // Where the hop is odd, librosa's long filters carry single-precision noise that can tip
        // the choice of a filter's last bin (here one bin of one filter).
        let slack = if profile.hop_length() % 2 == 1 { 200.0 } else { 1.0 };
        for level in Level::all() {
            let found = analyze_with(music(), &profile, level, &|| false).expect("music");
            assert!((found.tuning - numbers[0]).abs() < 1e-12, "{}: tuning", &row[0]);
            let (outside, worst) = compare(&found.values, &numbers[1..], slack);
            println!("{}: {:.1} % of the tolerance", &row[0], 100.0 * worst);
            assert!(outside.is_empty(), "{}: {outside:#?}", &row[0]);
        }
    }
}

/// The project's clips that are resampled: by `kaiser_fast` they are librosa's in every column, and by the
/// default's resampler no lossless one is.
#[test]
fn kaiser_fast_vectors_are_librosas() {
    let profile = |id: &str| Profile::parse(id).expect("a profile");
    let ours = profile("librosa-0.11-22050-kaiser_fast");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut rows = csv::Reader::from_path(folder.join("golden_kaiser_fast.csv")).expect("goldens");
    let mut checked = 0;
    for row in rows.records() {
        let row = row.expect("a row");
        let (file, class) = (&row[0], if &row[1] == "B" { Class::B } else { Class::C });
        let want: Vec<f64> = row.iter().skip(2).map(|cell| cell.parse().expect("number")).collect();
        let extract = |profile: &Profile| {
            let audio = std::fs::File::open(folder.join("audio").join(file)).expect("a clip");
            let (audio, limits) = (EncodedAudio::from_file(audio), Limits::default());
            let found = extract(audio, &Window::whole(), profile, &limits, &|| false);
            compare_in(class, &found.expect("a vector").values, &want, 1.0)
        };
        let (outside, worst) = extract(&ours);
        println!("{file}: {:.1} % of the tolerance", 100.0 * worst);
        assert!(outside.is_empty(), "{file}: {outside:#?}");
        let (outside, _) = extract(&default_profile());
        assert!(class == Class::C || !outside.is_empty(), "{file}: the default is the same");
        checked += 1;
    }
    assert_eq!(checked, 15);
}

/// The corpus' matrices for three clips, from the very PCM that librosa had.
#[test]
fn stages_are_librosas() {
    for clip in ["flamenco_cbr128_js_44k_mp3", "flamenco_picture_flac", "rnb_s16_mono_22k_wav"] {
        let Some(folder) = shared(&format!("corpus/golden/stages/{clip}")) else { return };
        let reference = |name: &str| npy(&folder.join(format!("{name}.npy")));
        let y = reference("y").f32();
        let stages = analyze_stages(y, &default_profile(), Level::detect()).expect("music");
        println!("{clip}");
        assert!((stages.tuning - reference("tuning").values[0]).abs() < 1e-12);
        check_features(&stages, reference);
        check_matrix("mel_power", &stages.mel_power, &reference("mel_power"), (1e-5, 1e-5));
        check_matrix("log_mel", &stages.log_mel, &reference("log_mel"), (1e-3, 0.0));
        check_matrix("cqt_mag", &stages.cqt_magnitude, &reference("cqt_mag"), (5e-5, 0.0));
        if folder.join("stft_mag.npy").exists() {
            check_matrix("stft", &stages.stft_magnitude, &reference("stft_mag"), (1e-4, 1e-5));
        }
    }
}

/// Every linear-PCM WAV of the corpus that is at 22,050 Hz already.
#[test]
fn corpus_vectors_are_librosas() {
    let Some(golden) = shared("corpus/golden/golden_librosa_22050.csv") else { return };
    let mut rows = csv::Reader::from_path(golden).expect("the golden file");
    let (mut checked, mut failures) = (0, Vec::new());
    for row in rows.records() {
        let row = row.expect("a row");
        let path = shared(&format!("corpus/{}", &row[0])).expect("a file of the corpus");
        let Some((y, 22050)) = wav(&path) else { continue };
        let want: Vec<f64> = row.iter().skip(1).map(|cell| cell.parse().expect("number")).collect();
        match analyze(y, &default_profile(), &|| false) {
            Ok(found) => {
                let (outside, worst) = compare(&found.values, &want, 1.0);
                println!("{}: {:.1} % of the tolerance", &row[0], 100.0 * worst);
                if !outside.is_empty() {
                    failures.push(format!("{}: {outside:#?}", &row[0]));
                }
            }
            Err(error) => failures.push(format!("{}: {error}", &row[0])),
        }
        checked += 1;
    }
    println!("{checked} files");
    assert!(checked >= 10, "only {checked} files were found");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
