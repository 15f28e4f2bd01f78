//! The life of a pod: probes that the servers answer, and an end that cuts no call.

use std::time::Duration;

use crate::render::{bytes, list, overlays, text};

/// What is left of the termination grace for the process to exit.
const TO_EXIT: u64 = 5;

/// Memory of the extractor at rest, and how much an upload may take of what it was admitted with:
/// the bounds of `tests/e2e/memory.rs`.
const AT_REST_BYTES: u64 = 40 << 20;
const PER_ADMITTED: (u64, u64) = (3, 2);

/// Memory that an upload is admitted with at least, enough for 30 s.
const CLIP_BYTES: u64 = 8 << 20;

/// What a call may send ahead of what is read, so what an upload that waits may hold.
const AHEAD_BYTES: u64 = 1 << 20;

/// By HTTP, on the port that callers do not reach: startup and readiness ask whether calls are
/// answered, liveness whether the process is.
#[test]
fn probes_ask_the_port_that_callers_do_not_reach() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let (place, container) = (workload.place(), workload.container());
            for (probe, path) in [
                ("startupProbe", "/readyz"),
                ("readinessProbe", "/readyz"),
                ("livenessProbe", "/livez"),
            ] {
                let expected = serde_json::json!({ "path": path, "port": "metrics" });
                assert_eq!(container[probe]["httpGet"], expected, "{place}: {probe}");
                assert!(container[probe]["grpc"].is_null(), "{place}: {probe}");
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

/// Uploads lie in memory, by which they are admitted: all that is admitted, and all that waits, fits.
#[test]
fn the_uploads_that_are_let_in_fit_into_the_memory_limit() {
    for overlay in overlays() {
        for workload in overlay.workloads().into_iter().filter(|one| one.name() == "extractor-svc")
        {
            let place = workload.place();
            let memory = workload.number("SOUNDALIKE_MAX_MEMORY");
            let places = workload.number("SOUNDALIKE_MAX_UPLOADS");
            let (most, of) = PER_ADMITTED;
            let needed = AT_REST_BYTES + memory * most / of + places * AHEAD_BYTES;
            let limit = bytes(&workload.container()["resources"]["limits"]["memory"]);
            assert!(needed <= limit, "{place}: {needed} of {limit}");
            // Memory is what runs out first, not places; and the largest upload can be admitted.
            assert!(places * CLIP_BYTES > memory, "{place}: {places} places");
            let largest = workload.number("SOUNDALIKE_MAX_STREAM_BYTES");
            assert!(2 * largest < memory / 2, "{place}: {largest} bytes");
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
