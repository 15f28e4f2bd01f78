//! What an index is built from: tables, an index that is built again, or an imported model.

use std::path::Path;

use index::{manifest::SourceFacts, provenance::Provenance};
use proto::features::FeatureSchema;

use crate::{error::Error, sources::Sources, table::Row};

/// Rows in order, with the names of what is in them.
pub(crate) trait RowSource: std::fmt::Debug {
    /// Names of the features in order.
    fn schema(&self) -> &FeatureSchema;

    /// What made the rows, as far as that is known.
    fn provenance(&self) -> Provenance;

    /// Names of the text attributes in order.
    fn attribute_names(&self) -> &[String];

    /// Calls `take` with every row in order, and where it comes from; returns the number of rows
    /// read from each table. The same rows each time.
    fn each_row(
        &self,
        take: &mut dyn FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error>;

    /// Name, size and digest of every table that `rows` were read from.
    fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error>;
}

impl RowSource for Sources {
    fn schema(&self) -> &FeatureSchema {
        self.schema()
    }

    fn provenance(&self) -> Provenance {
        self.provenance().clone()
    }

    fn attribute_names(&self) -> &[String] {
        self.attribute_names()
    }

    fn each_row(
        &self,
        take: &mut dyn FnMut(&Path, Row) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        self.each_row(take)
    }

    fn facts(&self, rows: &[u64]) -> Result<Vec<SourceFacts>, Error> {
        self.facts(rows)
    }
}
