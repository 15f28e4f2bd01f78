//! An index against itself.

use engine::{Forest, blocks::Blocks, lift, to_f32};
use index::{
    metadata::{TrackMetadata, id_key},
    scaler::{MeanPass, Scaler, VariancePass},
    store::{InOrder, f64_bytes},
};
use proto::features::hex;
use sha2::{Digest as _, Sha256};

use super::{Check, same_bits};
use crate::{error::Error, searcher::Searcher};

/// Checks an index against itself: stored features are the scaled raw vectors, the scaler is a fresh
/// fit, ids lead to their rows, forest vectors are the lifted scaled vectors, the rows of the blocks
/// engine's image are the scaled raw vectors, digests are those of the manifest.
///
/// # Errors
/// When the index cannot be read.
pub fn check_contents(index: &Searcher) -> Result<Vec<Check>, Error> {
    let rows = index.rows();
    let mut features = None;
    let mut metadata = None;
    let mut digests = [Sha256::new(), Sha256::new(), Sha256::new()];
    let fitted_rows = index.manifest().scaler.fitted_rows.unwrap_or(0);
    let mut means = MeanPass::new(index.scaler().dims());
    let scaled = index.stored_vectors()?;
    let txn = index.store().read()?;
    let dims = index.scaler().dims();
    let mut in_order = index.store().in_order();
    for row in 0..rows {
        let raw = in_order.raw(row, dims)?;
        let stored = scaled.row(row);
        if features.is_none() && !same_bits(&to_f32(&index.scaler().transform(&raw)), stored) {
            features = Some(format!("row {row} is not its scaled raw vector"));
        }
        let record = in_order.track(row)?;
        let track = TrackMetadata::decode(&record, &index.manifest().attribute_names)?;
        let found = index.store().row_of(&txn, &id_key(&track.track_id))?;
        if metadata.is_none() && found != Some(row) {
            metadata = Some(format!("id `{}` of row {row} leads to {found:?}", track.track_id));
        }
        digests[0].update(f64_bytes(&raw));
        stored.iter().for_each(|value| digests[1].update(value.to_le_bytes()));
        digests[2].update(&record);
        if row < fitted_rows {
            means.push(&raw);
        }
    }
    let mut variances = means.finish();
    if let Ok(variances) = &mut variances {
        for row in 0..fitted_rows {
            variances.push(&in_order.raw(row, dims)?);
        }
    }
    let [raw_vectors, scaled_vectors, records] = digests.map(|digest| hex(&digest.finalize()));
    let parts: Vec<f64> =
        index.scaler().mean().iter().chain(index.scaler().scale()).copied().collect();
    let scaler_sha256 = hex(&Sha256::digest(f64_bytes(&parts)));
    let contents = &index.manifest().contents;
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
    let equal = || format!("{rows} vectors equal the scaled raw vectors");
    if let Some(forest) = index.engines().forest() {
        checks.push(Check::new("forest vectors", forest_failure(index, forest)?, equal()));
    }
    if let Some(blocks) = index.engines().blocks() {
        checks.push(Check::new("blocks image", blocks_failure(index, blocks)?, equal()));
    }
    Ok(checks)
}

/// What engines hold of a row: its raw vector, scaled.
fn expected(index: &Searcher, stored: &mut InOrder<'_>, row: u32) -> Result<Vec<f32>, Error> {
    let raw = stored.raw(row, index.scaler().dims())?;
    Ok(to_f32(&index.scaler().transform(&raw)))
}

fn blocks_failure(index: &Searcher, blocks: &Blocks) -> Result<Option<String>, Error> {
    let mut stored = index.store().in_order();
    for row in 0..index.rows() {
        let expected = expected(index, &mut stored, row)?;
        if !blocks.row(row).is_some_and(|it| same_bits(it, &expected)) {
            return Ok(Some(format!("row {row} of the image is not its scaled raw vector")));
        }
    }
    Ok(None)
}

fn scaler_failure(index: &Searcher, fitted: Result<VariancePass, usize>) -> Option<String> {
    let differs = |fresh: &Scaler| {
        let pairs =
            [(fresh.mean(), index.scaler().mean()), (fresh.scale(), index.scaler().scale())];
        pairs.into_iter().find_map(|(fresh, stored)| {
            fresh.iter().zip(stored).position(|(a, b)| a.to_bits() != b.to_bits())
        })
    };
    match fitted.and_then(VariancePass::finish) {
        Err(column) => Some(format!("column {} cannot be fitted", index.schema().names()[column])),
        // Rows that came later may vary where those that it was fitted to do not.
        Ok(fresh)
            if index.manifest().scaler.fitted_rows == Some(index.rows())
                && fresh.constant_columns() != index.scaler().constant_columns() =>
        {
            Some("other columns are constant".to_owned())
        }
        Ok(fresh) => differs(&fresh).map(|column| {
            format!("column {} differs from a fresh fit", index.schema().names()[column])
        }),
    }
}

/// Whether a forest's vector is `scaled`, and a height on the paraboloid or above it: by its row's spread.
fn is_lifted(vector: &[f32], scaled: &[f32]) -> bool {
    let lifted = lift(scaled, 0.0);
    match (vector.split_last(), lifted.last()) {
        (Some((height, vector)), Some(plain)) => {
            same_bits(vector, scaled) && height >= plain && height.is_finite()
        }
        _ => false,
    }
}

fn forest_failure(index: &Searcher, forest: &Forest) -> Result<Option<String>, Error> {
    let mut stored = index.store().in_order();
    let (mut failure, mut unreadable) = (None, None);
    let mut next = 0;
    forest.each_vector(|row, vector| {
        let expected =
            if row < index.rows() { expected(index, &mut stored, row) } else { Ok(Vec::new()) };
        let fits = match expected {
            Ok(expected) => row == next && is_lifted(vector, &expected),
            Err(error) => {
                unreadable.get_or_insert(error);
                false
            }
        };
        if failure.is_none() && !fits {
            failure = Some(format!("forest vector {row} is not the scaled raw vector {next}"));
        }
        next += 1;
    })?;
    if let Some(error) = unreadable {
        return Err(error);
    }
    if failure.is_none() && next != index.rows() {
        failure = Some(format!("forest has {next} vectors, expected {}", index.rows()));
    }
    Ok(failure)
}
