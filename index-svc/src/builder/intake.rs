//! The first pass of a build: rows in, with the rules for missing values and repeated ids applied;
//! metadata into its file, ids into the store, vectors into the spill, sums for the scaler.

use std::path::Path;

use engine::COMMIT_ROWS;
use index::{
    metadata::{MAX_TRACK_ID_BYTES, id_key},
    scaler::MeanPass,
    store::{Store, TrackWriter, WriteTxn},
};
use proto::features::{FeatureSchema, hex};
use sha2::{Digest as _, Sha256};

use super::{BuildPlan, DuplicateRule, NanRule, rows::RowSource, spill::Spill};
use crate::{
    error::Error,
    table::{Row, TableError},
};

/// Most rows of an index; arroy counts in `u32` too.
const MAX_ROWS: u32 = u32::MAX - 1;

/// What the first pass leaves.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) rows: u32,
    pub(super) rows_per_table: Vec<u64>,
    pub(super) spill: Spill,
    /// Sums of the values as they will be indexed; `None` once a mean must be filled in.
    pub(super) sums: Option<MeanPass>,
    pub(super) metadata_sha256: String,
    pub(super) missing: Vec<u64>,
    pub(super) imputed_values: u64,
    pub(super) dropped_rows: u64,
    pub(super) duplicate_rows: u64,
}

/// Reads every row of every table; they become rows from `first_row` on. There may be none.
pub(super) fn intake(
    plan: &BuildPlan,
    sources: &dyn RowSource,
    store: &Store,
    tracks: &mut TrackWriter,
    scratch: &Path,
    first_row: u32,
) -> Result<Intake, Error> {
    let dims = sources.schema().dims();
    let mut pass = Pass {
        plan,
        sources,
        store,
        tracks,
        first_row,
        taken: Intake {
            rows: 0,
            rows_per_table: Vec::new(),
            spill: Spill::create(scratch, dims)?,
            sums: Some(MeanPass::new(dims)),
            metadata_sha256: String::new(),
            missing: vec![0; dims],
            imputed_values: 0,
            dropped_rows: 0,
            duplicate_rows: 0,
        },
        metadata: Sha256::new(),
        uncommitted: 0,
    };
    let mut txn = Some(store.write()?);
    let rows_per_table = sources.each_row(&mut |path, row| {
        let mut open = match txn.take() {
            Some(open) => open,
            None => store.write()?,
        };
        pass.take(&mut open, path, row)?;
        if pass.uncommitted == COMMIT_ROWS {
            store.commit(open)?;
            pass.uncommitted = 0;
        } else {
            txn = Some(open);
        }
        Ok(())
    })?;
    if let Some(open) = txn {
        store.commit(open)?;
    }
    let mut taken = pass.taken;
    taken.metadata_sha256 = hex(&pass.metadata.finalize());
    taken.rows_per_table = rows_per_table;
    Ok(taken)
}

struct Pass<'a> {
    plan: &'a BuildPlan,
    sources: &'a dyn RowSource,
    store: &'a Store,
    tracks: &'a mut TrackWriter,
    first_row: u32,
    taken: Intake,
    metadata: Sha256,
    uncommitted: u32,
}

impl Pass<'_> {
    fn take(&mut self, txn: &mut WriteTxn<'_>, path: &Path, row: Row) -> Result<(), Error> {
        let Row { line, metadata, mut values } = row;
        let got = metadata.track_id.len();
        if got == 0 || got > MAX_TRACK_ID_BYTES {
            let (path, limit) = (path.to_owned(), MAX_TRACK_ID_BYTES);
            return Err(TableError::TrackIdLength { path, line, got, limit }.into());
        }
        let missing = self.count_missing(path, line, &values)?;
        if missing > 0 && self.plan.nan == NanRule::Drop {
            self.taken.dropped_rows += 1;
            return Ok(());
        }
        let row = self.first_row.saturating_add(self.taken.rows);
        if row >= MAX_ROWS {
            return Err(Error::TooManyRows { limit: MAX_ROWS });
        }
        if let Some(first_row) = self.store.put_id(txn, &id_key(&metadata.track_id), row)? {
            if self.plan.duplicates == DuplicateRule::KeepFirst {
                self.taken.duplicate_rows += 1;
                return Ok(());
            }
            let (path, track_id) = (path.to_owned(), metadata.track_id);
            return Err(TableError::DuplicateTrackId { path, line, track_id, first_row }.into());
        }
        let record = metadata.encode(self.sources.attribute_names());
        self.tracks.push(&record)?;
        self.metadata.update(&record);
        if self.plan.nan == NanRule::Zero {
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
        }
        if let Some(sums) = &mut self.taken.sums {
            sums.push(&values);
        }
        self.taken.spill.push(&values)?;
        self.taken.imputed_values += missing;
        self.taken.rows += 1;
        self.uncommitted += 1;
        Ok(())
    }

    fn count_missing(&mut self, path: &Path, line: u64, values: &[f64]) -> Result<u64, TableError> {
        let mut missing = 0;
        for (column, _) in values.iter().enumerate().filter(|(_, value)| value.is_nan()) {
            if self.plan.nan == NanRule::Error {
                let column = self.sources.schema().names()[column].clone();
                return Err(TableError::MissingValue { path: path.to_owned(), line, column });
            }
            self.taken.missing[column] += 1;
            missing += 1;
        }
        Ok(missing)
    }
}

impl Intake {
    /// What replaces a missing value of each column. With `mean`, the sums are of the values that
    /// are there; the scaler then needs those of the filled rows, so they are given up.
    pub(super) fn fill(
        &mut self,
        rule: NanRule,
        schema: &FeatureSchema,
    ) -> Result<Vec<f64>, Error> {
        if rule != NanRule::Mean || self.imputed_values == 0 {
            return Ok(vec![0.0; schema.dims()]);
        }
        let means = self.sums.take().map_or_else(Vec::new, |sums| sums.means());
        match means.iter().position(|mean| !mean.is_finite()) {
            Some(column) => Err(Error::Unscalable {
                column: schema.names()[column].clone(),
                why: "it has no mean to fill missing values with",
            }),
            None => Ok(means),
        }
    }
}
