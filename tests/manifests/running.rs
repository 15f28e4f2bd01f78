//! The services as the manifests start them: their arguments and settings, on real binaries, asked by
//! their own probes. Only addresses differ, and folders of the host stand for the pod's volumes.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use e2e::{
    library::{Library, run},
    process::Server,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::render::{Workload, list, overlays, text};

/// Longest wait for readiness; what is served is small.
const MAX_START: Duration = Duration::from_secs(30);

/// What a pod's paths are on this host.
pub(crate) struct Host {
    folder: TempDir,
}

impl Host {
    /// A folder for each volume of the pod, filled from what the cluster would fill it from.
    pub(crate) fn of(workload: Workload<'_>, library: &Library) -> Self {
        let host = Self { folder: tempfile::tempdir().expect("a folder") };
        for volume in list(&workload.pod()["volumes"]) {
            let place = host.folder.path().join(text(&volume["name"]));
            fs::create_dir(&place).expect("a folder");
            if let Some(name) = volume["configMap"]["name"].as_str() {
                let map = workload.overlay.find("ConfigMap", name);
                // Empty, as the cluster leaves it where the map is not there and need not be.
                if map.is_none() && volume["configMap"]["optional"] == true {
                    continue;
                }
                let map = map.expect("rendered");
                for (file, content) in map["data"].as_object().expect("data") {
                    fs::write(place.join(file), text(content)).expect("a file");
                }
            } else if !volume["secret"].is_null() {
                secret(text(&volume["secret"]["secretName"]), &place);
            } else if !volume["persistentVolumeClaim"].is_null() {
                // As the build job leaves it: the version's directory.
                let settings = workload.settings();
                let version = Path::new(&settings["SOUNDALIKE_INDEX"]);
                let version = version.file_name().expect("a directory on the volume");
                std::os::unix::fs::symlink(library.index(), place.join(version)).expect("a link");
            }
        }
        host
    }

    /// A path of a container, where its mounts say it is.
    fn path(&self, container: &Value, path: &str) -> Option<PathBuf> {
        list(&container["volumeMounts"]).iter().find_map(|mount| {
            let inside = Path::new(path).strip_prefix(text(&mount["mountPath"])).ok()?;
            Some(self.folder.path().join(text(&mount["name"])).join(inside))
        })
    }

    /// A place in an object store is a folder here, with the index published to it.
    fn store(&self, library: &Library) -> OsString {
        let url = format!("file://{}", self.folder.path().join("store").display());
        let index = library.index();
        let args = ["publish".as_ref(), "--index".as_ref(), index.as_os_str(), "--to".as_ref()];
        run(&library.binaries().index, &[&args[..], &[url.as_ref()]].concat())
            .expect("the index is published");
        url.into()
    }

    /// A value with its path, if it is one, translated. A path outside all mounts would not exist.
    fn value(&self, container: &Value, value: &str) -> OsString {
        if !value.starts_with('/') {
            return value.into();
        }
        let path = self.path(container, value);
        path.unwrap_or_else(|| panic!("{value} lies on no volume of the container")).into()
    }
}

/// The files of a Secret as the README describes them.
fn secret(name: &str, place: &Path) {
    let names = vec![format!("{}.soundalike.svc", name.trim_end_matches("-tls"))];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let files = match name {
        "soundalike-tokens" => vec![("tokens", "player:0123456789abcdef\n".to_owned())],
        "extractor-svc-tls" | "index-svc-tls" => {
            vec![("tls.crt", made.cert.pem()), ("tls.key", made.signing_key.serialize_pem())]
        }
        other => panic!("no test knows the Secret {other}"),
    };
    for (file, content) in files {
        fs::write(place.join(file), content).expect("a file");
    }
}

/// Runs the init containers, then starts the container that serves.
pub(crate) fn start(workload: Workload<'_>, host: &Host, library: &Library) -> Server {
    let binaries = library.binaries();
    for container in list(&workload.pod()["initContainers"]) {
        let args: Vec<_> =
            list(&container["args"]).iter().map(|arg| host.value(container, text(arg))).collect();
        let args: Vec<_> = args.iter().map(OsString::as_os_str).collect();
        run(&binaries.index, &args).expect("the init container succeeds");
    }
    let container = workload.container();
    assert_eq!(container["args"], serde_json::json!(["serve"]), "{}", workload.place());
    let mut settings: Vec<(String, OsString)> = workload
        .settings()
        .into_iter()
        // Nobody listens there.
        .filter(|(key, _)| key != "SOUNDALIKE_OTLP_ENDPOINT")
        .map(|(key, value)| match value.starts_with("s3://") {
            true => (key, host.store(library)),
            false => (key, host.value(container, &value)),
        })
        .collect();
    for variable in list(&container["env"]) {
        let source = &variable["valueFrom"]["resourceFieldRef"]["resource"];
        assert_eq!(source, "limits.cpu", "{}", workload.place());
        let cores = text(&container["resources"]["limits"]["cpu"]);
        settings.push((text(&variable["name"]).to_owned(), cores.into()));
    }
    let binary = if workload.name() == "index-svc" { &binaries.index } else { &binaries.extractor };
    // Free ports, and no wait at the end.
    let args = ["--metrics-listen", "127.0.0.1:0", "--drain", "0s"];
    Server::start_in(binary, &args, settings).expect("it starts")
}

/// As a startup probe asks: again, while the server has announced its port and is not yet ready.
fn answer(server: &Server, path: &str) -> String {
    let deadline = Instant::now() + MAX_START;
    loop {
        let response = server.page(path).expect("answered");
        if !response.starts_with("HTTP/1.1 503") || Instant::now() > deadline {
            return response;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn every_deployment_starts_answers_its_probes_and_ends() {
    for overlay in overlays() {
        let library = Library::shared().expect("the library builds");
        for workload in overlay.workloads() {
            let host = Host::of(workload, &library);
            let mut server = start(workload, &host, &library);
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let path = text(&workload.container()[probe]["httpGet"]["path"]);
                let response = answer(&server, path);
                assert!(response.starts_with("HTTP/1.1 200"), "{path}: {response}");
            }
            let status = server.terminate().expect("it ends");
            assert_eq!(status.code(), Some(0), "{}:\n{}", workload.place(), server.log());
        }
    }
}
