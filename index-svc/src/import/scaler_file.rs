//! The scaler: JSON with `mean` and `scale`, or scikit-learn's `StandardScaler` as a pickle.

use std::path::Path;

use serde::Deserialize;

use super::{
    ImportError,
    pickle::{self, Array, Heap, Id, MAX_PICKLE_BYTES, Value},
    read_small,
};

/// A scaler as it was found, in the order of its own columns.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct ModelScaler {
    /// Mean of each column.
    #[serde(alias = "mean_")]
    pub(super) mean: Vec<f64>,
    /// Divisor of each column.
    #[serde(alias = "scale_")]
    pub(super) scale: Vec<f64>,
    /// Names of the columns it was fitted with.
    #[serde(default, rename = "feature_names", alias = "feature_names_in_")]
    pub(super) names: Option<Vec<String>>,
    /// Rows it was fitted to.
    #[serde(default, rename = "n_samples_seen", alias = "n_samples_seen_")]
    pub(super) fitted_rows: Option<u64>,
    /// Whether it keeps the columns' means.
    #[serde(skip)]
    pub(super) keeps_means: bool,
    /// Whether it keeps their deviations.
    #[serde(skip)]
    pub(super) keeps_deviations: bool,
}

impl ModelScaler {
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        let bytes = read_small(path, MAX_PICKLE_BYTES)?;
        let wrong = |why| ImportError::NotAScaler { path: path.to_owned(), why };
        let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let scaler = if is_json {
            serde_json::from_slice::<Self>(&bytes)
                .map_err(|source| ImportError::Json { path: path.to_owned(), source })?
        } else {
            let (heap, result) = pickle::read(&bytes)
                .map_err(|source| ImportError::Pickle { path: path.to_owned(), source })?;
            of_pickle(&heap, result).map_err(wrong)?
        };
        if scaler.mean.len() != scaler.scale.len() || scaler.mean.is_empty() {
            return Err(wrong("it has other means than scales, or none"));
        }
        if scaler.names.as_ref().is_some_and(|names| names.len() != scaler.mean.len()) {
            return Err(wrong("it has other names than columns"));
        }
        Ok(scaler)
    }
}

/// The scaler in a pickle's values: what `transform` would use of it.
fn of_pickle(heap: &Heap, result: Id) -> Result<ModelScaler, &'static str> {
    let Some(state) = heap.scaler_state(result) else {
        return Err("it is not a StandardScaler");
    };
    let numbers = |key: &str| match heap.item(state, key) {
        Some(Value::Array(Array::Numbers(numbers))) => Some(numbers.clone()),
        _ => None,
    };
    let is_off = |key: &str| matches!(heap.item(state, key), Some(Value::Bool(false)));
    let (mean, scale) = (numbers("mean_"), numbers("scale_"));
    let dims = mean.as_ref().or(scale.as_ref()).map(Vec::len).ok_or("it was never fitted")?;
    let scale = match scale {
        _ if is_off("with_std") => vec![1.0; dims],
        Some(scale) => scale,
        None => return Err("it has no scales"),
    };
    let mean = match mean {
        _ if is_off("with_mean") => vec![0.0; dims],
        Some(mean) => mean,
        None => return Err("it has no means"),
    };
    let names = match heap.item(state, "feature_names_in_") {
        Some(Value::Array(Array::Objects(items))) => {
            let text = |item: &Id| match heap.get(*item) {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            };
            Some(items.iter().map(text).collect::<Option<_>>().ok_or("a name is no text")?)
        }
        _ => None,
    };
    let fitted_rows = match heap.item(state, "n_samples_seen_") {
        Some(Value::Int(rows)) => u64::try_from(*rows).ok(),
        // A count of numpy's; where values were missing it has one of each column.
        Some(Value::Float(rows)) if *rows >= 0.0 => Some(*rows as u64),
        _ => None,
    };
    let (keeps_means, keeps_deviations) = (is_off("with_mean"), is_off("with_std"));
    Ok(ModelScaler { mean, scale, names, fitted_rows, keeps_means, keeps_deviations })
}
