//! Versions nobody needs any more, removed from the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use index::manifest::MANIFEST_FILE;
use storage::Swap;

use super::{
    error::DistributionError,
    place::{Place, PublishedVersion, TRIES, object},
    pointer::Pointer,
};
use crate::versions::POINTER_FILE;

/// Versions that go at a time: the pointer, which names them, must stay small.
const MAX_GOING: usize = 16;

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Versions that stay.
    pub kept: Vec<String>,
    /// Versions that are gone.
    pub removed: Vec<String>,
    /// Bytes of their objects.
    pub removed_bytes: u64,
}

/// Removes all versions but the wanted one, the `keep` that were wanted before it, and those of which
/// something was written less than `grace` ago: a publisher may be at work on them.
///
/// What goes is written into the pointer first, by compare-and-swap: whoever moves the pointer meanwhile
/// either did so before, and what it names now stays, or finds that the version is going. A prune that is
/// killed leaves it there for the next one, which ends the work.
///
/// # Errors
/// When nothing was ever published there, the pointer does not stand still, or the store fails; what has
/// been removed by then stays so.
pub fn prune(place: &Place, keep: usize, grace: Duration) -> Result<Pruned, DistributionError> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let young = since_1970.saturating_sub(grace).as_secs() as i64;
    let mut pruned = Pruned { kept: Vec::new(), removed: Vec::new(), removed_bytes: 0 };
    loop {
        let mut going = Vec::new();
        note(place, |pointer| {
            let is_needed = |version: &PublishedVersion| {
                let name = &version.version;
                let is_young = version.written_at_unix >= young && !pointer.going.contains(name);
                *name == pointer.version
                    || pointer.before.iter().take(keep).any(|b| b == name)
                    || is_young
            };
            let (kept, mut rest): (Vec<_>, Vec<_>) =
                place.versions()?.into_iter().partition(is_needed);
            pruned.kept = kept.into_iter().map(|version| version.version).collect();
            // A store may list for a while what is gone. Those that another prune has left first.
            rest.retain(|version| !pruned.removed.contains(&version.version));
            rest.sort_by_key(|version| !pointer.going.contains(&version.version));
            rest.truncate(MAX_GOING);
            going = rest;
            Ok(going.iter().map(|version| version.version.clone()).collect())
        })?;
        if going.is_empty() {
            return Ok(pruned);
        }
        for PublishedVersion { version, bytes, .. } in going {
            // The manifest first: from then on the version is not whole, whatever happens.
            place.store().delete(&object(&version, MANIFEST_FILE))?;
            for file in place.store().list(&version)? {
                place.store().delete(&file?.name)?;
            }
            pruned.removed_bytes += bytes;
            pruned.removed.push(version);
        }
        let removed = &pruned.removed;
        note(place, |pointer| {
            Ok(pointer.going.iter().filter(|name| !removed.contains(name)).cloned().collect())
        })?;
    }
}

/// Writes into the pointer what is going, as `going` has it of the pointer; again when the pointer has
/// changed meanwhile.
fn note(
    place: &Place,
    mut going: impl FnMut(&Pointer) -> Result<Vec<String>, DistributionError>,
) -> Result<(), DistributionError> {
    let url = place.pointer_url();
    for _ in 0..TRIES {
        let Some((pointer, snapshot)) = place.pointer()? else {
            return Err(DistributionError::NoPointer { url });
        };
        let going = going(&pointer)?;
        if going == pointer.going {
            return Ok(());
        }
        let next = pointer.without(&going);
        match place.store().swap(POINTER_FILE, Some(&snapshot), next.text().into())? {
            Swap::Done => return Ok(()),
            Swap::Lost => {}
        }
    }
    Err(DistributionError::Restless { url })
}
