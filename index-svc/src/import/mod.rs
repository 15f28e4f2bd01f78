//! The model folder of the Python system, as an index: scaled features, metadata, and the scaler.
//!
//! The features are scaled already, so the raw vectors are made from them: `scaled * scale + mean`.
//! The scaler is kept, not fitted again, and every value is scaled again and compared. Columns come
//! by name: those the scaler was fitted with, or those the caller says.

mod columns;
mod error;
mod features;
mod fit;
mod pickle;
mod scaler_file;

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use proto::features::FeatureSchema;

pub use self::{columns::ColumnNames, error::ImportError, pickle::PickleError};
use index::{
    manifest::{Manifest, SourceFacts, file_facts},
    provenance::Provenance,
    scaler::Scaler,
};

use self::{columns::Columns, features::Features, scaler_file::ModelScaler};
use crate::{
    builder::{BuildEngines, BuildPlan, DuplicateRule, NanRule, Recipe, RowSource, assemble},
    error::Error,
    table::{ColumnRule, IdRule, Row, Table},
};

/// How far a value that is scaled again may be from the one that was imported, in standard
/// deviations: far more than rounding costs unless a mean is ten digits larger than its deviation.
const MOST_DEVIATION: f64 = 1e-6;

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// Scaled features, `[rows, columns]`, as numpy saves them.
    pub features: PathBuf,
    /// Table of metadata of the same rows.
    pub metadata: PathBuf,
    /// JSON or pickle of the scaler.
    pub scaler: PathBuf,
    /// Where the names of the columns are.
    pub columns: ColumnNames,
    /// Directory to make; it must not exist.
    pub output: PathBuf,
    /// Profile of the features.
    pub profile: String,
    /// Engines to build.
    pub engines: BuildEngines,
    /// Trees of the forest.
    pub trees: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Takes features that the scaler was not fitted to, such as a part of them.
    pub force: bool,
}

/// What was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Version of the new index.
    pub version: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// How far a value that was scaled again is from the imported one, at most.
    pub worst_deviation: f64,
}

/// Builds an index from a model folder.
///
/// # Errors
/// When a file is refused, they do not fit each other, or as [`crate::builder::build`].
pub fn import(plan: &ImportPlan) -> Result<Imported, Error> {
    if plan.output.symlink_metadata().is_ok() {
        return Err(Error::OutputExists { path: plan.output.clone() });
    }
    crate::sources::check_profile(&plan.profile, &plan.features)?;
    let features = Features::read(&plan.features)?;
    let scaler = ModelScaler::read(&plan.scaler)?;
    if scaler.mean.len() != features.dims() {
        let (got, expected) = (scaler.mean.len(), features.dims());
        return Err(ImportError::ScalerWidth { path: plan.scaler.clone(), got, expected }.into());
    }
    let columns = Columns::find(&plan.columns, scaler.names.as_deref(), features.dims())?;
    let model = Model::new(plan, features, &scaler, columns)?;
    if !plan.force {
        fit::check(&model, &scaler)?;
    }
    let worst_deviation = model.worst_deviation()?;
    let settings = BuildPlan {
        inputs: Vec::new(),
        output: plan.output.clone(),
        profile: Some(plan.profile.clone()),
        engines: plan.engines,
        trees: plan.trees,
        seed: plan.seed,
        nan: NanRule::Error,
        duplicates: DuplicateRule::Error,
        all_columns: false,
    };
    let scaler = Some(model.scaler.clone());
    let recipe = Recipe { profile_id: plan.profile.clone(), scaler };
    let (version, manifest) = assemble(&settings, &model, recipe)?.publish(&plan.output)?;
    Ok(Imported { version, manifest, worst_deviation })
}

/// The rows of a model folder.
#[derive(Debug)]
struct Model<'p> {
    plan: &'p ImportPlan,
    features: Features,
    columns: Columns,
    scaler: Scaler,
    attribute_names: Vec<String>,
}

impl<'p> Model<'p> {
    fn new(
        plan: &'p ImportPlan,
        features: Features,
        scaler: &ModelScaler,
        columns: Columns,
    ) -> Result<Self, Error> {
        let constant = (0..columns.order().len())
            .filter(|column| features.is_constant(columns.order()[*column]))
            .collect();
        let (mean, scale) = (columns.pick(&scaler.mean), columns.pick(&scaler.scale));
        let scaler = Scaler::from_parts(mean, scale, constant).ok_or_else(|| {
            let why = "a mean or scale is not finite, or a scale not positive";
            ImportError::NotAScaler { path: plan.scaler.clone(), why }
        })?;
        let table = metadata(&plan.metadata)?;
        let attribute_names = table.columns().attribute_names().map(str::to_owned).collect();
        Ok(Self { plan, features, columns, scaler, attribute_names })
    }

    /// Scaled values of a row, in schema order.
    fn scaled(&self, row: usize) -> Vec<f64> {
        self.columns.pick(self.features.row(row))
    }

    fn raw(&self, row: usize) -> Vec<f64> {
        let parts = self.scaler.mean().iter().zip(self.scaler.scale());
        self.scaled(row).iter().zip(parts).map(|(x, (mean, scale))| x * scale + mean).collect()
    }

    fn worst_deviation(&self) -> Result<f64, ImportError> {
        let mut worst = 0.0_f64;
        for row in 0..self.features.rows() {
            let again = self.scaler.transform(&self.raw(row));
            for (column, (again, scaled)) in again.iter().zip(self.scaled(row)).enumerate() {
                let deviation = (again - scaled).abs();
                // Not finite counts as too far.
                if deviation.is_nan() || deviation > MOST_DEVIATION {
                    let column = self.columns.schema().names()[column].clone();
                    return Err(ImportError::Rounding { row, column, deviation });
                }
                worst = worst.max(deviation);
            }
        }
        Ok(worst)
    }
}

/// The table of metadata; columns of features in it are not looked at.
fn metadata(path: &Path) -> Result<Table, Error> {
    let nothing = FeatureSchema::from_names(Vec::new());
    Ok(Table::open(path, &ColumnRule::Schema(nothing), IdRule::Required)?)
}

impl RowSource for Model<'_> {
    fn schema(&self) -> &FeatureSchema {
        self.columns.schema()
    }

    fn provenance(&self) -> Provenance {
        Provenance::default()
    }

    fn attribute_names(&self) -> &[String] {
        &self.attribute_names
    }

    fn each_row(
        &self,
        take: &mut dyn FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        let path = &self.plan.metadata;
        let mut table = metadata(path)?;
        let mut next = 0;
        while let Some(row) = table.next_row()? {
            if next < self.features.rows() {
                take(path, Row { values: self.raw(next), ..row })?;
            }
            next += 1;
        }
        if next != self.features.rows() {
            let (metadata, features) = (next, self.features.rows());
            return Err(ImportError::RowCount { metadata, features }.into());
        }
        Ok(vec![next as u64; 3])
    }

    fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error> {
        let paths = [&self.plan.features, &self.plan.metadata, &self.plan.scaler];
        let one = |(path, rows): (&&PathBuf, &u64)| {
            let facts = file_facts(path)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            Ok(SourceFacts {
                name,
                bytes: facts.bytes,
                sha256: facts.sha256,
                rows: *rows,
                nan: None,
            })
        };
        paths.iter().zip(rows).map(one).collect()
    }
}

/// The bytes of a small file.
fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>, ImportError> {
    let failed = |source: io::Error| ImportError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(ImportError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}
