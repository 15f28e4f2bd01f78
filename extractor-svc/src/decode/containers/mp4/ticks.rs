//! From one count of ticks per second to another.

/// `value` times `to / from`, to the nearest.
pub(super) fn scaled(value: u64, to: u32, from: u32) -> u64 {
    let product = u128::from(value) * u128::from(to) + u128::from(from / 2);
    (product / u128::from(from.max(1))).try_into().unwrap_or(u64::MAX)
}
