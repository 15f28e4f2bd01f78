//! Reads a corpus: which recordings, their class, their golden vectors, and which are exceptions.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, bail, ensure};
use proto::features::FeatureSchema;

use crate::{bounds::Class, read_csv};

/// The profile's rate, at which nothing is resampled.
const RATE: &str = "22050";

/// One recording with a golden vector.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) file: String,
    pub(crate) class: Class,
    pub(crate) golden: Vec<f64>,
    /// Has digitally silent frames, on which scale-free features are undefined to the last bit.
    pub(crate) silent_frames: bool,
    pub(crate) exception: Option<Exception>,
}

/// Why a recording is not expected to agree.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    /// `DIFFERS`, or the reason with which it is refused.
    pub(crate) code: String,
}

#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) recordings: Vec<Recording>,
}

impl Corpus {
    pub(crate) fn read(
        folder: &Path,
        exceptions: &Path,
        schema: &FeatureSchema,
    ) -> anyhow::Result<Self> {
        let manifest = rows_by_file(&folder.join("MANIFEST.csv"))?;
        let conditioning = rows_by_file(&folder.join("golden/conditioning.csv"))?;
        let mut exceptions = rows_by_file(exceptions)?;
        let golden = rows_by_file(&folder.join("golden/golden_librosa_22050.csv"))?;
        let mut recordings = Vec::new();
        for (file, row) in golden {
            let entry =
                manifest.get(&file).with_context(|| format!("{file}: not in the manifest"))?;
            if entry["kind"] == "bad" {
                continue;
            }
            let value = |name: &String| -> anyhow::Result<f64> {
                let cell = row.get(name).with_context(|| format!("{file}: no column {name}"))?;
                cell.parse().with_context(|| format!("{file}: {name} is `{cell}`"))
            };
            let values = schema.names().iter().map(value).collect::<anyhow::Result<Vec<f64>>>()?;
            let silent_frames = match conditioning.get(&file) {
                Some(row) => row["zero_frames_frac"].parse::<f64>()? > 0.0,
                None => false,
            };
            let exception =
                exceptions.remove(&file).map(|row| Exception { code: row["code"].clone() });
            let class = class(&entry["codec"], &entry["sample_rate"]);
            recordings.push(Recording { file, class, golden: values, silent_frames, exception });
        }
        if let Some(unknown) = exceptions.keys().next() {
            bail!("{unknown} is listed as an exception and is not in the corpus");
        }
        ensure!(!recordings.is_empty(), "no recordings in {}", folder.display());
        recordings.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(Self { recordings })
    }
}

fn class(codec: &str, sample_rate: &str) -> Class {
    let lossless = matches!(codec, "flac" | "alac") || codec.starts_with("pcm_");
    match (lossless, sample_rate) {
        (true, RATE) => Class::A,
        (true, _) => Class::B,
        (false, _) => Class::C,
    }
}

type Row = HashMap<String, String>;

fn rows_by_file(path: &Path) -> anyhow::Result<HashMap<String, Row>> {
    let (header, records) = read_csv(path)?;
    let row = |record: &csv::StringRecord| -> Row {
        header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
    };
    records
        .iter()
        .map(row)
        .map(|row| {
            let file = row.get("file").with_context(|| format!("{}: no file", path.display()))?;
            Ok((file.clone(), row))
        })
        .collect()
}
