//! Reads a corpus: which recordings, their class, their golden vectors, and which are exceptions.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, bail, ensure};
use proto::features::{FAMILIES, FeatureSchema};

use crate::bounds::{Class, SENSITIVITY_FACTOR, STATISTICS, bound};

/// The profile's rate, at which nothing is resampled.
const RATE: &str = "22050";

/// One recording with a golden vector.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) file: String,
    /// What stands between the golden vector and ours, digital silence aside.
    pub(crate) class: Class,
    pub(crate) golden: Vec<f64>,
    /// In class D: how far librosa is from itself, column by column, when its input moves in the
    /// last digit.
    pub(crate) sensitivity: Option<Vec<f64>>,
    pub(crate) exception: Option<Exception>,
    /// Broken on purpose: extracted however much of it is lost.
    pub(crate) damaged: bool,
}

impl Recording {
    /// A sound recording with nothing special about it.
    pub(crate) fn new(file: String, class: Class, golden: Vec<f64>) -> Self {
        Self { file, class, golden, sensitivity: None, exception: None, damaged: false }
    }

    /// The class of the table that it is in.
    pub(crate) fn table_class(&self) -> Class {
        if self.sensitivity.is_some() { Class::D } else { self.class }
    }

    /// Whether librosa, by its distance from itself, leaves the bound of the recording's class. In
    /// class A both have the same samples, and nothing moves.
    fn is_unsettled(&self, own: &[f64]) -> bool {
        if self.class == Class::A {
            return false;
        }
        let bounds = columns()
            .zip(&self.golden)
            .map(|((family, statistic), want)| bound(family, statistic, self.class).at(*want));
        bounds.zip(own).any(|(bound, own)| *own > bound)
    }

    /// Deviation and deviation in units of the bound of every column.
    pub(crate) fn deviations(&self, values: &[f64]) -> Vec<Deviation> {
        columns()
            .zip(values.iter().zip(&self.golden))
            .enumerate()
            .map(|(at, ((family, statistic), (got, want)))| {
                let own = self.sensitivity.as_ref().map_or(0.0, |own| SENSITIVITY_FACTOR * own[at]);
                let bound = bound(family, statistic, self.class).at(*want).max(own);
                let absolute = (got - want).abs();
                let factor = absolute / bound.max(f64::MIN_POSITIVE);
                Deviation { family, statistic, absolute, factor }
            })
            .collect()
    }

    /// The worst value in units of its bound, and its column.
    pub(crate) fn worst(&self, schema: &FeatureSchema, values: &[f64]) -> (f64, String) {
        self.deviations(values)
            .iter()
            .map(|deviation| deviation.factor)
            .zip(schema.names())
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or((f64::INFINITY, String::new()), |(factor, name)| (factor, name.clone()))
    }
}

/// Family and statistic of every column.
fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAMILIES.iter().flat_map(|(family, rows)| {
        STATISTICS
            .iter()
            .flat_map(move |statistic| std::iter::repeat_n((*family, *statistic), *rows))
    })
}

/// How far one value is from librosa's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    pub(crate) family: &'static str,
    pub(crate) statistic: &'static str,
    pub(crate) absolute: f64,
    /// In units of the bound.
    pub(crate) factor: f64,
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
    /// Reads the corpus in `folder` with the vectors of its table `golden`.
    pub(crate) fn read(
        folder: &Path,
        golden: &str,
        exceptions: &Path,
        profile: &str,
        schema: &FeatureSchema,
    ) -> anyhow::Result<Self> {
        let manifest = rows_by_file(&folder.join("MANIFEST.csv"))?;
        let conditioning = rows_by_file(&folder.join("golden/conditioning.csv"))?;
        let sensitivity = rows_by_file(&folder.join("golden/self_sensitivity.csv"))?;
        let mut exceptions = rows_by_file(exceptions)?;
        exceptions.retain(|_, row| row["profile"].is_empty() || row["profile"] == profile);
        let mut recordings = Vec::new();
        for row in rows(&folder.join("golden").join(golden))? {
            let file = row["file"].clone();
            let entry =
                manifest.get(&file).with_context(|| format!("{file}: not in the manifest"))?;
            let own = sensitivity.get(&file);
            let is_positive = |row: Option<&Row>, column: &str| -> anyhow::Result<bool> {
                row.map_or(Ok(false), |row| Ok(row[column].parse::<f64>()? > 0.0))
            };
            let silent = is_positive(conditioning.get(&file), "zero_frames_frac")?
                || is_positive(own, "zero_share")?;
            ensure!(own.is_some() || !silent, "{file}: silent frames, no sensitivity");
            let own = own.map(|own| vector(own, schema)).transpose()?;
            let exception =
                exceptions.remove(&file).map(|row| Exception { code: row["code"].clone() });
            let class = class(&entry["codec"], &entry["sample_rate"]);
            let mut recording = Recording::new(file, class, vector(&row, schema)?);
            recording.sensitivity = own.filter(|own| silent || recording.is_unsettled(own));
            recording.exception = exception;
            recording.damaged = entry["kind"] == "bad";
            recordings.push(recording);
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

/// A CSV file's record, by column.
pub(crate) type Row = HashMap<String, String>;

/// The 74 values of a row, by name, in the schema's order.
pub(crate) fn vector(row: &Row, schema: &FeatureSchema) -> anyhow::Result<Vec<f64>> {
    let value = |name: &String| -> anyhow::Result<f64> {
        let file = &row["file"];
        let cell = row.get(name).with_context(|| format!("{file}: no column {name}"))?;
        cell.parse().with_context(|| format!("{file}: {name} is `{cell}`"))
    };
    schema.names().iter().map(value).collect()
}

/// The records of a CSV file that has a column `file`.
pub(crate) fn rows(path: &Path) -> anyhow::Result<Vec<Row>> {
    let mut reader =
        csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.headers()?.clone();
    ensure!(header.iter().any(|name| name == "file"), "{}: no file", path.display());
    let row = |record: csv::StringRecord| -> Row {
        header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
    };
    reader.into_records().map(|record| Ok(row(record?))).collect()
}

fn rows_by_file(path: &Path) -> anyhow::Result<HashMap<String, Row>> {
    Ok(rows(path)?.into_iter().map(|row| (row["file"].clone(), row)).collect())
}
