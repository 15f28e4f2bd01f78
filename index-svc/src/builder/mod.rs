//! Tables to a new index directory: read, fit, write, grow, pack, verify, calibrate, rename.
//!
//! Everything happens in a hidden directory beside the output, which is renamed when it is complete
//! and verified: a build that is killed leaves no half index. Rows pass through a spill file, so
//! memory holds one row of text at a time; scaled vectors are mapped, as in a server.

mod facts;
mod grow;
mod intake;
mod place;
mod range;
mod rows;
mod spill;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use proto::features::{FeatureSchema, hex};
use sha2::{Digest as _, Sha256};

pub use self::grow::{
    AppendPlan, Grown, Outcome, RemovePlan, Unchanged, UnknownRule, append, remove,
};
pub(crate) use self::rows::RowSource;
use engine::{
    BLOCKS_FILE, EngineError, ForestWriter, LIFT_RADIUS, ScaledVectors,
    blocks::{self, Blocks, BlocksOptions},
    digest_text, to_f32,
};
use index::{
    distances::PairDistances,
    lineage::{ScalerFacts, ScalerOrigin},
    manifest::{
        BlocksFacts, ContentDigests, FORMAT, FORMAT_VERSION, ForestFacts, METRIC, Manifest,
    },
    provenance::Provenance,
    scaler::{MeanPass, Scaler},
    store::{SCALER, ScaledFile, ScaledWriter, Store, TrackWriter, VectorWriter, f64_bytes},
};

use self::{
    facts::{constant_features, files, missing_values, sources_facts},
    intake::intake,
    place::{Workplace, refuse_existing},
    range::{Usual, check_scaled},
    spill::Spill,
};
use crate::{
    calibration::{CALIBRATION_K, CARD_SAMPLE, calibrate, sample_of},
    card,
    error::Error,
    recall::{self, Trial},
    searcher::Searcher,
    sources::Sources,
    table::{ColumnRule, LeftOut},
    verify,
};

/// What a missing value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanRule {
    /// The number 0.
    Zero,
    /// The mean of the column.
    Mean,
    /// The row is left out.
    Drop,
    /// The build ends.
    Error,
}

impl NanRule {
    /// The rule of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Zero, Self::Mean, Self::Drop, Self::Error]
            .into_iter()
            .find(|rule| rule.name() == name)
    }

    /// The rule's name, as on the command line and in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Mean => "mean",
            Self::Drop => "drop",
            Self::Error => "error",
        }
    }
}

/// What a repeated track id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateRule {
    /// The build ends.
    Error,
    /// The first row stays, later ones are left out and counted.
    KeepFirst,
}

/// Which engines an index has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildEngines {
    /// The forest alone.
    Forest,
    /// The blocks engine alone.
    Blocks,
    /// Both.
    Both,
}

impl BuildEngines {
    fn forest(self) -> bool {
        self != Self::Blocks
    }

    fn blocks(self) -> bool {
        self != Self::Forest
    }
}

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// Tables, in row order.
    pub inputs: Vec<PathBuf>,
    /// The directory to make.
    pub output: PathBuf,
    /// Profile of the tables, where they do not say it.
    pub profile: Option<String>,
    /// Engines to build.
    pub engines: BuildEngines,
    /// Number of trees, where a forest is built.
    pub trees: u32,
    /// Seed of the forest, of the blocks engine's tree, of the pair sample and of the recall sample.
    pub seed: u64,
    /// What a missing value becomes.
    pub nan: NanRule,
    /// What a repeated track id means.
    pub duplicates: DuplicateRule,
    /// Whether feature columns beyond the profile's are indexed too.
    pub all_columns: bool,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Version of the new index.
    pub version: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Feature columns that were not indexed.
    pub features_left_out: Vec<String>,
    /// Columns of types that are not read.
    pub columns_left_out: Vec<LeftOut>,
}

/// Builds an index.
///
/// # Errors
/// When the output exists, a table is refused, the disk is full, or the result fails its checks;
/// nothing is left behind then.
pub fn build(plan: &BuildPlan) -> Result<Built, Error> {
    refuse_existing(&plan.output)?;
    let librosa = FeatureSchema::librosa();
    let rule =
        if plan.all_columns { ColumnRule::All(librosa) } else { ColumnRule::Schema(librosa) };
    let sources = Sources::open(&plan.inputs, &rule, plan.profile.as_deref())?;
    let profile_id = sources.profile_id()?.to_owned();
    sources.provenance().warn();
    for name in sources.features_left_out() {
        tracing::info!(column = %name, "feature column is not in the profile and is left out");
    }

    let recipe = Recipe { profile_id, scaler: None };
    let (version, manifest) = assemble(plan, &sources, recipe)?.publish(&plan.output)?;
    let features_left_out = sources.features_left_out().to_vec();
    let columns_left_out = sources.columns_left_out().to_vec();
    Ok(Built { version, manifest, features_left_out, columns_left_out })
}

/// What the rows of a build do not say themselves.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Their profile.
    pub(crate) profile_id: String,
    /// The scaler to use; without one it is fitted.
    pub(crate) scaler: Option<Scaler>,
}

/// A complete, verified version without a name.
#[derive(Debug)]
pub(crate) struct Assembled {
    place: Workplace,
    pub(crate) manifest: Manifest,
}

impl Assembled {
    pub(crate) fn publish(self, output: &Path) -> Result<(String, Manifest), Error> {
        Ok((self.place.publish(&self.manifest, output)?, self.manifest))
    }
}

/// Builds, verifies and measures a version of `sources` beside the output of `plan`.
pub(crate) fn assemble(
    plan: &BuildPlan,
    sources: &dyn RowSource,
    recipe: Recipe,
) -> Result<Assembled, Error> {
    let place = Workplace::beside(&plan.output)?;
    let store = Store::create(place.path())?;
    let mut tracks = TrackWriter::create(place.path())?;
    let mut taken = intake(plan, sources, &store, &mut tracks, place.path(), 0)?;
    tracks.finish()?;
    if taken.rows == 0 {
        let read = taken.rows_per_table.iter().sum();
        return Err(Error::NoRows { read, dropped: taken.dropped_rows });
    }
    tracing::info!(rows = taken.rows, "tables are read");
    let filling = taken.fill(plan.nan, sources.schema())?;
    let origin = match &recipe.scaler {
        Some(_) => ScalerFacts { origin: ScalerOrigin::Imported, fitted_rows: None },
        None => ScalerFacts { origin: ScalerOrigin::Fitted, fitted_rows: Some(taken.rows) },
    };
    let scaler = match recipe.scaler {
        Some(scaler) => scaler,
        None => fit(&mut taken.spill, &filling, taken.sums.take(), sources)?,
    };
    let forest = plan
        .engines
        .forest()
        .then(|| ForestWriter::new(&store.forest(), scaler.dims(), place.path()));
    let mut contents = write_vectors(place.path(), &mut taken.spill, &filling, &scaler, sources)?;
    contents.metadata = std::mem::take(&mut taken.metadata_sha256);
    let vectors = ScaledFile::open(place.path(), taken.rows as usize, scaler.dims())?;
    let vectors = ScaledVectors::of_rows(vectors);
    write_facts(&store, &scaler, &vectors, plan.seed, &mut contents)?;
    if let Some(forest) = &forest {
        tracing::info!(trees = plan.trees, "growing the forest");
        forest.add(&store.forest(), &vectors, 0..taken.rows, plan.seed)?;
        forest.build(&store.forest(), &vectors, plan.trees as usize, plan.seed)?;
    }
    store.close()?;
    let blocks = match plan.engines.blocks() {
        true => Some(write_blocks(place.path(), &vectors, plan.seed)?),
        false => None,
    };
    drop(vectors);
    let trees = if plan.engines.forest() { plan.trees } else { 0 };

    let Provenance { extractor_versions, windows } = sources.provenance();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        format_version: FORMAT_VERSION,
        profile_id: recipe.profile_id,
        extractor_versions,
        windows,
        schema_sha256: sources.schema().sha256(),
        feature_names: sources.schema().names().to_vec(),
        rows: taken.rows,
        dims: scaler.dims() as u32,
        metric: METRIC.to_owned(),
        scaler: origin,
        growth: None,
        forest: ForestFacts { trees, seed: plan.seed, lift_radius: LIFT_RADIUS },
        blocks,
        attribute_names: sources.attribute_names().to_vec(),
        missing_values: missing_values(plan, &taken, sources.schema(), &filling),
        constant_features: constant_features(&scaler, sources.schema()),
        recall_at_10: 0.0,
        recall_sample: 0,
        recall_curve: Vec::new(),
        card: None,
        sources: sources_facts(plan, sources, &taken.rows_per_table)?,
        contents,
        files: files(place.path())?,
    };
    let manifest = verified(place.path(), manifest, plan.seed)?;
    Ok(Assembled { place, manifest })
}

/// Fits the scaler to the rows with their missing values filled. A value that no feature has is refused.
fn fit(
    spill: &mut Spill,
    filling: &[f64],
    sums: Option<MeanPass>,
    sources: &dyn RowSource,
) -> Result<Scaler, Error> {
    let schema = sources.schema();
    let unscalable = |column: usize| Error::Unscalable {
        column: schema.names()[column].clone(),
        why: "its sum or variance is not finite",
    };
    let usual = Usual::of(spill, filling)?;
    let sums = match sums {
        Some(sums) => sums,
        None => {
            let mut sums = MeanPass::new(schema.dims());
            spill.each_row(filling, |_, raw| {
                sums.push(raw);
                Ok(())
            })?;
            sums
        }
    };
    let mut variances = match sums.finish() {
        Ok(variances) => variances,
        Err(column) => {
            // One cell may be the reason.
            spill.each_row(filling, |_, raw| usual.check(sources, raw))?;
            return Err(unscalable(column));
        }
    };
    spill.each_row(filling, |_, raw| {
        usual.check(sources, raw)?;
        variances.push(raw);
        Ok(())
    })?;
    variances.finish().map_err(unscalable)
}

/// Writes raw and scaled vectors.
fn write_vectors(
    folder: &Path,
    spill: &mut Spill,
    filling: &[f64],
    scaler: &Scaler,
    sources: &dyn RowSource,
) -> Result<ContentDigests, Error> {
    let (mut raw_digest, mut scaled_digest) = (Sha256::new(), Sha256::new());
    let (mut vectors, mut kept) = (VectorWriter::create(folder)?, ScaledWriter::create(folder)?);
    spill.each_row(filling, |_, raw| {
        raw_digest.update(f64_bytes(raw));
        vectors.push(raw)?;
        let scaled = scaler.transform(raw);
        check_scaled(sources, raw, &scaled)?;
        let scaled = to_f32(&scaled);
        scaled.iter().for_each(|value| scaled_digest.update(value.to_le_bytes()));
        Ok(kept.push(&scaled)?)
    })?;
    vectors.finish()?;
    kept.finish()?;
    Ok(ContentDigests {
        raw_vectors: hex(&raw_digest.finalize()),
        scaled_vectors: hex(&scaled_digest.finalize()),
        ..ContentDigests::default()
    })
}

fn write_facts(
    store: &Store,
    scaler: &Scaler,
    vectors: &ScaledVectors,
    seed: u64,
    contents: &mut ContentDigests,
) -> Result<(), Error> {
    let pairs = PairDistances::sample(vectors, seed);
    let parts: Vec<f64> = scaler.mean().iter().chain(scaler.scale()).copied().collect();
    contents.scaler = hex(&Sha256::digest(f64_bytes(&parts)));
    let mut txn = store.write()?;
    store.put_fact(&mut txn, SCALER, &parts)?;
    pairs.write(store, &mut txn)?;
    Ok(store.commit(txn)?)
}

/// Writes the image of the blocks engine and flushes it.
fn write_blocks(folder: &Path, vectors: &ScaledVectors, seed: u64) -> Result<BlocksFacts, Error> {
    tracing::info!("packing the blocks");
    // The image does not depend on the number of threads.
    let options = BlocksOptions { seed, threads: 0, ..BlocksOptions::default() };
    let image =
        blocks::build(&vectors.values(), vectors.dims(), &options).map_err(EngineError::from)?;
    let path = folder.join(BLOCKS_FILE);
    File::create(&path)
        .and_then(|mut file| file.write_all(image.bytes()).and_then(|()| file.sync_all()))
        .map_err(|source| Error::Io { path, source })?;
    let built = Blocks::open(image).map_err(EngineError::from)?;
    Ok(BlocksFacts { leaf_rows: options.leaf_rows as u32, digest: digest_text(&built) })
}

/// Opens what was written, checks every row, calibrates, and measures recall.
fn verified(directory: &Path, manifest: Manifest, seed: u64) -> Result<Manifest, Error> {
    let mut index = Searcher::open_unfinished(directory, manifest)?;
    let failed: Vec<String> = verify::check_contents(&index)?
        .into_iter()
        .filter(|check| !check.passed)
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    if !failed.is_empty() {
        return Err(Error::Unsound(failed.join("; ")));
    }
    tracing::info!("measuring recall");
    let curve = calibrate(&index, seed, &[])?.curve;
    tracing::info!("measuring the model card");
    let card_rows = recall::sample_rows(index.rows(), CARD_SAMPLE, seed);
    let card = card::measure(&index, &Trial::new(&index, &card_rows, CALIBRATION_K)?, None)?;
    index.manifest_mut().recall_sample = sample_of(&curve);
    index.manifest_mut().recall_curve = curve;
    index.manifest_mut().card = Some(card);
    let recall_at_10 = index.recall_at_10();
    index.manifest_mut().recall_at_10 = recall_at_10;
    Ok(index.into_manifest())
}
