//! What the tables hold: shape, order, values, recipe.

use std::{fs, fs::File, path::Path};

use extractor_svc::{
    decode::Window,
    table::{Row, Sidecar, TableOrigin, sidecar_path},
    version::BUILD,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proto::features::{DEFAULT_PROFILE, FAMILIES, FeatureSchema};

use crate::{
    bounds::{Class, STATISTICS, bound},
    process::{clip, clips, extract, log, names, rows, run},
};

/// Clips whose rows are librosa's only roughly: the decoders of IMA ADPCM round the predictor
/// differently, and librosa reads Matroska through 16-bit samples, which flips the tuning of drums.
const READ_OTHERWISE: [&str; 2] = ["chords_ima_adpcm_22050.wav", "drums_vorbis_44100.mka"];

/// Clip, family, and how many times the class's bound it may be off: hundreds of samples at their ends are
/// below 1e-4 of full scale, and the last bits of a decoder decide how often the sign changes there.
const LOOSER: [(&str, &str, f64); 2] =
    [("band_aac96_44100_stereo.m4a", "zcr", 4.0), ("chords_cbr48_24000_mpeg2.mp3", "zcr", 2.0)];

fn statistic(column: &str) -> &'static str {
    let found = STATISTICS.into_iter().find(|name| column.contains(&format!("_{name}_")));
    found.expect("a statistic")
}

fn family(column: &str) -> &'static str {
    let names = FAMILIES.iter().map(|(name, _)| *name);
    names.into_iter().find(|name| column.starts_with(name)).expect("a family")
}

/// The largest share of the class's bound that is used.
fn check_values(row: &Row, class: &str, want: &csv::StringRecord) -> f64 {
    let schema = FeatureSchema::librosa();
    let mut worst = 0.0_f64;
    let class = match class {
        "A" => Class::A,
        "B" => Class::B,
        _ => Class::C,
    };
    for ((column, got), want) in
        schema.names().iter().zip(&row.measured.values).zip(want.iter().skip(2))
    {
        let want: f64 = want.parse().expect("a number");
        let (family, statistic) = (family(column), statistic(column));
        let times =
            LOOSER.iter().find(|(clip, of, _)| row.source_path.ends_with(clip) && *of == family);
        let factor = times.map_or(1.0, |(_, _, times)| *times);
        let share = (got - want).abs() / (factor * bound(family, statistic, class).at(want));
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
        extract(&[&clips()], &format!("--overwrite --jobs {jobs}"), &table, 0);
        tables.push(fs::read(&table).expect("a table"));
    }
    assert!(tables[0] == tables[1] && tables[0] == tables[2], "the number of jobs shows");

    let golden = golden("golden.csv");
    let table = folder.path().join("1/features.csv");
    let rows = rows(&table);
    let expected: Vec<&str> = golden.iter().map(|record| &record[0]).collect();
    assert_eq!(names(&rows), expected, "one row for each clip but Opus, in path order");
    for (row, want) in rows.iter().zip(&golden) {
        assert_eq!(row.measured.values.len(), 74);
        if READ_OTHERWISE.contains(&&want[0]) {
            continue;
        }
        let worst = check_values(row, &want[1], want);
        println!("{}: {:.1} % of the bound", &want[0], 100.0 * worst);
    }

    let text = String::from_utf8(tables.remove(0)).expect("text");
    let header = text.lines().next().expect("a header");
    let features = FeatureSchema::librosa().names().join(",");
    assert_eq!(header, format!("source_path,{features},damaged_share,warnings"));
    let sidecar = fs::read_to_string(sidecar_path(&table)).expect("a sidecar");
    let sidecar: Sidecar = serde_json::from_str(&sidecar).expect("a sidecar");
    assert_eq!(
        sidecar,
        Sidecar::new(&TableOrigin {
            profile_id: DEFAULT_PROFILE.to_owned(),
            extractor_versions: vec![BUILD.to_owned()],
            schema: FeatureSchema::librosa(),
            window: Window::whole(),
        })
    );
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
    assert_eq!(value("soundalike.extractor_versions"), Some(format!("[\"{BUILD}\"]")));
    assert_eq!(value("soundalike.schema_sha256"), Some(FeatureSchema::librosa().sha256()));
    let types = metadata.schema_descr().columns().iter().map(|column| column.physical_type());
    let types: Vec<String> = types.map(|name| name.to_string()).collect();
    assert_eq!((types.len(), &*types[0], &*types[76]), (77, "BYTE_ARRAY", "BYTE_ARRAY"));
    assert!(types[1..76].iter().all(|name| name == "DOUBLE"), "{types:?}");
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
    assert_eq!(object.as_object().expect("an object").len(), 77);
    let output = run(&["extract", input, "--format", "parquet"], 0);
    assert!(output.stdout.starts_with(b"PAR1") && output.stdout.ends_with(b"PAR1"));
}

#[test]
fn patterns_and_profiles_are_obeyed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    extract(&[&clips()], "--pattern bells_*.wav --pattern *.caf", &table, 0);
    let default = rows(&table);
    let expected = [
        "arpeggio_s16_22050.caf",
        "bells_f64_22050.wav",
        "bells_mulaw_22050.wav",
        "chords_opus_48000.caf",
    ];
    assert_eq!(names(&default), expected);

    let profile = "custom:sr=44100,hop_length=256";
    let flags = format!("--pattern bells_f* --profile {profile}");
    let output = extract(&[&clips()], &format!("{flags} --overwrite"), &table, 0);
    let custom = rows(&table);
    assert_eq!(names(&custom), ["bells_f64_22050.wav"]);
    assert_ne!(custom[0].measured.values, default[1].measured.values);
    let sidecar = fs::read_to_string(sidecar_path(&table)).expect("a sidecar");
    let sidecar: Sidecar = serde_json::from_str(&sidecar).expect("a sidecar");
    let logged = log(&output);
    let last = logged.last().expect("a line");
    assert_eq!(last["profile"], sidecar.profile_id.as_str());
    assert!(sidecar.profile_id.starts_with("custom:"), "{}", sidecar.profile_id);
}
