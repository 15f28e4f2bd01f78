//! Builds both services with the cargo that built the caller, and finds the executables.
//!
//! The profile and the target directory are the caller's own, so a test run in `debug` drives
//! `debug` services and nothing is compiled twice.

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
    let (target_dir, profile) = target_and_profile(&std::env::current_exe()?)?;
    let mut cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format=json-render-diagnostics"])
        .args(["--package", EXTRACTOR, "--package", INDEX, "--bins"])
        .args(["--profile", &profile])
        .arg("--target-dir")
        .arg(&target_dir)
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

/// Target directory and profile of an executable in `<target>/<profile>/` or its `deps/`.
fn target_and_profile(executable: &Path) -> Result<(PathBuf, String)> {
    let mut folder = executable.parent().context("an executable lies in a folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("deps/ lies in a profile's folder")?;
    }
    let name = folder.file_name().and_then(|name| name.to_str()).context("a profile has a name")?;
    let target = folder.parent().context("a profile's folder lies in the target directory")?;
    // The `dev` profile's folder is the one that is not called like its profile.
    Ok((target.to_owned(), if name == "debug" { "dev" } else { name }.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_read_from_the_path() {
        let check = |path: &str, target: &str, profile: &str| {
            assert_eq!(
                target_and_profile(Path::new(path)).expect("well formed"),
                (PathBuf::from(target), profile.to_owned())
            );
        };
        check("/p/target/debug/deps/e2e-0123", "/p/target", "dev");
        check("/p/target/release/demo", "/p/target", "release");
        check("/p/target/profiling/deps/e2e-0123", "/p/target", "profiling");
    }
}
