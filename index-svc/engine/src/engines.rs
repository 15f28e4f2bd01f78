//! The engines that are open for an index, by name.

use std::{path::Path, sync::Arc};

use crate::{
    blocks::{Blocks, Image, SearchResult},
    error::EngineError,
    forest::Forest,
    name::EngineName,
    nearest::{Candidates, Effort, Engine},
    row_set::RowSet,
    scan::Scan,
    stop::Stop,
    vectors::ScaledVectors,
};

/// Name of the blocks engine's image in an index directory.
pub const BLOCKS_FILE: &str = "blocks.bin";

impl Engine for Blocks {
    fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<Candidates, EngineError> {
        check_width(self, query)?;
        Ok(Self::nearest(self, query, k, allowed, effort)?.into())
    }
}

/// What is open; the scan always is.
#[derive(Debug)]
pub struct Engines {
    blocks: Option<Arc<Blocks>>,
    forest: Option<Forest>,
    scan: Scan,
}

impl Engines {
    /// The scan over `vectors`, and what else is open over the same.
    #[must_use]
    pub fn new(
        vectors: Arc<ScaledVectors>,
        blocks: Option<Arc<Blocks>>,
        forest: Option<Forest>,
    ) -> Self {
        Self { blocks, forest, scan: Scan::new(vectors) }
    }

    /// The blocks engine, where it is open.
    #[must_use]
    pub fn blocks(&self) -> Option<&Blocks> {
        self.blocks.as_deref()
    }

    /// The forest, where it is open.
    #[must_use]
    pub fn forest(&self) -> Option<&Forest> {
        self.forest.as_ref()
    }

    /// Whether the engine of that name is open.
    #[must_use]
    pub fn is_open(&self, name: EngineName) -> bool {
        match name {
            EngineName::Blocks => self.blocks.is_some(),
            EngineName::Forest => self.forest.is_some(),
            EngineName::Scan => true,
        }
    }

    /// The open engines that search by effort.
    #[must_use]
    pub fn built(&self) -> Vec<EngineName> {
        let blocks = self.blocks.as_ref().map(|_| EngineName::Blocks);
        let forest = self.forest.as_ref().map(|_| EngineName::Forest);
        blocks.into_iter().chain(forest).collect()
    }

    /// As [`Engine::nearest`], by the engine of that name.
    ///
    /// # Errors
    /// When it is not open, or fails.
    pub fn nearest(
        &self,
        name: EngineName,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<Candidates, EngineError> {
        let engine: Option<&dyn Engine> = match name {
            EngineName::Blocks => self.blocks.as_deref().map(|blocks| blocks as _),
            EngineName::Forest => self.forest.as_ref().map(|forest| forest as _),
            EngineName::Scan => Some(&self.scan),
        };
        engine.ok_or(EngineError::NotBuilt { name })?.nearest(query, k, allowed, effort)
    }
}

impl Engines {
    /// As [`Self::nearest`]; `None` where it would have to look at more than `most` rows, or cannot
    /// tell beforehand, as the forest and the scan.
    ///
    /// # Errors
    /// As [`Self::nearest`].
    pub fn nearest_within(
        &self,
        name: EngineName,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
        most: usize,
    ) -> Result<Option<Candidates>, EngineError> {
        match (name, &self.blocks) {
            _ if most == usize::MAX => self.nearest(name, query, k, allowed, effort).map(Some),
            (EngineName::Blocks, Some(blocks)) => {
                check_width(blocks, query)?;
                let found = blocks.nearest_within(query, k, allowed, effort, most)?;
                Ok(found.map(Candidates::from))
            }
            _ => Ok(None),
        }
    }
}

impl Engines {
    /// As [`Self::nearest`] for `queries` of `[n, dims]`, in their order; `None` when told to stop. The blocks
    /// engine reads its leaves once for all of them; its exact answers are those of single queries, and so
    /// are its limited ones.
    ///
    /// # Errors
    /// As [`Self::nearest`].
    pub fn nearest_many(
        &self,
        name: EngineName,
        queries: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
        stop: Stop<'_>,
    ) -> Result<Option<Vec<Candidates>>, EngineError> {
        if let (EngineName::Blocks, Some(blocks)) = (name, &self.blocks) {
            let stopped = || stop.is_stopped();
            let found = blocks.nearest_batch_until(queries, k, allowed, effort, &stopped)?;
            return Ok(found.map(|found| found.into_iter().map(Candidates::from).collect()));
        }
        let mut found = Vec::new();
        for query in queries.chunks_exact(self.scan.dims()) {
            if stop.is_stopped() {
                return Ok(None);
            }
            found.push(self.nearest(name, query, k, allowed, effort)?);
        }
        Ok(Some(found))
    }
}

impl From<SearchResult> for Candidates {
    fn from(found: SearchResult) -> Self {
        Self { hits: found.hits, scored: found.scanned }
    }
}

fn check_width(blocks: &Blocks, query: &[f32]) -> Result<(), EngineError> {
    match blocks.dims() {
        dims if dims == query.len() => Ok(()),
        expected => Err(EngineError::Width { got: query.len(), expected }),
    }
}

/// Maps the image in the index directory `folder` and checks that it is the one the manifest names.
///
/// # Errors
/// When it is missing, damaged, or of another index; the message says what to do.
pub fn open_blocks(
    folder: &Path,
    rows: usize,
    dims: usize,
    digest: &str,
) -> Result<Blocks, EngineError> {
    let path = folder.join(BLOCKS_FILE);
    let blocks = Image::map(&path)
        .and_then(Blocks::open)
        .map_err(|source| EngineError::Image { path: path.clone(), source })?;
    let pairs = [
        ("rows", blocks.rows().to_string(), rows.to_string()),
        ("dimensions", blocks.dims().to_string(), dims.to_string()),
        ("as digest", digest_text(&blocks), digest.to_owned()),
    ];
    for (what, got, expected) in pairs {
        if got != expected {
            return Err(EngineError::ForeignImage { path, what, got, expected });
        }
    }
    Ok(blocks)
}

/// The digest of an image as manifests have it.
#[must_use]
pub fn digest_text(blocks: &Blocks) -> String {
    format!("{:032x}", blocks.digest())
}
