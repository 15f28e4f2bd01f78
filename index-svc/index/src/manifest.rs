//! `manifest.json`: what an index is. It is written last, and its SHA-256 is the index version.
//!
//! Nothing in it depends on when, where or how fast an index was built; see [`crate::build_record`].

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use proto::features::{FeatureSchema, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    card::Card,
    curve::{self, RecallPoint},
    lineage::{Growth, ScalerFacts},
    provenance::Provenance,
    seal,
};

/// Name of the manifest in an index directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// What `format` says.
pub const FORMAT: &str = "soundalike-index";
/// The format version this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;
/// The one metric of this format.
pub const METRIC: &str = "euclidean";

/// Largest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// What an index is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub format: String,
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Profile of the vectors.
    pub profile_id: String,
    /// Builds of the extractor that the rows are of, as far as their tables say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extractor_versions: Vec<String>,
    /// Windows of the recordings that the rows are of, as far as their tables say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<String>,
    /// SHA-256 of the ordered feature names.
    pub schema_sha256: String,
    /// Ordered feature names.
    pub feature_names: Vec<String>,
    /// Number of tracks.
    pub rows: u32,
    /// Values of a vector.
    pub dims: u32,
    /// Always [`METRIC`].
    pub metric: String,
    /// What the scaler was fitted to.
    #[serde(default)]
    pub scaler: ScalerFacts,
    /// How it was grown from another version, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// How the forest was grown.
    pub forest: ForestFacts,
    /// The image of the blocks engine, where it was built.
    pub blocks: Option<BlocksFacts>,
    /// Columns kept as text attributes, in order.
    pub attribute_names: Vec<String>,
    /// What became of missing values.
    pub missing_values: MissingValues,
    /// Features indistinguishable from constant over all rows; they do not influence distances between rows.
    pub constant_features: Vec<String>,
    /// Recall at 10 of the default plan for a track with all engines that were built: that of its point of the
    /// curve, or 1 where it is exact.
    pub recall_at_10: f64,
    /// Most queries that a point of the recall curve was measured with.
    pub recall_sample: u32,
    /// Efforts by engine, kind of query, length of list and ascending target.
    pub recall_curve: Vec<RecallPoint>,
    /// What the neighbourhoods are like; none in an index of a builder that did not measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The tables it was built from, in order.
    pub sources: Vec<SourceFacts>,
    /// SHA-256 of contents, which are the same for every build from the same tables.
    pub contents: ContentDigests,
    /// Files of the directory besides the manifest, as built.
    pub files: BTreeMap<String, FileFacts>,
}

/// How the forest was grown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForestFacts {
    /// Number of trees; 0 where no forest was built.
    pub trees: u32,
    /// Seed of the random splits, of the blocks engine's tree, and of all samples.
    pub seed: u64,
    /// Radius of the paraboloid lift; see [`engine::lift`].
    pub lift_radius: f32,
}

/// The image of the blocks engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksFacts {
    /// Rows aimed at per leaf.
    pub leaf_rows: u32,
    /// The digest in the image's header, by which opening knows it without reading the file twice.
    pub digest: String,
}

/// What became of missing values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingValues {
    /// The rule: `zero`, `mean`, `drop` or `error`. Tables that were appended may have had another; see
    /// [`SourceFacts::nan`].
    pub rule: String,
    /// Missing values per feature, where there are any; dropped rows included.
    pub per_feature: BTreeMap<String, u64>,
    /// Values that were filled in.
    pub imputed_values: u64,
    /// Rows left out because a value was missing.
    pub dropped_rows: u64,
    /// Rows left out because their track id was there already.
    pub duplicate_rows: u64,
    /// What filled a missing value of each feature, in their order; empty for zeros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filled_with: Vec<f64>,
}

/// A table an index was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// File name, without folders.
    pub name: String,
    /// Size in bytes, as stored (compressed, if it is).
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Rows read from it.
    pub rows: u64,
    /// What became of its missing values; in older versions that of all, [`MissingValues::rule`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nan: Option<String>,
}

/// SHA-256 of what an index contains, lower-case hex, each over rows in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentDigests {
    /// Raw vectors, `f64` little-endian.
    pub raw_vectors: String,
    /// Scaled vectors, `f32` little-endian.
    pub scaled_vectors: String,
    /// Means, then scales, `f64` little-endian.
    pub scaler: String,
    /// Metadata records.
    pub metadata: String,
}

/// A file of the index directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// XXH3 digest, which is compared whenever the file is opened; see [`seal::quick_digest`].
    pub xxh3: String,
}

/// Why a manifest was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is not the JSON of a manifest.
    #[error("{} is not a manifest: {source}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is larger than any manifest.
    #[error("{} has {bytes} bytes, expected at most {MAX_MANIFEST_BYTES}", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The index has a format this program does not read.
    #[error(
        "index format is `{format}` version {version}, expected `{FORMAT}` version {FORMAT_VERSION}; build the \
         index again from its tables, or open it with the program that built it"
    )]
    Format {
        /// Its format.
        format: String,
        /// Its version.
        version: u32,
    },
    /// The seal is missing or is not that of the text: the file was changed after it was written.
    #[error("{} was changed after it was written; restore it, or build the index again", path.display())]
    Seal {
        /// Which file.
        path: PathBuf,
    },
    /// A field contradicts another or is out of range.
    #[error("manifest: {field} is {got}, expected {expected}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Its value.
        got: String,
        /// What it must be.
        expected: String,
    },
}

impl ManifestError {
    /// Whether the same call may be answered later, with nothing changed by anybody. Exhaustive, so that
    /// every new error is decided on.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io { source, .. } => engine::io_is_passing(source),
            Self::Json { .. }
            | Self::TooLarge { .. }
            | Self::Format { .. }
            | Self::Seal { .. }
            | Self::Field { .. } => false,
        }
    }
}

/// The two fields that every format version has.
#[derive(Deserialize)]
struct FormatOnly {
    format: String,
    format_version: u32,
}

impl Manifest {
    /// What made the rows.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance {
            extractor_versions: self.extractor_versions.clone(),
            windows: self.windows.clone(),
        }
    }

    /// Reads and checks the manifest of the index at `directory`; returns the index version too.
    ///
    /// # Errors
    /// When it is missing, not a manifest, of another format, or contradicts itself.
    pub fn read(directory: &Path) -> Result<(Self, String), ManifestError> {
        let path = directory.join(MANIFEST_FILE);
        let failed = |source| ManifestError::Io { path: path.clone(), source };
        let bytes = fs::metadata(&path).map_err(failed)?.len();
        if bytes > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { path, bytes });
        }
        let mut text = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text))
            .map_err(failed)?;
        Self::from_text(&text, &path)
    }

    /// As [`Self::read`], from the text of the file at `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_text(text: &[u8], path: &Path) -> Result<(Self, String), ManifestError> {
        let not_json = |source| ManifestError::Json { path: path.to_owned(), source };
        let FormatOnly { format, format_version } =
            serde_json::from_slice(text).map_err(not_json)?;
        if format != FORMAT || format_version != FORMAT_VERSION {
            return Err(ManifestError::Format { format, version: format_version });
        }
        if !seal::is_sealed(text) {
            return Err(ManifestError::Seal { path: path.to_owned() });
        }
        let manifest: Self = serde_json::from_slice(text).map_err(not_json)?;
        manifest.check()?;
        Ok((manifest, version_of(text)))
    }

    /// Writes the manifest and flushes it; returns the index version.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<String, ManifestError> {
        let path = directory.join(MANIFEST_FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| ManifestError::Json { path: path.clone(), source })?;
        let text = seal::sealed(text);
        File::create(&path)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .map_err(|source| ManifestError::Io { path, source })?;
        Ok(version_of(&text))
    }

    /// What became of missing values in a row of its tables, counted from 0 over all of them.
    #[must_use]
    pub fn nan_rule(&self, row: u64) -> &str {
        let mut end = 0_u64;
        let source = self.sources.iter().find(|source| {
            end = end.saturating_add(source.rows);
            row < end
        });
        let rule = source.and_then(|source| source.nan.as_deref());
        rule.unwrap_or(&self.missing_values.rule)
    }

    /// The schema of the vectors.
    #[must_use]
    pub fn schema(&self) -> FeatureSchema {
        FeatureSchema::from_names(self.feature_names.clone())
    }

    fn check(&self) -> Result<(), ManifestError> {
        let field = |field, got: String, expected: String| {
            Err(ManifestError::Field { field, got, expected })
        };
        if self.feature_names.len() != self.dims as usize || self.dims == 0 {
            let names = self.feature_names.len();
            return field("dims", self.dims.to_string(), format!("the {names} feature names"));
        }
        let digest = self.schema().sha256();
        if digest != self.schema_sha256 {
            return field(
                "schema_sha256",
                self.schema_sha256.clone(),
                format!("{digest}, by its names"),
            );
        }
        if self.metric != METRIC {
            return field("metric", self.metric.clone(), METRIC.to_owned());
        }
        if self.profile_id.is_empty() {
            return field("profile_id", "empty".to_owned(), "a profile".to_owned());
        }
        if self.rows == 0 || self.rows == u32::MAX {
            return field("rows", self.rows.to_string(), "1 to 4294967294".to_owned());
        }
        if self.forest.trees == 0 && self.blocks.is_none() {
            return field("forest.trees", "0".to_owned(), "1 or more, or blocks".to_owned());
        }
        if self.scaler.fitted_rows.is_some_and(|rows| rows == 0 || rows > self.rows) {
            let got = format!("{:?}", self.scaler.fitted_rows);
            return field("scaler.fitted_rows", got, format!("1 to {}", self.rows));
        }
        if !curve::is_sound(&self.recall_curve) {
            let expected = "ascending points, recalls of 0 to 1, efforts of 0 or more".to_owned();
            return field("recall_curve", format!("{:?}", self.recall_curve), expected);
        }
        Ok(())
    }
}

fn version_of(manifest: &[u8]) -> String {
    hex(&Sha256::digest(manifest))
}

/// Size and digests of a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_facts(path: &Path) -> Result<FileFacts, ManifestError> {
    let failed = |source| ManifestError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(read) => {
                digest.update(&block[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let xxh3 = seal::quick_digest(path).map_err(failed)?;
    Ok(FileFacts { bytes, sha256: hex(&digest.finalize()), xxh3 })
}
