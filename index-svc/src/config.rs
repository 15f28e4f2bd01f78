//! From the command line as typed to what the library takes.

use anyhow::{Context as _, bail};
use index_svc::{
    builder::{BuildPlan, DuplicateRule, NanRule},
    query::Options,
};

use crate::cli::{BuildArgs, ColumnsArg, DuplicatesArg, NanArg, QueryArgs};

impl From<BuildArgs> for BuildPlan {
    fn from(args: BuildArgs) -> Self {
        Self {
            inputs: args.input,
            output: args.output,
            profile: args.profile,
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

/// Options of a query.
pub(crate) fn options(args: &QueryArgs) -> anyhow::Result<Options> {
    Ok(Options::new(args.k, args.exact, args.search_k, args.include_seeds)?)
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
