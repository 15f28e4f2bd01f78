//! The crates of the index service are a ladder: each depends on those below it and on none above.

use std::collections::BTreeSet;

use crate::sources::{assert_none, files};

/// The folders of the crates, from the bottom up; the package has the name of its folder.
const LADDER: [&str; 3] = ["index-svc/engine", "index-svc/index", "index-svc"];

fn name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// The names in the sections of dependencies of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies") && !line.trim().is_empty() {
            found.extend(line.split(['.', ' ', '=']).next());
        }
    }
    found
}

#[test]
fn a_crate_of_the_index_depends_on_those_below_it() {
    let manifests = files(&["Cargo.toml"]);
    let mut found = Vec::new();
    for (rung, folder) in LADDER.iter().enumerate() {
        let path = format!("{folder}/Cargo.toml");
        let (_, text) =
            manifests.iter().find(|(known, _)| *known == path).expect("every rung is a crate");
        assert!(
            text.contains(&format!("name = \"{}\"", name(folder))),
            "{path}: its folder's name"
        );
        let dependencies = dependencies(text);
        for above in &LADDER[rung..] {
            if dependencies.contains(name(above)) {
                found.push(format!("{path}: depends on `{}`, which is not below it", name(above)));
            }
        }
    }
    assert_none(found);
}

#[test]
fn every_crate_of_the_index_has_its_rung() {
    let crates: BTreeSet<String> = files(&["Cargo.toml"])
        .into_iter()
        .filter(|(path, _)| path.starts_with("index-svc/"))
        .map(|(path, _)| path.trim_end_matches("/Cargo.toml").to_owned())
        .collect();
    assert_eq!(crates, LADDER.map(str::to_owned).into());
}
