//! What the tables hold: shape, order, values, recipe.

use std::{fs, fs::File, path::Path};

use extractor_svc::table::{Row, Sidecar, sidecar_path};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proto::features::{DEFAULT_PROFILE, FAMILIES, FeatureSchema};

use crate::process::{clip, clips, extract, log, names, rows, run};

/// Absolute and relative bound of a family for clips of a class, as in the parity report: A is the
/// arithmetic alone, B adds the resampler, C a second decoder of a lossy stream.
fn bound(family: &str, class: &str) -> (f64, f64) {
    match (family, class) {
        ("mfcc", "C") => (1e-2, 0.0),
        ("mfcc", _) => (2e-3, 1e-5),
        ("chroma_cqt", "A") => (1e-5, 0.0),
        ("chroma_cqt", "B") => (1e-4, 0.0),
        ("chroma_cqt", _) => (1e-3, 0.0),
        ("spectral_rolloff", "A") => (0.1, 0.0),
        ("spectral_rolloff", "B") => (0.5, 0.0),
        ("spectral_rolloff", _) => (5.0, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", "A") => (1e-2, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", "B") => (0.5, 0.0),
        ("spectral_centroid" | "spectral_bandwidth", _) => (2.0, 0.0),
        ("rmse", _) => (0.0, 1e-5),
        ("zcr", "A") => (1e-9, 0.0),
        ("zcr", "B") => (5e-4, 0.0),
        ("zcr", _) => (1e-3, 0.0),
        _ => panic!("no bound for {family}"),
    }
}

/// Clips whose rows are librosa's only roughly: the decoders of IMA ADPCM round the predictor
/// differently, and librosa reads Matroska through 16-bit samples, which flips the tuning of drums.
const READ_OTHERWISE: [&str; 2] = ["chords_ima_adpcm_22050.wav", "drums_vorbis_44100.mka"];

fn family(column: &str) -> &'static str {
    let names = FAMILIES.iter().map(|(name, _)| *name);
    names.into_iter().find(|name| column.starts_with(name)).expect("a family")
}

/// The largest share of a bound that is used. Beyond class A single values may be off by ten times
/// the bound, as in the report.
fn check_values(row: &Row, class: &str, want: &csv::StringRecord) -> f64 {
    let schema = FeatureSchema::librosa();
    let mut worst = 0.0_f64;
    let factor = if class == "A" { 1.0 } else { 10.0 };
    for ((column, got), want) in schema.names().iter().zip(&row.values).zip(want.iter().skip(2)) {
        let want: f64 = want.parse().expect("a number");
        let (atol, rtol) = bound(family(column), class);
        let share = (got - want).abs() / (factor * (atol + rtol * want.abs()));
        assert!(share <= 1.0, "{} {column}: {got} instead of {want}", row.source_path);
        worst = worst.max(share);
    }
    worst
}

/// Rows of a table of librosa's vectors, in path order.
fn golden(name: &str) -> Vec<csv::StringRecord> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let rows = csv::Reader::from_path(path).expect(name).into_records();
    let mut rows: Vec<_> = rows.collect::<Result<_, _>>().expect(name);
    rows.sort_by(|one: &csv::StringRecord, other| one[0].cmp(&other[0]));
    rows
}

/// The same with another rate and hop, from the file to the table.
#[test]
fn rows_of_another_profile_are_librosas_with_its_parameters() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.parquet");
    let golden = golden("golden_44100_256.csv");
    let inputs: Vec<_> = golden.iter().map(|want| clip(&want[0])).collect();
    let inputs: Vec<&Path> = inputs.iter().map(AsRef::as_ref).collect();
    extract(&inputs, "--profile custom:hop_length=256,sr=44100", &table, 0);
    let rows = rows(&table);
    assert_eq!(names(&rows), golden.iter().map(|want| &want[0]).collect::<Vec<_>>());
    for (row, want) in rows.iter().zip(&golden) {
        let worst = check_values(row, &want[1], want);
        println!("{}: {:.1} % of the bound", &want[0], 100.0 * worst);
    }
}

#[test]
fn every_clip_has_librosas_row_whatever_the_number_of_jobs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut tables = Vec::new();
    for jobs in [1, 2, 5] {
        let table = folder.path().join(format!("{jobs}/features.csv"));
        extract(&[&clips()], &format!("--jobs {jobs}"), &table, 0);
        tables.push(fs::read(&table).expect("a table"));
    }
    assert!(tables[0] == tables[1] && tables[0] == tables[2], "the number of jobs shows");

    let golden = golden("golden.csv");
    let table = folder.path().join("1/features.csv");
    let rows = rows(&table);
    let expected: Vec<&str> = golden.iter().map(|record| &record[0]).collect();
    assert_eq!(names(&rows), expected, "one row for each clip but Opus, in path order");
    for (row, want) in rows.iter().zip(&golden) {
        assert_eq!(row.values.len(), 74);
        if READ_OTHERWISE.contains(&&want[0]) {
            continue;
        }
        let worst = check_values(row, &want[1], want);
        println!("{}: {:.1} % of the bound", &want[0], 100.0 * worst);
    }

    let text = String::from_utf8(tables.remove(0)).expect("text");
    let header = text.lines().next().expect("a header");
    assert_eq!(header, format!("source_path,{}", FeatureSchema::librosa().names().join(",")));
    let sidecar = fs::read_to_string(sidecar_path(&table)).expect("a sidecar");
    let sidecar: Sidecar = serde_json::from_str(&sidecar).expect("a sidecar");
    assert_eq!(sidecar, Sidecar::new(DEFAULT_PROFILE, &FeatureSchema::librosa()));
}

#[test]
fn all_forms_of_a_table_hold_the_same_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inputs = [clip("bells_f64_22050.wav"), clip("drums_s16_11025.flac")];
    let inputs = [inputs[0].as_path(), inputs[1].as_path()];
    let tables = ["t.csv", "t.jsonl", "t.parquet"].map(|name| {
        let table = folder.path().join(name);
        extract(&inputs, "", &table, 0);
        rows(&table)
    });
    assert_eq!(names(&tables[0]), ["bells_f64_22050.wav", "drums_s16_11025.flac"]);
    assert!(tables[0] == tables[1] && tables[0] == tables[2], "forms differ");

    let parquet = folder.path().join("t.parquet");
    assert!(!sidecar_path(&parquet).exists(), "Parquet needs no sidecar");
    assert!(!folder.path().join("t.parquet.spool.jsonl").exists(), "the spool is left behind");
    let reader = SerializedFileReader::new(File::open(parquet).expect("a file")).expect("Parquet");
    let metadata = reader.metadata().file_metadata();
    let value = |name: &str| {
        let keys = metadata.key_value_metadata().expect("keys");
        keys.iter().find(|key| key.key == name).and_then(|key| key.value.clone())
    };
    assert_eq!(value("soundalike.profile_id").as_deref(), Some(DEFAULT_PROFILE));
    assert_eq!(value("soundalike.schema_sha256"), Some(FeatureSchema::librosa().sha256()));
    let types = metadata.schema_descr().columns().iter().map(|column| column.physical_type());
    let types: Vec<String> = types.map(|name| name.to_string()).collect();
    assert_eq!(types[0], "BYTE_ARRAY");
    assert!(types[1..].iter().all(|name| name == "DOUBLE") && types.len() == 75, "{types:?}");
}

#[test]
fn a_table_without_a_place_goes_to_standard_output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = clip("bells_f64_22050.wav");
    let input = input.to_str().expect("text");
    let table = folder.path().join("t.csv");
    extract(&[Path::new(input)], "", &table, 0);
    let output = run(&["extract", input], 0);
    assert_eq!(output.stdout, fs::read(&table).expect("a table"));
    assert!(!output.stderr.contains(&b'\r') && !output.stderr.contains(&0x1b), "a bar is drawn");
    let output = run(&["extract", input, "--format", "jsonl", "--output", "-"], 0);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(object.as_object().expect("an object").len(), 75);
    let output = run(&["extract", input, "--format", "parquet"], 0);
    assert!(output.stdout.starts_with(b"PAR1") && output.stdout.ends_with(b"PAR1"));
}

#[test]
fn patterns_and_profiles_are_obeyed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    extract(&[&clips()], "--pattern bells_*.wav --pattern *.caf", &table, 0);
    let default = rows(&table);
    let expected = ["arpeggio_s16_22050.caf", "bells_f64_22050.wav", "bells_mulaw_22050.wav"];
    assert_eq!(names(&default), expected);

    let profile = "custom:sr=44100,hop_length=256";
    let flags = format!("--pattern bells_f* --profile {profile}");
    let output = extract(&[&clips()], &flags, &table, 0);
    let custom = rows(&table);
    assert_eq!(names(&custom), ["bells_f64_22050.wav"]);
    assert_ne!(custom[0].values, default[1].values);
    let sidecar = fs::read_to_string(sidecar_path(&table)).expect("a sidecar");
    let sidecar: Sidecar = serde_json::from_str(&sidecar).expect("a sidecar");
    let logged = log(&output);
    let last = logged.last().expect("a line");
    assert_eq!(last["profile"], sidecar.profile_id.as_str());
    assert!(sidecar.profile_id.starts_with("custom:"), "{}", sidecar.profile_id);
}
