//! A new version from the last one: rows added behind the others, or removed.
//!
//! The scaler stays, so that the rows that were there keep their vectors bit for bit: the store is
//! copied and changed where rows change, the trees of the forest take and lose vectors, and the
//! blocks, which take less than a second, are packed anew. Every row is then compared with the
//! version before, every check of a build is made, and recall is measured at the efforts of the
//! curve, which are chosen again only where a target is missed. With `refit` everything is built
//! again from the stored raw vectors.

mod again;
mod change;
mod goal;
mod outcome;

use std::{collections::BTreeSet, path::PathBuf};

pub use self::outcome::{Grown, Outcome, Unchanged};
use index::{
    lineage::{CurveOrigin, Growth, Operation, drift},
    manifest::Manifest,
    metadata::id_key,
};

use self::{again::Again, change::Growing, goal::Goal};
use super::{BuildEngines, BuildPlan, DuplicateRule, NanRule, Recipe, RowSource as _, assemble};
use crate::{
    error::Error,
    searcher::Searcher,
    sources::Sources,
    table::{ColumnRule, TableError},
};

/// Rows to add to an index.
#[derive(Clone, Debug)]
pub struct AppendPlan {
    /// The index, or a folder of versions.
    pub index: PathBuf,
    /// Tables of new rows, in order.
    pub inputs: Vec<PathBuf>,
    /// Where the new version goes; none for the folder of versions that `index` is.
    pub output: Option<PathBuf>,
    /// Profile of tables that do not say it themselves; it must be the index's.
    pub profile: Option<String>,
    /// What a missing value becomes; none for the index's own rule.
    pub nan: Option<NanRule>,
    /// What a track id means that is repeated, or in the index already.
    pub duplicates: DuplicateRule,
    /// Whether the scaler is fitted again, to all rows.
    pub refit: bool,
}

/// What an id to remove means that is not in the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownRule {
    /// Nothing is removed.
    #[default]
    Error,
    /// It is left aside: it may have been removed before.
    Skip,
}

/// Rows to remove from an index.
#[derive(Clone, Debug)]
pub struct RemovePlan {
    /// The index, or a folder of versions.
    pub index: PathBuf,
    /// Ids of the tracks to remove.
    pub ids: Vec<String>,
    /// What an id means that is not in the index.
    pub unknown: UnknownRule,
    /// Where the new version goes; none for the folder of versions that `index` is.
    pub output: Option<PathBuf>,
    /// Whether the scaler is fitted again, to the rows that stay.
    pub refit: bool,
}

/// Makes a version with the rows of tables behind those of the last one; none where no row is new, unless
/// the scaler is to be fitted again.
///
/// # Errors
/// When a table is refused, the version before is damaged, the place is taken, the disk is full, or
/// the result fails its checks. Nothing is left behind then, and the version before stays as it is.
pub fn append(plan: &AppendPlan) -> Result<Outcome, Error> {
    let goal = Goal::new(&plan.index, plan.output.as_deref())?;
    let old = Searcher::open(goal.from())?;
    let rule = ColumnRule::Schema(old.schema().clone());
    let sources = Sources::open(&plan.inputs, &rule, plan.profile.as_deref())?;
    let (got, expected) = (sources.profile_id()?, &old.manifest().profile_id);
    if got != expected {
        let (got, expected) = (got.to_owned(), expected.clone());
        let path = plan.inputs.first().cloned().unwrap_or_default();
        return Err(TableError::ProfileMismatch { path, got, expected }.into());
    }
    let nan = plan.nan.or_else(|| NanRule::named(&old.manifest().missing_values.rule));
    let settings = BuildPlan {
        nan: nan.unwrap_or(NanRule::Error),
        duplicates: plan.duplicates,
        ..settings(&old, &goal)
    };
    let none = BTreeSet::new();
    let again = Again::new(&old, &none, Some(&sources));
    again.provenance().warn();
    let (place, mut manifest, curve) = if plan.refit {
        rebuilt(&settings, &again)?
    } else {
        let mut growing = Growing::begin(&old, &goal)?;
        let taken = growing.append(&settings, &again)?;
        if taken.rows == 0 {
            let (path, version) = (goal.from().to_owned(), old.version().to_owned());
            let (repeated, dropped) = (taken.duplicate_rows, taken.dropped_rows);
            let read = taken.rows_per_table.iter().sum();
            return Ok(Outcome::Unchanged(Unchanged {
                read,
                repeated,
                dropped,
                ..Unchanged::of(version, path)
            }));
        }
        growing.finish(&settings)?
    };
    let before = old.rows();
    let growth = growth(&old, &manifest, Operation::Append, plan.refit, curve);
    let scaler = old.scaler();
    let names = old.schema().names();
    let index = place.open(manifest.clone())?;
    let drift_of_added = drift(scaler, names, |take| index.each_raw(before.., take))?;
    let drift = drift(scaler, names, |take| index.each_raw(0.., take))?;
    drop(index);
    manifest.growth = Some(Growth { drift, ..growth });
    let freed = if plan.refit { Vec::new() } else { freed_features(&old, &manifest) };
    let grown = goal.reach(place.place, manifest)?;
    Ok(Outcome::Made(Box::new(Grown {
        drift_of_added,
        freed_features: freed,
        features_left_out: sources.features_left_out().to_vec(),
        columns_left_out: sources.columns_left_out().to_vec(),
        ..grown
    })))
}

/// Makes a version without some rows of the last one; none where no row goes, unless the scaler is to be
/// fitted again. The last rows take the places of those that are removed.
///
/// # Errors
/// When a track is not in the index (unless such are skipped), none would be left, or as [`append`].
pub fn remove(plan: &RemovePlan) -> Result<Outcome, Error> {
    let goal = Goal::new(&plan.index, plan.output.as_deref())?;
    let old = Searcher::open(goal.from())?;
    let (mut gone, mut unknown) = (BTreeSet::new(), Vec::new());
    {
        let txn = old.store().read()?;
        for id in &plan.ids {
            match old.store().row_of(&txn, &id_key(id))? {
                Some(row) => drop(gone.insert(row)),
                None => unknown.push(id.clone()),
            }
        }
    }
    if !unknown.is_empty() && plan.unknown == UnknownRule::Error {
        return Err(Error::UnknownTracks { unknown });
    }
    if gone.is_empty() && !plan.refit {
        let (path, version) = (goal.from().to_owned(), old.version().to_owned());
        let unknown = unknown.len() as u64;
        return Ok(Outcome::Unchanged(Unchanged { unknown, ..Unchanged::of(version, path) }));
    }
    if gone.len() == old.rows() as usize {
        return Err(Error::NoRows { read: u64::from(old.rows()), dropped: 0 });
    }
    let settings = settings(&old, &goal);
    let (place, mut manifest, curve) = if plan.refit {
        rebuilt(&settings, &Again::new(&old, &gone, None))?
    } else {
        let mut growing = Growing::begin(&old, &goal)?;
        growing.remove(&gone)?;
        growing.finish(&settings)?
    };
    let growth = growth(&old, &manifest, Operation::Remove, plan.refit, curve);
    let names = old.schema().names();
    let index = place.open(manifest.clone())?;
    let drift = drift(old.scaler(), names, |take| index.each_raw(0.., take))?;
    drop(index);
    manifest.growth = Some(Growth { drift, ..growth });
    Ok(Outcome::Made(Box::new(goal.reach(place.place, manifest)?)))
}

/// Features that were constant in the version before and are not any more. Its scaler, which stays, has no
/// deviation of them: they count in their own unit, whatever that is.
fn freed_features(old: &Searcher, new: &Manifest) -> Vec<String> {
    let scales = old.schema().names().iter().zip(old.scaler().scale());
    let freed: Vec<String> = scales
        // One that only became constant, when rows were removed, has the deviation that it was fitted with.
        .filter(|(_, scale)| scale.to_bits() == 1.0_f64.to_bits())
        .map(|(name, _)| name)
        .filter(|name| old.manifest().constant_features.contains(name))
        .filter(|name| !new.constant_features.contains(name))
        .cloned()
        .collect();
    if !freed.is_empty() {
        tracing::warn!(
            features = %freed.join(", "),
            "were constant when the scaler was fitted, and count in their own unit now; fit it again (--refit)"
        );
    }
    freed
}

/// A version that is complete but for the end of its manifest.
struct Ready {
    place: super::Workplace,
}

impl Ready {
    fn open(&self, manifest: Manifest) -> Result<Searcher, Error> {
        Searcher::open_unfinished(self.place.path(), manifest)
    }
}

/// How the version before was built.
fn settings(old: &Searcher, goal: &Goal) -> BuildPlan {
    let manifest = old.manifest();
    BuildPlan {
        inputs: Vec::new(),
        output: goal.beside(),
        profile: Some(manifest.profile_id.clone()),
        engines: match (&manifest.blocks, manifest.forest.trees) {
            (None, _) => BuildEngines::Forest,
            (Some(_), 0) => BuildEngines::Blocks,
            (Some(_), _) => BuildEngines::Both,
        },
        trees: manifest.forest.trees,
        seed: manifest.forest.seed,
        nan: NanRule::Error,
        duplicates: DuplicateRule::Error,
        all_columns: false,
    }
}

fn rebuilt(
    settings: &BuildPlan,
    rows: &Again<'_>,
) -> Result<(Ready, Manifest, CurveOrigin), Error> {
    let recipe = Recipe { profile_id: settings.profile.clone().unwrap_or_default(), scaler: None };
    let super::Assembled { place, mut manifest } = assemble(settings, rows, recipe)?;
    rows.add_missing_values(&mut manifest.missing_values);
    Ok((Ready { place }, manifest, CurveOrigin::Calibrated))
}

fn growth(
    old: &Searcher,
    new: &Manifest,
    operation: Operation,
    refitted: bool,
    recall_curve: CurveOrigin,
) -> Growth {
    let before = old.rows();
    let earlier = old.manifest().growth.as_ref().map_or(0, |growth| growth.removed_since_build);
    let removed = before.saturating_sub(new.rows);
    Growth {
        from_version: old.version().to_owned(),
        operation,
        rows_before: before,
        added: new.rows.saturating_sub(before),
        removed,
        removed_since_build: earlier + u64::from(removed),
        refitted,
        recall_curve,
        drift: Vec::new(),
    }
}
