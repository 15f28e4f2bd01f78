//! What a manifest says besides what was measured: tables, missing values, files.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use engine::BLOCKS_FILE;
use index::{
    manifest::{FileFacts, MissingValues, SourceFacts, file_facts},
    scaler::Scaler,
    store::{DATA_FILE, SCALED_FILE, TRACKS_FILE, VECTORS_FILE},
};
use proto::features::FeatureSchema;

use super::{BuildPlan, intake::Intake, rows::RowSource};
use crate::error::Error;

/// The tables of a version, each with what became of its missing values.
pub(super) fn sources_facts(
    plan: &BuildPlan,
    sources: &dyn RowSource,
    rows: &[u64],
) -> Result<Vec<SourceFacts>, Error> {
    let mut facts = sources.facts(rows)?;
    for source in facts.iter_mut().filter(|source| source.nan.is_none()) {
        source.nan = Some(plan.nan.name().to_owned());
    }
    Ok(facts)
}

pub(super) fn missing_values(
    plan: &BuildPlan,
    taken: &Intake,
    schema: &FeatureSchema,
    filling: &[f64],
) -> MissingValues {
    let zeros = filling.iter().all(|value| *value == 0.0);
    let counts = schema.names().iter().cloned().zip(taken.missing.iter().copied());
    MissingValues {
        rule: plan.nan.name().to_owned(),
        per_feature: counts.filter(|(_, count)| *count > 0).collect(),
        imputed_values: taken.imputed_values,
        dropped_rows: taken.dropped_rows,
        duplicate_rows: taken.duplicate_rows,
        filled_with: if zeros { Vec::new() } else { filling.to_vec() },
    }
}

pub(super) fn constant_features(scaler: &Scaler, schema: &FeatureSchema) -> Vec<String> {
    scaler.constant_columns().iter().map(|column| schema.names()[*column].clone()).collect()
}

/// Sizes and digests of the data files; makes them readable for whoever serves them.
pub(super) fn files(directory: &Path) -> Result<BTreeMap<String, FileFacts>, Error> {
    let mut found = BTreeMap::new();
    for name in [DATA_FILE, VECTORS_FILE, SCALED_FILE, TRACKS_FILE, BLOCKS_FILE] {
        let path = directory.join(name);
        if path.exists() {
            found.insert(name.to_owned(), file_facts(&path)?);
            fs::set_permissions(&path, Permissions::from_mode(0o644))
                .map_err(|source| Error::Io { path, source })?;
        }
    }
    Ok(found)
}
