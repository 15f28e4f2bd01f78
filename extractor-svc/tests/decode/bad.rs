//! Broken and hostile files: each has an outcome, in bounded time, and a word where it is not
//! librosa's.

use std::collections::BTreeMap;
use std::time::Duration;

use extractor_svc::decode::EncodedAudio;
use extractor_svc::decode::Window;
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;
use extractor_svc::pipeline::{self, Extraction};
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;
use rustix::time::{ClockId, clock_gettime};

use crate::shared;

/// Longest processor time for one file, in a build that is not optimised for speed.
const MAX_TIME: Duration = Duration::from_secs(2);

/// One line of `testdata/hostile.csv`.
#[derive(Debug)]
struct Line {
    file: String,
    /// `VECTOR`, or the reason of the refusal, where any damage is accepted.
    outcome: String,
    /// Frames that the vector is of.
    frames: String,
    /// Codes of the findings, with spaces between.
    warnings: String,
    /// Why the outcome is not librosa's, where it is not.
    unlike_librosa: String,
    /// The reason where the default limits refuse what has a vector otherwise.
    refused_by_default: String,
}

fn table() -> Vec<Line> {
    let mut table = csv::Reader::from_reader(include_str!("../../testdata/hostile.csv").as_bytes());
    let lines = table.records().map(Result::unwrap).map(|row| {
        let [file, outcome, frames, warnings, unlike_librosa, refused_by_default] =
            [0, 1, 2, 3, 4, 5].map(|i| row[i].to_owned());
        Line { file, outcome, frames, warnings, unlike_librosa, refused_by_default }
    });
    lines.collect()
}

fn extract(bytes: Vec<u8>, profile: &Profile, max_damage: f64) -> Result<Extraction, ExtractError> {
    let audio = EncodedAudio::from_bytes(bytes);
    let limits = Limits { max_damage, ..Limits::default() };
    pipeline::extract(audio, &Window::whole(), profile, &limits, &|| false)
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a clock that is not negative")
}

#[test]
fn every_broken_file_has_its_outcome() {
    let Some(corpus) = shared::corpus() else { return };
    let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
    let mut wrong = Vec::new();
    for line in table() {
        let bytes = shared::bytes(&corpus.join("bad").join(&line.file));
        let start = processor_time();
        let result = extract(bytes, &profile, 1.0);
        let took = processor_time() - start;
        let got = match &result {
            Ok(found) => {
                assert!(found.values.iter().all(|value| value.is_finite()), "{line:?}");
                let warnings: Vec<_> =
                    found.source.warnings.iter().map(|warning| warning.code.name()).collect();
                ("VECTOR", found.source.frames.to_string(), warnings.join(" "))
            }
            Err(error) => (error.reason(), String::new(), String::new()),
        };
        if got != (&line.outcome[..], line.frames.clone(), line.warnings.clone()) || took > MAX_TIME
        {
            let error = result.err();
            wrong.push(format!("{got:?} in {took:?}, expected {line:?}; {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn damage_is_refused_by_default() {
    let Some(corpus) = shared::corpus() else { return };
    let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
    let mut wrong = Vec::new();
    for line in table().into_iter().filter(|line| line.outcome == "VECTOR") {
        let bytes = shared::bytes(&corpus.join("bad").join(&line.file));
        let result = extract(bytes, &profile, Limits::default().max_damage);
        let refused = result.err().map_or("", |error| error.reason());
        if refused != line.refused_by_default {
            wrong.push(format!("{refused:?}, expected {line:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_broken_file_is_listed() {
    let Some(corpus) = shared::corpus() else { return };
    let entries = std::fs::read_dir(corpus.join("bad")).unwrap();
    let mut there: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    let mut listed: Vec<String> = table().into_iter().map(|line| line.file).collect();
    listed.sort_unstable();
    assert_eq!(there, listed);
}

/// A refusal agrees with any failure of librosa, and with its "silent or empty"; a vector agrees
/// with one of as many frames.
#[test]
fn what_is_unlike_librosa_is_explained() {
    let Some(corpus) = shared::corpus() else { return };
    let mut golden = csv::Reader::from_path(corpus.join("golden/decode_info.csv")).unwrap();
    let column = |name: &str, headers: &csv::StringRecord| {
        headers.iter().position(|header| header == name).unwrap()
    };
    let headers = golden.headers().unwrap().clone();
    let [file, frames, status] =
        ["file", "native_frames", "status"].map(|name| column(name, &headers));
    let librosa: BTreeMap<String, String> = golden
        .records()
        .map(Result::unwrap)
        .filter_map(|row| {
            let name = row[file].strip_prefix("bad/")?.to_owned();
            Some((name, if &row[status] == "ok" { row[frames].to_owned() } else { String::new() }))
        })
        .collect();
    let mut wrong = Vec::new();
    for line in table() {
        let differs = librosa[&line.file] != line.frames;
        if differs == line.unlike_librosa.is_empty() {
            wrong.push(format!("librosa: {:?} frames; {line:?}", librosa[&line.file]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
