//! From an index directory to the store: what is missing or damaged is uploaded, the manifest last,
//! and then the pointer is moved, if nobody else has moved it since the beginning.
//!
//! A publisher that is killed leaves objects of a version without a manifest, which no pointer names;
//! the next one goes on from them.

use std::{collections::BTreeSet, io, path::Path};

use index::{
    build_record::BUILD_FILE,
    manifest::{FileFacts, MANIFEST_FILE, Manifest},
};
use storage::{Created, Snapshot, Swap};

use super::{
    error::DistributionError,
    place::{Place, TRIES, object},
    pointer::Pointer,
};
use crate::{
    error::Error,
    searcher::Searcher,
    versions::{POINTER_FILE, resolve},
};

/// Who publishes, and how the bytes that have arrived are told.
pub struct Publisher<'p> {
    /// A name for the people who find it in the pointer.
    pub by: &'p str,
    /// Told of each part that has arrived: file, bytes of the part, bytes of the file.
    pub moved: &'p mut dyn FnMut(&str, u64, u64),
}

impl std::fmt::Debug for Publisher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("by", &self.by).finish_non_exhaustive()
    }
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version.
    pub version: String,
    /// Tracks it has.
    pub rows: u32,
    /// Files that were uploaded, the manifest too.
    pub uploaded: Vec<String>,
    /// Files that were there, whole.
    pub skipped: Vec<String>,
    /// Bytes that were uploaded.
    pub uploaded_bytes: u64,
    /// The version that was wanted before; none if this is the first, and the version itself if it was
    /// wanted already.
    pub before: Option<String>,
}

/// Publishes the index at `directory`, or the wanted version of a folder of versions.
///
/// # Errors
/// When the directory is not the index that was built, the store fails, or somebody else moved the
/// pointer meanwhile ([`DistributionError::Lost`]).
pub fn publish(
    directory: &Path,
    place: &Place,
    publisher: &mut Publisher<'_>,
) -> Result<Published, Error> {
    let directory = resolve(directory)?;
    let (manifest, version) = Manifest::read(&directory)?;
    Searcher::verify_files(&directory, &manifest)?;
    // What is wanted now is what this publisher has seen; all that comes later is somebody else's.
    let mut seen = place.pointer()?;
    let mut published = Published {
        version,
        rows: manifest.rows,
        uploaded: Vec::new(),
        skipped: Vec::new(),
        uploaded_bytes: 0,
        before: seen.as_ref().map(|(pointer, _)| pointer.version.clone()),
    };
    for _ in 0..TRIES {
        let by = publisher.by;
        let follow = |version: &str| match &seen {
            Some((pointer, _)) => pointer.followed_by(version, by),
            None => Pointer::new(version, by, Vec::new()),
        };
        if seen.as_ref().map(|(pointer, _)| &pointer.version) != published.before.as_ref() {
            let next = follow(&published.version);
            return Err(lost(place, &next, seen.map(|(pointer, _)| pointer)).into());
        }
        if let Some((pointer, _)) = &seen {
            place.must_stay(pointer, &published.version)?;
        }
        published.skipped.clear();
        // No manifest says that a version is whole which is not; what is left is for the next turn.
        let mut stays = true;
        for (file, facts) in &manifest.files {
            stays = stays && upload(&directory, place, file, facts, publisher, &mut published)?;
        }
        if stays {
            write_build_record(&directory, place, &mut published)?;
            write_manifest(&directory, place, &mut published)?;
            let is_wanted = published.before.as_deref() == Some(&published.version);
            let next = follow(&published.version);
            if is_wanted || move_pointer(place, seen, &next)? {
                let Published { uploaded, skipped, .. } = &mut published;
                let mut told = BTreeSet::new();
                uploaded.retain(|file| told.insert(file.clone()));
                skipped.retain(|file| !uploaded.contains(file));
                return Ok(published);
            }
        }
        // Versions were removed meanwhile; this one's objects may be among them, so all of it again.
        seen = place.pointer()?;
    }
    Err(DistributionError::Restless { url: place.pointer_url() }.into())
}

/// Moves the pointer from what was seen to `next`; who is too late learns who was first. False where
/// nobody moved it and other things were written into it: what was looked at since may not be there.
pub(super) fn move_pointer(
    place: &Place,
    seen: Option<(Pointer, Snapshot)>,
    next: &Pointer,
) -> Result<bool, DistributionError> {
    let (pointer, snapshot) = seen.unzip();
    match place.store().swap(POINTER_FILE, snapshot.as_ref(), next.text().into())? {
        Swap::Done => return Ok(true),
        Swap::Lost => {}
    }
    let there = place.pointer()?.map(|(pointer, _)| pointer);
    let names = |other: &Pointer| there.as_ref().is_some_and(|it| it.version == other.version);
    // Both wanted the same.
    if names(next) {
        return Ok(true);
    }
    if pointer.as_ref().is_some_and(names) {
        return Ok(false);
    }
    Err(lost(place, next, there))
}

pub(super) fn lost(place: &Place, next: &Pointer, there: Option<Pointer>) -> DistributionError {
    let somebody = || "somebody".to_owned();
    let (winner, by, at) = match there {
        Some(there) => (there.version, there.by.unwrap_or_else(somebody), there.at),
        None => ("nothing".to_owned(), somebody(), None),
    };
    let (url, version) = (place.pointer_url(), next.version.clone());
    DistributionError::Lost { url, version, winner, by, at }
}

/// Uploads a file unless the store has it whole, which is told by reading it. False where somebody has
/// removed it since.
fn upload(
    directory: &Path,
    place: &Place,
    file: &str,
    facts: &FileFacts,
    publisher: &mut Publisher<'_>,
    published: &mut Published,
) -> Result<bool, DistributionError> {
    let name = object(&published.version, file);
    if place.store().size(&name)? == Some(facts.bytes) {
        match place.check(&published.version, file, facts) {
            Ok(()) => {
                published.skipped.push(file.to_owned());
                return Ok(true);
            }
            Err(DistributionError::Damaged { url, .. }) => {
                tracing::warn!(url, "an object is damaged and is uploaded again");
            }
            Err(error) => return Err(error),
        }
    }
    let mut moved = |part| (publisher.moved)(file, part, facts.bytes);
    place.store().upload(&name, &directory.join(file), &mut moved)?;
    published.uploaded.push(file.to_owned());
    published.uploaded_bytes += facts.bytes;
    let Some(got) = place.store().size(&name)? else { return Ok(false) };
    super::place::check_size(&place.url(&published.version, file), got, facts)?;
    Ok(true)
}

/// Writes the build record, if the index has one, unless the store has one of this version: the first
/// build of a version that was published is the one that is told of.
fn write_build_record(
    directory: &Path,
    place: &Place,
    published: &mut Published,
) -> Result<(), DistributionError> {
    let path = directory.join(BUILD_FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(DistributionError::Io { path, source }),
    };
    let bytes = text.len() as u64;
    match place.store().create(&object(&published.version, BUILD_FILE), text.into())? {
        Created::New => {
            published.uploaded.push(BUILD_FILE.to_owned());
            published.uploaded_bytes += bytes;
        }
        Created::Same | Created::Other => published.skipped.push(BUILD_FILE.to_owned()),
    }
    Ok(())
}

/// Writes the manifest, which says that the version is whole.
fn write_manifest(
    directory: &Path,
    place: &Place,
    published: &mut Published,
) -> Result<(), DistributionError> {
    let path = directory.join(MANIFEST_FILE);
    let io = |source| DistributionError::Io { path: path.clone(), source };
    let text = std::fs::read(&path).map_err(io)?;
    let bytes = text.len() as u64;
    let name = object(&published.version, MANIFEST_FILE);
    match place.store().create(&name, text.into())? {
        Created::Same => {
            published.skipped.push(MANIFEST_FILE.to_owned());
            return Ok(());
        }
        Created::New => {}
        Created::Other => {
            // The version is the digest of the manifest, so what is there is not one of it.
            let url = place.url(&published.version, MANIFEST_FILE);
            tracing::warn!(url, "an object is damaged and is uploaded again");
            place.store().upload(&name, &path, &mut |_| ())?;
        }
    }
    published.uploaded.push(MANIFEST_FILE.to_owned());
    published.uploaded_bytes += bytes;
    Ok(())
}
