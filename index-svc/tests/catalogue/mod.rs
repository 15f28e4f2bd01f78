//! Small catalogues and their tables, the same on every machine.

#![allow(dead_code, reason = "every test binary uses a part")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use index_svc::builder::{BuildEngines, BuildPlan, DuplicateRule, NanRule};
use proto::features::{DEFAULT_PROFILE, DIMS, FeatureSchema};

/// `n` values of `[0, 1)`: the top 53 bits of a 64-bit linear congruential generator, as in
/// `testdata/*.py`.
pub(crate) fn lcg(seed: u64, n: usize) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 * 2.0_f64.powi(-53)
        })
        .collect()
}

/// The catalogue of `testdata/make_answers_golden.py`.
pub(crate) fn golden_rows() -> Vec<Vec<f64>> {
    let unit = lcg(2026, 400 * DIMS);
    let mut rows: Vec<Vec<f64>> = unit.chunks_exact(DIMS).map(spread).collect();
    for row in &mut rows {
        row[5] = 3.25;
    }
    rows[100] = rows[0].clone();
    rows[200] = rows[0].clone();
    rows
}

/// A vector of that distribution that is not in it.
pub(crate) fn held_out() -> Vec<f64> {
    let mut row = spread(&lcg(7, DIMS));
    row[5] = 3.25;
    row
}

fn spread(unit: &[f64]) -> Vec<f64> {
    let column = (0..).map(f64::from);
    unit.iter().zip(column).map(|(u, j): (&f64, f64)| (u - 0.5) * (1.0 + j) + 10.0 * j).collect()
}

/// Writes rows as CSV with ids `t0`, `t1`, …; `name` renames feature columns.
pub(crate) fn write_csv(path: &Path, rows: &[Vec<f64>], name: impl Fn(&str) -> String) {
    fs::write(path, csv_text(rows, name)).expect("the folder is writable");
}

/// The text of [`write_csv`].
pub(crate) fn csv_text(rows: &[Vec<f64>], name: impl Fn(&str) -> String) -> String {
    let mut text = "track_id,track_title,artist_name,album_title,genre".to_owned();
    for column in FeatureSchema::librosa().names() {
        write!(text, ",{}", name(column)).expect("memory");
    }
    text.push('\n');
    for (i, row) in rows.iter().enumerate() {
        write!(text, "t{i},Title {i},\"Artist, {}\",Album,g{}", i % 7, i % 3).expect("memory");
        for value in row {
            if value.is_nan() {
                text.push(',');
            } else {
                write!(text, ",{value:?}").expect("memory");
            }
        }
        text.push('\n');
    }
    text
}

/// A plan with the defaults of the command line.
pub(crate) fn plan(inputs: Vec<PathBuf>, output: PathBuf) -> BuildPlan {
    BuildPlan {
        inputs,
        output,
        profile: Some(DEFAULT_PROFILE.to_owned()),
        engines: BuildEngines::Both,
        trees: 50,
        seed: 42,
        nan: NanRule::Zero,
        duplicates: DuplicateRule::Error,
        all_columns: false,
    }
}
