//! Replicas of each service, each at an address of its own that it keeps over restarts.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use e2e::{
    library::{self, Library},
    process::{Server, Signal, free_address},
    proxy::Proxy,
};
use proto::v1::FeatureVector;
use tempfile::TempDir;

use crate::faults::Fault;

/// All replicas.
pub(crate) struct Fleet {
    pub(crate) index: Vec<Replica>,
    pub(crate) extractor: Vec<Replica>,
    /// Vectors of the library's tracks.
    pub(crate) vectors: Arc<[FeatureVector]>,
    /// Two versions of the index and the pointer to the current one; new binaries.
    folder: TempDir,
}

/// One replica, and the network before it if that is to fail.
pub(crate) struct Replica {
    binary: PathBuf,
    flags: Vec<OsString>,
    listen: String,
    metrics: String,
    server: Option<Server>,
    proxy: Option<Proxy>,
}

impl Fleet {
    /// Starts `count` of each; those whose connections will be reset are reached through a proxy.
    pub(crate) async fn start(
        library: &Library,
        count: usize,
        fault: Option<Fault>,
    ) -> Result<Self> {
        let folder = versions(library)?;
        let index = ["--index".into(), folder.path().as_os_str().to_owned()];
        let vectors = library.vectors()?.into();
        let mut fleet = Self { index: Vec::new(), extractor: Vec::new(), vectors, folder };
        for (replicas, binary, own) in [
            (&mut fleet.index, &library.binaries().index, &index[..]),
            (&mut fleet.extractor, &library.binaries().extractor, &[]),
        ] {
            for _ in 0..count {
                let (listen, metrics) = (free_address()?, free_address()?);
                let common = ["--drain", "2s", "--grace", "10s", "--workers", "1", "--log", "warn"];
                let common = common.into_iter().chain(["--metrics-listen", &metrics]);
                let flags = own.iter().cloned().chain(common.map(OsString::from)).collect();
                let binary = binary.clone();
                let mut replica =
                    Replica { binary, flags, listen, metrics, server: None, proxy: None };
                replica.start()?;
                if fault == Some(Fault::Resets) {
                    replica.proxy = Some(Proxy::start(&replica.listen).await?);
                }
                replicas.push(replica);
            }
        }
        Ok(fleet)
    }

    /// What starts next is another file.
    pub(crate) fn replace_binaries(&mut self) -> Result<()> {
        for replica in self.index.iter_mut().chain(&mut self.extractor) {
            let name = replica.binary.file_name().context("a file")?;
            let new = self.folder.path().join(name);
            if !new.exists() {
                fs::copy(&replica.binary, &new)?;
            }
            replica.binary = new;
        }
        Ok(())
    }

    /// Makes the second version the current one.
    pub(crate) fn move_pointer(&self) -> Result<()> {
        point_to("second", self.folder.path())
    }
}

/// A folder with two versions of the library's index, of which the first is current.
fn versions(library: &Library) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (name, seed) in [("first", "7"), ("second", "8")] {
        let (table, index) = (library.table(), folder.path().join(name));
        let args = ["build", "--input"].map(OsStr::new).into_iter().chain([table.as_os_str()]);
        let args = args.chain([OsStr::new("--output"), index.as_os_str()]);
        let args: Vec<_> = args.chain(["--seed", seed].map(OsStr::new)).collect();
        library::run(&library.binaries().index, &args)?;
    }
    point_to("first", folder.path())?;
    Ok(folder)
}

/// As the index's README has it: a new file takes the old one's place.
fn point_to(version: &str, folder: &Path) -> Result<()> {
    let next = folder.join("CURRENT.next");
    fs::write(&next, version)?;
    Ok(fs::rename(&next, folder.join("CURRENT"))?)
}

impl Replica {
    /// Where clients reach it.
    pub(crate) fn address(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.listen.clone(), Proxy::address)
    }

    /// Where its metrics are.
    pub(crate) fn metrics(&self) -> &str {
        &self.metrics
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        self.server = Some(Server::start_at(&self.listen, &self.binary, &self.flags)?);
        Ok(())
    }

    /// SIGTERM, the end, a new process at the same address.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let mut server = self.server.take().context("it runs")?;
        let status = tokio::task::spawn_blocking(move || server.terminate()).await??;
        anyhow::ensure!(status.success(), "a replica ended with {status}");
        self.start()
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("it runs")?;
        server.signal(Signal::Kill)?;
        server.wait()?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        self.server.as_ref().context("it runs")?.signal(signal)
    }

    pub(crate) fn process(&self) -> Result<u32> {
        Ok(self.server.as_ref().context("it runs")?.process())
    }

    pub(crate) fn cut(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.cut();
        }
    }
}
