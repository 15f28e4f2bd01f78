//! Builds both services with the cargo that built the caller, and finds the executables.
//!
//! Profile, target directory and, for tests, the set of packages are the caller's own: a test run in
//! `debug` drives `debug` services, and what `cargo test --workspace` compiled is not compiled again.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// Package and binary name of the extractor.
pub const EXTRACTOR: &str = "extractor-svc";

/// Package and binary name of the index service.
pub const INDEX: &str = "index-svc";

/// The executables of both services.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `extractor-svc`.
    pub extractor: PathBuf,
    /// `index-svc`.
    pub index: PathBuf,
}

/// The project's root folder.
#[must_use]
pub fn project_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Builds both services and returns their executables, as cargo itself names them.
///
/// # Errors
/// When cargo does not run, or a service does not compile (cargo's report goes to stderr).
pub fn build() -> Result<Binaries> {
    let caller = Caller::of(&std::env::current_exe()?)?;
    // Other packages in the set mean other features of what they share, and a second compilation; what
    // is unoptimised was built for tests, with all of them.
    let targets: &[&str] = if caller.is_test || caller.profile == "dev" {
        &["--workspace", "--bins", "--tests"]
    } else {
        &["--package", EXTRACTOR, "--package", INDEX, "--bins"]
    };
    let mut cargo = Command::new(env!("CARGO"))
        .args(["build", "--message-format=json-render-diagnostics"])
        // A person wants to see how far it is; a test's report stays its own.
        .args(caller.is_test.then_some("--quiet"))
        .args(targets)
        .args(["--profile", &caller.profile])
        .arg("--target-dir")
        .arg(&caller.target_dir)
        .arg("--manifest-path")
        .arg(project_root().join("Cargo.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let messages = cargo.stdout.take().context("cargo's output was piped")?;
    let (mut extractor, mut index) = (None, None);
    for line in BufReader::new(messages).lines() {
        let message: Value = serde_json::from_str(&line?).context("cargo speaks JSON lines")?;
        // A service's unit tests are an executable of its name too.
        if message["profile"]["test"] == true {
            continue;
        }
        let Some(executable) = message["executable"].as_str().map(PathBuf::from) else { continue };
        match message["target"]["name"].as_str() {
            Some(EXTRACTOR) => extractor = Some(executable),
            Some(INDEX) => index = Some(executable),
            _ => {}
        }
    }
    ensure!(cargo.wait()?.success(), "the services do not compile");
    match (extractor, index) {
        (Some(extractor), Some(index)) => Ok(Binaries { extractor, index }),
        missing => bail!("cargo named no executable for one of the services: {missing:?}"),
    }
}

/// What an executable's path says about the cargo run that made it.
#[derive(Debug, PartialEq, Eq)]
struct Caller {
    target_dir: PathBuf,
    profile: String,
    is_test: bool,
}

impl Caller {
    /// Reads `<target>/<profile>/demo` or, for a test, `<target>/<profile>/deps/e2e-0123`.
    fn of(executable: &Path) -> Result<Self> {
        let mut folder = executable.parent().context("an executable lies in a folder")?;
        let is_test = folder.ends_with("deps");
        if is_test {
            folder = folder.parent().context("deps/ lies in a profile's folder")?;
        }
        let name = folder.file_name().and_then(|name| name.to_str()).context("a profile's name")?;
        let target_dir = folder.parent().context("a profile's folder lies in the target's")?;
        // The `dev` profile's folder is the one that is not called like its profile.
        let profile = if name == "debug" { "dev" } else { name }.to_owned();
        Ok(Self { target_dir: target_dir.to_owned(), profile, is_test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_target_profile_and_kind() {
        let check = |path: &str, target: &str, profile: &str, is_test| {
            let (target_dir, profile) = (PathBuf::from(target), profile.to_owned());
            let caller = Caller::of(Path::new(path)).expect("well formed");
            assert_eq!(caller, Caller { target_dir, profile, is_test });
        };
        check("/p/target/debug/deps/e2e-0123", "/p/target", "dev", true);
        check("/p/target/release/demo", "/p/target", "release", false);
        check("/p/target/profiling/deps/e2e-0123", "/p/target", "profiling", true);
    }
}
