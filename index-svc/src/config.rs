//! From the command line as typed to what the library takes.

use std::fmt;

use anyhow::{Context as _, anyhow};
use index::EngineChoice;
use index_svc::{
    Searcher,
    builder::{AppendPlan, BuildEngines, BuildPlan, DuplicateRule, NanRule},
    distribution::{Cache, Fetching, Place, Remote},
    gate::Threshold,
    import::{ColumnNames, ImportPlan},
    query::{Example, Options, Seed},
    recommend::Strategy,
    versions::{VersionSource, source_at},
};
use storage::{Location, StorageArgs, Store, is_url};

use crate::cli::{
    AppendArgs, BuildArgs, BuildEngineArg, ColumnsArg, DuplicatesArg, EngineArg, ImportArgs,
    NanArg, QueryArgs, RankingArgs, ServeArgs, StrategyArg, ValidateArgs,
};

/// Marks an error that the command line is to blame for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage;

impl fmt::Display for Usage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the command line is wrong")
    }
}

impl From<BuildArgs> for BuildPlan {
    fn from(args: BuildArgs) -> Self {
        Self {
            inputs: args.input,
            output: args.output,
            profile: args.profile,
            engines: args.engine.into(),
            trees: args.trees,
            seed: args.seed,
            nan: args.nan.into(),
            duplicates: args.duplicates.into(),
            all_columns: args.columns == ColumnsArg::All,
        }
    }
}

impl From<BuildEngineArg> for BuildEngines {
    fn from(arg: BuildEngineArg) -> Self {
        match arg {
            BuildEngineArg::Forest => Self::Forest,
            BuildEngineArg::Blocks => Self::Blocks,
            BuildEngineArg::Both => Self::Both,
        }
    }
}

impl From<NanArg> for NanRule {
    fn from(arg: NanArg) -> Self {
        match arg {
            NanArg::Zero => Self::Zero,
            NanArg::Mean => Self::Mean,
            NanArg::Drop => Self::Drop,
            NanArg::Error => Self::Error,
        }
    }
}

impl From<DuplicatesArg> for DuplicateRule {
    fn from(arg: DuplicatesArg) -> Self {
        match arg {
            DuplicatesArg::Error => Self::Error,
            DuplicatesArg::KeepFirst => Self::KeepFirst,
        }
    }
}

impl From<AppendArgs> for AppendPlan {
    fn from(args: AppendArgs) -> Self {
        Self {
            index: args.index,
            inputs: args.input,
            output: args.output,
            profile: args.profile,
            nan: args.nan.map(Into::into),
            duplicates: args.duplicates.into(),
            refit: args.refit,
        }
    }
}

impl From<ImportArgs> for ImportPlan {
    fn from(args: ImportArgs) -> Self {
        let columns = match args.columns {
            Some(path) if path.as_os_str() == "profile" => ColumnNames::Librosa,
            Some(path) => ColumnNames::File(path),
            None => ColumnNames::Scaler,
        };
        Self {
            features: args.features,
            metadata: args.metadata,
            scaler: args.scaler,
            columns,
            output: args.output,
            profile: args.profile,
            engines: args.engine.into(),
            trees: args.trees,
            seed: args.seed,
            force: args.force,
        }
    }
}

impl From<EngineArg> for EngineChoice {
    fn from(arg: EngineArg) -> Self {
        match arg {
            EngineArg::Auto => Self::Auto,
            EngineArg::Forest => Self::Forest,
            EngineArg::Blocks => Self::Blocks,
        }
    }
}

/// Options of a query.
///
/// # Errors
/// [`Usage`], when a flag has a value that it cannot have.
pub(crate) fn options(index: &Searcher, args: &RankingArgs) -> anyhow::Result<Options> {
    checked_options(index, args).context(Usage)
}

fn checked_options(index: &Searcher, args: &RankingArgs) -> anyhow::Result<Options> {
    let options = Options::new(args.k, args.exact, args.search_k, args.include_seeds)?
        .with_duplicates(args.include_duplicates)
        .with_max_per_artist(args.max_per_artist)?
        .with_filter(index, &args.filter)?
        .with_diversity(args.diversity)?;
    let mut options = aimed(options, args.target_recall)?;
    if let Some(most) = args.max_distance {
        options = options.with_max_distance(most)?;
    }
    let weights = args.group_weight.iter().map(|text| weighted("--group-weight", text));
    let weights: Vec<(&str, f64)> = weights.collect::<anyhow::Result<_>>()?;
    let options = options.with_group_weights(index, weights)?;
    Ok(if args.explain { options.with_explanations() } else { options })
}

/// The tracks of `--like` and `--unlike`, with their weights.
pub(crate) fn examples(index: &Searcher, args: &QueryArgs) -> anyhow::Result<Vec<Example>> {
    let wanted = args.like.iter().map(|text| ("--like", text, 1.0));
    let unwanted = args.unlike.iter().map(|text| ("--unlike", text, -1.0));
    let example = |(flag, text, sign): (&str, &String, f64)| {
        // An id may have an equals sign in it; then it is known as it stands.
        let (id, weight) = match index.row_of(text)? {
            Some(_) => (text.as_str(), 1.0),
            None if text.contains('=') => weighted(flag, text).context(Usage)?,
            None => (text.as_str(), 1.0),
        };
        if weight <= 0.0 {
            return Err(anyhow!("{flag} {text}: expected a weight above 0").context(Usage));
        }
        Seed::track_id(index, id)?.weighing(sign * weight).context(Usage)
    };
    wanted.chain(unwanted).map(example).collect()
}

impl From<StrategyArg> for Strategy {
    fn from(arg: StrategyArg) -> Self {
        match arg {
            StrategyArg::Centroid => Self::Centroid,
            StrategyArg::BestOf => Self::BestOf,
            StrategyArg::SharedTraits => Self::SharedTraits,
        }
    }
}

/// `NAME=WEIGHT`.
fn weighted<'t>(flag: &str, text: &'t str) -> anyhow::Result<(&'t str, f64)> {
    let (name, weight) = text
        .rsplit_once('=')
        .with_context(|| format!("{flag} is `{text}`, expected NAME=WEIGHT"))?;
    let weight =
        weight.parse().with_context(|| format!("{flag} {name} is `{weight}`, not a number"))?;
    Ok((name, weight))
}

/// Options of the queries of a validation.
///
/// # Errors
/// [`Usage`], as [`options`].
pub(crate) fn validation(args: &ValidateArgs) -> anyhow::Result<Options> {
    let options = Options::new(0, false, args.search_k, false).context(Usage)?;
    aimed(options, args.target_recall).context(Usage)
}

fn aimed(options: Options, target: Option<f64>) -> anyhow::Result<Options> {
    Ok(match target {
        Some(target) => options.with_target_recall(target)?,
        None => options,
    })
}

/// Figures an index is held to.
///
/// # Errors
/// [`Usage`], when there is no such figure, or it cannot have that value.
pub(crate) fn thresholds(texts: &[String]) -> anyhow::Result<Vec<Threshold>> {
    let parse = |text: &String| text.parse().context("--fail-under").context(Usage);
    texts.iter().map(parse).collect()
}

/// The place of an index in an object store.
pub(crate) fn place(location: &Location, storage: &StorageArgs) -> anyhow::Result<Place> {
    Ok(Place::new(Store::open(location, &storage.to_options())?))
}

/// Who moves a pointer, as people will read it.
pub(crate) fn publisher(by: Option<&str>) -> String {
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    by.map_or_else(host, str::to_owned)
}

/// Where a server's versions come from; `watcher` is told how far a download is.
pub(crate) fn source(
    args: &ServeArgs,
    watcher: impl Fn(&Fetching<'_>) + Send + Sync + 'static,
) -> anyhow::Result<Box<dyn VersionSource>> {
    let Some(url) = args.index.to_str().filter(|text| is_url(text)) else {
        return Ok(source_at(&args.index));
    };
    let missing = || {
        anyhow!("--index is {url}: expected --cache with a folder that its versions are kept in")
    };
    let cache = args.cache.as_deref().ok_or_else(|| missing().context(Usage))?;
    let place = place(&url.parse()?, &args.storage)?;
    Ok(Box::new(Remote::new(place, Cache::open(cache)?.watched_by(watcher))))
}
