//! Where a version comes from: what its scaler was fitted to, which version it was grown from, and
//! how far its rows have drifted from that scaler.

use serde::{Deserialize, Serialize};

use crate::scaler::{Scaler, VariancePass, two_passes};

/// Where the scaler comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalerOrigin {
    /// Fitted to rows of this index.
    #[default]
    Fitted,
    /// Imported with the rows.
    Imported,
}

/// What the scaler was fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalerFacts {
    /// Where it comes from.
    pub origin: ScalerOrigin,
    /// It was fitted to this many rows, the first ones of this version; none where they are not in it
    /// any more, or were never known.
    pub fitted_rows: Option<u32>,
}

/// What made a version out of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Rows of tables were added behind the others.
    Append,
    /// Rows were removed; the last ones took their places.
    Remove,
}

/// How the recall curve of a grown version came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurveOrigin {
    /// The efforts are those of the version before; recall was measured again at each of them, and every
    /// one still meets its target.
    Checked,
    /// At least one of them did not, and was chosen again.
    Calibrated,
}

/// How a version was grown from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The version before.
    pub from_version: String,
    /// What was done.
    pub operation: Operation,
    /// Rows of the version before.
    pub rows_before: u32,
    /// Rows added.
    pub added: u32,
    /// Rows removed.
    pub removed: u32,
    /// Rows removed since the index was last built from tables: with any, rows are not in the order of
    /// the tables.
    pub removed_since_build: u64,
    /// Whether the scaler was fitted again, to all rows, and everything built again.
    pub refitted: bool,
    /// How the recall curve came about.
    pub recall_curve: CurveOrigin,
    /// How far all rows are from what the scaler was fitted to, feature by feature.
    pub drift: Vec<ColumnDrift>,
}

/// How far a column is from what the scaler was fitted to; without any drift the two are 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// The feature.
    pub feature: String,
    /// Mean minus the scaler's, in the scaler's standard deviations.
    pub mean_shift: f64,
    /// Standard deviation by the scaler's.
    pub scale_ratio: f64,
}

impl ColumnDrift {
    /// One number to order columns by: the shift, or what the scale has grown or shrunk by.
    #[must_use]
    pub fn extent(&self) -> f64 {
        self.mean_shift.abs().max((self.scale_ratio - 1.0).abs())
    }
}

/// The drift of rows from `scaler`, whose columns have these names. Two passes, as a fit has.
///
/// # Errors
/// What reading the rows gives.
pub fn drift<E>(
    scaler: &Scaler,
    names: &[String],
    each_row: impl FnMut(&mut dyn FnMut(&[f64])) -> Result<(), E>,
) -> Result<Vec<ColumnDrift>, E> {
    let Ok(moments) = two_passes(scaler.dims(), each_row)? else { return Ok(Vec::new()) };
    let spreads = moments.variances().into_iter().map(|variance| variance.max(0.0).sqrt());
    let columns = names.iter().zip(moments.means()).zip(spreads).enumerate();
    Ok(columns
        .map(|(column, ((feature, mean), spread))| {
            let (old_mean, old_scale) = (scaler.mean()[column], scaler.scale()[column]);
            // The scale of a constant column is not its deviation, which is nought.
            let constant = scaler.constant_columns().contains(&column);
            let unchanged = constant && spread <= old_scale * 1e-12;
            ColumnDrift {
                feature: feature.clone(),
                mean_shift: (mean - old_mean) / old_scale,
                scale_ratio: if unchanged { 1.0 } else { spread / old_scale },
            }
        })
        .collect())
}

/// The columns that are indistinguishable from constant over rows of `dims` values, by the rule of a fit; none
/// where a sum overflows.
///
/// # Errors
/// What reading the rows gives.
pub fn constant_columns<E>(
    dims: usize,
    each_row: impl FnMut(&mut dyn FnMut(&[f64])) -> Result<(), E>,
) -> Result<Vec<usize>, E> {
    let scaler = two_passes(dims, each_row)?.and_then(VariancePass::finish);
    Ok(scaler.map_or_else(|_| Vec::new(), |scaler| scaler.constant_columns().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_in_the_scalers_own_units() {
        let old = [[0.0, 5.0], [2.0, 5.0], [4.0, 5.0], [6.0, 5.0]];
        let scaler = Scaler::fit(2, old.iter().map(<[f64; 2]>::as_slice)).expect("finite");
        let names = ["a".to_owned(), "b".to_owned()];
        let of = |rows: &[[f64; 2]]| {
            drift(&scaler, &names, |take| {
                rows.iter().for_each(|row| take(row));
                Ok::<(), ()>(())
            })
            .expect("in memory")
        };
        let none = of(&old);
        assert!(none.iter().all(|column| column.extent() < 1e-12), "{none:?}");
        // Twice as wide about a mean one deviation higher.
        let scale = scaler.scale()[0];
        let moved: Vec<[f64; 2]> =
            old.iter().map(|row| [2.0 * (row[0] - 3.0) + 3.0 + scale, 5.0]).collect();
        let moved = of(&moved);
        assert!((moved[0].mean_shift - 1.0).abs() < 1e-12, "{moved:?}");
        assert!((moved[0].scale_ratio - 2.0).abs() < 1e-12, "{moved:?}");
        assert!(moved[1].extent() < 1e-12, "{moved:?}");
    }
}
