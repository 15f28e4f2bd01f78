//! Versions nobody needs any more, removed from the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{
    error::DistributionError,
    place::{Place, object},
};
use crate::manifest::MANIFEST_FILE;

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
/// # Errors
/// When nothing was ever published there, or the store fails; what has been removed by then stays so.
pub fn prune(place: &Place, keep: usize, grace: Duration) -> Result<Pruned, DistributionError> {
    let Some((pointer, _)) = place.pointer()? else {
        return Err(DistributionError::NoPointer { url: place.pointer_url() });
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let young = since_1970.saturating_sub(grace).as_secs() as i64;
    let mut pruned = Pruned { kept: Vec::new(), removed: Vec::new(), removed_bytes: 0 };
    for version in place.versions()? {
        let name = version.version;
        let needed =
            name == pointer.version || pointer.before.iter().take(keep).any(|b| *b == name);
        if needed || version.written_at_unix >= young {
            pruned.kept.push(name);
            continue;
        }
        // The manifest first: from then on the version is not whole, whatever happens.
        place.store().delete(&object(&name, MANIFEST_FILE))?;
        for file in place.store().list(&name)? {
            place.store().delete(&file?.name)?;
        }
        pruned.removed_bytes += version.bytes;
        pruned.removed.push(name);
    }
    Ok(pruned)
}
