//! Versions on local disk, as a folder of versions: fetched file by file into a hidden directory,
//! digested as they come, renamed when whole. A transfer that breaks off is resumed, by the range that is
//! missing; what is not what was built never gets its name.
//!
//! The folder has a `CURRENT` of its own, the version that was last served, so that a server can start
//! from it when the store cannot be reached.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use index::{
    build_record::BUILD_FILE,
    manifest::{FileFacts, MANIFEST_FILE},
};
use sha2::{Digest as _, Sha256};

use super::{
    error::DistributionError,
    place::{Place, check_digest, check_size, object},
};
use crate::versions::{move_pointer, read_pointer};

/// Time between two lines of the log about the same download.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 1 << 20;
/// End of the name of a directory that is being filled.
const PARTIAL: &str = ".partial";

/// A local folder that one process keeps versions in.
pub struct Cache {
    folder: PathBuf,
    /// Told of every step of a download.
    watcher: Watcher,
    /// Held while this lives.
    _lock: File,
}

/// Who is told how far a download is.
type Watcher = Box<dyn Fn(&Fetching<'_>) + Send + Sync>;

/// How far the download of a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetching<'v> {
    /// Which version.
    pub version: &'v str,
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes of the whole version.
    pub of_bytes: u64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens the cache at `folder`, which is made if need be.
    ///
    /// # Errors
    /// When it cannot be made, or another process has it.
    pub fn open(folder: &Path) -> Result<Self, DistributionError> {
        let failed = |source| DistributionError::Io { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::open(folder).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                Ok(Self { folder: folder.to_owned(), watcher: Box::new(|_| ()), _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                Err(DistributionError::CacheInUse { path: folder.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The same cache, which tells `watcher` how far each download is.
    #[must_use]
    pub fn watched_by(self, watcher: impl Fn(&Fetching<'_>) + Send + Sync + 'static) -> Self {
        Self { watcher: Box::new(watcher), ..self }
    }

    /// The version that was last served from here, if it is still here.
    #[must_use]
    pub fn last_served(&self) -> Option<String> {
        read_pointer(&self.folder).ok().filter(|name| self.has(name))
    }

    /// Whether the whole of `version` is here.
    #[must_use]
    pub fn has(&self, version: &str) -> bool {
        self.directory(version).join(MANIFEST_FILE).is_file()
    }

    /// Where `version` is, once it is here.
    #[must_use]
    pub fn directory(&self, version: &str) -> PathBuf {
        self.folder.join(version)
    }

    /// Remembers that `version` is served, and removes all others but `also`.
    ///
    /// # Errors
    /// When the pointer cannot be written. What cannot be removed stays, and the log says so.
    pub fn keep(&self, version: &str, also: &str) -> Result<(), DistributionError> {
        if read_pointer(&self.folder).ok().as_deref() != Some(version) {
            move_pointer(&self.folder, version).map_err(|error| DistributionError::Io {
                path: self.folder.clone(),
                source: io::Error::other(error),
            })?;
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let kept = name == version || name == also;
            if !kept && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.remove(&name.to_string_lossy());
            }
        }
        Ok(())
    }

    /// Removes a version that turned out not to be one.
    pub fn remove(&self, version: &str) {
        let path = self.directory(version);
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::info!(version, "a version is removed from the cache"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(version, %error, "a version cannot be removed"),
        }
    }

    /// Fetches the whole of `version`, unless it is here.
    ///
    /// # Errors
    /// When it is not whole in the store, is damaged there, or cannot be fetched or written. What has
    /// come by then stays, and the next attempt resumes it.
    pub fn fetch(&self, place: &Place, version: &str) -> Result<PathBuf, DistributionError> {
        let directory = self.directory(version);
        if self.has(version) {
            return Ok(directory);
        }
        let start = Instant::now();
        let Some((manifest, text)) = place.manifest(version)? else {
            return Err(DistributionError::NoVersion {
                url: place.store().location().to_string(),
                version: version.to_owned(),
                known: place.whole_versions()?,
            });
        };
        // What is there under its name and has no manifest is not a version.
        self.remove(version);
        let partial = self.folder.join(format!(".{version}{PARTIAL}"));
        let failed = |source| DistributionError::Io { path: partial.clone(), source };
        fs::create_dir_all(&partial).map_err(failed)?;
        remove_strangers(&partial, &manifest.files.keys().map(String::as_str).collect())
            .map_err(failed)?;
        let of_bytes = manifest.files.values().map(|facts| facts.bytes).sum();
        let watcher = &self.watcher;
        let mut progress = Progress { version, done: 0, of_bytes, told: Instant::now(), watcher };
        tracing::info!(version, bytes = of_bytes, "fetching a version");
        let mut fetched_bytes = 0;
        for (file, facts) in &manifest.files {
            let url = place.url(version, file);
            let path = partial.join(file);
            fetched_bytes +=
                fetch_file(place, &object(version, file), &url, &path, facts, &mut progress)?;
        }
        if let Some(record) = place.build_record(version)? {
            write_flushed(&partial.join(BUILD_FILE), &record.bytes).map_err(failed)?;
        }
        write_flushed(&partial.join(MANIFEST_FILE), &text)
            .and_then(|()| File::open(&partial)?.sync_all())
            .and_then(|()| fs::rename(&partial, &directory))
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(failed)?;
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(version, bytes = of_bytes, fetched_bytes, seconds, "a version is fetched");
        Ok(directory)
    }
}

/// Fetches what is missing of a file; returns the bytes that came over the wire.
fn fetch_file(
    place: &Place,
    name: &str,
    url: &str,
    path: &Path,
    facts: &FileFacts,
    progress: &mut Progress<'_>,
) -> Result<u64, DistributionError> {
    let done_before = progress.done;
    let resumed = fs::metadata(path).is_ok_and(|there| there.len() > 0);
    match fetch_rest(place, name, url, path, facts, progress) {
        // What was there before may be at fault: a page that was not written when the machine went
        // down. Once more from the beginning tells.
        Err(error) if resumed && matches!(error, DistributionError::Damaged { .. }) => {
            tracing::warn!(%error, "a resumed file is not what was built; fetched from its beginning");
            progress.done = done_before;
            remove_file(path)?;
            fetch_rest(place, name, url, path, facts, progress)
        }
        outcome => outcome,
    }
    .inspect_err(|error| {
        if matches!(error, DistributionError::Damaged { .. }) {
            // Nothing of it is of use.
            let _ = fs::remove_file(path);
        }
    })
}

fn fetch_rest(
    place: &Place,
    name: &str,
    url: &str,
    path: &Path,
    facts: &FileFacts,
    progress: &mut Progress<'_>,
) -> Result<u64, DistributionError> {
    let failed = |source| DistributionError::Io { path: path.to_owned(), source };
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > facts.bytes {
        file.set_len(0).map_err(failed)?;
    }
    let mut digest = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    // Append mode reads from the beginning and writes to the end.
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => break,
            read => digest.update(&block[..read]),
        }
    }
    at += file.metadata().map_err(failed)?.len();
    progress.add(at);
    let resumed_at = at;
    if at < facts.bytes || facts.bytes == 0 {
        let mut rest = place.store().read(name, at)?;
        check_size(url, rest.size(), facts)?;
        while let Some(chunk) = rest.next_chunk()? {
            digest.update(&chunk);
            file.write_all(&chunk).map_err(failed)?;
            at += chunk.len() as u64;
            progress.add(chunk.len() as u64);
        }
    }
    check_digest(url, digest, facts)?;
    file.sync_all().map_err(failed)?;
    Ok(at - resumed_at)
}

/// Removes what is in the directory and is not one of the files.
fn remove_strangers(directory: &Path, files: &BTreeSet<&str>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let known = entry.file_name().to_str().is_some_and(|name| files.contains(name));
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if !known {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
}

fn remove_file(path: &Path) -> Result<(), DistributionError> {
    fs::remove_file(path).map_err(|source| DistributionError::Io { path: path.to_owned(), source })
}

/// How far a download is, told to the log now and then.
struct Progress<'v> {
    version: &'v str,
    done: u64,
    of_bytes: u64,
    told: Instant,
    watcher: &'v Watcher,
}

impl Progress<'_> {
    fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let (version, bytes, of_bytes) = (self.version, self.done, self.of_bytes);
        (self.watcher)(&Fetching { version, bytes, of_bytes });
        if self.told.elapsed() >= PROGRESS_INTERVAL {
            self.told = Instant::now();
            let percent = 100 * bytes / of_bytes.max(1);
            tracing::info!(version, bytes, of_bytes, percent, "fetching");
        }
    }
}
