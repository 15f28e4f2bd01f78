//! `inspect`, `completions` and `manual`.

use std::fs;

use crate::process::{clip, extract, rows, run};

#[test]
fn inspect_tells_what_extract_finds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = folder.path().join("t.csv");
    let file = clip("chords_q5_44100_stereo.ogg");
    extract(&[&file], "", &table, 0);
    let plot = folder.path().join("plot.svg");
    let (file, svg) = (file.to_str().expect("text"), plot.to_str().expect("text"));
    let output = run(&["inspect", file, "--format", "json", "--plot", svg], 0);
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&facts["container"], &facts["codec"]), (&"ogg".into(), &"vorbis".into()));
    assert_eq!((&facts["sample_rate"], &facts["channels"]), (&44_100.into(), &2.into()));
    assert_eq!(facts["frames"], 88_200, "as clips.csv has it");
    let tuning = facts["tuning"].as_f64().expect("a number");
    assert!((tuning - 0.03).abs() < 1e-9, "tuning {tuning}, as clips.csv has it");
    let features = facts["features"].as_object().expect("an object");
    let values: Vec<f64> = features.values().map(|x| x.as_f64().expect("a number")).collect();
    let mut expected = rows(&table)[0].measured.values.clone();
    let mut values = values;
    values.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(values, expected);

    let svg = fs::read_to_string(plot).expect("a drawing");
    for part in ["Waveform", "Mel spectrogram", "Chroma", "centroid", "RMS", "MFCC 2 to 20"] {
        assert!(svg.contains(part), "no {part}");
    }
    let text = run(&["inspect", file], 0).stdout;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("codec       vorbis") && text.contains("chroma_cqt 12"), "{text}");
    assert!(text.contains("gapless     0 frames trimmed at the start, 696 at the end"), "{text}");
    let mp3 = clip("drums_v2_44100_stereo.mp3");
    let text = run(&["inspect", mp3.to_str().expect("text")], 0).stdout;
    let text = String::from_utf8(text).expect("text");
    // LAME's own delay of 576 samples, and the decoder's of 529.
    assert!(text.contains("gapless     1105 frames trimmed at the start"), "{text}");
    run(&["inspect", clip("chords_speex_16000.ogg").to_str().expect("text")], 1);
    run(&["inspect", file, "--duration", "0"], 2);
}

#[test]
fn completions_and_manual_know_every_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&["completions", shell], 0).stdout).expect("text");
        assert!(script.contains("inspect") && script.contains("resume"), "{shell}");
    }
    let pages = folder.path().join("man/man1");
    run(&["manual", pages.to_str().expect("text")], 0);
    let page = fs::read_to_string(pages.join("extractor-svc-extract.1")).expect("a page");
    assert!(page.contains("resume"), "{page}");
    let main = String::from_utf8(run(&["manual"], 0).stdout).expect("text");
    assert!(main.contains(".TH extractor"), "{main}");
}
