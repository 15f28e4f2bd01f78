//! The names a pickle may use. There is no other way to a name.

use super::PickleError;

/// What a name stands for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The class of the scaler.
    StandardScaler,
    /// `numpy.ndarray`, as an argument of [`Self::Reconstruct`].
    NdArray,
    /// `numpy.dtype`.
    Dtype,
    /// numpy's maker of an empty array, whose state follows.
    Reconstruct,
    /// numpy's maker of a scalar from its bytes.
    Scalar,
    /// numpy's maker of an array from a buffer (protocol 5).
    FromBuffer,
    /// `_codecs.encode`, by which protocol 2 writes bytes.
    Encode,
    /// joblib's wrapper, whose array follows it in the file.
    Wrapper,
}

pub(super) fn known(module: &str, name: &str) -> Result<Known, PickleError> {
    Ok(match (module, name) {
        // `data` up to scikit-learn 0.21.
        ("sklearn.preprocessing._data" | "sklearn.preprocessing.data", "StandardScaler") => {
            Known::StandardScaler
        }
        ("numpy", "ndarray") => Known::NdArray,
        ("numpy", "dtype") => Known::Dtype,
        // `core` before numpy 2.
        ("numpy._core.multiarray" | "numpy.core.multiarray", "_reconstruct") => Known::Reconstruct,
        ("numpy._core.multiarray" | "numpy.core.multiarray", "scalar") => Known::Scalar,
        ("numpy._core.numeric" | "numpy.core.numeric", "_frombuffer") => Known::FromBuffer,
        ("_codecs", "encode") => Known::Encode,
        ("joblib.numpy_pickle", "NumpyArrayWrapper") => Known::Wrapper,
        _ => {
            let text = |text: &str| text.chars().take(128).collect::<String>();
            return Err(PickleError::Name { name: format!("{}.{}", text(module), text(name)) });
        }
    })
}
