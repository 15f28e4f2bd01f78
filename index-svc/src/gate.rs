//! Figures an index is held to: `recall=0.98` is a floor, `hubness=3` a ceiling, as the figure is
//! better when it is larger or smaller. A figure that was not measured does not pass.

use std::{fmt, str::FromStr};

use index::{card::Card, manifest::Manifest};
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::verify::Check;

/// A figure with a better and a worse end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Recall at 10.
    Recall10,
    /// Recall at 100.
    Recall100,
    /// Share of the ten nearest that are of the same artist.
    ArtistPurity,
    /// Share of the ten nearest that are of the same genre.
    GenrePurity,
    /// Share of the rows that repeat another row's vector.
    Duplicates,
    /// Skewness of the k-occurrences.
    Hubness,
    /// Share of the rows in nobody's neighbourhood.
    Orphans,
    /// Number of constant features.
    Constant,
    /// Share of the values that were missing.
    Missing,
}

impl Figure {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Recall10,
        Self::Recall100,
        Self::ArtistPurity,
        Self::GenrePurity,
        Self::Duplicates,
        Self::Hubness,
        Self::Orphans,
        Self::Constant,
        Self::Missing,
    ];

    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Recall10 => "recall@10",
            Self::Recall100 => "recall@100",
            Self::ArtistPurity => "artist_purity",
            Self::GenrePurity => "genre_purity",
            Self::Duplicates => "duplicates",
            Self::Hubness => "hubness",
            Self::Orphans => "orphans",
            Self::Constant => "constant",
            Self::Missing => "missing",
        }
    }

    /// Whether less is better.
    #[must_use]
    pub fn is_ceiling(self) -> bool {
        match self {
            Self::Recall10 | Self::Recall100 | Self::ArtistPurity | Self::GenrePurity => false,
            Self::Duplicates | Self::Hubness | Self::Orphans | Self::Constant | Self::Missing => {
                true
            }
        }
    }

    /// Whether it lies between 0 and 1.
    fn is_share(self) -> bool {
        !matches!(self, Self::Hubness | Self::Constant)
    }

    /// Name of the check that compares it.
    fn check_name(self) -> &'static str {
        match self {
            Self::Recall10 => "recall@10 gate",
            Self::Recall100 => "recall@100 gate",
            Self::ArtistPurity => "artist_purity gate",
            Self::GenrePurity => "genre_purity gate",
            Self::Duplicates => "duplicates gate",
            Self::Hubness => "hubness gate",
            Self::Orphans => "orphans gate",
            Self::Constant => "constant gate",
            Self::Missing => "missing gate",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The worst value of a figure that passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Which figure.
    pub figure: Figure,
    /// Its floor or ceiling.
    pub value: f64,
}

/// A threshold that cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ThresholdError {
    /// No `=`.
    #[error("threshold is `{text}`, expected FIGURE=VALUE such as recall=0.98")]
    Form {
        /// As written.
        text: String,
    },
    /// No figure of that name.
    #[error("threshold names `{name}`, expected recall, {}", names())]
    Figure {
        /// As written.
        name: String,
    },
    /// Not a number in the figure's range.
    #[error("{figure} is held to `{value}`, expected {}", range(*figure))]
    Value {
        /// Which figure.
        figure: Figure,
        /// As written.
        value: String,
    },
}

fn names() -> String {
    Figure::ALL.map(Figure::name).join(", ")
}

fn range(figure: Figure) -> &'static str {
    if figure.is_share() { "a number of 0 to 1" } else { "a number, at most 1e9" }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| ThresholdError::Form { text: text.to_owned() })?;
        let figure = match name {
            "recall" => Some(Figure::Recall10),
            name => Figure::ALL.into_iter().find(|figure| figure.name() == name),
        };
        let figure = figure.ok_or_else(|| ThresholdError::Figure { name: name.to_owned() })?;
        let allowed = if figure.is_share() { 0.0..=1.0 } else { -1e9..=1e9 };
        match value.parse() {
            Ok(number) if allowed.contains(&number) => Ok(Self { figure, value: number }),
            _ => Err(ThresholdError::Value { figure, value: value.to_owned() }),
        }
    }
}

/// What was measured of an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(&'static str, Option<f64>)>);

impl Figures {
    /// Of a card, of recall at 10 and 100, and of what the manifest counted.
    #[must_use]
    pub fn of(card: &Card, recall: [Option<f64>; 2], manifest: &Manifest) -> Self {
        let values = u64::from(manifest.dims) * u64::from(manifest.rows);
        let missing = manifest.missing_values.per_feature.values().sum::<u64>();
        let value = |figure| match figure {
            Figure::Recall10 => recall[0],
            Figure::Recall100 => recall[1],
            Figure::ArtistPurity => card.artist_purity.as_ref().map(|purity| purity.at_10),
            Figure::GenrePurity => card.genre_purity.as_ref().map(|purity| purity.at_10),
            Figure::Duplicates => Some(card.duplicates.share(manifest.rows)),
            Figure::Hubness => Some(card.hubness.skewness),
            Figure::Orphans => Some(card.hubness.orphan_share),
            Figure::Constant => Some(manifest.constant_features.len() as f64),
            Figure::Missing => Some(missing as f64 / values.max(1) as f64),
        };
        Self(Figure::ALL.map(|figure| (figure.name(), value(figure))).into())
    }

    /// The value of a figure; none where it could not be measured.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.iter().find(|(name, _)| *name == figure.name()).and_then(|(_, value)| value)
    }

    /// Names and values, in the order of [`Figure::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> + '_ {
        self.0.iter().copied()
    }

    /// Compares a figure with its threshold.
    #[must_use]
    pub fn check(&self, threshold: Threshold) -> Check {
        let Threshold { figure, value } = threshold;
        let measured = self.get(figure);
        let passed = measured.is_some_and(|measured| {
            if figure.is_ceiling() { measured <= value } else { measured >= value }
        });
        let bound = if figure.is_ceiling() { "most" } else { "least" };
        let detail = match measured {
            Some(measured) => format!("{figure} is {measured:.4}, expected at {bound} {value}"),
            None => format!("{figure} cannot be measured here, expected at {bound} {value}"),
        };
        Check { name: figure.check_name(), passed, detail }
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_or_refused() {
        let read = |text: &str| text.parse::<Threshold>();
        assert_eq!(read("recall=0.9"), Ok(Threshold { figure: Figure::Recall10, value: 0.9 }));
        assert_eq!(read("hubness=3"), Ok(Threshold { figure: Figure::Hubness, value: 3.0 }));
        for figure in Figure::ALL {
            assert_eq!(read(&format!("{figure}=1")), Ok(Threshold { figure, value: 1.0 }));
        }
        for wrong in ["recall", "recall=x", "recall=1.5", "recall=NaN", "speed=1", "hubness=inf"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn floors_and_ceilings_point_their_own_way_and_the_unmeasured_fails() {
        let figures = Figures(vec![
            ("recall@10", Some(0.5)),
            ("duplicates", Some(0.5)),
            ("genre_purity", None),
        ]);
        let check = |text: &str, passed: bool| {
            let outcome = figures.check(text.parse().expect("a threshold"));
            assert_eq!(outcome.passed, passed, "{text}: {}", outcome.detail);
        };
        check("recall=0.5", true);
        check("recall=0.51", false);
        check("duplicates=0.5", true);
        check("duplicates=0.49", false);
        check("genre_purity=0", false);
    }
}
