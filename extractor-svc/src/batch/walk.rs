//! From the paths a person types to a sorted list of files.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use thiserror::Error;
use walkdir::WalkDir;

use super::passed_over::PassedOver;

/// Extensions taken from a folder when no pattern is given, in any case: those of every container that is
/// read, and those of audio that is refused by its name, so that nobody misses it unknowingly. Only a filter
/// for what is looked at: how a file is read is decided by its bytes.
pub const AUDIO_EXTENSIONS: [&str; 55] = [
    "3g2", "3gp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "amr", "ape", "asf", "au", "bwf",
    "caf", "dff", "dsf", "dts", "eac3", "flac", "m4a", "m4b", "m4p", "m4r", "m4v", "mka", "mkv",
    "mov", "mp+", "mp1", "mp2", "mp3", "mp4", "mpa", "mpc", "mpga", "mpp", "ofr", "oga", "ogg",
    "ogx", "opus", "qt", "rf64", "shn", "snd", "spx", "tak", "tta", "w64", "wav", "wave", "weba",
    "webm", "wma", "wv",
];

/// A pattern that is not a glob.
#[derive(Debug, Error)]
#[error("pattern `{pattern}` is not a glob: {message}")]
pub struct WalkError {
    /// As given.
    pub pattern: String,
    /// What is wrong with it.
    pub message: String,
}

/// What walking found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Files in path order, each once.
    pub files: Vec<PathBuf>,
    /// Inputs, or entries of folders, that could not be read, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Files of folders that neither extension nor pattern takes.
    pub passed_over: PassedOver,
}

/// Chooses files.
#[derive(Debug)]
pub struct Walker {
    patterns: Option<GlobSet>,
}

impl Walker {
    /// A walker for globs relative to each folder, such as `**/*.wav`, where `*` does not cross a
    /// `/`; without a pattern, all files with a known audio extension.
    ///
    /// # Errors
    /// When a pattern is not a glob.
    pub fn new(patterns: &[String]) -> Result<Self, WalkError> {
        if patterns.is_empty() {
            return Ok(Self { patterns: None });
        }
        let fail = |pattern: &str, error: globset::Error| WalkError {
            pattern: pattern.to_owned(),
            message: error.kind().to_string(),
        };
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let glob: Glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|error| fail(pattern, error))?;
            set.add(glob);
        }
        let set = set.build().map_err(|error| fail(&patterns.join(" "), error))?;
        Ok(Self { patterns: Some(set) })
    }

    /// Whether a name below a folder, with `/` between its parts, is one that is taken.
    #[must_use]
    pub fn takes_name(&self, name: &str) -> bool {
        self.takes(Path::new(""), Path::new(name))
    }

    /// Files among `inputs`: a file is taken as it is, a folder is walked (links are followed).
    #[must_use]
    pub fn find(&self, inputs: &[PathBuf]) -> Walked {
        let mut found = Walked::default();
        for input in inputs {
            if input.is_dir() {
                self.walk(input, &mut found);
            } else if input.exists() {
                found.files.push(input.clone());
            } else {
                found.unreadable.push((input.clone(), "no such file or folder".to_owned()));
            }
        }
        found.files.sort_unstable();
        found.files.dedup();
        found
    }

    fn walk(&self, folder: &Path, found: &mut Walked) {
        for entry in WalkDir::new(folder).follow_links(true) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if !self.takes(folder, entry.path()) => {
                    found.passed_over.add(entry.path());
                }
                Ok(entry) if entry.file_type().is_file() => found.files.push(entry.into_path()),
                // A pipe, a socket or a device, or a link to one.
                Ok(entry) => {
                    found.unreadable.push((entry.into_path(), "not a regular file".to_owned()));
                }
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_path_buf();
                    found.unreadable.push((path, error.to_string()));
                }
            }
        }
    }

    fn takes(&self, folder: &Path, file: &Path) -> bool {
        match &self.patterns {
            Some(patterns) => patterns.is_match(file.strip_prefix(folder).unwrap_or(file)),
            None => file.extension().is_some_and(|extension| {
                let extension = extension.to_string_lossy().to_ascii_lowercase();
                AUDIO_EXTENSIONS.contains(&extension.as_str())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn library() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("sub")).expect("writable");
        for name in ["b.WAV", "a.mp3", "cover.jpg", "sub/c.wav"] {
            fs::write(folder.path().join(name), b"").expect("writable");
        }
        folder
    }

    fn names(patterns: &[&str]) -> Vec<String> {
        let folder = library();
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        let found =
            Walker::new(&patterns).expect("valid globs").find(&[folder.path().to_path_buf()]);
        assert_eq!(found.unreadable, []);
        let relative = |file: &PathBuf| {
            file.strip_prefix(folder.path()).expect("inside").to_string_lossy().into_owned()
        };
        found.files.iter().map(relative).collect()
    }

    #[test]
    fn without_a_pattern_all_audio_is_taken() {
        assert_eq!(names(&[]), ["a.mp3", "b.WAV", "sub/c.wav"]);
    }

    #[test]
    fn patterns_are_relative_and_a_star_stays_in_its_folder() {
        assert_eq!(names(&["**/*.wav"]), ["sub/c.wav"]);
        assert_eq!(names(&["*.mp3", "*.jpg"]), ["a.mp3", "cover.jpg"]);
        assert_eq!(names(&["*.wav"]), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_file_is_told_and_what_is_not_taken_is_counted() {
        let folder = library();
        let at = |name: &str| folder.path().join(name);
        let _socket = std::os::unix::net::UnixListener::bind(at("s.wav")).expect("a socket");
        std::os::unix::fs::symlink("/dev/null", at("sub/null.mp3")).expect("a link");
        std::os::unix::fs::symlink("/dev/null", at("null")).expect("a link");
        let found = Walker::new(&[]).expect("no globs").find(&[folder.path().to_path_buf()]);
        assert_eq!(found.files.len(), 3);
        let mut told: Vec<_> = found.unreadable.iter().map(|(path, _)| path.clone()).collect();
        told.sort();
        assert_eq!(told, [at("s.wav"), at("sub/null.mp3")]);
        assert_eq!(found.passed_over.kinds(), "jpg 1, without extension 1");
    }

    /// One name for each kind of file that the reader's tables and the test audio know.
    #[test]
    fn every_container_that_is_read_is_taken() {
        let walker = Walker::new(&[]).expect("no globs");
        let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio");
        for clip in fs::read_dir(clips).expect("test audio") {
            let path = clip.expect("readable").path();
            let name = path.to_str().expect("text");
            assert!(path.is_dir() || walker.takes_name(name), "{name}");
        }
        for name in ["a.wv", "a.APE", "a.wma", "a.dsf", "a.spx"] {
            assert!(walker.takes_name(name), "{name}: to be refused by its name");
        }
        for name in ["a.AU", "a.snd", "a.w64", "a.rf64", "a.mov", "a.3gp", "a.weba", "a.mka"] {
            assert!(walker.takes_name(name), "{name}");
        }
        assert!(AUDIO_EXTENSIONS.is_sorted());
    }

    #[test]
    fn a_named_file_is_taken_once_and_a_missing_one_is_told() {
        let folder = library();
        let cover = folder.path().join("cover.jpg");
        let missing = folder.path().join("missing.mp3");
        let found = Walker::new(&[]).expect("no globs").find(&[
            cover.clone(),
            missing.clone(),
            cover.clone(),
        ]);
        assert_eq!(found.files, [cover]);
        assert_eq!(found.unreadable.len(), 1);
        assert_eq!(found.unreadable[0].0, missing);
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = Walker::new(&["a[".to_owned()]).expect_err("not a glob");
        assert_eq!(error.pattern, "a[");
    }
}
