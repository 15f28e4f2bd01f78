//! What the manifests of the crates may depend on.

use crate::sources::{assert_none, files};

/// In the manifest, no dependency (of any kind) may have one of these names.
const MANIFEST_ARROWS: &[(&str, &[&str])] = &[
    (
        "proto/Cargo.toml",
        &[
            "serving",
            "client",
            "storage",
            "extractor-svc",
            "index-svc",
            "tokio",
            "tracing-subscriber",
        ],
    ),
    ("proto/client/Cargo.toml", &["serving", "extractor-svc", "index-svc", "e2e"]),
    (
        "proto/serving/Cargo.toml",
        &["proto", "client", "storage", "extractor-svc", "index-svc", "e2e"],
    ),
    (
        "proto/storage/Cargo.toml",
        &["proto", "client", "serving", "extractor-svc", "index-svc", "e2e", "tonic"],
    ),
    (
        "proto/roots/Cargo.toml",
        &["proto", "client", "serving", "storage", "extractor-svc", "index-svc", "e2e", "tonic"],
    ),
    ("extractor-svc/Cargo.toml", &["index-svc", "client", "e2e"]),
    (
        "index-svc/engine/Cargo.toml",
        &[
            "proto",
            "client",
            "serving",
            "storage",
            "roots",
            "extractor-svc",
            "e2e",
            "tokio",
            "tonic",
        ],
    ),
    (
        "index-svc/index/Cargo.toml",
        &["client", "serving", "storage", "roots", "extractor-svc", "e2e", "tokio", "tonic"],
    ),
    ("index-svc/Cargo.toml", &["extractor-svc", "client", "e2e"]),
    ("tests/Cargo.toml", &["extractor-svc", "index-svc", "serving"]),
];

#[test]
fn manifests_have_no_forbidden_dependency_and_no_features() {
    let mut found = Vec::new();
    for (path, text) in files(&["Cargo.toml"]) {
        if text.lines().any(|line| line.trim() == "[features]") {
            found.push(format!("{path}: no cargo feature unless two shipped builds need it"));
        }
        let Some((_, forbidden)) = MANIFEST_ARROWS.iter().find(|(manifest, _)| *manifest == path)
        else {
            continue;
        };
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
                if forbidden.contains(&name) {
                    found.push(format!("{path}: {section} {name}"));
                }
            }
        }
    }
    assert_none(found);
}
