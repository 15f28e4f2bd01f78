//! Feature groups: the family of a feature, such as `mfcc` of `mfcc_mean_3`. Weights and
//! explanations speak of them.

use std::ops::Range;

/// The groups of a schema, in the order of their first feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGroups {
    names: Vec<String>,
    /// For each feature, its group.
    of_feature: Vec<usize>,
}

/// Largest weight of a group.
pub const MAX_GROUP_WEIGHT: f64 = 1000.0;
/// Smallest weight of a group that counts at all: weighted squares stay within what 32-bit floats hold.
pub const MIN_GROUP_WEIGHT: f64 = 1e-6;

impl FeatureGroups {
    /// The groups of features of these names.
    #[must_use]
    pub fn of(features: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let of_feature = features
            .iter()
            .map(|feature| {
                let family = family(feature);
                names.iter().position(|name| name == family).unwrap_or_else(|| {
                    names.push(family.to_owned());
                    names.len() - 1
                })
            })
            .collect();
        Self { names, of_feature }
    }

    /// The groups' names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The numbers of all groups.
    pub(crate) fn numbers(&self) -> Range<usize> {
        0..self.names.len()
    }

    /// The group of a feature.
    pub(crate) fn of_feature(&self, feature: usize) -> usize {
        self.of_feature[feature]
    }

    /// Weights of features from those of groups.
    pub(crate) fn spread(&self, of_groups: &[f64]) -> Vec<f64> {
        self.of_feature.iter().map(|group| of_groups[*group]).collect()
    }
}

/// `mfcc` of `mfcc_mean_3`: what is before the statistic and the number. A name of another form is
/// its own family.
fn family(feature: &str) -> &str {
    let numbered = |tail: &str| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit());
    let Some((rest, _)) = feature.rsplit_once('_').filter(|(_, tail)| numbered(tail)) else {
        return feature;
    };
    match rest.rsplit_once('_') {
        Some((family, _)) if !family.is_empty() => family,
        _ => feature,
    }
}

#[cfg(test)]
mod tests {
    use proto::features::{FAMILIES, FeatureSchema};

    use super::*;

    #[test]
    fn the_librosa_groups_are_the_families() {
        let groups = FeatureGroups::of(FeatureSchema::librosa().names());
        assert_eq!(groups.names(), FAMILIES.map(|(family, _)| family));
        let sizes = groups
            .numbers()
            .map(|group| groups.of_feature.iter().filter(|of| **of == group).count());
        assert!(sizes.eq(FAMILIES.map(|(_, rows)| 2 * rows)));
        let weights = groups.spread(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!((weights.len(), &weights[39..41], weights[73]), (74, &[1.0, 2.0][..], 7.0));
    }

    #[test]
    fn other_names_are_their_own_family() {
        for (feature, expected) in [
            ("spectral_contrast_kurtosis_07", "spectral_contrast"),
            ("tempo", "tempo"),
            ("mean_1", "mean_1"),
            ("_1", "_1"),
            ("a_b_c", "a_b_c"),
        ] {
            assert_eq!(family(feature), expected);
        }
    }
}
