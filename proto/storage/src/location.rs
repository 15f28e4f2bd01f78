//! A URL that names a place for objects: `s3://bucket/prefix`, `gs://bucket/prefix`,
//! `az://container/prefix` or `file:///folder`. Holds no secret, so that it can be logged.

use std::{fmt, path::PathBuf, str::FromStr};

use object_store::path::Path;
use url::Url;

use crate::error::StorageError;

/// Whether `text` is meant as a URL and not as a path of a file.
#[must_use]
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// A place for objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    url: Url,
    provider: Provider,
    prefix: Path,
}

/// Who keeps the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    S3,
    GoogleCloud,
    Azure,
    Folder(PathBuf),
}

impl Location {
    pub(crate) fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Where the provider puts the object `name`.
    ///
    /// # Errors
    /// When `name` is empty, absolute, or leads elsewhere.
    pub(crate) fn path_of(&self, name: &str) -> Result<Path, StorageError> {
        let path = Path::parse(name).ok().filter(|path| !path.is_root() && path.as_ref() == name);
        let path = path.ok_or_else(|| StorageError::Name {
            url: self.url.to_string(),
            name: name.chars().take(200).collect(),
        })?;
        Ok(self.prefix.parts().chain(path.parts()).collect())
    }

    /// Where the provider puts what begins with `name`, which may be empty.
    pub(crate) fn prefix_of(&self, name: &str) -> Result<Path, StorageError> {
        if name.is_empty() { Ok(self.prefix.clone()) } else { self.path_of(name) }
    }

    /// The name, below this place, of what the provider calls `path`.
    pub(crate) fn name_of(&self, path: &Path) -> Option<String> {
        let parts = path.prefix_match(&self.prefix)?;
        Some(parts.collect::<Path>().to_string())
    }

    /// The URL of the object `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        let place = self.url.as_str().trim_end_matches('/');
        if name.is_empty() { place.to_owned() } else { format!("{place}/{name}") }
    }
}

impl FromStr for Location {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, StorageError> {
        // A wrong URL may hold a password; only its beginning is repeated.
        let shown = || text.split(['@', '?', '#']).next().unwrap_or_default().to_owned();
        let wrong = |problem| StorageError::Url { url: shown(), problem };
        let url: Url = text.parse().map_err(|_| wrong("expected SCHEME://PLACE"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("expected no user in it: credentials are read from the environment"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("expected neither `?` nor `#` in it"));
        }
        let named = url.host_str().is_some_and(|host| !host.is_empty());
        let path = |text: &str| {
            Path::from_url_path(text).map_err(|_| wrong("expected a plain path after the bucket"))
        };
        let (provider, prefix) = match url.scheme() {
            "s3" if named => (Provider::S3, path(url.path())?),
            "gs" if named => (Provider::GoogleCloud, path(url.path())?),
            "az" if named => (Provider::Azure, path(url.path())?),
            "s3" | "gs" | "az" => return Err(wrong("expected a bucket after the scheme")),
            "file" => {
                let folder = url.to_file_path();
                let folder = folder.map_err(|()| wrong("expected file:///FOLDER"))?;
                (Provider::Folder(folder), Path::default())
            }
            _ => return Err(wrong("expected s3://, gs://, az:// or file:///")),
        };
        Ok(Self { url, provider, prefix })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Location {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn names_are_below_the_place() {
        let check = |url: &str, path: &str, object: &str| {
            let location = location(url);
            let at = location.path_of("a b/c.bin").expect("a name");
            assert_eq!(at.as_ref(), path, "{url}");
            assert_eq!(location.name_of(&at).as_deref(), Some("a b/c.bin"), "{url}");
            assert_eq!(location.of("a b/c.bin"), object);
        };
        check("s3://bucket", "a b/c.bin", "s3://bucket/a b/c.bin");
        check("s3://bucket/", "a b/c.bin", "s3://bucket/a b/c.bin");
        check("gs://bucket/in/dex/", "in/dex/a b/c.bin", "gs://bucket/in/dex/a b/c.bin");
        check("az://box/in", "in/a b/c.bin", "az://box/in/a b/c.bin");
        check("file:///tmp/x%20y", "a b/c.bin", "file:///tmp/x%20y/a b/c.bin");
        assert_eq!(*location("file:///tmp/x%20y").provider(), Provider::Folder("/tmp/x y".into()));
        assert_eq!(location("s3://bucket/a").name_of(&Path::from("b/c")), None);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "/", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\0b"] {
            let path = location("s3://bucket/in").path_of(name);
            assert!(matches!(path, Err(StorageError::Name { .. })), "{name:?}: {path:?}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused_without_its_secret() {
        let wrong = [
            "library",
            "/library",
            "s3://",
            "s3:///prefix",
            "http://host/x",
            "s3://key:SECRET@bucket/x",
            "s3://key@bucket/x",
            "az://box/x?sig=SECRET",
            "gs://bucket/x#SECRET",
            "file://host/x",
        ];
        for url in wrong {
            let error = url.parse::<Location>().expect_err(url);
            assert!(matches!(error, StorageError::Url { .. }), "{url}: {error:?}");
            if url.contains('@') || url.contains('?') {
                assert!(!error.to_string().contains("SECRET@"), "{error}");
                assert!(!error.to_string().contains("=SECRET"), "{error}");
            }
        }
        assert!(is_url("s3://bucket") && !is_url("s3/bucket"));
    }
}
