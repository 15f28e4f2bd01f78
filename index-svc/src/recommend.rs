//! Wanted and unwanted examples into one [`Target`].

use crate::target::{Point, Target};

/// How examples are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Near to the weighted mean of what is wanted, moved away from that of what is not.
    #[default]
    Centroid,
    /// Near to any wanted example, and not nearer to an unwanted one.
    BestOf,
    /// As the centroid, with features weighted by how much the wanted examples agree on them.
    SharedTraits,
}

/// Examples worth of the catalogue's own variance that is mixed into the examples' variance.
const PRIOR_EXAMPLES: f64 = 2.0;

/// A scaled vector and its weight, which is not zero; negative is unwanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) scaled: Vec<f64>,
    pub(crate) weight: f64,
}

/// What the examples, at least one of them wanted, ask for. `weights` are those of features.
pub(crate) fn target(
    examples: Vec<Weighted>,
    strategy: Strategy,
    weights: Option<Vec<f64>>,
) -> Target {
    let (wanted, unwanted): (Vec<_>, Vec<_>) =
        examples.into_iter().partition(|example| example.weight > 0.0);
    match strategy {
        Strategy::BestOf => {
            let largest = wanted.iter().map(|example| example.weight).fold(0.0, f64::max);
            let (wanted, unwanted) = (points(wanted, largest), points(unwanted, largest));
            Target { wanted, unwanted, weights }
        }
        Strategy::Centroid => Target { weights, ..Target::point(centre(wanted, &unwanted)) },
        Strategy::SharedTraits => {
            let agreement = agreement(&wanted);
            let weights = match (agreement, weights) {
                (Some(ours), Some(theirs)) => {
                    Some(ours.iter().zip(theirs).map(|(ours, theirs)| ours * theirs).collect())
                }
                (ours, theirs) => ours.or(theirs),
            };
            Target { weights, ..Target::point(centre(wanted, &unwanted)) }
        }
    }
}

/// Each example, as many times as far away as its weight goes into the largest weight of a wanted one; an
/// unwanted one that weighs more is nearer than it is.
fn points(examples: Vec<Weighted>, largest: f64) -> Vec<Point> {
    examples
        .into_iter()
        .map(|Weighted { scaled, weight }| Point { scaled, factor: largest / weight.abs() })
        .collect()
}

/// The mean of what is wanted, moved away from that of what is not by the share of its weight.
fn centre(mut wanted: Vec<Weighted>, unwanted: &[Weighted]) -> Vec<f64> {
    // One example is itself, to the last bit.
    let liked = match wanted.len() {
        1 => wanted.remove(0),
        _ => mean(&wanted),
    };
    if unwanted.is_empty() {
        return liked.scaled;
    }
    let disliked = mean(unwanted);
    let share = disliked.weight / (liked.weight + disliked.weight);
    let pairs = liked.scaled.iter().zip(&disliked.scaled);
    pairs.map(|(liked, disliked)| liked + share * (liked - disliked)).collect()
}

/// The weighted mean, and the total weight without its sign.
fn mean(examples: &[Weighted]) -> Weighted {
    let weight: f64 = examples.iter().map(|example| example.weight.abs()).sum();
    let dims = examples.first().map_or(0, |example| example.scaled.len());
    let mut scaled = vec![0.0; dims];
    for example in examples {
        let share = example.weight.abs() / weight;
        for (sum, value) in scaled.iter_mut().zip(&example.scaled) {
            *sum += share * value;
        }
    }
    Weighted { scaled, weight }
}

/// The inverse of each feature's variance among the examples, in variances of the catalogue, as far as
/// so few examples can tell it; the mean weight is 1. None for one example, which agrees with itself.
fn agreement(wanted: &[Weighted]) -> Option<Vec<f64>> {
    if wanted.len() < 2 {
        return None;
    }
    let Weighted { scaled: mean, weight: total } = mean(wanted);
    let squares: f64 = wanted.iter().map(|example| example.weight * example.weight).sum();
    // Examples of equal weight that would tell as much (Kish's effective sample size).
    let effective = total * total / squares;
    let mut weights: Vec<f64> = mean
        .iter()
        .enumerate()
        .map(|(feature, mean)| {
            let spread = |example: &Weighted| (example.scaled[feature] - mean).powi(2);
            let variance: f64 =
                wanted.iter().map(|example| example.weight / total * spread(example)).sum();
            (effective + PRIOR_EXAMPLES) / (effective * variance + PRIOR_EXAMPLES)
        })
        .collect();
    let scale = weights.len() as f64 / weights.iter().sum::<f64>();
    weights.iter_mut().for_each(|weight| *weight *= scale);
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(scaled: &[f64], weight: f64) -> Weighted {
        Weighted { scaled: scaled.to_vec(), weight }
    }

    fn close(got: &[f64], expected: &[f64]) {
        let off = got.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-12);
        assert!(got.len() == expected.len() && !off, "{got:?}, expected {expected:?}");
    }

    #[test]
    fn a_centroid_is_the_weighted_mean_moved_away_from_the_unwanted() {
        let wanted = [example(&[1.0, 0.0], 3.0), example(&[5.0, 4.0], 1.0)];
        let plain = target(wanted.to_vec(), Strategy::Centroid, None);
        close(&plain.wanted[0].scaled, &[2.0, 1.0]);
        assert!(plain.is_plain());
        let mut with = wanted.to_vec();
        with.push(example(&[0.0, 3.0], -4.0));
        // A half of all weight: half the difference away.
        close(&target(with, Strategy::Centroid, None).wanted[0].scaled, &[3.0, 0.0]);
    }

    #[test]
    fn one_example_is_itself_in_every_strategy() {
        let alone = vec![example(&[0.1, 0.2, 0.3], 7.0)];
        for strategy in [Strategy::Centroid, Strategy::BestOf, Strategy::SharedTraits] {
            let got = target(alone.clone(), strategy, None);
            assert_eq!(got, Target::point(vec![0.1, 0.2, 0.3]), "{strategy:?}");
        }
    }

    #[test]
    fn best_of_counts_lighter_examples_as_farther() {
        let examples = vec![example(&[0.0], 1.0), example(&[1.0], 4.0), example(&[2.0], -2.0)];
        let got = target(examples, Strategy::BestOf, None);
        let factors: Vec<f64> = got.wanted.iter().map(|point| point.factor).collect();
        assert_eq!((factors.as_slice(), got.unwanted[0].factor), ([4.0, 1.0].as_slice(), 2.0));
    }

    /// What is unwanted a little pushes away a little.
    #[test]
    fn an_unwanted_weight_is_one_beside_the_wanted_ones() {
        let score = |unwanted: f64, x: f64| {
            let examples = vec![example(&[0.0], 1.0), example(&[10.0], unwanted)];
            target(examples, Strategy::BestOf, None).score(&[x]).score
        };
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got}");
        // At 6, a wanted one is 6 away, the unwanted one 4 times 1 / weight.
        close(score(-1.0, 6.0), 6.0 + (6.0 - 4.0));
        close(score(-4.0, 6.0), 6.0 + (6.0 - 1.0));
        close(score(-0.01, 6.0), 6.0);
        assert!(score(-20.0, 3.0) > score(-0.01, 3.0));
    }

    #[test]
    fn shared_traits_count_more_where_examples_agree() {
        let examples = vec![example(&[1.0, -2.0, 1.0], 1.0), example(&[1.0, 2.0, -1.0], 1.0)];
        let weights = target(examples.clone(), Strategy::SharedTraits, None).weights.expect("two");
        // Variances 0, 4 and 1 with two effective examples: 4/2, 4/10 and 4/4, mean 1.
        let mean = (2.0 + 0.4 + 1.0) / 3.0;
        close(&weights, &[2.0 / mean, 0.4 / mean, 1.0 / mean]);
        let by_group = target(examples, Strategy::SharedTraits, Some(vec![1.0, 0.0, 2.0]));
        close(&by_group.weights.expect("set"), &[2.0 / mean, 0.0, 2.0 / mean]);
    }
}
