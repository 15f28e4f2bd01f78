//! The features of the public FMA catalogue against librosa 0.5.0: the arithmetic, on lossless
//! recordings; and apart from it what another decoder of lossy ones changes.
//!
//! The corpus holds `golden/fma_2017/golden_fma05.csv` (`file` and the 518 columns), made from samples that
//! were not brought to 16 bits, and so are ours here.

use std::{fs::File, path::Path, sync::atomic::AtomicBool};

use extractor_svc::{
    decode::{EncodedAudio, Window, load_mono},
    dsp::simd::Level,
    features::{FMA_2017_FAMILIES, analyze_fma_2017, fma_2017_columns},
    limits::Limits,
};

use crate::corpus::{Row, rows};

/// By family in the published order: the share of a value, or of 1e-3 where it is smaller, that it may
/// be off.
const TOLERANCES: [f64; 11] = [1e-9, 2e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-9, 1e-9, 1e-9];

/// The family whose median share is held to less, as its worst values lie near zero.
const CHROMA_CQT: (&str, f64) = ("chroma_cqt", 1e-6);

/// The golden values have eleven digits.
const DIGITS: f64 = 1e-10;

/// How far the values of some recordings are off, by family.
#[derive(Default)]
struct Shares {
    files: usize,
    families: [Vec<f64>; 11],
}

impl Shares {
    fn add(&mut self, row: &Row, values: &[f32]) -> anyhow::Result<()> {
        self.files += 1;
        for (column, value) in fma_2017_columns().iter().zip(values) {
            let want: f64 = row[column].parse()?;
            let share = (f64::from(*value) - want).abs() / want.abs().max(1e-3);
            let of = |(family, _): &(&str, usize)| {
                column.strip_prefix(family).is_some_and(|rest| rest.starts_with('_'))
            };
            if let Some(family) = FMA_2017_FAMILIES.iter().position(of) {
                self.families[family].push(share);
            }
        }
        Ok(())
    }

    /// Prints the table; whether all families are within their tolerance.
    #[expect(clippy::print_stdout, reason = "the tables are the program's output")]
    fn print(&mut self, title: &str, is_judged: bool) -> bool {
        println!("| {title} | files | 50 % | 100 % | allowed | pass |\n|---|---|---|---|---|---|");
        let mut passes = self.files > 0;
        let families = FMA_2017_FAMILIES.iter().zip(&mut self.families).zip(TOLERANCES);
        for (((family, _), shares), tolerance) in families {
            shares.sort_by(f64::total_cmp);
            let median = shares.get(shares.len() / 2).copied().unwrap_or(f64::INFINITY);
            let worst = shares.last().copied().unwrap_or(f64::INFINITY);
            let median_fits = *family != CHROMA_CQT.0 || median <= CHROMA_CQT.1 + DIGITS;
            let fits = worst <= tolerance + DIGITS && median_fits;
            passes &= fits;
            let files = self.files;
            let (allowed, pass) = match (is_judged, fits) {
                (false, _) => ("not judged".to_owned(), ""),
                (true, true) => (format!("{tolerance:e}"), "yes"),
                (true, false) => (format!("{tolerance:e}"), "**NO**"),
            };
            println!("| {family} | {files} | {median:.1e} | {worst:.1e} | {allowed} | {pass} |");
        }
        println!();
        passes
    }
}

/// Compares every recording of the table; whether the arithmetic passes.
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
pub(crate) fn compare(corpus: &Path) -> anyhow::Result<bool> {
    println!("## The FMA catalogue of 2017\n");
    let (mut lossless, mut lossy) = (Shares::default(), Shares::default());
    for row in rows(&corpus.join("golden/fma_2017/golden_fma05.csv"))? {
        let file = &row["file"];
        let audio = EncodedAudio::from_file(File::open(corpus.join(file))?);
        let limits = Limits::default();
        let (y, facts) = load_mono(audio, &Window::whole(), &limits, &AtomicBool::new(false))?;
        let found = analyze_fma_2017(&y, facts.sample_rate, Level::detect(), &|| false)?;
        let is_lossless = file.ends_with(".wav") || file.ends_with(".flac");
        let shares = if is_lossless { &mut lossless } else { &mut lossy };
        shares.add(&row, &found.values)?;
    }
    let passes = lossless.print("lossless: the arithmetic", true);
    lossy.print("lossy: with our decoder", false);
    Ok(passes)
}
