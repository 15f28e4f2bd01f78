//! `cargo parity CORPUS`: extracts every recording of a corpus and prints how far each family is
//! from librosa's golden vectors, class by class. Exit code 1 when a bound is broken.
//!
//! CORPUS holds `MANIFEST.csv` (`file, kind, sample_rate, codec`), `golden/golden_librosa_22050.csv`
//! (`file` and the 74 columns) and `golden/conditioning.csv` (`file, zero_frames_frac`).

mod bounds;
mod corpus;
mod report;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use extractor_svc::{
    batch::{Pace, for_each_ordered},
    decode::EncodedAudio,
    error::ExtractError,
    limits::Limits,
    pipeline,
    profile::Profile,
    window::Window,
};
use proto::features::{DEFAULT_PROFILE, FeatureSchema};

use crate::{
    corpus::Corpus,
    report::{Outcome, Report},
};

/// Compares the extractor with librosa's golden vectors over a corpus.
#[derive(Parser)]
struct Args {
    /// Folder of the corpus.
    corpus: PathBuf,
    /// Files that are not expected to agree: CSV of file, reason code, why.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/parity_exceptions.csv"))]
    exceptions: PathBuf,
    /// Also print the worst value of each file, worst first.
    #[arg(long)]
    files: bool,
    /// Files worked on at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[expect(clippy::print_stdout, reason = "the table is the program's output")]
fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let schema = FeatureSchema::librosa();
    let corpus = Corpus::read(&args.corpus, &args.exceptions, &schema)?;
    let profile = Profile::parse(DEFAULT_PROFILE)?;
    let mut values = Vec::with_capacity(corpus.recordings.len());
    for_each_ordered(
        corpus.recordings.iter(),
        Pace::wide(args.jobs),
        |recording| extract(&args.corpus.join(&recording.file), &profile),
        |outcome| -> anyhow::Result<()> {
            values.push(outcome);
            Ok(())
        },
    )?;
    let outcomes: Vec<_> = corpus
        .recordings
        .iter()
        .zip(values)
        .map(|(recording, values)| Outcome::new(recording, values))
        .collect();
    let report = Report::new(&schema, &outcomes);
    if args.files {
        println!("{}", report.worst_files());
    }
    println!("{report}");
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn extract(path: &Path, profile: &Profile) -> Result<Vec<f64>, ExtractError> {
    let file = File::open(path)
        .map_err(|source| ExtractError::SourceFailed { detail: source.to_string() })?;
    let audio = EncodedAudio::from_file(file);
    pipeline::extract(audio, &Window::whole(), profile, &Limits::default(), &|| false)
        .map(|extraction| extraction.values)
}

/// A CSV file's records as name-to-value look-ups.
fn read_csv(path: &Path) -> anyhow::Result<(csv::StringRecord, Vec<csv::StringRecord>)> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    let records = reader.into_records().collect::<Result<_, _>>()?;
    Ok((header, records))
}
