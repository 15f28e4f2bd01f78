//! The rate and the channels of a source, held against the limits before room is made for them.

use crate::error::ExtractError;
use crate::limits::{CHANNEL_CEILING, Limits};

/// Refuses a sample rate or a number of channels outside the limits.
pub(in crate::decode) fn check_spec(
    sample_rate: u32,
    channels: usize,
    limits: &Limits,
) -> Result<(), ExtractError> {
    let (min, max) = (limits.min_sample_rate, limits.max_sample_rate);
    if !(min..=max).contains(&sample_rate) {
        return Err(ExtractError::SampleRateUnsupported { sample_rate, min, max });
    }
    check_channels(channels, limits)
}

/// Refuses a number of channels outside the limits.
pub(in crate::decode) fn check_channels(
    channels: usize,
    limits: &Limits,
) -> Result<(), ExtractError> {
    let max = limits.max_channels.min(CHANNEL_CEILING);
    if !(1..=max).contains(&channels) {
        return Err(ExtractError::TooManyChannels { channels, max });
    }
    Ok(())
}
