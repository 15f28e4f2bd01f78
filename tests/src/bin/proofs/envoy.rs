//! Envoy as a child process, configured from `tests/faults/proofs/envoy.yaml`.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};
use e2e::{binaries::project_root, process::free_address};
use tempfile::TempDir;

use crate::fleet::{Fleet, Replica};

/// A running Envoy; it is killed when dropped.
pub(crate) struct Envoy {
    child: Child,
    pub(crate) index: String,
    pub(crate) extractor: String,
    _folder: TempDir,
}

impl Envoy {
    pub(crate) fn start(binary: &Path, fleet: &Fleet) -> Result<Self> {
        let (index, extractor) = (free_address()?, free_address()?);
        let template =
            std::fs::read_to_string(project_root().join("tests/faults/proofs/envoy.yaml"))?;
        let config = template
            .replace("@INDEX_PORT@", port(&index))
            .replace("@EXTRACTOR_PORT@", port(&extractor))
            .replace("@INDEX_ENDPOINTS@", &endpoints(&fleet.index))
            .replace("@EXTRACTOR_ENDPOINTS@", &endpoints(&fleet.extractor));
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("envoy.yaml");
        std::fs::write(&file, config)?;
        let child = Command::new(binary)
            .arg("--config-path")
            .arg(&file)
            // Two Envoys of one machine must not share memory.
            .args(["--base-id", port(&index), "--concurrency", "1", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        Ok(Self { child, index, extractor, _folder: folder })
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

/// Endpoints in YAML's flow style.
fn endpoints(replicas: &[Replica]) -> String {
    let one = |replica: &Replica| {
        let address = replica.address();
        let port = port(&address);
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}"
        )
    };
    format!("[{}]", replicas.iter().map(one).collect::<Vec<_>>().join(", "))
}
