//! Numbers as they are stored: `f64` little-endian, one behind the other.

use super::StoreError;

/// Numbers as they are stored.
#[must_use]
pub fn f64_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(super) fn f64_values(
    what: &'static str,
    key: impl FnOnce() -> String,
    bytes: &[u8],
    count: usize,
) -> Result<Vec<f64>, StoreError> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    if chunks.len() != count || !rest.is_empty() {
        let (key, got, expected) = (key(), bytes.len(), count * 8);
        return Err(StoreError::Length { what, key, got, expected });
    }
    Ok(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
}

/// The values of a raw vector.
pub(super) fn raw_values(row: u32, bytes: &[u8], dims: usize) -> Result<Vec<f64>, StoreError> {
    f64_values("raw vector", || row.to_string(), bytes, dims)
}
