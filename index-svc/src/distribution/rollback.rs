//! The pointer moved back. Nothing is uploaded and nothing removed, so it takes as long as two
//! requests.

use super::{
    error::DistributionError,
    place::{Place, TRIES},
    publish::{lost, move_pointer},
};

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
    let mut from = None;
    for _ in 0..TRIES {
        if let Some(done) = attempt(place, version, by, &mut from)? {
            return Ok(done);
        }
    }
    Err(DistributionError::Restless { url: place.pointer_url() })
}

/// None where versions were removed meanwhile: the one that was looked at may be among them. It goes back
/// from what was wanted the first time only.
fn attempt(
    place: &Place,
    version: Option<&str>,
    by: &str,
    first_from: &mut Option<String>,
) -> Result<Option<RolledBack>, DistributionError> {
    let url = place.pointer_url();
    let Some((pointer, snapshot)) = place.pointer()? else {
        return Err(DistributionError::NoPointer { url });
    };
    let from = pointer.version.clone();
    let nothing_before = || DistributionError::NothingBefore { url, version: from.clone() };
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
    let next = pointer.back_to(&version, by);
    if *first_from.get_or_insert_with(|| from.clone()) != from {
        return Err(lost(place, &next, Some(pointer)));
    }
    let moved = version == from || move_pointer(place, Some((pointer, snapshot)), &next)?;
    Ok(moved.then_some(RolledBack { version, from }))
}
