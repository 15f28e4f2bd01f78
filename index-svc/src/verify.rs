//! Is an index what it says it is? Every row, every digest, the scaler, the forest; and against the
//! tables it was built from.

use std::{collections::HashSet, path::PathBuf};

use proto::features::hex;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    calibration::{CALIBRATION_K, measure_point},
    engine::{Forest, lift},
    error::Error,
    index::Index,
    metadata::id_key,
    recall::{Trial, sample_rows},
    scaler::{MeanPass, Scaler, VariancePass},
    sources::Sources,
    store::f64_bytes,
    table::ColumnRule,
    vectors::{ScaledVectors, to_f32},
};

/// How far a recall measured with other rows may be from the manifest's: several times the spread
/// of the mean over a few hundred rows.
const CURVE_TOLERANCE: f64 = 0.02;

/// Outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it holds.
    pub passed: bool,
    /// What was compared, or the first thing that does not fit.
    pub detail: String,
}

impl Check {
    fn new(name: &'static str, first_failure: Option<String>, success: String) -> Self {
        let passed = first_failure.is_none();
        Self { name, passed, detail: first_failure.unwrap_or(success) }
    }
}

/// Checks an index against itself: stored features are the scaled raw vectors, the scaler is a fresh
/// fit, ids lead to their rows, forest vectors are the lifted scaled vectors, the rows of the blocks
/// engine's image are the scaled vectors, digests are those of the manifest.
///
/// # Errors
/// When the index cannot be read.
pub fn check_contents(index: &Index) -> Result<Vec<Check>, Error> {
    let rows = index.rows();
    let mut features = None;
    let mut metadata = None;
    let mut digests = [Sha256::new(), Sha256::new(), Sha256::new()];
    let fitted_rows = index.manifest.scaler.fitted_rows.unwrap_or(0);
    let mut means = MeanPass::new(index.scaler.dims());
    let scaled = index.stored_vectors()?;
    let txn = index.store.read()?;
    for row in 0..rows {
        let raw = index.store.raw(&txn, row, index.scaler.dims())?;
        let stored = scaled.row(row);
        if features.is_none() && !same_bits(&to_f32(&index.scaler.transform(&raw)), stored) {
            features = Some(format!("row {row} is not its scaled raw vector"));
        }
        let record = index.store.track(&txn, row)?;
        let track = index.metadata_in(&txn, row)?;
        let found = index.store.row_of(&txn, &id_key(&track.track_id))?;
        if metadata.is_none() && found != Some(row) {
            metadata = Some(format!("id `{}` of row {row} leads to {found:?}", track.track_id));
        }
        digests[0].update(f64_bytes(&raw));
        stored.iter().for_each(|value| digests[1].update(value.to_le_bytes()));
        digests[2].update(record);
        if row < fitted_rows {
            means.push(&raw);
        }
    }
    let mut variances = means.finish();
    if let Ok(variances) = &mut variances {
        for row in 0..fitted_rows {
            variances.push(&index.store.raw(&txn, row, index.scaler.dims())?);
        }
    }
    drop(txn);
    let [raw_vectors, scaled_vectors, records] = digests.map(|digest| hex(&digest.finalize()));
    let parts: Vec<f64> = index.scaler.mean().iter().chain(index.scaler.scale()).copied().collect();
    let scaler_sha256 = hex(&Sha256::digest(f64_bytes(&parts)));
    let contents = &index.manifest.contents;
    let differing = [
        ("raw vectors", raw_vectors, &contents.raw_vectors),
        ("scaled vectors", scaled_vectors, &contents.scaled_vectors),
        ("scaler", scaler_sha256, &contents.scaler),
        ("metadata", records, &contents.metadata),
    ]
    .into_iter()
    .find(|(_, got, expected)| got != *expected)
    .map(|(what, got, expected)| format!("{what} have SHA-256 {got}, manifest says {expected}"));
    let mut checks = vec![
        Check::new(
            "stored features",
            features,
            format!("{rows} rows equal their scaled raw vectors"),
        ),
        Check::new("track ids", metadata, format!("{rows} ids lead to their rows")),
        Check::new(
            "scaler",
            if fitted_rows > 0 { scaler_failure(index, variances) } else { None },
            match fitted_rows {
                0 => "was not fitted to rows of this version; its digest is checked".to_owned(),
                _ => format!("equals a fresh fit to the first {fitted_rows} rows, bit for bit"),
            },
        ),
        Check::new("content digests", differing, "as in the manifest".to_owned()),
    ];
    let equal = || format!("{rows} vectors equal the stored features");
    if let Some(forest) = &index.engines.forest {
        checks.push(Check::new("forest vectors", forest_failure(index, &scaled, forest)?, equal()));
    }
    if let Some(blocks) = &index.engines.blocks {
        let differs =
            |row: &u32| !blocks.row(*row).is_some_and(|it| same_bits(it, scaled.row(*row)));
        let failure = (0..rows).find(differs);
        let failure =
            failure.map(|row| format!("row {row} of the image is not stored feature {row}"));
        checks.push(Check::new("blocks image", failure, equal()));
    }
    Ok(checks)
}

/// Measures the recall curve again with `sample` other rows: a planner that trusts a curve of
/// another index would miss its targets and not know it.
///
/// # Errors
/// When the index cannot be read.
pub fn check_curve(index: &Index, sample: usize) -> Result<Option<Check>, Error> {
    if index.engines.blocks.is_none() {
        return Ok(None);
    }
    let probes = sample_rows(index.rows(), sample, index.manifest.forest.seed.wrapping_add(1));
    let trial = Trial::new(index, &probes, CALIBRATION_K)?;
    let (mut measured, mut failure) = (Vec::new(), None);
    for point in &index.manifest.recall_curve {
        let recall = measure_point(&trial, point)?;
        if (recall - point.recall).abs() > CURVE_TOLERANCE {
            failure.get_or_insert_with(|| {
                let (target, stored) = (point.target, point.recall);
                format!("recall for target {target} is {recall:.4}, manifest says {stored:.4}")
            });
        }
        measured.push(format!("{recall:.4} for {}", point.target));
    }
    let success = format!("{} ({} rows)", measured.join(", "), probes.len());
    Ok(Some(Check::new("recall curve", failure, success)))
}

fn scaler_failure(index: &Index, fitted: Result<VariancePass, usize>) -> Option<String> {
    let differs = |fresh: &Scaler| {
        let pairs = [(fresh.mean(), index.scaler.mean()), (fresh.scale(), index.scaler.scale())];
        pairs.into_iter().find_map(|(fresh, stored)| {
            fresh.iter().zip(stored).position(|(a, b)| a.to_bits() != b.to_bits())
        })
    };
    match fitted.and_then(VariancePass::finish) {
        Err(column) => Some(format!("column {} cannot be fitted", index.schema.names()[column])),
        Ok(fresh) if fresh.constant_columns() != index.scaler.constant_columns() => {
            Some("other columns are constant".to_owned())
        }
        Ok(fresh) => differs(&fresh).map(|column| {
            format!("column {} differs from a fresh fit", index.schema.names()[column])
        }),
    }
}

fn forest_failure(
    index: &Index,
    scaled: &ScaledVectors,
    forest: &Forest,
) -> Result<Option<String>, Error> {
    let mut failure = None;
    let mut next = 0;
    forest.each_vector(|row, vector| {
        let fits = row == next && row < index.rows() && same_bits(vector, &lift(scaled.row(row)));
        if failure.is_none() && !fits {
            failure = Some(format!("forest vector {row} is not stored feature {next}"));
        }
        next += 1;
    })?;
    if failure.is_none() && next != index.rows() {
        failure = Some(format!("forest has {next} vectors, expected {}", index.rows()));
    }
    Ok(failure)
}

/// Checks an index against the tables it was built from: every row's features and metadata.
///
/// # Errors
/// When a table or the index cannot be read. Tables that do not fit are a failed check.
pub fn check_sources(index: &Index, inputs: &[PathBuf]) -> Result<Vec<Check>, Error> {
    let manifest = index.manifest();
    let sources = Sources::open(inputs, &ColumnRule::Schema(manifest.schema()), None)?;
    let filling = filling(index, &sources)?;
    let drops = manifest.missing_values.rule == "drop";
    // Where rows were removed, others took their places, and tables have rows the index has not.
    let in_order = manifest.growth.as_ref().is_none_or(|growth| growth.removed_since_build == 0);
    let mut seen = HashSet::new();
    let (mut features, mut metadata) = (None, None);
    let mut next = 0;
    let txn = index.store.read()?;
    sources.each_row(|path, row| {
        if drops && row.values.iter().any(|value| value.is_nan()) {
            return Ok(());
        }
        let known = index.store.row_of(&txn, &id_key(&row.metadata.track_id))?;
        if in_order
            && known.is_some_and(|known| known < next)
            && manifest.missing_values.duplicate_rows > 0
        {
            return Ok(());
        }
        let at = match known {
            Some(known) if !in_order && seen.insert(known) => known,
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
            .zip(&filling)
            .map(|(value, fill)| if value.is_nan() { *fill } else { *value })
            .collect();
        let scaled = to_f32(&index.scaler.transform(&filled));
        if !same_bits(&scaled, index.vectors.row(at)) {
            features.get_or_insert_with(|| format!("{}: row {at} has other features", here()));
        }
        if row.metadata != index.metadata_in(&txn, at)? {
            metadata.get_or_insert_with(|| format!("{}: row {at} has other metadata", here()));
        }
        next += 1;
        Ok(())
    })?;
    if next != index.rows() {
        features.get_or_insert_with(|| format!("source has {next} rows, index {}", index.rows()));
    }
    Ok(vec![
        Check::new("source features", features, format!("{next} rows equal the scaled source")),
        Check::new("source metadata", metadata, format!("{next} rows equal the source")),
    ])
}

/// What a missing value of each column was replaced by.
fn filling(index: &Index, sources: &Sources) -> Result<Vec<f64>, Error> {
    let missing = &index.manifest.missing_values;
    if !missing.filled_with.is_empty() {
        return Ok(missing.filled_with.clone());
    }
    let mut means = MeanPass::new(index.scaler.dims());
    if missing.rule == "mean" && missing.imputed_values > 0 {
        let txn = index.store.read()?;
        let mut next = 0;
        sources.each_row(|_, row| {
            let known = index.store.row_of(&txn, &id_key(&row.metadata.track_id))?;
            if known == Some(next) {
                means.push(&row.values);
                next += 1;
            }
            Ok(())
        })?;
        return Ok(means.means());
    }
    Ok(vec![0.0; index.scaler.dims()])
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
