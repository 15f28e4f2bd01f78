//! The tables of a build as one: they agree on profile and schema, and their rows follow each
//! other in the order of the command line.

use std::path::{Path, PathBuf};

use index::{
    manifest::{SourceFacts, file_facts},
    provenance::{Provenance, append_new},
};
use proto::features::FeatureSchema;

use crate::{
    error::Error,
    table::{ColumnRule, IdRule, LeftOut, Row, Shards, Table, TableError, TableFile, expand},
};

/// Longest profile id, and longest name of an extractor's build, in bytes.
const MAX_NAME_BYTES: usize = 512;
/// Most builds of the extractor that a table may name.
const MAX_VERSIONS: usize = 256;

/// Tables that may be indexed together.
#[derive(Clone, Debug)]
pub struct Sources {
    files: Vec<TableFile>,
    rule: ColumnRule,
    profile_id: Option<String>,
    provenance: Provenance,
    schema: FeatureSchema,
    attribute_names: Vec<String>,
    features_left_out: Vec<String>,
    columns_left_out: Vec<LeftOut>,
}

impl Sources {
    /// Opens every table once, for its names and recipe.
    ///
    /// # Errors
    /// When a table is refused, two disagree, or a batch lacks parts.
    pub fn open(
        paths: &[PathBuf],
        rule: &ColumnRule,
        profile: Option<&str>,
    ) -> Result<Self, TableError> {
        let mut sources = Self {
            files: expand(paths)?,
            rule: rule.clone(),
            profile_id: profile.map(str::to_owned),
            provenance: Provenance::default(),
            schema: FeatureSchema::from_names(Vec::new()),
            attribute_names: Vec::new(),
            features_left_out: Vec::new(),
            columns_left_out: Vec::new(),
        };
        let mut shards = Shards::default();
        for (position, file) in sources.files.clone().iter().enumerate() {
            let path = &file.path;
            let table = Table::open_file(file, rule, IdRule::Required)?;
            if let Some(shard) = table.shard() {
                shards.add(path, shard.clone())?;
            }
            sources.agree_on_profile(&table)?;
            sources.provenance.add(&provenance(&table)?);
            let schema = table.columns().schema();
            if position == 0 {
                sources.schema = schema.clone();
            } else if *schema != sources.schema {
                let (got, expected) = (schema.sha256(), sources.schema.sha256());
                return Err(TableError::SchemaMismatch { path: path.clone(), got, expected });
            }
            let attributes = table.columns().attribute_names().map(str::to_owned);
            let left_out = table.columns().report().features_left_out.iter().cloned();
            append_new(&mut sources.attribute_names, attributes);
            append_new(&mut sources.features_left_out, left_out);
            for column in &table.columns().report().left_out {
                if !sources.columns_left_out.contains(column) {
                    sources.columns_left_out.push(column.clone());
                }
            }
        }
        shards.check_complete()?;
        // JSON's names have no order, and the same rows make the same index from every form of table.
        sources.attribute_names.sort_unstable();
        Ok(sources)
    }

    fn agree_on_profile(&mut self, table: &Table) -> Result<(), TableError> {
        let Some(recipe) = table.recipe() else {
            return Ok(());
        };
        match &self.profile_id {
            Some(expected) if *expected != recipe.profile_id => Err(TableError::ProfileMismatch {
                path: table.path().to_owned(),
                got: recipe.profile_id.clone(),
                expected: expected.clone(),
            }),
            Some(_) => Ok(()),
            None => {
                self.profile_id = Some(recipe.profile_id.clone());
                Ok(())
            }
        }
    }

    /// The profile of all tables.
    ///
    /// # Errors
    /// When neither the caller nor the tables say it, or it is no name.
    pub fn profile_id(&self) -> Result<&str, TableError> {
        let path = self.files.first().map(|file| file.path.clone()).unwrap_or_default();
        let Some(profile) = &self.profile_id else {
            return Err(TableError::ProfileUnstated { path });
        };
        check_profile(profile, &path)?;
        Ok(profile)
    }

    /// What made the rows, as far as the tables say so.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Names of the features in order.
    #[must_use]
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// Text columns of all tables, by name.
    #[must_use]
    pub fn attribute_names(&self) -> &[String] {
        &self.attribute_names
    }

    /// Feature columns that are not read.
    #[must_use]
    pub fn features_left_out(&self) -> &[String] {
        &self.features_left_out
    }

    /// Columns of types that are not read.
    #[must_use]
    pub fn columns_left_out(&self) -> &[LeftOut] {
        &self.columns_left_out
    }

    /// Calls `take` with every row of every table, in order; returns what was read of each.
    ///
    /// # Errors
    /// What reading or `take` refuses.
    pub fn each_row(
        &self,
        mut take: impl FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        let mut counts = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let path = &file.path;
            let mut table = Table::open_file(file, &self.rule, IdRule::Required)?;
            let mut rows = 0;
            while let Some(row) = table.next_row()? {
                rows += 1;
                take(path, row)?;
            }
            counts.push(rows);
        }
        Ok(counts)
    }

    /// Name, size and digest of every table; reads all of them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error> {
        self.files
            .iter()
            .zip(rows)
            .map(|(file, rows)| {
                let facts = file_facts(&file.path)?;
                Ok(SourceFacts {
                    name: file.name.clone(),
                    bytes: facts.bytes,
                    sha256: facts.sha256,
                    rows: *rows,
                    nan: None,
                })
            })
            .collect()
    }
}

/// What made the rows of a table, as far as it says so.
fn provenance(table: &Table) -> Result<Provenance, TableError> {
    let Some(recipe) = table.recipe() else { return Ok(Provenance::default()) };
    let versions = &recipe.extractor_versions;
    let is_name = |name: &String| {
        !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
    };
    if versions.len() > MAX_VERSIONS || !versions.iter().all(is_name) {
        let (path, line) = (table.path().to_owned(), 0);
        let why = "its extractor_versions are not names of builds".to_owned();
        return Err(TableError::Malformed { path, line, why });
    }
    let windows = recipe.window.iter().map(ToString::to_string).collect();
    Ok(Provenance { extractor_versions: versions.clone(), windows })
}

/// Refuses what is no name of a profile.
pub(crate) fn check_profile(profile: &str, path: &Path) -> Result<(), TableError> {
    if profile.is_empty() || profile.len() > MAX_NAME_BYTES || profile.chars().any(char::is_control)
    {
        let why = format!("profile id `{}` is not a name", profile.escape_debug());
        return Err(TableError::Malformed { path: path.to_owned(), line: 0, why });
    }
    Ok(())
}
