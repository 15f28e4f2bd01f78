//! The test clips as a music library: one feature table and one index, made by the batch commands
//! a user would run, once per test run.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use anyhow::{Context as _, Result, ensure};
use proto::{
    features::{DEFAULT_PROFILE, FeatureSchema},
    v1::FeatureVector,
};
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
    index_version: String,
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
        let mut library = Self {
            folder: tempfile::tempdir()?,
            binaries: binaries()?.clone(),
            index_version: String::new(),
        };
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
        let built = run(
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
        let told = String::from_utf8(built.stdout)?;
        let version = told.lines().find_map(|line| line.strip_prefix("index version"));
        version.context("no index version is told")?.trim().clone_into(&mut library.index_version);
        Ok(library)
    }

    /// Version of the index, which each row that is sent belongs to.
    #[must_use]
    pub fn index_version(&self) -> &str {
        &self.index_version
    }

    /// The vectors of the table, in row order.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn vectors(&self) -> Result<Vec<FeatureVector>> {
        let mut table = csv::Reader::from_path(self.table())?;
        let header = table.headers()?.clone();
        let schema = FeatureSchema::librosa();
        let place = |name: &String| header.iter().position(|column| column == name);
        let places: Option<Vec<usize>> = schema.names().iter().map(place).collect();
        let places = places.context("the table lacks a feature")?;
        let vector = |record: Result<csv::StringRecord, csv::Error>| {
            let record = record?;
            let values = places.iter().map(|place| record[*place].parse());
            Ok(FeatureVector {
                values: values.collect::<Result<_, _>>()?,
                profile_id: DEFAULT_PROFILE.to_owned(),
                ..FeatureVector::default()
            })
        };
        table.records().map(vector).collect()
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
