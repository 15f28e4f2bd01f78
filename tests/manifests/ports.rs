//! One port, one number: in the servers' settings, containers, Services, policies and monitors.

use serde_json::Value;

use crate::render::{Overlay, Workload, list, overlays, selects, text};

/// The inbound port of Linkerd's proxy, which is none of ours.
const PROXY_PORT: u64 = 4143;

/// The port of a `HOST:PORT` setting.
fn listens(workload: Workload<'_>, key: &str) -> u64 {
    let settings = workload.settings();
    let address = settings.get(key).unwrap_or_else(|| panic!("{}: no {key}", workload.place()));
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    assert_eq!(host, "0.0.0.0", "{}: loopback would be the pod's own", workload.place());
    port.parse().expect("a number")
}

#[test]
fn containers_declare_what_the_servers_listen_on() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let place = workload.place();
            assert_eq!(workload.port("grpc"), listens(workload, "SOUNDALIKE_LISTEN"), "{place}");
            let metrics = listens(workload, "SOUNDALIKE_METRICS_LISTEN");
            assert_eq!(workload.port("metrics"), metrics, "{place}");
        }
    }
}

/// The image declares the same ports, for whoever runs it without Kubernetes.
#[test]
fn the_images_expose_the_same_ports() {
    let dockerfile = include_str!("../../deploy/images/Dockerfile");
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let line = format!("EXPOSE {} {}", workload.port("grpc"), workload.port("metrics"));
            assert!(dockerfile.contains(&line), "{}: no `{line}`", workload.place());
        }
    }
}

/// A Service for virtual addresses and a headless one for each workload, both leading to its ports.
#[test]
fn services_lead_to_the_containers() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let place = workload.place();
            for (suffix, headless) in [("", false), ("-headless", true)] {
                let name = format!("{}{suffix}", workload.name());
                let service = overlay.find("Service", &name);
                let spec = &service.unwrap_or_else(|| panic!("{place}: no Service {name}"))["spec"];
                assert_eq!(spec["clusterIP"] == "None", headless, "{place}");
                let selector = serde_json::json!({ "matchLabels": spec["selector"] });
                assert!(spec["selector"].is_object() && selects(&selector, workload.labels()));
                let tls = workload.settings().contains_key("SOUNDALIKE_TLS_CERT");
                for port in list(&spec["ports"]) {
                    let target = text(&port["targetPort"]);
                    assert_eq!(port["port"], workload.port(target), "{place}: {name} {target}");
                    if target == "grpc" {
                        let protocol = if tls { "https" } else { "kubernetes.io/h2c" };
                        assert_eq!(port["appProtocol"], protocol, "{place}");
                    }
                }
            }
        }
    }
}

/// Ports that policies open for a pod, in one direction.
fn opened<'a>(overlay: &'a Overlay, workload: Workload<'a>) -> impl Iterator<Item = u64> + 'a {
    let policies = overlay.kind("NetworkPolicy").map(|policy| &policy["spec"]);
    policies
        .filter(move |spec| selects(&spec["podSelector"], workload.labels()))
        .flat_map(|spec| list(&spec["ingress"]))
        .flat_map(|rule| list(&rule["ports"]))
        .map(|port| port["port"].as_u64().expect("a number"))
}

#[test]
fn policies_deny_everything_but_the_ports_that_are_there() {
    for overlay in overlays() {
        let denies = |policy: &Value| {
            let spec = &policy["spec"];
            spec["podSelector"].as_object().is_some_and(serde_json::Map::is_empty)
                && spec["policyTypes"] == serde_json::json!(["Ingress", "Egress"])
                && spec["ingress"].is_null()
                && spec["egress"].is_null()
        };
        assert!(overlay.kind("NetworkPolicy").any(denies), "{}", overlay.name);
        let mut all: Vec<u64> = overlay
            .workloads()
            .iter()
            .flat_map(|one| [one.port("grpc"), one.port("metrics")])
            .collect();
        for workload in overlay.workloads() {
            let place = workload.place();
            let annotations = &workload.deployment["spec"]["template"]["metadata"]["annotations"];
            if annotations["linkerd.io/inject"] == "enabled" {
                all.push(PROXY_PORT);
            }
            let open: Vec<_> = opened(overlay, workload).collect();
            for port in ["grpc", "metrics"] {
                assert!(open.contains(&workload.port(port)), "{place}: {port} is closed");
            }
            for port in open {
                assert!(all.contains(&port), "{place}: nobody listens on {port}");
            }
        }
    }
}

/// A monitor that names a port which exactly one Service of each workload has.
#[test]
fn monitors_find_every_pod_once() {
    let mut monitored = 0;
    for overlay in overlays() {
        for monitor in overlay.kind("ServiceMonitor") {
            let spec = &monitor["spec"];
            for endpoint in list(&spec["endpoints"]) {
                for workload in overlay.workloads() {
                    let matching = overlay.kind("Service").filter(|service| {
                        let labels = service["metadata"]["labels"].as_object().expect("labels");
                        let own = service["spec"]["selector"]["app.kubernetes.io/name"].as_str();
                        selects(&spec["selector"], labels)
                            && own == Some(workload.name())
                            && list(&service["spec"]["ports"])
                                .iter()
                                .any(|port| port["name"] == endpoint["port"])
                    });
                    assert_eq!(matching.count(), 1, "{}", workload.place());
                    monitored += 1;
                }
            }
        }
    }
    let rendered = overlays().len();
    assert_eq!(monitored, 2 * rendered.saturating_sub(1), "all overlays but dev are monitored");
}
