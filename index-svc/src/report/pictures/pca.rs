//! Principal components: the two directions in which scaled vectors vary most.
//!
//! The covariance matrix of a few dozen features is diagonalised by cyclic Jacobi rotations (Golub and
//! Van Loan, «Matrix Computations», 4th edition, section 8.5): short, and exact to rounding.

/// Sweeps over all pairs of columns; convergence is quadratic, ten are plenty.
const MOST_SWEEPS: usize = 30;

/// Two principal components.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Components {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    /// Share of the variance along each.
    pub(super) explained: [f64; 2],
}

impl Components {
    /// Of `rows`, each of `dims` values.
    pub(super) fn of<'a>(
        rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
        dims: usize,
    ) -> Self {
        let n = rows.len().max(1) as f64;
        let mut mean = vec![0.0; dims];
        for row in rows.clone() {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value) / n);
        }
        let mut covariance = vec![0.0; dims * dims];
        let mut centred = vec![0.0; dims];
        for row in rows {
            for ((to, value), mean) in centred.iter_mut().zip(row).zip(&mean) {
                *to = f64::from(*value) - mean;
            }
            for (i, a) in centred.iter().enumerate() {
                let line = &mut covariance[i * dims..][..dims];
                line.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b / n);
            }
        }
        let eigen = eigen(covariance, dims);
        let total: f64 = eigen.iter().map(|(value, _)| value).sum();
        let share = |place: usize| match eigen.get(place) {
            Some((value, _)) if total > 0.0 => value / total,
            _ => 0.0,
        };
        let axis =
            |place: usize| eigen.get(place).map_or(vec![0.0; dims], |(_, axis)| axis.clone());
        Self { mean, axes: [axis(0), axis(1)], explained: [share(0), share(1)] }
    }

    /// A vector's place on the two axes.
    pub(super) fn place(&self, row: &[f32]) -> [f64; 2] {
        let along = |axis: &Vec<f64>| {
            let columns = row.iter().zip(&self.mean).zip(axis);
            columns.map(|((value, mean), axis)| (f64::from(*value) - mean) * axis).sum()
        };
        [along(&self.axes[0]), along(&self.axes[1])]
    }
}

/// Eigenvalues and unit eigenvectors of a symmetric `[n, n]` matrix, largest value first. The largest
/// component of each vector is positive, so that pictures do not flip.
fn eigen(mut a: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let size: f64 = a.iter().map(|value| value * value).sum();
    for _ in 0..MOST_SWEEPS {
        let off = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| a[i * n + j] * a[i * n + j])
            .sum::<f64>();
        if off <= f64::EPSILON * f64::EPSILON * size {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..n)
        .map(|i| {
            let mut vector: Vec<f64> = (0..n).map(|row| vectors[row * n + i]).collect();
            let largest = vector.iter().copied().max_by(|x, y| x.abs().total_cmp(&y.abs()));
            if largest.is_some_and(|value| value < 0.0) {
                vector.iter_mut().for_each(|value| *value = -*value);
            }
            (a[i * n + i], vector)
        })
        .collect();
    pairs.sort_by(|x, y| y.0.total_cmp(&x.0));
    pairs
}

/// Makes `a[p, q]` zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |x: f64, y: f64| (c * x - s * y, s * x + c * y);
    for i in 0..n {
        (a[i * n + p], a[i * n + q]) = turn(a[i * n + p], a[i * n + q]);
    }
    for i in 0..n {
        (a[p * n + i], a[q * n + i]) = turn(a[p * n + i], a[q * n + i]);
        (vectors[i * n + p], vectors[i * n + q]) = turn(vectors[i * n + p], vectors[i * n + q]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_one_component() {
        let rows: Vec<[f32; 3]> = (0..50_u8).map(|i| [f32::from(i), -f32::from(i), 7.0]).collect();
        let components = Components::of(rows.iter().map(<[f32; 3]>::as_slice), 3);
        assert!((components.explained[0] - 1.0).abs() < 1e-12, "{components:?}");
        let half = 0.5_f64.sqrt();
        let axis = &components.axes[0];
        assert!((axis[0].abs() - half).abs() < 1e-9 && axis[2].abs() < 1e-9, "{axis:?}");
        let ends = (components.place(&rows[0]), components.place(&rows[49]));
        assert!(((ends.0[0] - ends.1[0]).abs() - 49.0 / half).abs() < 1e-4, "{ends:?}");
    }

    #[test]
    fn nothing_varies_in_no_rows() {
        let components = Components::of([].iter().copied(), 2);
        assert!(components.explained.iter().all(|share| share.abs() < 1e-15));
    }

    proptest! {
        /// What eigenvectors are: `A v = λ v`, of unit length, orthogonal, values descending.
        #[test]
        fn eigenvectors_are_eigenvectors(
            n in 1_usize..9,
            values in prop::collection::vec(-10.0_f64..10.0, 64),
        ) {
            let at = |i: usize, j: usize| values[i.min(j) * 8 + i.max(j) % 8];
            let a: Vec<f64> = (0..n * n).map(|k| at(k / n, k % n)).collect();
            let pairs = eigen(a.clone(), n);
            // Rounding of a few dozen rotations of numbers up to 80.
            let near = |x: f64, y: f64| (x - y).abs() < 1e-10;
            prop_assert!(pairs.is_sorted_by(|x, y| x.0 >= y.0));
            for (k, (value, vector)) in pairs.iter().enumerate() {
                for i in 0..n {
                    let product: f64 = (0..n).map(|j| a[i * n + j] * vector[j]).sum();
                    prop_assert!(near(product, value * vector[i]), "{product} {value} {vector:?}");
                }
                for (l, (_, other)) in pairs.iter().enumerate() {
                    let dot: f64 = vector.iter().zip(other).map(|(x, y)| x * y).sum();
                    prop_assert!(near(dot, f64::from(u8::from(k == l))), "{k} {l} {dot}");
                }
            }
        }
    }
}
