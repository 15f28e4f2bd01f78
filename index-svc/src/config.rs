//! From the command line as typed to what the library takes.

use anyhow::Context as _;
use index_svc::{
    builder::{BuildEngines, BuildPlan, DuplicateRule, NanRule},
    gate::Threshold,
    index::EngineChoice,
    query::Options,
};

use crate::cli::{
    BuildArgs, BuildEngineArg, ColumnsArg, DuplicatesArg, EngineArg, NanArg, QueryArgs,
    ValidateArgs,
};

impl From<BuildArgs> for BuildPlan {
    fn from(args: BuildArgs) -> Self {
        Self {
            inputs: args.input,
            output: args.output,
            profile: args.profile,
            engines: match args.engine {
                BuildEngineArg::Forest => BuildEngines::Forest,
                BuildEngineArg::Blocks => BuildEngines::Blocks,
                BuildEngineArg::Both => BuildEngines::Both,
            },
            trees: args.trees,
            seed: args.seed,
            nan: match args.nan {
                NanArg::Zero => NanRule::Zero,
                NanArg::Mean => NanRule::Mean,
                NanArg::Drop => NanRule::Drop,
                NanArg::Error => NanRule::Error,
            },
            duplicates: match args.duplicates {
                DuplicatesArg::Error => DuplicateRule::Error,
                DuplicatesArg::KeepFirst => DuplicateRule::KeepFirst,
            },
            all_columns: args.columns == ColumnsArg::All,
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
pub(crate) fn options(args: &QueryArgs) -> anyhow::Result<Options> {
    let options = Options::new(args.k, args.exact, args.search_k, args.include_seeds)?;
    aimed(options, args.target_recall)
}

/// Options of the queries of a validation.
pub(crate) fn validation(args: &ValidateArgs) -> anyhow::Result<Options> {
    aimed(Options::new(0, false, args.search_k, false)?, args.target_recall)
}

fn aimed(options: Options, target: Option<f64>) -> anyhow::Result<Options> {
    Ok(target.map_or(Ok(options), |target| options.with_target_recall(target))?)
}

/// Figures an index is held to.
pub(crate) fn thresholds(texts: &[String]) -> anyhow::Result<Vec<Threshold>> {
    texts.iter().map(|text| text.parse().context("--fail-under")).collect()
}
