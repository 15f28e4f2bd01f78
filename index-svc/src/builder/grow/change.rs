//! A copy of a version, changed row by row, and everything that follows from its rows made anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    thread,
};

use engine::{ForestWriter, ScaledVectors, to_f32};
use index::{
    distances::PairDistances,
    lineage::{CurveOrigin, constant_columns},
    manifest::{BlocksFacts, ContentDigests, Manifest},
    metadata::id_key,
    provenance::Provenance,
    store::{DATA_FILE, ScaledWriter, Store, TrackWriter, VectorWriter, f64_bytes},
};
use proto::features::hex;
use sha2::{Digest as _, Sha256};

use super::{Ready, again::Again, goal::Goal};
use crate::{
    builder::{
        BuildPlan, NanRule, files,
        intake::{Intake, intake},
        missing_values,
        place::Workplace,
        range::check_scaled,
        rows::RowSource as _,
        sources_facts, write_blocks,
    },
    calibration::{CALIBRATION_K, CARD_SAMPLE, Calibrated, calibrate, sample_of},
    card,
    error::Error,
    recall::{Trial, sample_rows},
    searcher::Searcher,
    verify,
};

/// A version in the making.
#[derive(Debug)]
pub(super) struct Growing<'i> {
    old: &'i Searcher,
    place: Workplace,
    store: Store,
    forest: Option<ForestWriter>,
    /// Scaled vectors of all rows.
    values: Vec<f32>,
    /// Rows that were another one's in the old version, with that one.
    moved: BTreeMap<u32, u32>,
    manifest: Manifest,
}

impl<'i> Growing<'i> {
    /// A copy of `old`. A copy of the file, for the old version never changes; on file systems that
    /// can, the two share what stays the same.
    pub(super) fn begin(old: &'i Searcher, goal: &Goal) -> Result<Self, Error> {
        let place = Workplace::beside(&goal.beside())?;
        let (from, to) = (goal.from().join(DATA_FILE), place.path().join(DATA_FILE));
        fs::copy(&from, &to).map_err(|source| Error::Io { path: to, source })?;
        let store = Store::grow(place.path())?;
        let manifest = old.manifest().clone();
        let forest = (manifest.forest.trees > 0)
            .then(|| ForestWriter::new(&store.forest(), old.scaler().dims(), place.path()));
        let values = old.vectors().values().to_vec();
        Ok(Self { old, place, store, forest, values, moved: BTreeMap::new(), manifest })
    }

    fn dims(&self) -> usize {
        self.old.scaler().dims()
    }

    /// Adds the new rows of `rows` behind the others; returns what was taken, which may be nothing.
    pub(super) fn append(
        &mut self,
        settings: &BuildPlan,
        rows: &Again<'_>,
    ) -> Result<Intake, Error> {
        let (before, schema) = (self.old.rows(), self.old.schema());
        let added = rows.added();
        let (mut vectors, mut tracks) = self.write_kept(0..before)?;
        let scratch = self.place.path();
        let mut taken = intake(settings, &added, &self.store, &mut tracks, scratch, before)?;
        tracks.finish()?;
        if taken.rows == 0 {
            return Ok(taken);
        }
        let filling = match (settings.nan, &self.manifest.missing_values.filled_with) {
            (NanRule::Mean, known) if known.is_empty() => self.old.scaler().mean().to_vec(),
            (NanRule::Mean, known) => known.clone(),
            _ => vec![0.0; schema.dims()],
        };
        let scaler = self.old.scaler();
        let values = &mut self.values;
        taken.spill.each_row(&filling, |_, raw| {
            let scaled = scaler.transform(raw);
            check_scaled(&added, raw, &scaled)?;
            let scaled = to_f32(&scaled);
            vectors.push(raw)?;
            values.extend_from_slice(&scaled);
            Ok(())
        })?;
        vectors.finish()?;
        self.manifest.sources = sources_facts(settings, rows, &taken.rows_per_table)?;
        self.manifest.attribute_names = rows.attribute_names().to_vec();
        let Provenance { extractor_versions, windows } = rows.provenance();
        self.manifest.extractor_versions = extractor_versions;
        self.manifest.windows = windows;
        let mut missing = missing_values(settings, &taken, schema, &filling);
        missing.filled_with.clone_from(&self.manifest.missing_values.filled_with);
        if missing.imputed_values > 0 && settings.nan == NanRule::Mean {
            missing.filled_with = filling;
        }
        rows.add_missing_values(&mut missing);
        self.manifest.missing_values = missing;
        Ok(taken)
    }

    /// Removes rows; the last ones take their places.
    pub(super) fn remove(&mut self, gone: &BTreeSet<u32>) -> Result<(), Error> {
        let (before, dims) = (self.old.rows(), self.dims());
        let left = before - gone.len() as u32;
        let fillers = (left..before).filter(|row| !gone.contains(row));
        self.moved = gone.range(..left).copied().zip(fillers).collect();
        let mut txn = self.store.write()?;
        for row in gone {
            let id = self.old.metadata(*row)?.track_id;
            self.store.remove_id(&mut txn, &id_key(&id))?;
            if let Some(forest) = &self.forest {
                forest.remove(&mut txn, *row)?;
            }
        }
        for (hole, filler) in &self.moved {
            let id = self.old.metadata(*filler)?.track_id;
            self.store.move_id(&mut txn, &id_key(&id), *hole)?;
            let from = *filler as usize * dims;
            self.values.copy_within(from..from + dims, *hole as usize * dims);
            if let Some(forest) = &self.forest {
                forest.rename(&mut txn, *filler, *hole)?;
            }
        }
        self.store.commit(txn)?;
        let (vectors, tracks) = self.write_kept(0..left)?;
        vectors.finish()?;
        tracks.finish()?;
        self.values.truncate(left as usize * dims);
        // The rows that the scaler was fitted to are not all there any more.
        self.manifest.scaler.fitted_rows = None;
        Ok(())
    }

    fn rows(&self) -> usize {
        self.values.len() / self.dims()
    }

    /// Begins the files of rows with those of the version before, each in its new place.
    fn write_kept(&self, rows: Range<u32>) -> Result<(VectorWriter, TrackWriter), Error> {
        let mut vectors = VectorWriter::create(self.place.path())?;
        let mut tracks = TrackWriter::create(self.place.path())?;
        let mut in_order = self.old.store().in_order();
        for row in rows {
            let moved = self.moved.get(&row);
            if let Some(from) = moved {
                vectors.push(&self.old.store().raw(*from, self.dims())?)?;
                tracks.push(&self.old.store().track(*from)?)?;
            } else {
                vectors.push(&in_order.raw(row, self.dims())?)?;
                tracks.push(&in_order.track(row)?)?;
            }
        }
        Ok((vectors, tracks))
    }

    /// Writes the scaled vectors of all rows.
    fn write_scaled(&self) -> Result<(), Error> {
        let mut writer = ScaledWriter::create(self.place.path())?;
        for scaled in self.values.chunks_exact(self.dims()) {
            writer.push(scaled)?;
        }
        Ok(writer.finish()?)
    }

    /// Grows the engines, verifies every row, and measures recall.
    pub(super) fn finish(
        self,
        settings: &BuildPlan,
    ) -> Result<(Ready, Manifest, CurveOrigin), Error> {
        let rows = self.rows() as u32;
        tracing::info!(rows, "rows are changed");
        let dims = self.dims();
        self.write_scaled()?;
        let Self { old, place, store, forest, values, moved, mut manifest } = self;
        let vectors = ScaledVectors::new(values, dims)
            .filter(|vectors| vectors.rows() > 0)
            .ok_or(Error::NoRows { read: 0, dropped: 0 })?;
        let pairs = PairDistances::sample(&vectors, settings.seed);
        let mut txn = store.write()?;
        pairs.write(&store, &mut txn)?;
        store.commit(txn)?;
        // Two threads' work, and neither needs the other's.
        let blocks = thread::scope(|scope| {
            let packing = manifest
                .blocks
                .is_some()
                .then(|| scope.spawn(|| write_blocks(place.path(), &vectors, settings.seed)));
            if let Some(forest) = &forest {
                forest.add(&store.forest(), &vectors, old.rows()..rows, settings.seed)?;
                forest.build(&store.forest(), &vectors, settings.trees as usize, settings.seed)?;
            }
            let packed: Option<Result<BlocksFacts, Error>> = packing.map(|packing| {
                packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            packed.transpose()
        })?;
        drop(forest);
        store.close()?;
        drop(vectors);

        manifest.rows = rows;
        manifest.blocks = blocks;
        manifest.files = files(place.path())?;
        let ready = Ready { place };
        let mut index = ready.open(manifest)?;
        let constant = constant_columns(dims, |take| index.each_raw(0.., take))?;
        let names = index.schema().names();
        let constant_features = constant.into_iter().map(|column| names[column].clone()).collect();
        index.manifest_mut().constant_features = constant_features;
        let contents = carried(old, &index, &moved)?;
        index.manifest_mut().contents = contents;
        let failed: Vec<String> = verify::check_contents(&index)?
            .into_iter()
            .filter(|check| !check.passed)
            .map(|check| format!("{}: {}", check.name, check.detail))
            .collect();
        if !failed.is_empty() {
            return Err(Error::Unsound(failed.join("; ")));
        }
        let curve = measure(&mut index, settings.seed)?;
        let manifest = index.manifest().clone();
        Ok((ready, manifest, curve))
    }
}

/// Compares every row with the one it was in the old version; returns the digests of the contents.
fn carried(
    old: &Searcher,
    new: &Searcher,
    moved: &BTreeMap<u32, u32>,
) -> Result<ContentDigests, Error> {
    let dims = old.scaler().dims();
    let stored = new.stored_vectors()?;
    let (mut old_rows, mut new_rows) = (old.store().in_order(), new.store().in_order());
    let [mut raw_vectors, mut scaled_vectors, mut metadata] = [(); 3].map(|()| Sha256::new());
    for row in 0..new.rows() {
        let raw = f64_bytes(&new_rows.raw(row, dims)?);
        let record = new_rows.track(row)?;
        let before = moved.get(&row).copied().unwrap_or(row);
        if before < old.rows() {
            let same = if before == row {
                f64_bytes(&old_rows.raw(row, dims)?) == raw && old_rows.track(row)? == record
            } else {
                f64_bytes(&old.store().raw(before, dims)?) == raw
                    && old.store().track(before)? == record
            };
            if !same {
                let text = format!("row {row} is not row {before} of the version before");
                return Err(Error::Unsound(text));
            }
        }
        raw_vectors.update(&raw);
        stored.row(row).iter().for_each(|value| scaled_vectors.update(value.to_le_bytes()));
        metadata.update(&record);
    }
    let digest = |digest: Sha256| hex(&digest.finalize());
    Ok(ContentDigests {
        raw_vectors: digest(raw_vectors),
        scaled_vectors: digest(scaled_vectors),
        scaler: old.manifest().contents.scaler.clone(),
        metadata: digest(metadata),
    })
}

/// Measures recall at the efforts there are, and chooses new ones only where a target is missed.
fn measure(index: &mut Searcher, seed: u64) -> Result<CurveOrigin, Error> {
    tracing::info!("measuring recall");
    let Calibrated { curve, kept } = calibrate(index, seed, &index.manifest().recall_curve)?;
    let origin = if kept { CurveOrigin::Checked } else { CurveOrigin::Calibrated };
    tracing::info!("measuring the model card");
    let card_rows = sample_rows(index.rows(), CARD_SAMPLE, seed);
    let card = card::measure(index, &Trial::new(index, &card_rows, CALIBRATION_K)?, None)?;
    index.manifest_mut().card = Some(card);
    index.manifest_mut().recall_sample = sample_of(&curve);
    index.manifest_mut().recall_curve = curve;
    let recall_at_10 = index.recall_at_10();
    index.manifest_mut().recall_at_10 = recall_at_10;
    Ok(origin)
}
