//! An opened index: everything a query needs, checked to fit together.
//!
//! Opening maps the blocks engine's image, or the scaled vectors where there is none, and checks the quick digest of every file that it opens, counts, names and the forest's
//! shape; [`Index::verify_files`] checks SHA-256 digests too.

use std::{fs, ops::RangeFrom, path::Path, sync::Arc};

use engine::{
    BLOCKS_FILE, EngineError, EngineName, Engines, Forest, ScaledVectors, blocks::Blocks,
    open_blocks,
};
use proto::features::FeatureSchema;

use crate::{
    build_record::BuildRecord,
    distances::PairDistances,
    error::IndexError,
    manifest::{BlocksFacts, MANIFEST_FILE, Manifest, file_facts},
    metadata::{self, TrackMetadata, id_key},
    scaler::Scaler,
    seal::quick_digest,
    store::{
        DATA_FILE, ReadTxn, SCALED_FILE, SCALER, ScaledFile, Store, TRACKS_FILE, VECTORS_FILE,
    },
};

/// Which engines are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// All that were built; the planner chooses for each query.
    #[default]
    Auto,
    /// The forest alone: the blocks engine's image is neither mapped nor checked.
    Forest,
    /// The blocks engine alone.
    Blocks,
}

/// An open, read-only index.
#[derive(Debug)]
pub struct Index {
    manifest: Manifest,
    version: String,
    build: Option<BuildRecord>,
    schema: FeatureSchema,
    scaler: Scaler,
    pairs: PairDistances,
    vectors: Arc<ScaledVectors>,
    store: Arc<Store>,
    engines: Engines,
}

impl Index {
    /// Opens the index in `directory` with engines of one's choice.
    ///
    /// # Errors
    /// When it is not an index, has another format, is cut, or its parts do not fit each other; the
    /// message says which. When an engine was chosen that was not built.
    pub fn open(directory: &Path, choice: EngineChoice) -> Result<Self, IndexError> {
        let not_an_index =
            |why: &str| IndexError::NotAnIndex { path: directory.to_owned(), why: why.to_owned() };
        if !directory.is_dir() {
            let why = if directory.exists() { "not a directory" } else { "no such directory" };
            return Err(not_an_index(why));
        }
        if !directory.join(MANIFEST_FILE).is_file() {
            return Err(not_an_index("it has neither a manifest.json nor a CURRENT"));
        }
        let (manifest, version) = Manifest::read(directory)?;
        check_files(directory, &manifest)?;
        Self::open_parts(directory, manifest, version, choice)
    }

    /// Opens a directory whose manifest is still in memory.
    ///
    /// # Errors
    /// As [`Self::open`], but for the checks of the files' digests.
    pub fn open_parts(
        path: &Path,
        manifest: Manifest,
        version: String,
        choice: EngineChoice,
    ) -> Result<Self, IndexError> {
        let store = Arc::new(Store::open(path, manifest.rows as usize, manifest.dims as usize)?);
        let txn = store.read()?;
        let rows = manifest.rows as usize;
        for (what, got) in store.counts(&txn)? {
            expect(what, got, rows as u64)?;
        }
        let scaler = scaler(&store, &txn, &manifest)?;
        let pairs = PairDistances::read(&store, &txn)?;
        let blocks = match choice {
            EngineChoice::Forest => None,
            _ => blocks(path, &manifest)?.map(Arc::new),
        };
        let vectors = Arc::new(match &blocks {
            Some(blocks) => ScaledVectors::of_image(Arc::clone(blocks)),
            None => stored_vectors(path, &manifest)?,
        });
        drop(txn);
        let forest = match choice {
            EngineChoice::Blocks => None,
            _ => forest(&store, &vectors, &manifest)?,
        };
        let missing = match choice {
            EngineChoice::Forest if forest.is_none() => Some(EngineName::Forest),
            EngineChoice::Blocks if blocks.is_none() => Some(EngineName::Blocks),
            _ => None,
        };
        if let Some(name) = missing {
            return Err(EngineError::NotBuilt { name }.into());
        }
        let engines = Engines::new(Arc::clone(&vectors), blocks, forest);
        let schema = manifest.schema();
        let build = BuildRecord::read(path);
        Ok(Self { manifest, version, build, schema, scaler, pairs, vectors, store, engines })
    }

    /// Checks the digest of every file of the index in `directory`; reads all of them.
    ///
    /// # Errors
    /// When a file is not the one that was built.
    pub fn verify_files(directory: &Path, manifest: &Manifest) -> Result<(), IndexError> {
        for (name, expected) in &manifest.files {
            let got = file_facts(&directory.join(name))?;
            expect(format!("bytes in {name}"), got.bytes, expected.bytes)?;
            expect(format!("as SHA-256 of {name}"), &got.sha256, &expected.sha256)?;
        }
        Ok(())
    }

    /// What the index is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the index is, for who measures it before its manifest is written.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Closes the index and keeps what it is.
    #[must_use]
    pub fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// SHA-256 of the manifest, 64 lower-case hex digits.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// When it was made, and by which program, where that is known.
    #[must_use]
    pub fn build(&self) -> Option<&BuildRecord> {
        self.build.as_ref()
    }

    /// Names of the features in order.
    #[must_use]
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The scaler.
    #[must_use]
    pub fn scaler(&self) -> &Scaler {
        &self.scaler
    }

    /// Distances between random pairs of its tracks.
    #[must_use]
    pub fn pairs(&self) -> &PairDistances {
        &self.pairs
    }

    /// The scaled vectors, by row.
    #[inline]
    #[must_use]
    pub fn vectors(&self) -> &ScaledVectors {
        &self.vectors
    }

    /// What is stored row by row.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The engines that are open.
    #[must_use]
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Number of tracks.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.manifest.rows
    }

    /// The row of a track.
    ///
    /// # Errors
    /// When the store fails.
    pub fn row_of(&self, track_id: &str) -> Result<Option<u32>, IndexError> {
        Ok(self.store.row_of(&self.store.read()?, &id_key(track_id))?)
    }

    /// What is known about the track at `row`.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn metadata(&self, row: u32) -> Result<TrackMetadata, IndexError> {
        let record = self.store.track(row)?;
        Ok(TrackMetadata::decode(&record, &self.manifest.attribute_names)?)
    }

    /// The id of the track at `row`.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn track_id(&self, row: u32) -> Result<String, IndexError> {
        let record = self.store.track(row)?;
        Ok(metadata::field(&record, metadata::ID_FIELD)?.to_owned())
    }

    /// The artist of the track at `row`.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn artist(&self, row: u32) -> Result<String, IndexError> {
        let record = self.store.track(row)?;
        Ok(metadata::field(&record, metadata::ARTIST_FIELD)?.to_owned())
    }

    /// The scaled vector of the track at `row`, from its raw one.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn scaled(&self, row: u32) -> Result<Vec<f64>, IndexError> {
        Ok(self.scaler.transform_in_place(self.store.raw(row, self.scaler.dims())?))
    }

    /// Calls `take` with the raw vector of every row of a range that ends with the index.
    ///
    /// # Errors
    /// When the store fails.
    pub fn each_raw(
        &self,
        rows: RangeFrom<u32>,
        take: &mut dyn FnMut(&[f64]),
    ) -> Result<(), IndexError> {
        let mut stored = self.store.in_order();
        for row in rows.start..self.rows() {
            take(&stored.raw(row, self.manifest.dims as usize)?);
        }
        Ok(())
    }

    /// The scaled vectors of the store, which those of the image are a copy of.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn stored_vectors(&self) -> Result<ScaledVectors, IndexError> {
        stored_vectors(self.store.path(), &self.manifest)
    }

    /// The raw vector of the track at `row`, as it was indexed.
    ///
    /// # Errors
    /// When the store fails or the row is past the end.
    pub fn raw(&self, row: u32) -> Result<Vec<f64>, IndexError> {
        Ok(self.store.raw(row, self.manifest.dims as usize)?)
    }
}

fn stored_vectors(path: &Path, manifest: &Manifest) -> Result<ScaledVectors, IndexError> {
    let (rows, dims) = (manifest.rows as usize, manifest.dims as usize);
    Ok(ScaledVectors::of_rows(ScaledFile::open(path, rows, dims)?))
}

fn forest(
    store: &Store,
    vectors: &Arc<ScaledVectors>,
    manifest: &Manifest,
) -> Result<Option<Forest>, IndexError> {
    let trees = manifest.forest.trees as usize;
    if trees == 0 {
        return Ok(None);
    }
    Ok(Some(Forest::open(store.forest(), Arc::clone(vectors), trees)?))
}

fn blocks(path: &Path, manifest: &Manifest) -> Result<Option<Blocks>, IndexError> {
    let (rows, dims) = (manifest.rows as usize, manifest.dims as usize);
    let open = |facts: &BlocksFacts| open_blocks(path, rows, dims, &facts.digest);
    Ok(manifest.blocks.as_ref().map(open).transpose()?)
}

/// Sizes and quick digests are compared at every opening, before a file is mapped: reading past the
/// end of a memory map ends the process, and LMDB trusts the pages it is given. The blocks engine's
/// image knows its own size and digest.
fn check_files(path: &Path, manifest: &Manifest) -> Result<(), IndexError> {
    let expected = [DATA_FILE, VECTORS_FILE, SCALED_FILE, TRACKS_FILE];
    if let Some(name) = expected.iter().find(|name| !manifest.files.contains_key(**name)) {
        return Err(IndexError::NotAnIndex {
            path: path.to_owned(),
            why: format!("its manifest does not list {name}"),
        });
    }
    for (name, facts) in manifest.files.iter().filter(|(name, _)| *name != BLOCKS_FILE) {
        let file = path.join(name);
        let found =
            fs::metadata(&file).map_err(|source| IndexError::Io { path: file.clone(), source })?;
        expect(format!("bytes in {name}"), found.len(), facts.bytes)?;
        let got = quick_digest(&file).map_err(|source| IndexError::Io { path: file, source })?;
        expect(format!("as quick digest of {name}"), &got, &facts.xxh3)?;
    }
    Ok(())
}

fn scaler(store: &Store, txn: &ReadTxn<'_>, manifest: &Manifest) -> Result<Scaler, IndexError> {
    let dims = manifest.dims as usize;
    let mut mean = store.fact(txn, SCALER)?;
    expect("scaler values", mean.len(), 2 * dims)?;
    let scale = mean.split_off(dims);
    let constant = manifest
        .constant_features
        .iter()
        .filter_map(|name| manifest.feature_names.iter().position(|other| other == name))
        .collect::<Vec<_>>();
    expect("constant features", constant.len(), manifest.constant_features.len())?;
    Scaler::from_parts(mean, scale, constant).ok_or_else(|| IndexError::Mismatch {
        what: "a scaler".to_owned(),
        got: "means or scales that are not finite and positive".to_owned(),
        expected: "finite ones".to_owned(),
    })
}

fn expect<T: PartialEq + ToString>(
    what: impl Into<String>,
    got: T,
    expected: T,
) -> Result<(), IndexError> {
    if got == expected {
        return Ok(());
    }
    Err(IndexError::Mismatch {
        what: what.into(),
        got: got.to_string(),
        expected: expected.to_string(),
    })
}
