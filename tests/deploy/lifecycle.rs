//! The life of a pod: probes that the servers answer, and an end that cuts no call.

use std::time::Duration;

use prost_types::FileDescriptorSet;
use proto::{EXTRACTOR_SERVICE, INDEX_SERVICE};

use crate::render::{bytes, list, overlays, text};

/// What is left of the termination grace for the process to exit.
const TO_EXIT: u64 = 5;

/// Memory the extractor needs beside the uploads it holds: two workers with 20 minutes of audio each,
/// as measured (`deploy/README.md`).
const EXTRACTOR_WORK_BYTES: u64 = 400 << 20;

/// Full names of the services of the contract.
fn contract() -> Vec<String> {
    let set: FileDescriptorSet = prost::Message::decode(proto::DESCRIPTORS).expect("descriptors");
    let of_file = |file: &prost_types::FileDescriptorProto| -> Vec<String> {
        file.service.iter().map(|one| format!("{}.{}", file.package(), one.name())).collect()
    };
    set.file.iter().flat_map(of_file).collect()
}

/// Startup and readiness ask for the service by a name of the contract, liveness for the process.
/// Where the port speaks TLS, which kubelets do not, they ask the HTTP port for the same.
#[test]
fn probes_ask_what_the_servers_answer() {
    let contract = contract();
    assert!(contract.contains(&EXTRACTOR_SERVICE.to_owned()), "{contract:?}");
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let (place, container) = (workload.place(), workload.container());
            let own =
                if workload.name() == "index-svc" { INDEX_SERVICE } else { EXTRACTOR_SERVICE };
            let tls = workload.settings().contains_key("SOUNDALIKE_TLS_CERT");
            for (probe, service, path) in [
                ("startupProbe", Some(own), "/readyz"),
                ("readinessProbe", Some(own), "/readyz"),
                ("livenessProbe", None, "/livez"),
            ] {
                let probe = &container[probe];
                if tls {
                    assert!(probe["grpc"].is_null(), "{place}: kubelets speak no TLS to gRPC");
                    assert_eq!(probe["httpGet"]["path"], path, "{place}");
                    assert_eq!(probe["httpGet"]["port"], "metrics", "{place}");
                } else {
                    assert!(probe["httpGet"].is_null(), "{place}");
                    assert_eq!(probe["grpc"]["port"], workload.port("grpc"), "{place}");
                    assert_eq!(probe["grpc"]["service"].as_str(), service, "{place}");
                    let known = |name: &str| contract.iter().any(|one| one == name);
                    assert!(service.is_none_or(known), "{place}: {service:?}");
                }
            }
        }
    }
}

/// The kubelet's clock runs from preStop on: all that follows must fit.
#[test]
fn the_end_of_a_pod_fits_into_its_grace() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let place = workload.place();
            let sleep = workload.container()["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
            let sleep = sleep.unwrap_or_else(|| panic!("{place}: no preStop sleep"));
            let (drain, grace) =
                (workload.duration("SOUNDALIKE_DRAIN"), workload.duration("SOUNDALIKE_GRACE"));
            let needed = sleep + drain.as_secs() + grace.as_secs() + TO_EXIT;
            let given = workload.pod()["terminationGracePeriodSeconds"].as_u64().expect("stated");
            assert!(needed <= given, "{place}: {needed} s are needed, {given} s are given");

            // Readiness must be seen to fall while the server still accepts.
            let probe = &workload.container()["readinessProbe"];
            let period = probe["periodSeconds"].as_u64().expect("stated");
            let failures = probe["failureThreshold"].as_u64().expect("stated");
            assert!(Duration::from_secs(period * failures) < drain, "{place}");
        }
    }
}

/// A call that was let in may end in its own time: nothing that is allowed outlasts the grace.
#[test]
fn no_call_may_take_longer_than_the_grace() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let grace = workload.duration("SOUNDALIKE_GRACE");
            let place = workload.place();
            assert!(workload.duration("SOUNDALIKE_MAX_CALL_TIME") <= grace, "{place}");
            if workload.name() == "extractor-svc" {
                assert!(workload.duration("SOUNDALIKE_MAX_WALL") <= grace, "{place}");
            }
        }
    }
}

/// Uploads lie in memory; as many of the largest as are let in must fit beside the work.
#[test]
fn the_largest_uploads_fit_into_the_memory_limit() {
    for overlay in overlays() {
        for workload in overlay.workloads().into_iter().filter(|one| one.name() == "extractor-svc")
        {
            let held = workload.number("SOUNDALIKE_MAX_UPLOADS")
                * workload.number("SOUNDALIKE_MAX_STREAM_BYTES");
            let limit = bytes(&workload.container()["resources"]["limits"]["memory"]);
            assert!(
                held + EXTRACTOR_WORK_BYTES <= limit,
                "{}: {held} of {limit}",
                workload.place()
            );
        }
    }
}

/// Every volume that is mounted exists, and what it is filled from exists or is documented.
#[test]
fn volumes_are_filled_from_something_that_is_there() {
    let readme = include_str!("../../deploy/README.md");
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let (place, pod) = (workload.place(), workload.pod());
            let volumes = list(&pod["volumes"]);
            let containers = list(&pod["initContainers"]).iter().chain(list(&pod["containers"]));
            for mount in containers.flat_map(|container| list(&container["volumeMounts"])) {
                let known = volumes.iter().any(|volume| volume["name"] == mount["name"]);
                assert!(known, "{place}: no volume {}", mount["name"]);
            }
            for volume in volumes {
                if let Some(name) = volume["configMap"]["name"].as_str() {
                    let documented = readme.contains(&format!("create configmap {name} "));
                    let rendered = overlay.find("ConfigMap", name).is_some();
                    assert!(rendered || documented, "{place}: {name}");
                }
                if let Some(name) = volume["persistentVolumeClaim"]["claimName"].as_str() {
                    assert!(
                        overlay.find("PersistentVolumeClaim", name).is_some(),
                        "{place}: {name}"
                    );
                }
                if !volume["secret"].is_null() {
                    let name = text(&volume["secret"]["secretName"]);
                    assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
                }
            }
            for source in list(&workload.container()["envFrom"]) {
                let Some(name) = source["secretRef"]["name"].as_str() else { continue };
                assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
            }
            let account = text(&pod["serviceAccountName"]);
            assert!(overlay.find("ServiceAccount", account).is_some(), "{place}: {account}");
        }
    }
}
