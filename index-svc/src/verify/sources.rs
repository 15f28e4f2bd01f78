//! An index against the tables it was built from.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use engine::to_f32;
use index::{metadata::id_key, scaler::MeanPass};

use super::{Check, same_bits};
use crate::{error::Error, searcher::Searcher, sources::Sources, table::ColumnRule};

/// Checks an index against the tables it was built from: every row's features and metadata.
///
/// # Errors
/// When a table or the index cannot be read. Tables that do not fit are a failed check.
pub fn check_sources(index: &Searcher, inputs: &[PathBuf]) -> Result<Vec<Check>, Error> {
    let manifest = index.manifest();
    let sources = Sources::open(inputs, &ColumnRule::Schema(manifest.schema()), None)?;
    let filling = filling(index, &sources)?;
    let zeros = vec![0.0; index.scaler().dims()];
    let mut read = 0;
    // Where rows were removed, others took their places, and tables have rows the index has not.
    let in_order = manifest.growth.as_ref().is_none_or(|growth| growth.removed_since_build == 0);
    // A track may have been removed, and appended again as another table has it: one of its rows must fit.
    let mut seen = HashSet::new();
    let mut unlike: BTreeMap<u32, (Option<String>, Option<String>)> = BTreeMap::new();
    let (mut features, mut metadata) = (None, None);
    let mut next = 0;
    let txn = index.store().read()?;
    sources.each_row(|path, row| {
        let rule = manifest.nan_rule(read);
        read += 1;
        if rule == "drop" && row.values.iter().any(|value| value.is_nan()) {
            return Ok(());
        }
        let filling = if rule == "zero" { &zeros } else { &filling };
        let known = index.store().row_of(&txn, &id_key(&row.metadata.track_id))?;
        if in_order
            && known.is_some_and(|known| known < next)
            && manifest.missing_values.duplicate_rows > 0
        {
            return Ok(());
        }
        let at = match known {
            Some(known) if !in_order && !seen.contains(&known) => known,
            _ if !in_order => return Ok(()),
            _ => next,
        };
        let here = || format!("{}, line {}", path.display(), row.line);
        if next >= index.rows() {
            features.get_or_insert_with(|| format!("{}: more rows than the index has", here()));
            return Ok(());
        }
        let filled: Vec<f64> = row
            .values
            .iter()
            .zip(filling)
            .map(|(value, fill)| if value.is_nan() { *fill } else { *value })
            .collect();
        // The stored features follow from the raw vectors, which is a check of its own.
        let raw = index.store().raw(at, index.scaler().dims())?;
        let scaled = |raw: &[f64]| to_f32(&index.scaler().transform(raw));
        let other_features = (!same_bits(&scaled(&filled), &scaled(&raw)))
            .then(|| format!("{}: row {at} has other features", here()));
        let other_metadata = (row.metadata != index.metadata(at)?)
            .then(|| format!("{}: row {at} has other metadata", here()));
        if !in_order && (other_features.is_some() || other_metadata.is_some()) {
            unlike.entry(at).or_insert((other_features, other_metadata));
            return Ok(());
        }
        if !in_order {
            seen.insert(at);
            unlike.remove(&at);
        }
        features = features.take().or(other_features);
        metadata = metadata.take().or(other_metadata);
        next += 1;
        Ok(())
    })?;
    for (other_features, other_metadata) in unlike.into_values() {
        features = features.or(other_features);
        metadata = metadata.or(other_metadata);
        next += 1;
    }
    if next != index.rows() {
        features.get_or_insert_with(|| format!("source has {next} rows, index {}", index.rows()));
    }
    Ok(vec![
        Check::new("source features", features, format!("{next} rows equal the scaled source")),
        Check::new("source metadata", metadata, format!("{next} rows equal the source")),
    ])
}

/// What a missing value of each column was replaced by.
fn filling(index: &Searcher, sources: &Sources) -> Result<Vec<f64>, Error> {
    let missing = &index.manifest().missing_values;
    if !missing.filled_with.is_empty() {
        return Ok(missing.filled_with.clone());
    }
    let mut means = MeanPass::new(index.scaler().dims());
    if missing.rule == "mean" && missing.imputed_values > 0 {
        let txn = index.store().read()?;
        let mut next = 0;
        sources.each_row(|_, row| {
            let known = index.store().row_of(&txn, &id_key(&row.metadata.track_id))?;
            if known == Some(next) {
                means.push(&row.values);
                next += 1;
            }
            Ok(())
        })?;
        return Ok(means.means());
    }
    Ok(vec![0.0; index.scaler().dims()])
}
