//! The features of the public FMA catalogue against librosa 0.5.0 and against a model in numpy.
//!
//! A value may be off by a share of its size, or of 1e-3 where it is smaller, by family.

#![allow(clippy::print_stdout, reason = "tests say how much of a tolerance is used")]

mod oracle;

use std::collections::HashMap;
use std::path::Path;

use extractor_svc::dsp::simd::Level;
use extractor_svc::features::{Fma2017, Fma2017Error, analyze_fma_2017, fma_2017_columns};
use oracle::{committed, npy, shared, wav};

/// Families by the start of their columns, and the share that a value may be off.
const TOLERANCES: [(&str, f64); 11] = [
    ("chroma_cens", 1e-9),
    ("chroma_cqt", 2e-3),
    ("chroma_stft", 1e-4),
    ("mfcc", 1e-4),
    ("rmse", 1e-4),
    ("spectral_bandwidth", 1e-5),
    ("spectral_centroid", 1e-5),
    ("spectral_contrast", 1e-5),
    ("spectral_rolloff", 1e-9),
    ("tonnetz", 1e-9),
    ("zcr", 1e-9),
];

/// Least median share that the constant-Q chroma, whose worst values lie near zero, may be off.
const CHROMA_CQT_MEDIAN: f64 = 1e-6;

/// Reference values have ten or eleven digits.
const DIGITS: f64 = 1e-10;

/// Decibels that one rounding of a magnitude moves a peak and a valley by.
const ROUNDING_DB: f64 = 1e-6;

fn analyze(y: &[f32], sample_rate: u32, level: Level) -> Result<Fma2017, Fma2017Error> {
    analyze_fma_2017(y, sample_rate, level, &|| false)
}

fn music() -> Vec<f32> {
    committed("music_i16").values.iter().map(|&x| x as f32 / 32768.0).collect()
}

/// Columns outside their family's tolerance.
fn outside(name: &str, got: &[f32], want: &[f64]) -> Vec<String> {
    let columns = fma_2017_columns();
    assert_eq!((got.len(), want.len()), (518, 518), "{name}");
    let mut wrong = Vec::new();
    for (family, tolerance) in TOLERANCES {
        let of_family = columns.iter().zip(got.iter().zip(want));
        let of_family = of_family.filter(|(column, _)| column.starts_with(&format!("{family}_")));
        let rounding = if family == "spectral_contrast" { ROUNDING_DB } else { 0.0 };
        let share = |got: f32, want: f64| {
            let apart = ((f64::from(got) - want).abs() - rounding).max(0.0);
            apart / want.abs().max(1e-3) - DIGITS
        };
        let mut shares = Vec::new();
        for (column, (&got, &want)) in of_family {
            shares.push(share(got, want));
            if share(got, want) > tolerance {
                wrong.push(format!("{name}: {column} is {got}, not {want}"));
            }
        }
        shares.sort_by(f64::total_cmp);
        let (median, worst) = (shares[shares.len() / 2], shares[shares.len() - 1]);
        println!("{name}: {family}: {median:.1e} {worst:.1e} of {tolerance:.0e}");
        if family == "chroma_cqt" && median > CHROMA_CQT_MEDIAN {
            wrong.push(format!("{name}: the median of chroma_cqt is {median} off"));
        }
    }
    wrong
}

/// Two seconds of music at five rates, by every instruction set.
#[test]
fn vectors_are_the_models() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dsp/fma_2017.csv");
    let mut rows = csv::Reader::from_path(path).expect("fma_2017.csv");
    let columns: Vec<String> =
        rows.headers().expect("a header").iter().skip(3).map(str::to_owned).collect();
    assert_eq!(columns, fma_2017_columns());
    for row in rows.records() {
        let row = row.expect("a row");
        let numbers: Vec<f64> = row.iter().map(|cell| cell.parse().expect("a number")).collect();
        for level in Level::all() {
            let found = analyze(&music(), numbers[0] as u32, level).expect("music");
            for (got, want) in found.tunings.iter().zip(&numbers[1..3]) {
                assert!((got - want).abs() < 1e-12, "{} Hz: tuning {got}, not {want}", &row[0]);
            }
            let wrong = outside(&row[0], &found.values, &numbers[3..]);
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    }
}

/// librosa 0.5.0 on the recordings of the corpus of which the samples are at hand without a decoder.
#[test]
fn vectors_are_librosas() {
    let Some(golden) = shared("corpus/golden/fma_2017/golden_fma05.csv") else { return };
    let read = |path: &Path| -> HashMap<String, csv::StringRecord> {
        let rows = csv::Reader::from_path(path).expect("a table").into_records();
        rows.map(|row| row.expect("a row")).map(|row| (row[0].to_owned(), row)).collect()
    };
    let stages = golden.with_file_name("stages");
    let (golden, info) = (read(&golden), read(&golden.with_file_name("golden_info.csv")));
    let mut checked = 0;
    for (file, row) in &golden {
        let facts = &info[file];
        let number = |cell: &str| -> f64 { cell.parse().expect("a number") };
        let rate = number(&facts[1]) as u32;
        let name = file.rsplit('/').next().expect("a name");
        let stage = stages.join(name).join("x.npy");
        let path = shared(&format!("corpus/{file}")).expect("a file of the corpus");
        let y = if stage.exists() {
            npy(&stage).f32()
        } else if let Some((y, _)) = wav(&path) {
            y
        } else {
            continue;
        };
        let found = analyze(&y, rate, Level::detect()).expect("a vector");
        for (got, want) in found.tunings.iter().zip([&facts[5], &facts[6]]) {
            assert!((got - number(want)).abs() < 1e-12, "{file}: tuning {got}, not {want}");
        }
        let want: Vec<f64> = row.iter().skip(1).map(number).collect();
        let wrong = outside(file, &found.values, &want);
        assert!(wrong.is_empty(), "{wrong:#?}");
        checked += 1;
    }
    assert!(checked >= 5, "only {checked} recordings were found");
}

#[test]
fn what_2017_had_no_row_of_is_refused() {
    let level = Level::detect();
    for (rate, fits) in
        [(8000, false), (9711, false), (9712, true), (168_210, true), (192_000, false)]
    {
        match analyze(&music(), rate, level) {
            Ok(found) => assert!(fits && found.values.iter().all(|x| x.is_finite()), "{rate} Hz"),
            Err(Fma2017Error::SampleRate { sample_rate, .. }) => {
                assert!(!fits && sample_rate == rate, "{rate} Hz");
            }
            Err(error) => panic!("{rate} Hz: {error}"),
        }
    }
    for constant in [0.0, 0.25] {
        assert_eq!(analyze(&[constant; 30_000], 44_100, level), Err(Fma2017Error::NoPitch));
    }
    assert_eq!(analyze(&[], 44_100, level), Err(Fma2017Error::Empty));
    let cancelled = analyze_fma_2017(&music(), 44_100, level, &|| true);
    assert_eq!(cancelled, Err(Fma2017Error::Cancelled));
}

/// Shorter than the padding, than a filter, than the halvings: all values are there.
#[test]
fn short_signals_have_whole_vectors() {
    for len in [100, 129, 1023, 1024, 1025, 2049] {
        let found = analyze(&music()[5000..5000 + len], 44_100, Level::detect()).expect("a vector");
        assert!(found.values.iter().all(|value| value.is_finite()), "{len} samples");
    }
}
