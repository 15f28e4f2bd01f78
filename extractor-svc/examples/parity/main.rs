//! `cargo parity CORPUS`: extracts every recording of a corpus and prints how far each family is
//! from librosa's golden vectors, class by class; then what became of damaged files and of the field
//! cases. Exit code 1 when a bound is broken or a case does not pass.
//!
//! CORPUS holds `MANIFEST.csv` (`file, kind, sample_rate, codec`) and in `golden/`
//! `golden_librosa_22050.csv` (`file` and the 74 columns), `conditioning.csv` (`file,
//! zero_frames_frac`) and `self_sensitivity.csv` (`file, zero_share` and the 74 columns); for the field
//! cases see `field.rs`, for the catalogue `fma.rs`.

mod bounds;
mod corpus;
mod damaged;
mod field;
mod fma;
mod report;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
};

use clap::Parser;
use extractor_svc::{
    batch::{Pace, for_each_ordered},
    decode::{EncodedAudio, Window, load_mono},
    dsp::{resample::Resampler, simd::Level},
    error::ExtractError,
    features::analyze_with,
    limits::Limits,
    pipeline,
    recipe::Profile,
};
use proto::features::{DEFAULT_PROFILE, FeatureSchema};

use crate::{
    bounds::Class,
    corpus::{Corpus, Recording},
    field::Case,
    report::{Outcome, Report},
};

/// Profiles that are compared, the default first, and the tables of their vectors.
const PROFILES: [(&str, &str); 2] = [
    (DEFAULT_PROFILE, "golden_librosa_22050.csv"),
    ("librosa-0.11-22050-kaiser_fast", "golden_librosa_22050_kaiser_fast.csv"),
];

/// Compares the extractor with librosa's golden vectors over a corpus.
#[derive(Parser)]
struct Args {
    /// Folder of the corpus.
    corpus: PathBuf,
    /// Files that are not expected to agree: CSV of file, reason code, why, and the profile if it is one.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/parity_exceptions.csv"))]
    exceptions: PathBuf,
    /// What is expected of the field cases: CSV of file, class, reason codes, words of the refusal.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/field_cases.csv"))]
    field_cases: PathBuf,
    /// Also print the worst value of each file, worst first.
    #[arg(long)]
    files: bool,
    /// Print and judge the field cases only.
    #[arg(long)]
    field_only: bool,
    /// Extract lossless recordings by every instruction set that this processor has.
    #[arg(long)]
    every_level: bool,
    /// Files worked on at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let schema = FeatureSchema::librosa();
    let mut passes = true;
    for (profile, golden) in PROFILES.iter().filter(|_| !args.field_only) {
        println!("## {profile}\n");
        passes &= compare(&args, &schema, &Runner::new(profile, &args)?, golden)?;
    }
    if !args.field_only {
        passes &= fma::compare(&args.corpus)?;
    }
    let runner = Runner::new(DEFAULT_PROFILE, &args)?;
    let cases = Case::read(&args.corpus, &args.field_cases, &schema)?;
    let paths = cases.iter().map(|case| args.corpus.join(&case.path));
    let values = runner.extract(paths, &Limits::default())?;
    println!("{}", field::HEAD);
    let mut failed = 0;
    for (case, values) in cases.iter().zip(&values) {
        let verdict = case.judge(&schema, values);
        println!("{verdict}");
        failed += usize::from(!verdict.passes);
    }
    println!("\n{} of {} field cases pass", cases.len() - failed, cases.len());
    passes &= failed == 0;
    println!("{}", if passes { "parity holds" } else { "parity is broken" });
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tables of one profile; whether it passes.
#[expect(clippy::print_stdout, reason = "the tables are the program's output")]
fn compare(
    args: &Args,
    schema: &FeatureSchema,
    runner: &Runner,
    golden: &str,
) -> anyhow::Result<bool> {
    let corpus = Corpus::read(&args.corpus, golden, &args.exceptions, runner.profile.id(), schema)?;
    let (damaged, sound): (Vec<_>, Vec<_>) =
        corpus.recordings.iter().partition(|recording| recording.damaged);
    let paths = sound.iter().map(|recording| args.corpus.join(&recording.file));
    let values = runner.extract(paths, &Limits::default())?;
    let others = sound.iter().map(|recording| runner.extract_otherwise(recording, &args.corpus));
    let outcomes: Vec<_> = sound
        .iter()
        .zip(values)
        .zip(others)
        .map(|((recording, values), others)| Outcome::new(recording, values, others))
        .collect();
    let report = Report::new(schema, &outcomes);
    if args.files {
        println!("{}", report.worst_files());
    }
    println!("{report}\n");
    let mut passes = report.passes();

    println!("{}", damaged::HEAD);
    let paths = || damaged.iter().map(|recording| args.corpus.join(&recording.file));
    let lenient = Limits { max_damage: 1.0, ..Limits::default() };
    let values = runner.extract(paths(), &lenient)?;
    let by_default = runner.extract(paths(), &Limits::default())?;
    for ((recording, values), by_default) in damaged.iter().zip(&values).zip(&by_default) {
        let line = damaged::Line::new(schema, recording, values, by_default);
        println!("{line}");
        passes &= line.passes;
    }
    println!();
    Ok(passes)
}

/// Extracts many files at a time.
struct Runner {
    every_level: bool,
    profile: Profile,
    jobs: usize,
}

impl Runner {
    fn new(profile: &str, args: &Args) -> anyhow::Result<Self> {
        let profile = Profile::parse(profile)?;
        Ok(Self { profile, jobs: args.jobs, every_level: args.every_level })
    }

    /// The vectors of `paths`, in their order.
    fn extract(
        &self,
        paths: impl Iterator<Item = PathBuf> + Send,
        limits: &Limits,
    ) -> anyhow::Result<Vec<Result<Vec<f64>, ExtractError>>> {
        let mut values = Vec::new();
        for_each_ordered(
            paths,
            Pace::wide(self.jobs),
            |path| extract(&path, &self.profile, limits),
            |outcome| -> anyhow::Result<()> {
                values.push(outcome);
                Ok(())
            },
        )?;
        Ok(values)
    }

    /// The vectors of a lossless recording by the instruction sets below the best.
    fn extract_otherwise(&self, recording: &Recording, corpus: &Path) -> Vec<Vec<f64>> {
        let levels = Level::all().filter(|level| *level != Level::detect());
        if !self.every_level || recording.class == Class::C {
            return Vec::new();
        }
        // A recording that fails has its say in the pipeline's own outcome.
        let path = corpus.join(&recording.file);
        levels.filter_map(|level| extract_by(&path, &self.profile, level).ok()).collect()
    }
}

/// What the pipeline does, by a given instruction set from the resampler on.
fn extract_by(path: &Path, profile: &Profile, level: Level) -> anyhow::Result<Vec<f64>> {
    let audio = EncodedAudio::from_file(File::open(path)?);
    let go_on = AtomicBool::new(false);
    let (y, source) = load_mono(audio, &Window::whole(), &Limits::default(), &go_on)?;
    let (kind, rate) = (profile.recipe().resampler, profile.sample_rate());
    let mut resampler = Resampler::with_level(kind, source.sample_rate, rate, level);
    let mut signal = Vec::new();
    resampler.push(&y, &mut signal);
    resampler.finish(&mut signal);
    Ok(analyze_with(signal, profile, level, &|| false)?.values)
}

fn extract(path: &Path, profile: &Profile, limits: &Limits) -> Result<Vec<f64>, ExtractError> {
    let file = File::open(path)
        .map_err(|source| ExtractError::SourceFailed { detail: source.to_string() })?;
    let audio = EncodedAudio::from_file(file);
    pipeline::extract(audio, &Window::whole(), profile, limits, &|| false)
        .map(|extraction| extraction.values)
}
