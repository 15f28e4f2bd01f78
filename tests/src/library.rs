//! The test clips as a music library: one feature table and one index, made by the batch commands
//! a user would run, once per test run.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{
    binaries::{self, Binaries},
    clips,
    process::Server,
};

/// Tables, index and binaries in a folder that is removed with the last user.
#[derive(Debug)]
pub struct Library {
    folder: TempDir,
    binaries: Binaries,
}

impl Library {
    /// The library of this test run, built by the first caller and removed with the last holder.
    ///
    /// # Errors
    /// When a service does not compile or a batch command fails.
    pub fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Library>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = shared.upgrade() {
            return Ok(library);
        }
        let library = Arc::new(Self::build()?);
        *shared = Arc::downgrade(&library);
        Ok(library)
    }

    fn build() -> Result<Self> {
        let library = Self { folder: tempfile::tempdir()?, binaries: binaries()?.clone() };
        let audio = clips::audio_folder();
        run(
            &library.binaries.extractor,
            &[
                OsStr::new("extract"),
                audio.as_os_str(),
                OsStr::new("--pattern"),
                OsStr::new("**/*"),
                OsStr::new("--output"),
                library.table().as_os_str(),
            ],
        )?;
        run(
            &library.binaries.index,
            &[
                OsStr::new("build"),
                OsStr::new("--input"),
                library.table().as_os_str(),
                OsStr::new("--output"),
                library.index().as_os_str(),
                OsStr::new("--seed"),
                OsStr::new("7"),
            ],
        )?;
        Ok(library)
    }

    /// Both executables.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The feature table (CSV) of all clips that can be read.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.folder.path().join("features.csv")
    }

    /// The index directory made from [`Library::table`].
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    /// A new extractor.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_extractor(&self) -> Result<Server> {
        Server::start::<&str>(&self.binaries.extractor, &[])
    }

    /// A new index server over [`Library::index`].
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_index(&self) -> Result<Server> {
        Server::start(&self.binaries.index, &[OsStr::new("--index"), self.index().as_os_str()])
    }
}

/// Both services' executables, built once per process.
///
/// # Errors
/// When a service does not compile.
pub fn binaries() -> Result<&'static Binaries> {
    static BINARIES: OnceLock<Result<Binaries>> = OnceLock::new();
    BINARIES.get_or_init(binaries::build).as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// Runs a batch command that must succeed.
///
/// # Errors
/// When it cannot be run or its exit code is not 0; the message carries what it printed.
pub fn run(binary: &Path, args: &[&OsStr]) -> Result<Output> {
    let output = Command::new(binary)
        .args(args)
        .output()
        .with_context(|| format!("cannot run {}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {args:?}: {}\n{text}", binary.display(), output.status);
    Ok(output)
}
