//! The project's test audio (`extractor-svc/testdata`) and librosa's vector of each clip.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use proto::features::FeatureSchema;

use crate::{binaries::project_root, close::Class};

/// One clip and what librosa says about it.
#[derive(Clone, Debug)]
pub struct Clip {
    /// File name in `testdata/audio`.
    pub file: String,
    /// What lies between the file and its samples.
    pub class: Class,
    /// librosa's 74 values, in schema order.
    pub golden: Vec<f64>,
    /// Samples at 22,050 Hz as librosa counts them.
    pub samples_22050: u32,
}

/// Folder of the clips.
#[must_use]
pub fn audio_folder() -> PathBuf {
    project_root().join("extractor-svc/testdata/audio")
}

/// The bytes of a clip.
///
/// # Errors
/// When there is no such clip.
pub fn read(file: &str) -> Result<Vec<u8>> {
    let path = audio_folder().join(file);
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// All clips that have a vector, in the table's order.
///
/// # Errors
/// When the tables cannot be read or do not carry the schema's columns by name.
pub fn all() -> Result<Vec<Clip>> {
    let folder = project_root().join("extractor-svc/testdata");
    let schema = FeatureSchema::librosa();
    let mut lengths = csv::Reader::from_path(folder.join("clips.csv"))?;
    let column = |headers: &csv::StringRecord, name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .with_context(|| format!("no column {name}"))
    };
    let length_headers = lengths.headers()?.clone();
    let (file_at, length_at) =
        (column(&length_headers, "file")?, column(&length_headers, "frames_22050")?);
    let lengths: Vec<_> = lengths.records().collect::<Result<_, _>>()?;

    let mut table = csv::Reader::from_path(folder.join("golden.csv"))?;
    let headers = table.headers()?.clone();
    let columns: Vec<_> =
        schema.names().iter().map(|name| column(&headers, name)).collect::<Result<_>>()?;
    ensure!(headers.len() == 2 + columns.len(), "golden.csv has columns nobody knows");
    table
        .records()
        .map(|row| {
            let row = row?;
            let length = lengths.iter().find(|other| other[file_at] == row[0]);
            Ok(Clip {
                file: row[0].to_owned(),
                class: row[1].parse()?,
                golden: columns.iter().map(|&at| Ok(row[at].parse()?)).collect::<Result<_>>()?,
                samples_22050: length.context("a clip without a length")?[length_at].parse()?,
            })
        })
        .collect()
}
