//! `CURRENT`: the name of the version that is wanted, in a file that is replaced by a rename.
//!
//! A file and no link: it can be read on every file system and in every object store, and a reader
//! sees the old name or the new one, never a half. Nothing is written into a version itself. The name
//! is the first line; what may follow is for people and for who moves the pointer in a store.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

/// Name of the pointer in a folder of versions.
pub const POINTER_FILE: &str = "CURRENT";
/// What the new pointer is called until it is renamed.
const NEXT_POINTER_FILE: &str = ".CURRENT.next";
/// Largest pointer that is read, in bytes.
const MAX_POINTER_BYTES: u64 = 16 << 10;
/// Longest name of a version, in bytes: that of a file.
const MAX_NAME_BYTES: usize = 255;

/// Why a pointer could not be read or moved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It does not hold the name of a directory beside it.
    #[error(
        "{} names `{}`, expected the name of a directory beside it: at most {MAX_NAME_BYTES} bytes, \
         no dot at its beginning",
        path.display(),
        name.escape_debug()
    )]
    Name {
        /// The pointer.
        path: PathBuf,
        /// What it holds, cut.
        name: String,
    },
}

/// Whether `path` is a folder of versions.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    path.join(POINTER_FILE).is_file()
}

/// The name that `folder`'s pointer holds.
///
/// # Errors
/// When it cannot be read or holds no name.
pub fn read_pointer(folder: &Path) -> Result<String, PointerError> {
    let path = folder.join(POINTER_FILE);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_POINTER_BYTES).read_to_end(&mut text))
        .map_err(|source| PointerError::Io { path: path.clone(), source })?;
    let text = String::from_utf8_lossy(&text);
    checked(&path, text.lines().next().unwrap_or_default()).map(str::to_owned)
}

/// Lets `folder`'s pointer hold `name`: written beside it, flushed, renamed, flushed.
///
/// # Errors
/// When `name` is none, or the folder cannot be written.
pub fn move_pointer(folder: &Path, name: &str) -> Result<(), PointerError> {
    let path = folder.join(POINTER_FILE);
    checked(&path, name)?;
    let next = folder.join(NEXT_POINTER_FILE);
    File::create(&next)
        .and_then(|mut file| {
            file.write_all(format!("{name}\n").as_bytes()).and_then(|()| file.sync_all())
        })
        .map_err(|source| PointerError::Io { path: next.clone(), source })?;
    fs::rename(&next, &path)
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|source| PointerError::Io { path, source })
}

/// Where the version `name` of `folder` is.
///
/// # Errors
/// When it is not the name of a version.
pub fn version_directory(folder: &Path, name: &str) -> Result<PathBuf, PointerError> {
    checked(&folder.join(POINTER_FILE), name).map(|name| folder.join(name))
}

fn checked<'n>(pointer: &Path, name: &'n str) -> Result<&'n str, PointerError> {
    if is_version_name(name) {
        return Ok(name);
    }
    let name = name.chars().take(64).collect();
    Err(PointerError::Name { path: pointer.to_owned(), name })
}

/// Whether `name` is one of a directory beside a pointer, and of nothing elsewhere.
pub(crate) fn is_version_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let one_part = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(part)), None) if part == OsStr::new(name)
    );
    one_part
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_as_it_was_moved() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!is_folder(folder.path()));
        for name in ["first", "second one", "zweiter-Ä"] {
            move_pointer(folder.path(), name).expect("a name");
            assert_eq!(read_pointer(folder.path()).expect("just moved"), name);
        }
        assert!(is_folder(folder.path()));
        assert!(!folder.path().join(NEXT_POINTER_FILE).exists());
        fs::write(folder.path().join(POINTER_FILE), "by hand\r\n").expect("writable");
        assert_eq!(read_pointer(folder.path()).expect("a name"), "by hand");
        fs::write(folder.path().join(POINTER_FILE), "new\nby ci\nbefore old\n").expect("writable");
        assert_eq!(read_pointer(folder.path()).expect("a name"), "new");
    }

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = "x".repeat(256);
        let wrong = ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "a/", "\na", "a\0b", &long];
        for name in wrong {
            fs::write(folder.path().join(POINTER_FILE), name).expect("writable");
            let read = read_pointer(folder.path());
            assert!(matches!(read, Err(PointerError::Name { .. })), "{name:?}: {read:?}");
            let moved = move_pointer(folder.path(), name);
            assert!(matches!(moved, Err(PointerError::Name { .. })), "{name:?}: {moved:?}");
        }
        fs::write(folder.path().join(POINTER_FILE), [0xff; 4]).expect("writable");
        // Not UTF-8: the replacement characters are a name of no directory, which is as well.
        assert_eq!(read_pointer(folder.path()).expect("characters").chars().count(), 4);
    }
}
