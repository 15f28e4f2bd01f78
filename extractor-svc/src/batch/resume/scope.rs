//! Which rows of an earlier run a run answers for: those of files below its inputs, as far as it could
//! look there. All others it has no word on, and keeps: a disk that is not mounted is no reason to lose
//! its rows, and neither is a run that goes on with a part of a library.

use std::{
    iter,
    path::{Path, PathBuf, absolute},
};

/// What a run looked at.
#[derive(Debug)]
pub struct Scope {
    /// The inputs, as they are spelt and as they are on the disk.
    inputs: Vec<PathBuf>,
    unreadable: Vec<PathBuf>,
}

impl Scope {
    /// The scope of a run over `inputs`, which could not look at `unreadable`.
    pub fn new<'p>(
        inputs: impl IntoIterator<Item = &'p Path>,
        unreadable: impl IntoIterator<Item = &'p Path>,
    ) -> Self {
        let all_spellings = |paths: &mut dyn Iterator<Item = &'p Path>| {
            paths.flat_map(spellings).collect::<Vec<_>>()
        };
        Self {
            inputs: all_spellings(&mut inputs.into_iter()),
            unreadable: all_spellings(&mut unreadable.into_iter()),
        }
    }

    /// Whether a file that the run did not find would have been found.
    #[must_use]
    pub fn answers_for(&self, file: &Path) -> bool {
        let is_below = |folders: &[PathBuf]| {
            spellings(file).any(|file| folders.iter().any(|folder| file.starts_with(folder)))
        };
        is_below(&self.inputs) && !is_below(&self.unreadable)
    }
}

/// A path as an absolute one, in which `..` stays, and with links resolved where it exists.
fn spellings(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    iter::once(absolute(path)).chain(iter::once(path.canonicalize())).flatten()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn files_below_the_inputs_are_answered_for_however_they_are_spelt() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("music/album")).expect("writable");
        fs::write(at("music/album/there"), "").expect("writable");
        symlink(at("music"), at("link")).expect("a link");
        let scope = |input: &str| Scope::new([at(input).as_path()], []);
        for input in ["music", "link", "./music", "music/album"] {
            let scope = scope(input);
            for file in ["music/album/there", "link/album/there", "./music/album/there"] {
                assert!(scope.answers_for(&at(file)), "{input}: {file}");
            }
        }
        assert!(scope("music").answers_for(&at("music/album/gone")));
        assert!(!scope("music/album").answers_for(&at("music/other")));
        assert!(!scope("mus").answers_for(&at("music/other")));
    }

    #[test]
    fn nothing_is_said_of_what_could_not_be_looked_at() {
        let [music, lost] = ["/nowhere/music", "/nowhere/music/lost"].map(Path::new);
        let scope = Scope::new([music], [lost]);
        assert!(scope.answers_for(Path::new("/nowhere/music/a.mp3")));
        assert!(!scope.answers_for(Path::new("/nowhere/music/lost/a.mp3")));
        assert!(!scope.answers_for(lost));
    }
}
