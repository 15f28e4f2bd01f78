//! Inputs that once broke something, through the bodies of the fuzz targets, without a fuzzer.

#[allow(unreachable_pub, reason = "it is public to the fuzz targets")]
#[path = "../fuzz/src/decode.rs"]
mod decode;
#[allow(unreachable_pub, reason = "it is public to the fuzz targets")]
#[path = "../fuzz/src/messages.rs"]
mod messages;
#[allow(unreachable_pub, reason = "it is public to the fuzz targets")]
#[path = "../fuzz/src/pipeline.rs"]
mod pipeline;

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// Runs `body` on the target's regressions and on `seeds`; names the input that breaks it.
fn replay(target: &str, seeds: Vec<Vec<u8>>, body: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs: Vec<(String, Vec<u8>)> = files(&root.join("fuzz/regressions").join(target))
        .iter()
        .map(|path| (path.display().to_string(), fs::read(path).expect("readable")))
        .collect();
    inputs.extend(seeds.into_iter().enumerate().map(|(i, seed)| (format!("seed {i}"), seed)));
    assert!(inputs.len() > 5, "{} inputs", inputs.len());
    for (name, input) in inputs {
        let outcome = std::panic::catch_unwind(|| body(&input));
        assert!(outcome.is_ok(), "{target}: {name}");
    }
}

/// The beginnings of all clips, as the fuzzer starts from them.
fn heads() -> Vec<Vec<u8>> {
    let clips = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio"));
    let head = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        bytes[..bytes.len().min(6000)].to_vec()
    };
    clips.iter().map(head).collect()
}

#[test]
fn container_and_decoder() {
    replay("decode", heads(), decode::run);
}

#[test]
fn the_whole_pipeline() {
    replay("pipeline", heads(), pipeline::run);
}

#[test]
fn the_order_of_messages() {
    // In order; empty; chunk first; two configs; a message of nothing; junk.
    let scripts: [&[u8]; 7] = [
        &[200, 0, 3, 50, 4, 20],
        &[0],
        &[7, 3, 50],
        &[1, 0, 3, 10, 0],
        &[255, 0, 6],
        &[9, 0, 7, 3, 0xff, 0xff, 0xff],
        &[3, 0, 3, 0],
    ];
    replay("messages", scripts.map(<[u8]>::to_vec).to_vec(), messages::run);
}
