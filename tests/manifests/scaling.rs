//! How many replicas there are, and how many may be away.

use crate::render::{Workload, list, overlays, selects, text};

/// The smallest number of replicas a workload has.
fn replicas(workload: Workload<'_>) -> u64 {
    let stated = workload.deployment["spec"]["replicas"].as_u64();
    let scaled = workload
        .overlay
        .kind("HorizontalPodAutoscaler")
        .find(|one| one["spec"]["scaleTargetRef"]["name"] == workload.name())
        .map(|one| one["spec"]["minReplicas"].as_u64().expect("stated"));
    match (stated, scaled) {
        (Some(replicas), None) | (None, Some(replicas)) => replicas,
        // An applied number would undo what the autoscaler did.
        both => panic!("{}: one of both must state the replicas: {both:?}", workload.place()),
    }
}

#[test]
fn a_drain_of_a_node_leaves_replicas_and_can_go_on() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let (place, replicas) = (workload.place(), replicas(workload));
            let budgets: Vec<_> = overlay
                .kind("PodDisruptionBudget")
                .filter(|budget| selects(&budget["spec"]["selector"], workload.labels()))
                .collect();
            if overlay.name == "overlays/dev" {
                assert_eq!((replicas, budgets.len()), (1, 0), "{place}");
                continue;
            }
            assert_eq!(budgets.len(), 1, "{place}: two budgets block each other");
            let away = budgets[0]["spec"]["maxUnavailable"].as_u64().expect("a number");
            assert!(0 < away && away < replicas, "{place}: {away} of {replicas} may be away");
        }
    }
}

#[test]
fn a_roll_out_never_has_fewer_than_before() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let strategy = &workload.deployment["spec"]["strategy"];
            assert_eq!(strategy["type"], "RollingUpdate", "{}", workload.place());
            assert_eq!(strategy["rollingUpdate"]["maxUnavailable"], 0, "{}", workload.place());
            assert!(strategy["rollingUpdate"]["maxSurge"].as_u64() > Some(0));
        }
    }
}

#[test]
fn replicas_are_spread_by_labels_that_they_have() {
    for overlay in overlays().iter().filter(|one| one.name != "overlays/dev") {
        for workload in overlay.workloads() {
            let constraints = list(&workload.pod()["topologySpreadConstraints"]);
            assert_eq!(constraints.len(), 2, "{}", workload.place());
            for constraint in constraints {
                assert!(selects(&constraint["labelSelector"], workload.labels()));
            }
        }
    }
}

/// Autoscalers have a target, a range, and metrics that somebody provides.
#[test]
fn autoscalers_have_targets_and_metrics() {
    let adapter =
        include_str!("../../deploy/components/autoscaling-uploads/prometheus-adapter.yaml");
    for overlay in overlays() {
        for scaler in overlay.kind("HorizontalPodAutoscaler") {
            let spec = &scaler["spec"];
            let target = text(&spec["scaleTargetRef"]["name"]);
            let kind = text(&spec["scaleTargetRef"]["kind"]);
            assert!(overlay.find(kind, target).is_some(), "{}: no {target}", overlay.name);
            assert!(spec["minReplicas"].as_u64() < spec["maxReplicas"].as_u64());
            let metrics = list(&spec["metrics"]);
            assert!(metrics.iter().any(|metric| metric["resource"]["name"] == "cpu"), "{target}");
            let of_pods: Vec<_> = metrics.iter().filter(|one| one["type"] == "Pods").collect();
            assert_eq!(of_pods.len(), usize::from(target == "extractor-svc"), "{target}");
            for metric in of_pods {
                let name = text(&metric["pods"]["metric"]["name"]);
                let recorded = overlay
                    .kind("PrometheusRule")
                    .flat_map(|rule| list(&rule["spec"]["groups"]))
                    .flat_map(|group| list(&group["rules"]))
                    .any(|rule| rule["record"] == name);
                assert!(recorded, "{}: nobody records {name}", overlay.name);
                assert!(
                    adapter.contains(&format!("{name}{{namespace!=\"\",pod!=\"\"}}")),
                    "{name}"
                );
            }
        }
    }
}

/// A share of the processors needs a request to be a share of.
#[test]
fn containers_state_what_they_use() {
    for overlay in overlays() {
        for workload in overlay.workloads() {
            let resources = &workload.container()["resources"];
            for kind in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    assert!(resources[kind][resource].is_string(), "{} {kind}", workload.place());
                }
            }
        }
    }
}
