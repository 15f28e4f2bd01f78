//! Three replicas of each service, each at an address of its own that it keeps over restarts.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context as _, Result};
use e2e::{
    library::Library,
    process::{Server, Signal, free_address},
    proxy::Proxy,
};

use crate::faults::Fault;

const REPLICAS: usize = 3;

/// All replicas.
pub(crate) struct Fleet {
    pub(crate) index: Vec<Replica>,
    pub(crate) extractor: Vec<Replica>,
}

/// One replica, and the network before it if that is to fail.
pub(crate) struct Replica {
    binary: PathBuf,
    flags: Vec<OsString>,
    listen: String,
    server: Option<Server>,
    proxy: Option<Proxy>,
}

impl Fleet {
    /// Starts all; those whose connections will be reset are reached through a proxy.
    pub(crate) async fn start(library: &Library, fault: Fault) -> Result<Self> {
        let common = ["--drain", "2s", "--grace", "10s", "--workers", "1", "--log", "warn"];
        let common = common.map(OsString::from).to_vec();
        let mut fleet = Self { index: Vec::new(), extractor: Vec::new() };
        let of_index = [vec!["--index".into(), library.index().into_os_string()], common.clone()];
        for (replicas, binary, flags) in [
            (&mut fleet.index, &library.binaries().index, of_index.concat()),
            (&mut fleet.extractor, &library.binaries().extractor, common),
        ] {
            for _ in 0..REPLICAS {
                let mut replica = Replica {
                    binary: binary.clone(),
                    flags: flags.clone(),
                    listen: free_address()?,
                    server: None,
                    proxy: None,
                };
                replica.start()?;
                if fault == Fault::Resets {
                    replica.proxy = Some(Proxy::start(&replica.listen).await?);
                }
                replicas.push(replica);
            }
        }
        Ok(fleet)
    }
}

impl Replica {
    /// Where clients reach it.
    pub(crate) fn address(&self) -> String {
        self.proxy.as_ref().map_or_else(|| self.listen.clone(), Proxy::address)
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
