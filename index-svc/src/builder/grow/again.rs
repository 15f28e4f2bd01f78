//! The rows of an index, without some, and those of new tables behind them.

use std::{collections::BTreeSet, path::Path};

use index::{
    manifest::{MissingValues, SourceFacts},
    provenance::{Provenance, append_new},
};
use proto::features::FeatureSchema;

use crate::{
    builder::rows::RowSource, error::Error, searcher::Searcher, sources::Sources, table::Row,
};

#[derive(Debug)]
pub(super) struct Again<'i> {
    old: &'i Searcher,
    gone: &'i BTreeSet<u32>,
    sources: Option<&'i Sources>,
    attribute_names: Vec<String>,
    provenance: Provenance,
}

impl<'i> Again<'i> {
    pub(super) fn new(
        old: &'i Searcher,
        gone: &'i BTreeSet<u32>,
        sources: Option<&'i Sources>,
    ) -> Self {
        let mut attribute_names = old.manifest().attribute_names.clone();
        let more = sources.map_or(&[][..], Sources::attribute_names);
        append_new(&mut attribute_names, more.iter().cloned());
        let mut provenance = old.manifest().provenance();
        if let Some(sources) = sources {
            provenance.add(sources.provenance());
        }
        Self { old, gone, sources, attribute_names, provenance }
    }

    /// The new rows alone, with the attributes of all.
    pub(super) fn added(&self) -> Added<'_> {
        Added(self)
    }

    /// Adds what was missing in the rows that were there, of which the new version knows nothing.
    pub(super) fn add_missing_values(&self, missing: &mut MissingValues) {
        let before = &self.old.manifest().missing_values;
        for (feature, count) in &before.per_feature {
            *missing.per_feature.entry(feature.clone()).or_default() += count;
        }
        missing.rule.clone_from(&before.rule);
        missing.imputed_values += before.imputed_values;
        missing.dropped_rows += before.dropped_rows;
        missing.duplicate_rows += before.duplicate_rows;
    }
}

impl RowSource for Again<'_> {
    fn schema(&self) -> &FeatureSchema {
        self.old.schema()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn attribute_names(&self) -> &[String] {
        &self.attribute_names
    }

    fn each_row(
        &self,
        take: &mut dyn FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        for row in (0..self.old.rows()).filter(|row| !self.gone.contains(row)) {
            let (metadata, values) = (self.old.metadata(row)?, self.old.raw(row)?);
            take(Path::new("the index"), Row { line: u64::from(row) + 1, metadata, values })?;
        }
        self.added().each_row(take)
    }

    fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error> {
        let (mut facts, old) = (self.old.manifest().sources.clone(), self.old.manifest());
        for source in facts.iter_mut().filter(|source| source.nan.is_none()) {
            source.nan = Some(old.missing_values.rule.clone());
        }
        facts.extend(self.sources.map_or(Ok(Vec::new()), |sources| sources.facts(rows))?);
        Ok(facts)
    }
}

/// The new rows of [`Again`].
#[derive(Debug)]
pub(super) struct Added<'a>(&'a Again<'a>);

impl RowSource for Added<'_> {
    fn schema(&self) -> &FeatureSchema {
        self.0.schema()
    }

    fn provenance(&self) -> Provenance {
        self.0.provenance()
    }

    fn attribute_names(&self) -> &[String] {
        &self.0.attribute_names
    }

    fn each_row(
        &self,
        take: &mut dyn FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        self.0.sources.map_or(Ok(Vec::new()), |sources| sources.each_row(take))
    }

    fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error> {
        self.0.facts(rows)
    }
}
