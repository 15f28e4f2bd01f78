//! Tables and indexes of a command line on this host: what is local as it is, what is in a store fetched
//! first, so that a build reads the same bytes each time it goes through them.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use globset::GlobBuilder;
use index::{manifest::Manifest, provenance::Provenance};
use index_svc::{
    distribution::{Cache, Remote},
    table::{LeftOut, sidecar_path},
    versions::VersionSource as _,
};
use storage::{Location, StorageArgs, StorageOptions, Store, is_url};
use tempfile::{NamedTempFile, TempDir};

use crate::config;

/// Characters that begin a pattern.
const WILD: [char; 4] = ['*', '?', '[', '{'];

/// Tables that can be opened; fetched ones go with their holder.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) paths: Vec<PathBuf>,
    _fetched: Option<TempDir>,
}

/// An index that can be opened; a fetched one goes with its holder.
#[derive(Debug)]
pub(crate) struct LocalIndex {
    pub(crate) directory: PathBuf,
    _fetched: Option<TempDir>,
}

/// The index that a command line names: a directory, or the version that is wanted at a URL, fetched into
/// the folder for temporary files for as long as the command runs.
///
/// # Errors
/// When nothing is wanted there, it is damaged, or a store or the local disk fails.
pub(crate) fn index(index: &Path, storage: &StorageArgs) -> anyhow::Result<LocalIndex> {
    let Some(url) = index.to_str().filter(|text| is_url(text)) else {
        return Ok(LocalIndex { directory: index.to_owned(), _fetched: None });
    };
    let place = config::place(&url.parse()?, storage)?;
    let fetched = tempfile::Builder::new()
        .prefix("soundalike-")
        .tempdir()
        .context("cannot make a temporary folder; TMPDIR says where")?;
    let versions = Remote::new(place, Cache::open(fetched.path())?);
    let directory = versions.directory(&versions.wanted()?)?;
    Ok(LocalIndex { directory, _fetched: Some(fetched) })
}

/// Fetches what `inputs` name by URL into a hidden folder in `place`; an object by its name, or all
/// that fit a pattern such as `s3://work/2026-02/tables/*.parquet`, by name.
///
/// # Errors
/// When a store or the local disk fails, or nothing fits.
pub(crate) fn fetch(
    inputs: &[PathBuf],
    options: &StorageOptions,
    place: &Path,
) -> anyhow::Result<Inputs> {
    let url = |input: &Path| input.to_str().filter(|text| is_url(text)).map(str::to_owned);
    if inputs.iter().all(|input| url(input).is_none()) {
        return Ok(Inputs { paths: inputs.to_vec(), _fetched: None });
    }
    fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
    let fetched = tempfile::Builder::new()
        .prefix(".tables-")
        .tempdir_in(place)
        .with_context(|| format!("cannot write to {}", place.display()))?;
    let mut paths = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        match url(input) {
            None => paths.push(input.clone()),
            // Names of different inputs may be the same.
            Some(url) => {
                let folder = fetched.path().join(number.to_string());
                paths.extend(fetch_all(&url, options, &folder)?);
            }
        }
    }
    Ok(Inputs { paths, _fetched: Some(fetched) })
}

/// A table of queries: a file, or what comes on standard input, which is kept in a temporary file for as long as
/// the holder lives, for a table is read more than once.
///
/// # Errors
/// When standard input cannot be read, or the temporary file not written.
pub(crate) fn table(path: &Path) -> anyhow::Result<(PathBuf, Option<NamedTempFile>)> {
    if path.as_os_str() != "-" {
        return Ok((path.to_owned(), None));
    }
    let mut file = tempfile::Builder::new()
        .prefix("standard-input-")
        .tempfile()
        .context("cannot make a temporary file; TMPDIR says where")?;
    io::copy(&mut io::stdin().lock(), &mut file).context("cannot keep standard input")?;
    Ok((file.path().to_owned(), Some(file)))
}

/// The folder of a directory that is made or was made there: it had room for an index, and tables take
/// less.
pub(crate) fn beside(directory: &Path) -> &Path {
    let parent = directory.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// The objects of one URL, in the order of their names.
fn fetch_all(url: &str, options: &StorageOptions, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let wild = url.find(WILD);
    let end = wild.unwrap_or(url.trim_end_matches('/').len());
    let cut = url[..end].rfind('/').map_or(0, |at| at + 1);
    let (place, name) = (&url[..cut], &url[cut..]);
    let location: Location = place.parse()?;
    let store = Store::open(&location, options)?;
    let names = match wild {
        Some(_) => matching(&store, name)?,
        None => vec![name.to_owned()],
    };
    ensure!(!names.is_empty(), "{url} fits no object");
    let mut paths = Vec::with_capacity(names.len());
    for (number, name) in names.iter().enumerate() {
        let path = folder.join(name);
        let bytes = download(&store, name, &path)?;
        tracing::info!(object = %location.of(name), bytes, number, of = names.len(), "table fetched");
        // Text tables say their recipe beside.
        let sidecar = sidecar_path(Path::new(name));
        let sidecar = sidecar.to_str().context("names of objects are text")?;
        if !name.ends_with(".parquet") && store.size(sidecar)?.is_some() {
            download(&store, sidecar, &folder.join(sidecar))?;
        }
        paths.push(path);
    }
    Ok(paths)
}

/// One line about the feature columns that the index does not have.
pub(crate) fn print_features_left_out(
    out: &mut impl io::Write,
    names: &[String],
) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let columns = count_of(names.len(), "feature column");
    writeln!(out, "left out        {columns} beyond the profile: {}", names.join(", "))
}

/// One line about the columns that no index has.
pub(crate) fn print_left_out(out: &mut impl io::Write, columns: &[LeftOut]) -> io::Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let named: Vec<String> =
        columns.iter().map(|column| format!("{} is {}", column.name, column.kind)).collect();
    writeln!(out, "not read        {}: {}", count_of(columns.len(), "column"), named.join(", "))
}

fn count_of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Lines of a report about what made the rows.
pub(crate) fn print_provenance(out: &mut impl io::Write, made: &Provenance) -> io::Result<()> {
    match &made.extractor_versions[..] {
        [] => {}
        [one] => writeln!(out, "extractor       {one}")?,
        several => writeln!(out, "extractor       of several versions: {}", several.join(", "))?,
    }
    match &made.windows[..] {
        [] => Ok(()),
        [one] => writeln!(out, "window          {one}"),
        several => writeln!(out, "window          several: {}", several.join("; ")),
    }
}

/// Lines of a report about what the extractor noticed in the recordings.
pub(crate) fn print_warnings(out: &mut impl io::Write, manifest: &Manifest) -> io::Result<()> {
    let warnings = manifest.card.as_ref().and_then(|card| card.warnings.as_ref());
    let Some(warnings) = warnings else { return Ok(()) };
    writeln!(out, "warnings        {} of the rows have some", warnings.rows)?;
    if warnings.unknown_rows > 0 {
        writeln!(out, "  of {} rows it is not known", warnings.unknown_rows)?;
    }
    for (code, rows) in &warnings.rows_by_code {
        writeln!(out, "  {code}: {rows}")?;
    }
    Ok(())
}

fn matching(store: &Store, pattern: &str) -> anyhow::Result<Vec<String>> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher();
    let mut names = Vec::new();
    for object in store.list("")? {
        let object = object?;
        if glob.is_match(&object.name) && !object.name.ends_with(".meta.json") {
            names.push(object.name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn download(store: &Store, name: &str, path: &Path) -> anyhow::Result<u64> {
    let fail = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(fail)?;
    }
    let mut reader = store.read(name, 0)?;
    let mut sink = BufWriter::new(File::create(path).with_context(fail)?);
    let bytes = io::copy(&mut reader, &mut sink).with_context(|| format!("cannot fetch {name}"))?;
    sink.flush().with_context(fail)?;
    Ok(bytes)
}
