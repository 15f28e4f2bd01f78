//! What a run writes must be nothing that it reads, and no file twice: a table over a recording destroys it,
//! and two writers of one file ruin both. Files are the same by what they are on the disk, not by how
//! they are spelt: through links of either kind, and before they exist.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Links that are followed before a name is taken as it is.
const MAX_LINKS: usize = 40;

/// A file that a run would ruin.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputError {
    /// It is one of those that are read.
    #[error("{what} {} is the input {}", path.display(), input.display())]
    IsInput {
        /// What would be written.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The input, as it was found.
        input: PathBuf,
    },
    /// Two things would be written to it.
    #[error("{what} {} is the file of {other} as well", path.display())]
    Twice {
        /// What would be written.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What else would be written there.
        other: &'static str,
    },
}

/// Which file a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Target {
    /// A file that is there, by its device and number.
    There(u64, u64),
    /// One that is not there yet.
    Planned(PathBuf),
}

/// The file at `path`; none for devices and pipes, which can be written twice.
fn target(path: &Path) -> Option<Target> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Some(Target::There(metadata.dev(), metadata.ino())),
        Ok(_) => None,
        Err(_) => Some(Target::Planned(resolved(path, MAX_LINKS))),
    }
}

/// `path` without links in the part of it that is there.
fn resolved(path: &Path, links: usize) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if let (Ok(to), Some(links)) = (path.read_link(), links.checked_sub(1)) {
        return resolved(&folder.join(to), links);
    }
    match path.file_name() {
        Some(name) => resolved(folder, links).join(name),
        None => path.to_owned(),
    }
}

/// Files that a run writes, each with what it is.
#[derive(Debug, Default)]
pub struct Outputs {
    files: Vec<(&'static str, PathBuf)>,
}

impl Outputs {
    /// Adds a file; `what` is for the message.
    pub fn add(&mut self, what: &'static str, path: PathBuf) {
        self.files.push((what, path));
    }

    /// Refuses them if two are one file, or one is among `inputs`.
    ///
    /// # Errors
    /// With the first that is.
    pub fn check<'i>(&self, inputs: impl Iterator<Item = &'i Path>) -> Result<(), OutputError> {
        let mut targets = HashMap::new();
        for (what, path) in &self.files {
            let Some(target) = target(path) else { continue };
            if let Some((other, _)) = targets.insert(target, (*what, path)) {
                return Err(OutputError::Twice { what, path: path.clone(), other });
            }
        }
        // What is read is there; of what is not, nothing can be an input.
        targets.retain(|target, _| matches!(target, Target::There(..)));
        if targets.is_empty() {
            return Ok(());
        }
        for input in inputs {
            let found = target(input).and_then(|target| targets.get(&target));
            if let Some((what, path)) = found {
                let (path, input) = ((*path).clone(), input.to_owned());
                return Err(OutputError::IsInput { what, path, input });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn check(outputs: &[&Path], inputs: &[&Path]) -> Result<(), OutputError> {
        let mut all = Outputs::default();
        for (path, what) in outputs.iter().zip(["one", "two", "three"]) {
            all.add(what, path.to_path_buf());
        }
        all.check(inputs.iter().copied())
    }

    #[test]
    fn a_file_is_the_same_however_it_is_spelt() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).expect("writable");
        for name in ["a.wav", "b.wav"] {
            fs::write(at(name), "").expect("writable");
        }
        symlink("a.wav", at("link")).expect("a link");
        symlink("sub", at("folder")).expect("a link");
        fs::hard_link(at("a.wav"), at("sub/hard")).expect("a link");
        let a = at("a.wav");
        for spelt in ["a.wav", "link", "sub/hard", "sub/../a.wav", "folder/hard", "./a.wav"] {
            let refused = check(&[&at(spelt)], &[&at("b.wav"), &a]);
            assert!(matches!(refused, Err(OutputError::IsInput { .. })), "{spelt}");
            let refused = check(&[&a, &at("x"), &at(spelt)], &[]);
            assert!(matches!(refused, Err(OutputError::Twice { other: "one", .. })), "{spelt}");
        }
        assert_eq!(check(&[&at("x"), &at("sub/x"), &at("b.wav")], &[&a]), Ok(()));
    }

    #[test]
    fn files_that_are_not_there_yet_are_told_apart_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).expect("writable");
        symlink("sub", at("folder")).expect("a link");
        symlink("sub/new.csv", at("dangling")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        let new = at("sub/new.csv");
        for spelt in ["sub/new.csv", "folder/new.csv", "dangling"] {
            let refused = check(&[&new, &at(spelt)], &[]);
            assert!(matches!(refused, Err(OutputError::Twice { .. })), "{spelt}");
        }
        let more = [at("more/deep/new.csv"), at("folder/../more/deep/new.csv")];
        assert!(check(&[&more[0], &at("more/new.csv"), &at("loop")], &[&new]).is_ok());
        assert!(check(&[Path::new("relative.csv"), Path::new("./relative.csv")], &[]).is_err());
        assert!(check(&[&more[0], &at("more/deep/./new.csv")], &[]).is_err());
    }

    #[test]
    fn a_device_may_be_written_twice() {
        let null = Path::new("/dev/null");
        assert_eq!(check(&[null, null], &[null]), Ok(()));
    }
}
