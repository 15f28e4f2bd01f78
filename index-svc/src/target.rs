//! What a query ranks by: points in scaled space that results shall be near to, or not, and how much
//! each feature counts. One formula for all kinds of queries:
//!
//! ```text
//! near(x)  = min over wanted p of factor(p) * |x - p|_w
//! far(x)   = min over unwanted u of factor(u) * |x - u|_w       (infinite without any)
//! score(x) = near(x) + max(0, near(x) - far(x))
//! ```
//!
//! with `|v|_w = sqrt(sum of w_i v_i²)`. Least is best. `distance(x)` is `|x - p|` to the nearest
//! wanted point, without weights or factors.

use engine::distance;

/// A point, and what its distance is multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) scaled: Vec<f64>,
    /// 1 for the wanted example of the largest weight, more for lighter ones, less for heavier unwanted ones.
    pub(crate) factor: f64,
}

/// What a query ranks by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// At least one.
    pub(crate) wanted: Vec<Point>,
    pub(crate) unwanted: Vec<Point>,
    /// A weight for each feature, zero or more; none where all are 1.
    pub(crate) weights: Option<Vec<f64>>,
}

/// What a row is to a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f64,
    pub(crate) distance: f64,
}

impl Target {
    /// Near to one point; the score is the distance.
    pub(crate) fn point(scaled: Vec<f64>) -> Self {
        let wanted = vec![Point { scaled, factor: 1.0 }];
        Self { wanted, unwanted: Vec::new(), weights: None }
    }

    /// Whether scores are distances.
    pub(crate) fn is_plain(&self) -> bool {
        let even = self.wanted.iter().all(|point| point.factor <= 1.0);
        even && self.unwanted.is_empty() && self.weights.is_none()
    }

    /// How many points a row is compared with for its score.
    pub(crate) fn points(&self) -> usize {
        self.wanted.len() + self.unwanted.len()
    }

    /// Score and distance of a scaled vector.
    pub(crate) fn score(&self, scaled: &[f64]) -> Scored {
        let mut nearest = f64::INFINITY;
        let mut near = f64::INFINITY;
        for point in &self.wanted {
            let plain = distance(&point.scaled, scaled);
            nearest = nearest.min(plain);
            near = near.min(point.factor * self.weighted(plain, point, scaled));
        }
        let far = self.unwanted.iter().map(|point| {
            point.factor * self.weighted(distance(&point.scaled, scaled), point, scaled)
        });
        let far = far.fold(f64::INFINITY, f64::min);
        let score = if far < near { near + (near - far) } else { near };
        Scored { score, distance: nearest }
    }

    /// The wanted point that is nearest without weights; of equal ones the first.
    pub(crate) fn nearest(&self, scaled: &[f64]) -> &[f64] {
        let mut best = (f64::INFINITY, self.wanted[0].scaled.as_slice());
        for point in &self.wanted {
            let distance = distance(&point.scaled, scaled);
            if distance < best.0 {
                best = (distance, point.scaled.as_slice());
            }
        }
        best.1
    }

    /// No score is larger than this times the distance.
    pub(crate) fn reach(&self) -> f64 {
        let penalty = if self.unwanted.is_empty() { 1.0 } else { 2.0 };
        let factor = self.wanted.iter().map(|point| point.factor).fold(1.0, f64::max);
        let weight = self.weights.iter().flatten().copied().fold(1.0, f64::max);
        penalty * factor * weight.sqrt()
    }

    fn weighted(&self, plain: f64, point: &Point, scaled: &[f64]) -> f64 {
        self.weights.as_ref().map_or(plain, |weights| {
            let pairs = point.scaled.iter().zip(scaled);
            pairs.zip(weights).map(|((a, b), w)| w * (a - b) * (a - b)).sum::<f64>().sqrt()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = Point> {
        (prop::collection::vec(-9.0..9.0, 3), 1.0..8.0)
            .prop_map(|(scaled, factor)| Point { scaled, factor })
    }

    proptest! {
        #[test]
        fn scores_are_within_reach_and_not_below_what_is_near(
            wanted in prop::collection::vec(points(), 1..4),
            unwanted in prop::collection::vec(points(), 0..3),
            weights in prop::option::of(prop::collection::vec(0.0..5.0, 3)),
            x in prop::collection::vec(-9.0..9.0, 3),
        ) {
            let target = Target { wanted, unwanted, weights };
            let Scored { score, distance: nearest } = target.score(&x);
            prop_assert!(score <= target.reach() * nearest * (1.0 + 1e-12), "{score} {nearest}");
            prop_assert!((distance(target.nearest(&x), &x) - nearest).abs() < 1e-12);
            let without = Target { unwanted: Vec::new(), ..target.clone() };
            prop_assert!(score >= without.score(&x).score);
            if target.is_plain() {
                prop_assert!(score.total_cmp(&nearest).is_eq());
            }
        }
    }

    #[test]
    fn an_unwanted_point_pushes_back_what_is_nearer_to_it() {
        let point = |x: f64| Point { scaled: vec![x], factor: 1.0 };
        let target =
            Target { wanted: vec![point(0.0)], unwanted: vec![point(10.0)], weights: None };
        let score = |x: f64| target.score(&[x]).score;
        for (x, expected) in [(-3.0, 3.0), (4.0, 4.0), (6.0, 8.0), (10.0, 20.0)] {
            assert!((score(x) - expected).abs() < 1e-12, "{x}: {}", score(x));
        }
    }
}
