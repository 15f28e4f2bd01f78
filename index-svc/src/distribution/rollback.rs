//! The pointer moved back. Nothing is uploaded and nothing removed, so it takes as long as two
//! requests.

use super::{error::DistributionError, place::Place, pointer::Pointer, publish::move_pointer};

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
    let Some((pointer, snapshot)) = place.pointer()? else {
        return Err(DistributionError::NoPointer { url });
    };
    let nothing_before =
        || DistributionError::NothingBefore { url, version: pointer.version.clone() };
    let version = match version {
        Some(version) => version.to_owned(),
        None => pointer.before.first().cloned().ok_or_else(nothing_before)?,
    };
    place.must_stay(&pointer, &version)?;
    // The manifest is written last, and must be readable.
    if place.manifest(&version)?.is_none() {
        return Err(DistributionError::NoVersion {
            url: place.store().location().to_string(),
            version,
            known: place.whole_versions()?,
        });
    }
    let from = pointer.version.clone();
    if version != from {
        let back = |seen: Option<&Pointer>| match seen {
            Some(seen) => seen.back_to(&version, by),
            None => Pointer::new(&version, by, Vec::new()),
        };
        move_pointer(place, Some((pointer, snapshot)), back)?;
    }
    Ok(RolledBack { version, from })
}
