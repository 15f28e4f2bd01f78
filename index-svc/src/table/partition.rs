//! Tables of a folder: every table in it, by name. Folders called `key=value`, as Hive, Spark and pandas
//! write them, give each row of the tables below them that value.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use walkdir::WalkDir;

use super::TableError;

/// Ends of the names of tables; others in a folder are no tables.
const EXTENSIONS: [&str; 7] = ["parquet", "csv", "tsv", "jsonl", "ndjson", "gz", "zst"];
/// Depth of folders that is searched.
const MAX_DEPTH: usize = 16;
/// Most tables of a folder.
const MAX_TABLES: usize = 100_000;
/// How a missing value is called in the name of a folder.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// A table, and what the folders it is in say of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name: without folders, or from the folder on that was named.
    pub name: String,
    /// Keys and values of the folders.
    pub partition: Vec<(String, String)>,
}

impl TableFile {
    /// A table that was named itself.
    #[must_use]
    pub fn single(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self { path: path.to_owned(), name: name.unwrap_or_default(), partition: Vec::new() }
    }
}

/// The tables of `paths`, in their order, those of a folder by name.
///
/// # Errors
/// When a folder cannot be read, has no tables or too many, or its name does not decode.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<TableFile>, TableError> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        match path.is_dir() {
            true => files.extend(of_folder(path)?),
            false => files.push(TableFile::single(path)),
        }
    }
    Ok(files)
}

fn of_folder(folder: &Path) -> Result<Vec<TableFile>, TableError> {
    let refused = |why: String| TableError::Folder { path: folder.to_owned(), why };
    let is_shown = |name: &str| !name.starts_with(['.', '_']);
    let walk = WalkDir::new(folder)
        .follow_links(true)
        .max_depth(MAX_DEPTH + 1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || is_shown(&entry.file_name().to_string_lossy()));
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| refused(error.to_string()))?;
        let extension = entry.path().extension().map(|end| end.to_string_lossy().to_lowercase());
        let is_table = extension.is_some_and(|end| EXTENSIONS.contains(&end.as_str()));
        if !entry.file_type().is_file() || !is_table {
            continue;
        }
        if entry.depth() > MAX_DEPTH {
            let path = entry.path().display();
            return Err(refused(format!("{path} lies below more than {MAX_DEPTH} folders")));
        }
        if files.len() == MAX_TABLES {
            return Err(refused(format!("it has more than {MAX_TABLES} tables")));
        }
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let partition = partition(below).map_err(refused)?;
        let top = folder.file_name().map_or(Path::new(""), Path::new);
        let name = top.join(below).to_string_lossy().into_owned();
        files.push(TableFile { path: entry.into_path(), name, partition });
    }
    if files.is_empty() {
        return Err(refused(format!("it has no table (*.{})", EXTENSIONS.join(", *."))));
    }
    Ok(files)
}

/// Keys and values of the folders on the way to a table.
fn partition(below: &Path) -> Result<Vec<(String, String)>, String> {
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| format!("`{text}` is not UTF-8"))
    };
    let folders = below.parent().into_iter().flat_map(Path::components);
    let mut pairs: Vec<(String, String)> = Vec::new();
    for folder in folders {
        let folder = folder.as_os_str().to_str().ok_or("a folder's name is not UTF-8")?;
        let Some((key, value)) = folder.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            continue;
        };
        let (key, value) = (decoded(key)?, decoded(value)?);
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(format!("`{key}` stands twice in {}", below.display()));
        }
        pairs.push((key, if value == MISSING { String::new() } else { value }));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_say_keys_and_values() {
        let check = |path: &str, expected: &[(&str, &str)]| {
            let pairs = partition(Path::new(path)).expect("decodes");
            let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(pairs, expected, "{path}");
        };
        check("part-0.parquet", &[]);
        check("a/genre=Rock/part-0.parquet", &[("genre", "Rock")]);
        check("genre=R%20%26%20B/year=1999/x=y.csv", &[("genre", "R & B"), ("year", "1999")]);
        check("genre=a=b/p.csv", &[("genre", "a=b")]);
        check("genre=__HIVE_DEFAULT_PARTITION__/p.csv", &[("genre", "")]);
        check("=a/p.csv", &[]);
        partition(Path::new("a=1/a=2/p.csv")).expect_err("twice");
        partition(Path::new("a=%ff/p.csv")).expect_err("not UTF-8");
    }
}
