//! The catalogue that is asked: rows made here, as a table, as an index, and as requests.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use index_svc::builder::{BuildEngines, BuildPlan, DuplicateRule, NanRule, build};
use proto::features::{DEFAULT_PROFILE, FeatureSchema};
use proto::v1::{FeatureVector, QueryByFeaturesRequest, QueryOptions};

use super::catalogue::{Kind, Table};

/// Name of the index in its folder.
pub(crate) const INDEX: &str = "index";
const QUERIES: &str = "queries.json";
/// Different queries.
const COUNT: usize = 1000;

/// Makes the index of a folder; returns what it is asked.
pub(crate) fn index(folder: &Path, rows: usize) -> Vec<QueryByFeaturesRequest> {
    let (table, held_out) = Table::make(Kind::Clustered, rows, COUNT);
    let path = folder.join("catalogue.csv");
    fs::write(&path, csv(&table)).expect("writable");
    let plan = BuildPlan {
        inputs: vec![path],
        output: folder.join(INDEX),
        profile: Some(DEFAULT_PROFILE.to_owned()),
        engines: BuildEngines::Blocks,
        trees: 0,
        seed: 42,
        nan: NanRule::Error,
        duplicates: DuplicateRule::Error,
        all_columns: false,
    };
    build(&plan).expect("a sound table");
    let vectors: Vec<Vec<f64>> = (0..held_out.rows())
        .map(|row| held_out.row(row).iter().map(|value| f64::from(*value)).collect())
        .collect();
    let text = serde_json::to_vec(&vectors).expect("numbers");
    fs::write(folder.join(QUERIES), text).expect("writable");
    vectors.into_iter().map(request).collect()
}

/// The queries of a folder's index.
pub(crate) fn queries(folder: &Path) -> Vec<Vec<f64>> {
    let text = fs::read(folder.join(QUERIES)).expect("written before");
    serde_json::from_slice(&text).expect("numbers")
}

fn request(values: Vec<f64>) -> QueryByFeaturesRequest {
    let profile_id = DEFAULT_PROFILE.to_owned();
    let feature_vector = Some(FeatureVector { values, profile_id, ..FeatureVector::default() });
    let options = Some(QueryOptions { page_size: 10, ..QueryOptions::default() });
    QueryByFeaturesRequest { feature_vector, options }
}

/// With metadata of the lengths that libraries have.
fn csv(table: &Table) -> String {
    let mut text = "track_id,track_title,artist_name,album_title,genre_top".to_owned();
    for name in FeatureSchema::librosa().names() {
        write!(text, ",{name}").expect("memory");
    }
    for row in 0..table.rows() {
        let (artist, genre) = (row / 7, row % 16);
        write!(text, "\n{row},Track number {row},Artist {artist},Album {artist},Genre {genre}")
            .expect("memory");
        for value in table.row(row) {
            write!(text, ",{value}").expect("memory");
        }
    }
    text.push('\n');
    text
}
