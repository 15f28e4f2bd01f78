//! The place of an index in a store: which objects it has, and whether what comes is what was built.

use std::io::Read as _;

use index::{
    build_record::{BUILD_FILE, MAX_BUILD_BYTES},
    manifest::{FileFacts, MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, ManifestError},
};
use proto::features::hex;
use sha2::{Digest as _, Sha256};
use storage::{Snapshot, StorageError, Store};

use super::{
    error::DistributionError,
    pointer::{MAX_POINTER_BYTES, Pointer},
};
use crate::versions::{POINTER_FILE, is_version_name};

/// How often the pointer may change while somebody wants to write it.
pub(super) const TRIES: usize = 10;

/// The versions of one index in a store.
#[derive(Clone, Debug)]
pub struct Place {
    store: Store,
}

/// A version in a store.
#[derive(Clone, Debug)]
pub struct PublishedVersion {
    /// Its name: the index version.
    pub version: String,
    /// What it is, or why its manifest cannot be used; none where its upload has not ended.
    pub manifest: Option<Result<Manifest, String>>,
    /// Bytes of its objects.
    pub bytes: u64,
    /// When its last object was written, in seconds since 1970.
    pub written_at_unix: i64,
}

impl Place {
    /// The place that `store` is.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The URL of an object of a version.
    pub(super) fn url(&self, version: &str, file: &str) -> String {
        self.store.location().of(&object(version, file))
    }

    pub(super) fn pointer_url(&self) -> String {
        self.store.location().of(POINTER_FILE)
    }

    /// Which version is wanted, and the pointer as it was read; none where nothing was published.
    ///
    /// # Errors
    /// When the store cannot be asked, or the pointer does not hold a name.
    pub fn pointer(&self) -> Result<Option<(Pointer, Snapshot)>, DistributionError> {
        let Some(snapshot) = self.store.get(POINTER_FILE, MAX_POINTER_BYTES)? else {
            return Ok(None);
        };
        let pointer = Pointer::parse(&self.pointer_url(), &snapshot.bytes)?;
        Ok(Some((pointer, snapshot)))
    }

    /// Whether `pointer` may move to `version`.
    pub(super) fn must_stay(
        &self,
        pointer: &Pointer,
        version: &str,
    ) -> Result<(), DistributionError> {
        if pointer.going.iter().any(|name| name == version) {
            let (url, version) = (self.pointer_url(), version.to_owned());
            return Err(DistributionError::Going { url, version });
        }
        Ok(())
    }

    /// The manifest of a version, with its text; none where there is none. That it is the one that
    /// was built follows from the version, which is its digest.
    pub(super) fn manifest(
        &self,
        version: &str,
    ) -> Result<Option<(Manifest, Vec<u8>)>, DistributionError> {
        let Some(text) = self.store.get(&object(version, MANIFEST_FILE), MAX_MANIFEST_BYTES)?
        else {
            return Ok(None);
        };
        let url = self.url(version, MANIFEST_FILE);
        let read = Manifest::from_text(&text.bytes, url.as_ref());
        let (manifest, got) = read.map_err(|source| match source {
            // Their messages name the file, which is the URL here.
            ManifestError::Seal { .. } => damaged(&url, "seal", "another", "its own"),
            source => DistributionError::Manifest { url: url.clone(), source },
        })?;
        let is_digest =
            |name: &str| name.len() == got.len() && name.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_digest(version) {
            return Err(DistributionError::OwnName { url, name: version.to_owned(), version: got });
        }
        if got != version {
            return Err(damaged(&url, "version", &got, version));
        }
        if let Some(name) = manifest.files.keys().find(|name| !is_file_name(name)) {
            let name = name.chars().take(64).collect();
            return Err(DistributionError::FileName { url, name });
        }
        Ok(Some((manifest, text.bytes.to_vec())))
    }

    /// The build record of a version; none where there is none, or what is there is none.
    pub(super) fn build_record(
        &self,
        version: &str,
    ) -> Result<Option<Snapshot>, DistributionError> {
        match self.store.get(&object(version, BUILD_FILE), MAX_BUILD_BYTES) {
            Err(error @ StorageError::TooLarge { .. }) => {
                tracing::warn!(%error, "a build record is left out");
                Ok(None)
            }
            record => Ok(record?),
        }
    }

    /// Reads the object of a file whole and compares it with what was built.
    ///
    /// # Errors
    /// When it is missing, damaged, or cannot be read.
    pub(super) fn check(
        &self,
        version: &str,
        file: &str,
        expected: &FileFacts,
    ) -> Result<(), DistributionError> {
        let url = self.url(version, file);
        let mut object = self.store.read(&object(version, file), 0)?;
        check_size(&url, object.size(), expected)?;
        let mut digest = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            match object.read(&mut block) {
                Ok(0) => break,
                Ok(read) => digest.update(&block[..read]),
                Err(error) => return Err(storage_error(&url, error)),
            }
        }
        check_digest(&url, digest, expected)
    }

    /// Every version, in no order that means something.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn versions(&self) -> Result<Vec<PublishedVersion>, DistributionError> {
        let (_, folders) = self.store.folder("")?;
        folders
            .into_iter()
            .filter(|name| is_version_name(name))
            .map(|name| self.version(name))
            .collect()
    }

    fn version(&self, version: String) -> Result<PublishedVersion, DistributionError> {
        let (mut bytes, mut written_at_unix) = (0, 0);
        for object in self.store.list(&version)? {
            let object = object?;
            bytes += object.bytes;
            written_at_unix = written_at_unix.max(object.written_at_unix);
        }
        let manifest = match self.manifest(&version) {
            Ok(manifest) => manifest.map(|(manifest, _)| Ok(manifest)),
            Err(DistributionError::Storage(error)) => return Err(error.into()),
            Err(error) => Some(Err(error.to_string())),
        };
        Ok(PublishedVersion { version, manifest, bytes, written_at_unix })
    }

    /// The names of the versions that have a manifest.
    pub(super) fn whole_versions(&self) -> Result<Vec<String>, DistributionError> {
        let versions = self.versions()?.into_iter();
        Ok(versions.filter(|v| matches!(v.manifest, Some(Ok(_)))).map(|v| v.version).collect())
    }
}

/// The name of the object of a version's file.
pub(super) fn object(version: &str, file: &str) -> String {
    format!("{version}/{file}")
}

/// A plain name in a directory of its own. What stands in a manifest becomes a path on local disk.
fn is_file_name(name: &str) -> bool {
    is_version_name(name) && ![MANIFEST_FILE, POINTER_FILE, BUILD_FILE].contains(&name)
}

pub(super) fn check_size(
    url: &str,
    got: u64,
    expected: &FileFacts,
) -> Result<(), DistributionError> {
    if got == expected.bytes {
        return Ok(());
    }
    Err(damaged(url, "size in bytes", &got.to_string(), &expected.bytes.to_string()))
}

pub(super) fn check_digest(
    url: &str,
    digest: Sha256,
    expected: &FileFacts,
) -> Result<(), DistributionError> {
    let got = hex(&digest.finalize());
    if got == expected.sha256 {
        Ok(())
    } else {
        Err(damaged(url, "SHA-256", &got, &expected.sha256))
    }
}

fn damaged(url: &str, what: &'static str, got: &str, expected: &str) -> DistributionError {
    let (got, expected) = (got.to_owned(), expected.to_owned());
    DistributionError::Damaged { url: url.to_owned(), what, got, expected }
}

/// What an [`storage::ObjectReader`] said through `io::Read`.
pub(super) fn storage_error(url: &str, error: std::io::Error) -> DistributionError {
    match error.downcast::<StorageError>() {
        Ok(error) => error.into(),
        Err(source) => DistributionError::Io { path: url.into(), source },
    }
}
