//! Running the binary and reading what it wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use extractor_svc::table::{Row, TableFormat, read_rows};
use proto::features::FeatureSchema;

/// The folder of test clips.
pub(crate) fn clips() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio")
}

/// One of them.
pub(crate) fn clip(name: &str) -> PathBuf {
    let path = clips().join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// `extractor-svc` with these arguments, ready to run.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_extractor-svc"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it; checks the exit code.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: &[S], exit_code: i32) -> Output {
    let output = command(args).output().expect("the binary starts");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{log}");
    output
}

/// Runs `extract` on `inputs` with the words of `flags`, into `table`.
pub(crate) fn extract(inputs: &[&Path], flags: &str, table: &Path, exit_code: i32) -> Output {
    let mut args: Vec<&std::ffi::OsStr> = vec!["extract".as_ref()];
    args.extend(inputs.iter().map(|path| path.as_os_str()));
    args.extend(flags.split_whitespace().map(std::ffi::OsStr::new));
    args.extend(["--output".as_ref(), table.as_os_str()]);
    run(&args, exit_code)
}

/// The lines of the log, as JSON.
pub(crate) fn log(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stderr.clone()).expect("the log is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a log line is JSON")).collect()
}

/// The rows of a table.
pub(crate) fn rows(table: &Path) -> Vec<Row> {
    let format = TableFormat::of_path(table);
    assert!(table.is_file(), "{} is not there", table.display());
    read_rows(table, format, &FeatureSchema::librosa()).expect("a table").collect()
}

/// File names of rows, in order.
pub(crate) fn names(rows: &[Row]) -> Vec<String> {
    let name = |row: &Row| Path::new(&row.source_path).file_name().expect("a file").to_owned();
    rows.iter().map(|row| name(row).into_string().expect("text")).collect()
}

/// Copies clips into a folder, under new names.
pub(crate) fn library(folder: &Path, files: &[(&str, &str)]) {
    for (name, source) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("writable");
        fs::copy(clip(source), path).expect("writable");
    }
}

/// A place of the shared corpus, or `None`, said aloud, where it is absent.
#[expect(clippy::disallowed_methods, reason = "the place of test data is no configuration")]
pub(crate) fn shared(relative: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let named = std::env::var_os("SOUNDALIKE_SHARED").map(PathBuf::from);
    let places = [Some(beside), named].into_iter().flatten();
    let found = places.map(|place| place.join(relative)).find(|place| place.exists());
    if found.is_none() {
        let required = std::env::var_os("SOUNDALIKE_REQUIRE_SHARED").is_some_and(|it| it == "1");
        assert!(!required, "{relative} is required and absent");
        println!("skipped: {relative} is absent");
    }
    found
}
