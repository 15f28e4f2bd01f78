//! The model card: what an index's neighbourhoods are like, as it is kept in the manifest. How it is
//! measured is the builder's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the neighbourhoods of an index are like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Rows whose true neighbours the figures about neighbourhoods come from.
    pub sampled_rows: u32,
    /// Rows that repeat another row's vector.
    pub duplicates: Duplicates,
    /// How unevenly rows occur in others' neighbourhoods.
    pub hubness: Hubness,
    /// Neighbours by the same artist; none where fewer than two sampled rows name one.
    pub artist_purity: Option<Purity>,
    /// Neighbours of the same genre; none without a genre column.
    pub genre_purity: Option<Purity>,
    /// Distances from a row to its ten nearest others.
    pub neighbor_distance: Option<Spread>,
    /// Distances between random pairs of rows.
    pub random_pair_distance: Option<Spread>,
    /// Rows whose recordings the extractor had warnings about; none where no table said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Warnings>,
}

/// Three quantiles of a distance in scaled space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Below it lie 5 % of the distances.
    pub p5: f64,
    /// The median.
    pub p50: f64,
    /// Below it lie 95 % of the distances.
    pub p95: f64,
}

impl Card {
    /// Whether two measurements agree: counts exactly, shares and distances to rounding.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let purity = |a: &Option<Purity>, b: &Option<Purity>| match (a, b) {
            (Some(a), Some(b)) => a.agrees_with(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let spread = |a: Option<Spread>, b: Option<Spread>| match (a, b) {
            (Some(a), Some(b)) => close(a.p5, b.p5) && close(a.p50, b.p50) && close(a.p95, b.p95),
            (a, b) => a.is_none() && b.is_none(),
        };
        self.sampled_rows == other.sampled_rows
            && self.duplicates == other.duplicates
            && self.hubness.agrees_with(&other.hubness)
            && purity(&self.artist_purity, &other.artist_purity)
            && purity(&self.genre_purity, &other.genre_purity)
            && spread(self.neighbor_distance, other.neighbor_distance)
            && spread(self.random_pair_distance, other.random_pair_distance)
            && self.warnings == other.warnings
    }
}

impl Spread {
    /// Of ascending values; none of no values.
    #[must_use]
    pub fn of(ascending: &[f64]) -> Option<Self> {
        let last = ascending.len().checked_sub(1)?;
        let at = |percent: usize| ascending[last * percent / 100];
        Some(Self { p5: at(5), p50: at(50), p95: at(95) })
    }
}

/// Rows that share their vector with another row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Sets of two or more rows with one vector.
    pub groups: u64,
    /// Rows in those sets.
    pub rows: u64,
    /// Rows of the largest set.
    pub largest_group: u64,
    /// First row of the largest set; of sets of one size, the one that begins first.
    pub largest_group_row: Option<u32>,
}

impl Duplicates {
    /// Share of the rows that say nothing new: all of each set but one.
    #[must_use]
    pub fn share(&self, rows: u32) -> f64 {
        self.rows.saturating_sub(self.groups) as f64 / f64::from(rows.max(1))
    }
}

/// How unevenly rows occur in others' neighbourhoods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hubness {
    /// Neighbours that make a neighbourhood.
    pub k: u32,
    /// Rows that were counted over: all distinct ones, or as many drawn at random.
    pub rows: u32,
    /// Skewness of the k-occurrences: near 0 for an even catalogue, above 2 or 3 where hubs crowd
    /// the answers.
    pub skewness: f64,
    /// Share of rows that are in no other row's neighbourhood.
    pub orphan_share: f64,
    /// The row in the most neighbourhoods of the sampled rows of the whole index; of rows in as
    /// many, the first.
    pub largest_hub_row: Option<u32>,
    /// Share of those neighbourhoods that it is in.
    pub largest_hub_share: f64,
}

impl Hubness {
    fn agrees_with(&self, other: &Self) -> bool {
        (self.k, self.rows, self.largest_hub_row) == (other.k, other.rows, other.largest_hub_row)
            && close(self.skewness, other.skewness)
            && close(self.orphan_share, other.orphan_share)
            && close(self.largest_hub_share, other.largest_hub_share)
    }
}

/// Share of neighbours that agree with their row in one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Purity {
    /// The metadata column.
    pub column: String,
    /// Mean share of the ten nearest others with the same value.
    pub at_10: f64,
    /// The share that ten other rows drawn at random would have: rows without a value are drawn too, as
    /// they are found.
    pub by_chance: f64,
    /// Rows that were asked: those of the sample that have a value.
    pub rows: u32,
}

impl Purity {
    fn agrees_with(&self, other: &Self) -> bool {
        (&self.column, self.rows) == (&other.column, other.rows)
            && close(self.at_10, other.at_10)
            && close(self.by_chance, other.by_chance)
    }
}

/// Rows with warnings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warnings {
    /// Rows with any.
    pub rows: u64,
    /// Rows of which it is not known: they have neither warnings nor a share of damage, which the
    /// extractor gives every row that it looks for warnings in.
    #[serde(default)]
    pub unknown_rows: u64,
    /// Rows of each kind. What is no name of a kind counts as `OTHER`.
    pub rows_by_code: BTreeMap<String, u64>,
}

/// Equal but for the rounding of sums: the relative error of a sum of ten thousand terms.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_three_quantiles() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(Spread::of(&values), Some(Spread { p5: 5.0, p50: 50.0, p95: 95.0 }));
        assert_eq!(Spread::of(&[2.0]), Some(Spread { p5: 2.0, p50: 2.0, p95: 2.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_share_leaves_one_row_of_each_set() {
        let found = Duplicates { groups: 2, rows: 7, largest_group: 5, largest_group_row: Some(0) };
        assert!((found.share(100) - 0.05).abs() < 1e-15);
        assert!(Duplicates::default().share(0).abs() < 1e-15);
    }
}
