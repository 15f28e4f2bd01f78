//! The pointer moved back. Nothing is uploaded and nothing removed, so it takes as long as two
//! requests.

use super::{error::DistributionError, place::Place, publish::move_pointer};

/// What was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The version that is wanted now.
    pub version: String,
    /// The version that was.
    pub from: String,
}

/// Lets the pointer name `version`, or the one that was wanted before the present one.
///
/// # Errors
/// When there is no such version, it is not whole, or somebody else moved the pointer meanwhile.
pub fn rollback(
    place: &Place,
    version: Option<&str>,
    by: &str,
) -> Result<RolledBack, DistributionError> {
    let url = place.pointer_url();
    let Some((seen, snapshot)) = place.pointer()? else {
        return Err(DistributionError::NoPointer { url });
    };
    let nothing_before = || DistributionError::NothingBefore { url, version: seen.version.clone() };
    let version = match version {
        Some(version) => version,
        None => seen.before.first().ok_or_else(nothing_before)?,
    };
    // The manifest is written last, and must be readable.
    if place.manifest(version)?.is_none() {
        return Err(DistributionError::NoVersion {
            url: place.store().location().to_string(),
            version: version.to_owned(),
            known: place.whole_versions()?,
        });
    }
    let rolled_back = RolledBack { version: version.to_owned(), from: seen.version.clone() };
    if version != seen.version {
        move_pointer(place, Some(&snapshot), &seen.back_to(version, by))?;
    }
    Ok(rolled_back)
}
