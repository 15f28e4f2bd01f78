//! From the command line as typed to what the library takes.

use anyhow::{Context as _, bail};
use index_svc::{
    builder::{AppendPlan, BuildEngines, BuildPlan, DuplicateRule, NanRule},
    import::{ColumnNames, ImportPlan},
    index::EngineChoice,
    query::Options,
};

use crate::cli::{
    AppendArgs, BuildArgs, BuildEngineArg, ColumnsArg, DuplicatesArg, EngineArg, ImportArgs,
    NanArg, QueryArgs, ValidateArgs,
};

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

/// Figures that must not be lower, as `(k, recall)`.
pub(crate) fn recall_floors(texts: &[String]) -> anyhow::Result<Vec<(usize, f64)>> {
    texts.iter().map(|text| recall_floor(text)).collect()
}

fn recall_floor(text: &str) -> anyhow::Result<(usize, f64)> {
    let (figure, value) = text.split_once('=').with_context(|| {
        format!("--fail-under is `{text}`, expected FIGURE=VALUE such as recall=0.9")
    })?;
    let k = match figure {
        "recall" | "recall@10" => 10,
        "recall@100" => 100,
        _ => bail!("--fail-under names `{figure}`, expected recall, recall@10 or recall@100"),
    };
    let floor: f64 = value
        .parse()
        .with_context(|| format!("--fail-under {figure} is `{value}`, not a number"))?;
    if !(0.0..=1.0).contains(&floor) {
        bail!("--fail-under {figure} is {floor}, expected 0 to 1");
    }
    Ok((k, floor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_parsed_or_refused() {
        assert_eq!(recall_floor("recall=0.9").expect("valid"), (10, 0.9));
        assert_eq!(recall_floor("recall@100=1").expect("valid"), (100, 1.0));
        for wrong in ["recall", "recall=x", "recall=1.5", "recall=NaN", "speed=1"] {
            assert!(recall_floor(wrong).is_err(), "{wrong}");
        }
    }
}
