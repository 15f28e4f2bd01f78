//! Overlays as `kubectl kustomize` renders them, and ways to look at them.
//!
//! Without kubectl a test says so and passes; `SOUNDALIKE_REQUIRE_SHARED=1`, which CI sets, makes
//! that a failure.

use std::{collections::BTreeMap, process::Command, sync::OnceLock, time::Duration};

use e2e::binaries::project_root;
use serde_json::{Map, Value};

/// Everything that can be applied, below `deploy/`.
pub(crate) const OVERLAYS: [&str; 5] = [
    "overlays/dev",
    "overlays/prod",
    "overlays/prod-store",
    "overlays/prod-linkerd",
    "overlays/prod-gateway",
];

/// The rendered resources of one overlay.
pub(crate) struct Overlay {
    pub(crate) name: &'static str,
    resources: Vec<Value>,
}

/// All overlays, or none where kubectl is absent and need not be there.
pub(crate) fn overlays() -> &'static [Overlay] {
    static RENDERED: OnceLock<Vec<Overlay>> = OnceLock::new();
    RENDERED.get_or_init(|| OVERLAYS.iter().filter_map(|name| Overlay::render(name)).collect())
}

/// One of them.
pub(crate) fn overlay(name: &str) -> Option<&'static Overlay> {
    let found = overlays().iter().find(|overlay| overlay.name == name);
    assert!(found.is_some() || overlays().is_empty(), "no {name}");
    found
}

impl Overlay {
    /// Renders `deploy/NAME`.
    pub(crate) fn render(name: &'static str) -> Option<Self> {
        let folder = project_root().join("deploy").join(name);
        let output = Command::new("kubectl").arg("kustomize").arg(&folder).output();
        let Ok(output) = output else {
            let required = std::env::var_os("SOUNDALIKE_REQUIRE_SHARED");
            let required = required.is_some_and(|value| value == "1");
            assert!(!required, "kubectl is not installed");
            println!("skipped: kubectl is not installed");
            return None;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let text = String::from_utf8(output.stdout).expect("YAML is UTF-8");
        let resources: Vec<Value> = serde_saphyr::from_multiple(&text).expect("valid YAML");
        assert!(resources.len() > 1, "{name}: {} resources", resources.len());
        Some(Self { name, resources })
    }

    /// All resources of a kind.
    pub(crate) fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.resources.iter().filter(move |resource| resource["kind"] == kind)
    }

    /// The resource of a kind and name.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.resources.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name)
    }

    /// The Deployments; there are two.
    pub(crate) fn workloads(&self) -> Vec<Workload<'_>> {
        let found: Vec<_> = self
            .kind("Deployment")
            .map(|deployment| Workload { overlay: self, deployment })
            .collect();
        assert_eq!(found.len(), 2, "{}", self.name);
        found
    }
}

/// One Deployment of an overlay.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) overlay: &'a Overlay,
    pub(crate) deployment: &'a Value,
}

impl<'a> Workload<'a> {
    /// Its name, which is its binary's.
    pub(crate) fn name(self) -> &'a str {
        text(&self.deployment["metadata"]["name"])
    }

    /// Overlay and name, for messages.
    pub(crate) fn place(self) -> String {
        format!("{} {}", self.overlay.name, self.name())
    }

    /// `spec.template.spec`.
    pub(crate) fn pod(self) -> &'a Value {
        &self.deployment["spec"]["template"]["spec"]
    }

    /// The labels of its pods.
    pub(crate) fn labels(self) -> &'a Map<String, Value> {
        self.deployment["spec"]["template"]["metadata"]["labels"].as_object().expect("labels")
    }

    /// The one container that serves.
    pub(crate) fn container(self) -> &'a Value {
        let containers = list(&self.pod()["containers"]);
        assert_eq!(containers.len(), 1, "{}", self.place());
        &containers[0]
    }

    /// The environment its ConfigMaps make.
    pub(crate) fn settings(self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        for source in list(&self.container()["envFrom"]) {
            // Secrets are not rendered; they hold the store's own variables.
            let Some(name) = source["configMapRef"]["name"].as_str() else { continue };
            let map = self.overlay.find("ConfigMap", name);
            let map = map.unwrap_or_else(|| panic!("{}: no ConfigMap {name}", self.place()));
            for (key, value) in map["data"].as_object().expect("data") {
                settings.insert(key.clone(), text(value).to_owned());
            }
        }
        settings
    }

    /// A setting that is a duration.
    pub(crate) fn duration(self, key: &str) -> Duration {
        let settings = self.settings();
        let value = settings.get(key).unwrap_or_else(|| panic!("{}: no {key}", self.place()));
        humantime::parse_duration(value).unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    /// A setting that is a number.
    pub(crate) fn number(self, key: &str) -> u64 {
        let settings = self.settings();
        let value = settings.get(key).unwrap_or_else(|| panic!("{}: no {key}", self.place()));
        value.parse().unwrap_or_else(|error| panic!("{key}: {error}"))
    }

    /// The number of a container port, by its name.
    pub(crate) fn port(self, name: &str) -> u64 {
        let ports = list(&self.container()["ports"]);
        let port = ports.iter().find(|port| port["name"] == name);
        port.unwrap_or_else(|| panic!("{}: no port {name}", self.place()))["containerPort"]
            .as_u64()
            .expect("a number")
    }
}

/// The elements of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text that must be one.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected a text, found {value}"))
}

/// Whether a label selector takes pods with these labels.
pub(crate) fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let exact = selector["matchLabels"].as_object();
    let all =
        exact.is_none_or(|want| want.iter().all(|(key, value)| labels.get(key) == Some(value)));
    all && list(&selector["matchExpressions"]).iter().all(|expression| {
        assert_eq!(expression["operator"], "In", "another operator than this test knows");
        let label = labels.get(text(&expression["key"]));
        label.is_some_and(|label| list(&expression["values"]).contains(label))
    })
}

/// Bytes of a Kubernetes quantity with a binary suffix.
pub(crate) fn bytes(value: &Value) -> u64 {
    let quantity = text(value);
    let digits = quantity.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &quantity[digits.len()..] {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        unit => panic!("expected Ki, Mi or Gi, found {unit:?}"),
    };
    digits.parse::<u64>().expect("a number") * unit
}
