//! Why two vectors are as far apart as they are: the share of each feature, and of each feature group,
//! in their squared distance, and the signed differences.

use crate::groups::FeatureGroups;

/// A value farther than this from the catalogue's mean, in standard deviations, is out of range.
pub(crate) const OUT_OF_RANGE_DEVIATIONS: f64 = 6.0;

/// The share of a feature in a squared distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// Name of the feature or group.
    pub feature: String,
    /// Share, 0 to 1.
    pub share: f64,
    /// The difference in standard deviations of the catalogue; none for a group.
    pub delta_std: Option<f64>,
}

/// The shares of all features and of all groups, largest first; each sums to 1, unless the vectors
/// are equal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// By feature.
    pub features: Vec<Contribution>,
    /// By group.
    pub groups: Vec<Contribution>,
}

/// Explains the distance of the scaled vector `right` from `left`; `names` are the features'.
pub(crate) fn explain(names: &[String], left: &[f64], right: &[f64]) -> Explanation {
    let deltas: Vec<f64> = left.iter().zip(right).map(|(left, right)| right - left).collect();
    // Scaled by the largest, so that no square overflows and none vanishes.
    let largest = deltas.iter().fold(0.0, |largest: f64, delta| largest.max(delta.abs()));
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let squares: Vec<f64> = deltas.iter().map(|delta| (delta / unit).powi(2)).collect();
    let total: f64 = squares.iter().sum();
    let share = |square: f64| if total > 0.0 { square / total } else { 0.0 };
    let features = names.iter().zip(deltas).zip(&squares).map(|((name, delta), square)| {
        Contribution { feature: name.clone(), share: share(*square), delta_std: Some(delta) }
    });
    let groups = FeatureGroups::of(names);
    let of_groups = groups.numbers().map(|group| {
        let squares = squares.iter().enumerate();
        let ours = squares.filter(|(feature, _)| groups.of_feature(*feature) == group);
        let share = share(ours.map(|(_, square)| square).sum());
        Contribution { feature: groups.names()[group].clone(), share, delta_std: None }
    });
    Explanation { features: largest_first(features), groups: largest_first(of_groups) }
}

/// By share; equal ones keep the schema's order.
fn largest_first(contributions: impl Iterator<Item = Contribution>) -> Vec<Contribution> {
    let mut sorted: Vec<Contribution> = contributions.collect();
    sorted.sort_by(|a, b| b.share.total_cmp(&a.share));
    sorted
}

/// The features whose scaled values are far outside of what the catalogue has, in their order.
pub(crate) fn out_of_range<'v>(
    names: &[String],
    vectors: impl Iterator<Item = &'v [f64]> + Clone,
) -> Vec<String> {
    let is_far = |feature: usize| {
        vectors.clone().any(|scaled| scaled[feature].abs() > OUT_OF_RANGE_DEVIATIONS)
    };
    let far = names.iter().enumerate().filter(|(feature, _)| is_far(*feature));
    far.map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("{}_mean_{i}", ["a", "b", "c"][i % 3])).collect()
    }

    proptest! {
        #[test]
        fn shares_sum_to_one_and_rebuild_the_distance(
            pairs in prop::collection::vec((-1e3..1e3, -1e3..1e3), 1..30),
        ) {
            let (left, right): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let names = names(left.len());
            let explained = explain(&names, &left, &right);
            let squared: f64 = left.iter().zip(&right).map(|(a, b)| (a - b) * (a - b)).sum();
            for list in [&explained.features, &explained.groups] {
                let sum: f64 = list.iter().map(|contribution| contribution.share).sum();
                prop_assert!((sum - 1.0).abs() < 1e-12, "{sum}");
                prop_assert!(list.is_sorted_by(|a, b| a.share >= b.share));
            }
            for contribution in &explained.features {
                let delta = contribution.delta_std.expect("features have one");
                prop_assert!((contribution.share * squared - delta * delta).abs() < 1e-9 * squared);
                let at = names.iter().position(|name| *name == contribution.feature).expect("known");
                prop_assert!((right[at] - left[at] - delta).abs() < 1e-12);
            }
            for group in &explained.groups {
                let ours = explained.features.iter().filter(|c| c.feature.starts_with(&group.feature));
                let sum: f64 = ours.map(|contribution| contribution.share).sum();
                prop_assert!((sum - group.share).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn equal_and_enormous_vectors_have_shares_too() {
        let equal = explain(&names(2), &[1.0, 2.0], &[1.0, 2.0]);
        assert!(equal.features.iter().chain(&equal.groups).all(|c| c.share.abs() < 1e-300));
        let enormous = explain(&names(2), &[0.0, 0.0], &[1e300, 1e300]);
        assert!(enormous.features.iter().all(|c| (c.share - 0.5).abs() < 1e-12));
    }

    #[test]
    fn what_is_far_on_any_side_is_named_in_order() {
        let sides = [vec![0.0, 6.1, 0.0], vec![-7.0, 0.0, 6.0]];
        let far = out_of_range(&names(3), sides.iter().map(Vec::as_slice));
        assert_eq!(far, ["a_mean_0", "b_mean_1"]);
    }
}
