//! Field cases: files as people have them, each with what is wanted of it: librosa's vector, or a
//! refusal that names its cause.
//!
//! The corpus holds `field/cases.csv` (`file, want`: `vector`, `refusal` or `either`) and
//! `field/reference.csv` (`file, decoder` and the 74 columns). `testdata/field_cases.csv` adds what only
//! this project can say: the class of bounds, the reasons of a refusal, and the words of which its
//! text has one.

use std::{collections::HashMap, fmt, path::Path};

use anyhow::{Context as _, bail, ensure};
use extractor_svc::error::ExtractError;
use proto::features::FeatureSchema;

use crate::{
    bounds::Class,
    corpus::{Recording, Row, rows, vector},
};

/// Decoders of `reference.csv`, the one to be believed first.
const DECODERS: [&str; 2] = ["librosa", "ffmpeg_float"];

/// What is wanted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Vector,
    Refusal,
    Either,
}

/// One file, with what is expected of it.
#[derive(Debug)]
pub(crate) struct Case {
    /// Path below the corpus.
    pub(crate) path: String,
    want: Want,
    /// Class and vector, where there are.
    reference: Option<Recording>,
    /// Reasons of which a refusal has one.
    reasons: Vec<String>,
    /// Words of which a refusal's text has one, in lower case.
    names: Vec<String>,
}

impl Case {
    /// The cases below `audio/` of the corpus, in its order.
    pub(crate) fn read(
        folder: &Path,
        expected: &Path,
        schema: &FeatureSchema,
    ) -> anyhow::Result<Vec<Self>> {
        let mut expected: HashMap<_, _> =
            rows(expected)?.into_iter().map(|row| (row["file"].clone(), row)).collect();
        let references = rows(&folder.join("field/reference.csv"))?;
        let cases = rows(&folder.join("field/cases.csv"))?;
        let cases = cases
            .iter()
            .filter(|case| case["file"].starts_with("audio/"))
            .map(|case| {
                let file = &case["file"];
                let expected =
                    expected.remove(file).with_context(|| format!("{file}: nothing expected"))?;
                Self::new(case, &expected, &references, schema)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(unknown) = expected.keys().next() {
            bail!("{unknown} is expected and is no field case");
        }
        ensure!(!cases.is_empty(), "no field cases in {}", folder.display());
        Ok(cases)
    }

    fn new(
        case: &Row,
        expected: &Row,
        references: &[Row],
        schema: &FeatureSchema,
    ) -> anyhow::Result<Self> {
        let file = &case["file"];
        let want = match case["want"].as_str() {
            "vector" => Want::Vector,
            "refusal" => Want::Refusal,
            "either" => Want::Either,
            other => bail!("{file}: `{other}` is wanted"),
        };
        let class = match expected["class"].as_str() {
            "B" => Some(Class::B),
            "C" => Some(Class::C),
            "" => None,
            other => bail!("{file}: class `{other}`"),
        };
        let row = DECODERS.iter().find_map(|decoder| {
            references.iter().find(|row| row["file"] == *file && row["decoder"] == **decoder)
        });
        let path = format!("field/{file}");
        let reference = match (class, row) {
            (Some(class), Some(row)) => {
                Some(Recording::new(path.clone(), class, vector(row, schema)?))
            }
            _ => None,
        };
        ensure!(want != Want::Vector || reference.is_some(), "{file}: no reference vector");
        let words = |column: &str, split| -> Vec<String> {
            let words = expected[column].split(split).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let (reasons, names) = (words("reason", ' '), words("names", '|'));
        let may_be_refused = !reasons.is_empty() && !names.is_empty();
        ensure!(want == Want::Vector || may_be_refused, "{file}: no reason of a refusal");
        Ok(Self { path, want, reference, reasons, names })
    }

    /// What became of the file, and whether it was wanted.
    pub(crate) fn judge(
        &self,
        schema: &FeatureSchema,
        values: &Result<Vec<f64>, ExtractError>,
    ) -> Verdict<'_> {
        let (outcome, passes) = match (values, &self.reference) {
            (Ok(values), Some(reference)) => {
                let (worst, column) = reference.worst(schema, values);
                let passes = self.want != Want::Refusal && worst <= 1.0;
                (format!("{worst:.2} of the bound, {column}"), passes)
            }
            (Ok(_), None) => ("a vector, no reference".to_owned(), false),
            (Err(error), _) => {
                let text = error.to_string();
                let lower = text.to_lowercase();
                let named = self.names.iter().any(|name| lower.contains(name));
                let reason = self.reasons.iter().any(|reason| reason == error.reason());
                let passes = self.want != Want::Vector && named && reason;
                (format!("{}: {text}", error.reason()), passes)
            }
        };
        Verdict { case: self, outcome, passes }
    }
}

/// The table's head.
pub(crate) const HEAD: &str = "| case | outcome | expected | pass |\n|---|---|---|---|";

/// One line of the table of field cases.
pub(crate) struct Verdict<'a> {
    case: &'a Case,
    outcome: String,
    pub(crate) passes: bool,
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { path, want, reference, reasons, names } = self.case;
        write!(f, "| {path} | {} | ", self.outcome.replace(['|', '\n'], " "))?;
        match reference {
            Some(reference) if *want != Want::Refusal => {
                write!(f, "vector, class {:?}", reference.class)?;
            }
            _ => {}
        }
        match want {
            Want::Vector => {}
            Want::Either if reference.is_none() => write!(f, "{}", reasons.join(" or "))?,
            Want::Either => write!(f, ", or {}", reasons.join(" or "))?,
            Want::Refusal => write!(f, "{}", reasons.join(" or "))?,
        }
        if *want != Want::Vector {
            write!(f, " naming {}", names.join(" or "))?;
        }
        write!(f, " | {} |", if self.passes { "yes" } else { "**NO**" })
    }
}
