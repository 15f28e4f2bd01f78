//! Names of variables: each is one that its container's command reads.

use std::path::Path;

use e2e::{
    binaries::{EXTRACTOR, INDEX},
    library::{binaries, run},
};
use serde_json::Value;

use crate::render::{Overlay, list, overlays, text};

/// The variables that `binary SUBCOMMAND --help` knows.
fn known(binary: &Path, subcommand: &str) -> Vec<String> {
    let output = run(binary, &[subcommand.as_ref(), "--help".as_ref()]).expect("help is there");
    let help = String::from_utf8(output.stdout).expect("text");
    let names: Vec<_> = help
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split(['=', ']']).next())
        .map(str::to_owned)
        .collect();
    assert!(names.iter().any(|name| name == "SOUNDALIKE_LOG"), "{names:?}");
    names
}

/// Checks the variables of all containers of a pod.
fn check(overlay: &Overlay, pod: &Value) {
    let binaries = binaries().expect("the services compile");
    for container in list(&pod["initContainers"]).iter().chain(list(&pod["containers"])) {
        let image = text(&container["image"]);
        let image = image.rsplit('/').next().and_then(|name| name.split([':', '@']).next());
        let binary = match image {
            Some(EXTRACTOR) => &binaries.extractor,
            Some(INDEX) => &binaries.index,
            other => panic!("{}: no image of ours: {other:?}", overlay.name),
        };
        let subcommand = text(&list(&container["args"])[0]);
        let known = match subcommand {
            // The jobs have one map for their steps.
            "build" | "validate" | "publish" => {
                ["build", "validate", "publish"].map(|step| known(binary, step)).concat()
            }
            other => known(binary, other),
        };
        let mut used: Vec<String> =
            list(&container["env"]).iter().map(|one| text(&one["name"]).to_owned()).collect();
        for source in list(&container["envFrom"]) {
            // A Secret of the store's own variables, which are not ours to name.
            let Some(name) = source["configMapRef"]["name"].as_str() else { continue };
            let map = overlay.find("ConfigMap", name).expect("the ConfigMap is rendered");
            used.extend(map["data"].as_object().expect("data").keys().cloned());
        }
        for name in used {
            assert!(known.contains(&name), "{}: `{subcommand}` does not read {name}", overlay.name);
        }
    }
}

#[test]
fn every_variable_is_read_by_the_command_that_gets_it() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            check(overlay, workload.pod());
        }
    }
}

#[test]
fn the_variables_of_the_jobs_are_read() {
    for name in ["jobs/build-index", "jobs/batch/plan", "jobs/batch/extract", "jobs/batch/index"] {
        let Some(job) = Overlay::render(name) else { return };
        let jobs: Vec<_> = job.kind("Job").collect();
        assert_eq!(jobs.len(), 1);
        check(&job, &jobs[0]["spec"]["template"]["spec"]);
    }
}
