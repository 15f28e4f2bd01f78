//! Routes from outside: to services that exist, on ports that they have.

use crate::render::{list, overlay, text};

#[test]
fn routes_lead_to_services_of_the_contract() {
    let Some(overlay) = overlay("overlays/prod-gateway") else { return };
    let routes: Vec<_> = overlay.kind("GRPCRoute").collect();
    assert_eq!(routes.len(), 2);
    for route in routes {
        let rules = list(&route["spec"]["rules"]);
        assert_eq!(rules.len(), 1);
        let method = &list(&rules[0]["matches"])[0]["method"];
        let service = text(&method["service"]);
        let backend = &list(&rules[0]["backendRefs"])[0];
        let name = text(&backend["name"]);
        let expected = match name {
            "extractor-svc" => proto::EXTRACTOR_SERVICE,
            "index-svc" => proto::INDEX_SERVICE,
            other => panic!("no Service {other}"),
        };
        assert_eq!(service, expected);
        let found = overlay.find("Service", name).expect("the backend exists");
        let ports = list(&found["spec"]["ports"]);
        assert!(ports.iter().any(|port| port["port"] == backend["port"]), "{name}");
        // Pods speak TLS here, and the gateway is told whom to trust.
        let policy = overlay.find("BackendTLSPolicy", name).expect("a policy of the same name");
        assert_eq!(list(&policy["spec"]["targetRefs"])[0]["name"], name);
    }
}
