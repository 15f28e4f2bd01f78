//! The batch commands: the same numbers as the wire, the same table in every format, exit codes.

use std::{collections::BTreeSet, ffi::OsStr, path::Path, process::Command};

use e2e::{
    calls::{CHUNK_BYTES, extraction, full_view},
    clips,
    library::{Library, run},
};
use proto::{
    features::{DEFAULT_PROFILE, DIMS, FeatureSchema},
    v1::{Warning, warning::Code},
};
use serde_json::Value;

/// Runs a command that may fail.
fn attempt(binary: &Path, args: &[&OsStr]) -> std::process::Output {
    Command::new(binary).args(args).output().expect("the binary runs")
}

/// The table `index-svc build` reads is what the service answers, to the last bit.
#[tokio::test]
async fn the_table_has_the_vectors_of_the_wire() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_extractor().expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    let mut table = csv::Reader::from_path(library.table()).expect("the table was written");
    let headers: Vec<_> =
        table.headers().expect("a header").iter().map(ToOwned::to_owned).collect();
    assert_eq!(headers[0], "source_path");
    let features = 1..1 + DIMS;
    assert_eq!(&headers[features.clone()], FeatureSchema::librosa().names());
    assert_eq!(headers[1 + DIMS..], ["damaged_share", "warnings"]);

    let rows: Vec<_> = table.records().collect::<Result<_, _>>().expect("well-formed rows");
    assert_eq!(rows.len(), 56, "all clips but the Speex one");
    let paths: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert!(paths.is_sorted(), "{paths:?}");
    for row in rows.iter().step_by(7) {
        let file = row[0].rsplit('/').next().expect("a path has a last part");
        let audio = clips::read(file).expect("the row names a clip");
        let answer = extraction(&channel, full_view(), &audio, CHUNK_BYTES).await;
        let answer = answer.expect("decodable");
        let numbers: Vec<f64> =
            row.iter().skip(1).take(DIMS + 1).map(|text| text.parse().expect("a number")).collect();
        assert_eq!(numbers[..DIMS], answer.feature_vector.expect("a vector").values, "{file}");
        assert_eq!(numbers[DIMS].to_bits(), answer.damaged_share.to_bits(), "{file}");
        let codes: BTreeSet<_> = answer.warnings.iter().map(Warning::code).collect();
        let named = row[2 + DIMS].split(';').filter(|code| !code.is_empty());
        let named: BTreeSet<_> =
            named.map(|code| Code::from_str_name(&format!("CODE_{code}")).expect("one")).collect();
        assert_eq!(named, codes, "{file}");
    }
}

#[test]
fn the_sidecar_says_which_recipe_made_the_table() {
    let library = Library::shared().expect("the library builds");
    let mut path = library.table().into_os_string();
    path.push(".meta.json");
    let text = std::fs::read_to_string(path).expect("written beside the table");
    let sidecar: Value = serde_json::from_str(&text).expect("JSON");
    let schema = FeatureSchema::librosa();
    assert_eq!(sidecar["profile_id"], DEFAULT_PROFILE);
    let versions = sidecar["extractor_versions"].as_array().expect("a list");
    assert!(matches!(&versions[..], [Value::String(build)] if build.contains("extractor/")));
    assert_eq!(sidecar["schema_sha256"], schema.sha256());
    assert_eq!(sidecar["columns"], serde_json::json!(schema.names()));
}

/// A file that fails is told and left out; a table without any row is an error.
#[test]
fn failing_files_are_listed_and_an_empty_table_is_an_error() {
    let library = Library::shared().expect("the library builds");
    let folder = tempfile::tempdir().expect("a writable temp folder");
    let (table, failures) = (folder.path().join("t.csv"), folder.path().join("failures.csv"));
    let good = clips::audio_folder().join("drums_s16_11025.flac");
    let bad = clips::audio_folder().join("chords_speex_16000.ogg");
    let missing = folder.path().join("missing.wav");
    let extract = |inputs: &[&Path]| {
        let mut args = vec![OsStr::new("extract"), OsStr::new("--overwrite")];
        args.extend(inputs.iter().map(|path| path.as_os_str()));
        args.extend([OsStr::new("--output"), table.as_os_str()]);
        args.extend([OsStr::new("--failures"), failures.as_os_str()]);
        attempt(&library.binaries().extractor, &args)
    };

    let output = extract(&[&good, &bad, &missing]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = csv::Reader::from_path(&table).expect("written").into_records().count();
    assert_eq!(rows, 1);
    let told = std::fs::read_to_string(&failures).expect("written");
    assert!(told.contains("chords_speex_16000.ogg") && told.contains("missing.wav"), "{told}");
    assert!(!told.contains("drums_s16_11025.flac"), "{told}");

    let output = extract(&[&bad]);
    assert_eq!(output.status.code(), Some(1), "no row at all is an error");
}

#[test]
fn an_index_passes_its_own_validation_and_answers_offline() {
    let library = Library::shared().expect("the library builds");
    let index = library.index();
    let at = [OsStr::new("--index"), index.as_os_str()];
    run(&library.binaries().index, &[OsStr::new("validate"), at[0], at[1]]).expect("it is valid");

    let mut args = vec![OsStr::new("query"), at[0], at[1]];
    args.extend(["--track-index", "3", "-k", "4", "--format", "json"].map(OsStr::new));
    let output = run(&library.binaries().index, &args).expect("the row exists");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["neighbors"].as_array().map(Vec::len), Some(4), "{text}");
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let library = Library::shared().expect("the library builds");
    for binary in [&library.binaries().extractor, &library.binaries().index] {
        let output = attempt(binary, &[OsStr::new("serve"), OsStr::new("--no-such-flag")]);
        assert_eq!(output.status.code(), Some(2), "{}", binary.display());
    }
}
