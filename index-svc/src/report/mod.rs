//! What a validation found, and its forms: text, JSON, JUnit XML, and a page with pictures.
//!
//! Belongs here: presentation. Does not: measuring ([`crate::validation`]).

mod html;
mod junit;
mod pictures;
mod text;

use std::{collections::BTreeMap, fmt::Display};

use serde::Serialize;

pub use self::{html::DrawingError, pictures::Pictures};
use index::{
    build_record::BuildRecord,
    card::Card,
    curve::RecallPoint,
    manifest::{MissingValues, SourceFacts},
};

use crate::{gate::Figures, searcher::Searcher, verify::Check};

/// Outcome of a validation.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every check passed.
    pub passed: bool,
    /// Checks in the order they were made; thresholds come last.
    pub checks: Vec<Check>,
    /// What was measured; none of an index that could not be read.
    #[serde(flatten)]
    pub findings: Option<Findings>,
    /// How many of the checks are thresholds.
    #[serde(skip)]
    pub gates: usize,
    /// What the page draws.
    #[serde(skip)]
    pub pictures: Option<Pictures>,
}

/// What was measured of an index.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// Its version.
    pub index_version: String,
    /// Profile of its vectors.
    pub profile_id: String,
    /// SHA-256 of the ordered feature names.
    pub schema_sha256: String,
    /// Number of tracks.
    pub tracks: u32,
    /// Number of features.
    pub features: u32,
    /// Trees of the forest; 0 without one.
    pub trees: u32,
    /// Seed of samples and engines.
    pub seed: u64,
    /// When it was built, and by which program, where that is known.
    pub build: Option<BuildRecord>,
    /// Tables it was built from.
    pub sources: Vec<SourceFacts>,
    /// Recall by name.
    pub recall: BTreeMap<String, f64>,
    /// Queries that recall was measured with.
    pub recall_probes: usize,
    /// Where they came from.
    pub recall_source: &'static str,
    /// The curve that was measured when the index was built.
    pub recall_curve: Vec<RecallPoint>,
    /// Engine and effort of an answer of 10.
    pub plan: String,
    /// Median microseconds of an answer of 10.
    pub p50_us: u128,
    /// Median microseconds of an exact answer of 100.
    pub exact_p50_us: u128,
    /// What thresholds compare.
    pub figures: Figures,
    /// Features indistinguishable from constant.
    pub constant_features: Vec<String>,
    /// What became of missing values.
    pub missing_values: MissingValues,
    /// The model card, measured now.
    pub card: Card,
    /// Ids of the rows that the card names.
    pub track_ids: BTreeMap<u32, String>,
}

impl Findings {
    /// What the manifest says; what is measured is still empty.
    pub(crate) fn of_manifest(index: &Searcher) -> Self {
        let manifest = index.manifest();
        Self {
            index_version: index.version().to_owned(),
            profile_id: manifest.profile_id.clone(),
            schema_sha256: manifest.schema_sha256.clone(),
            tracks: manifest.rows,
            features: manifest.dims,
            trees: manifest.forest.trees,
            seed: manifest.forest.seed,
            build: index.build().cloned(),
            sources: manifest.sources.clone(),
            recall: BTreeMap::new(),
            recall_probes: 0,
            recall_source: "",
            recall_curve: manifest.recall_curve.clone(),
            plan: String::new(),
            p50_us: 0,
            exact_p50_us: 0,
            figures: Figures::default(),
            constant_features: manifest.constant_features.clone(),
            missing_values: manifest.missing_values.clone(),
            card: Card::default(),
            track_ids: BTreeMap::new(),
        }
    }
}

impl Report {
    pub(crate) fn new(
        checks: Vec<Check>,
        gates: usize,
        findings: Findings,
        pictures: Option<Pictures>,
    ) -> Self {
        Self { passed: false, checks, findings: Some(findings), gates, pictures }.judged()
    }

    /// Of an index that could not be opened or read: the one thing that is known about it.
    #[must_use]
    pub fn unreadable(error: &(impl Display + ?Sized)) -> Self {
        let check = Check::new("readable", Some(error.to_string()), String::new());
        Self { passed: false, checks: vec![check], findings: None, gates: 0, pictures: None }
    }

    /// Adds checks before the thresholds.
    #[must_use]
    pub(crate) fn with_checks(mut self, checks: Vec<Check>) -> Self {
        let place = self.checks.len() - self.gates;
        self.checks.splice(place..place, checks);
        self.judged()
    }

    fn judged(mut self) -> Self {
        self.passed = self.checks.iter().all(|check| check.passed);
        self
    }

    /// Checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }
}

/// `0.0123` as `1.23 %`.
fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
