//! Every byte region of an index, cut and flipped: refused at every opening, so that no wrong answer is
//! given and no mapped page ends the process.

mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
};

use catalogue::{csv_text, golden_rows, plan};
use index_svc::{
    Searcher,
    builder::{BuildPlan, build},
};
use tempfile::TempDir;

/// A copy of the index in testdata.
fn stored() -> (TempDir, PathBuf) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/format-1");
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("index");
    fs::create_dir(&to).expect("writable");
    for entry in fs::read_dir(from).expect("an index is in testdata") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copyable");
    }
    (folder, to)
}

/// Flips one bit in every `step`-th byte of a file, another bit each time, and cuts it in many places;
/// `refuses` must be true of each.
fn damage_everywhere(file: &Path, step: usize, mut refuses: impl FnMut() -> bool) {
    let sound = fs::read(file).expect("readable");
    let mut bytes = sound.clone();
    for at in (0..sound.len()).step_by(step) {
        bytes[at] ^= 1 << (at / step % 8);
        fs::write(file, &bytes).expect("writable");
        assert!(refuses(), "{}: byte {at} is changed", file.display());
        bytes[at] = sound[at];
    }
    let cuts = (0..64).map(|part| part * sound.len() / 64).chain([1, sound.len() - 1]);
    for cut in cuts {
        fs::write(file, &sound[..cut]).expect("writable");
        assert!(refuses(), "{}: cut at {cut}", file.display());
    }
    // Longer than it was, as after a bad resumption of a copy.
    fs::write(file, [sound.as_slice(), &sound[..100]].concat()).expect("writable");
    assert!(refuses(), "{}: longer", file.display());
    // A page of zeros, as a file system leaves after a power cut.
    for page in 0..sound.len() / 4096 {
        let page = page * 4096..(page + 1) * 4096;
        if sound[page.clone()].iter().all(|byte| *byte == 0) {
            continue;
        }
        bytes[page.clone()].fill(0);
        fs::write(file, &bytes).expect("writable");
        assert!(refuses(), "{}: zeros at {}", file.display(), page.start);
        bytes[page.clone()].copy_from_slice(&sound[page]);
    }
    fs::remove_file(file).expect("removable");
    assert!(refuses(), "{}: gone", file.display());
    fs::write(file, &sound).expect("writable");
    assert!(!refuses(), "{}: restored", file.display());
}

#[test]
fn no_changed_byte_is_opened() {
    let (_folder, index) = stored();
    let refuses = || Searcher::open(&index).is_err();
    assert!(!refuses(), "it is sound to begin with");
    damage_everywhere(&index.join("manifest.json"), 3, refuses);
    for (file, step) in [
        ("data.mdb", 401),
        ("blocks.bin", 67),
        ("vectors.bin", 101),
        ("tracks.bin", 11),
        ("scaled.bin", 101),
    ] {
        damage_everywhere(&index.join(file), step, refuses);
    }
}

/// Files of two sound indexes of the same shape do not make a third.
#[test]
fn files_of_other_indexes_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let built = |name: &str, rows: &[Vec<f64>]| {
        let (table, output) = (folder.path().join(format!("{name}.csv")), folder.path().join(name));
        // Ids of their own, of one length, so that no file is the other's.
        let text = csv_text(rows, str::to_owned).replace("\nt", &format!("\n{name}"));
        fs::write(&table, text).expect("writable");
        build(&BuildPlan { trees: 2, ..plan(vec![table], output.clone()) }).expect("sound");
        output
    };
    let (one, other) = (built("one", &golden_rows()[..60]), built("two", &golden_rows()[60..120]));
    for name in
        ["data.mdb", "vectors.bin", "scaled.bin", "tracks.bin", "blocks.bin", "manifest.json"]
    {
        let sound = fs::read(one.join(name)).expect("readable");
        fs::copy(other.join(name), one.join(name)).expect("copyable");
        assert!(Searcher::open(&one).is_err(), "{name}");
        fs::write(one.join(name), sound).expect("writable");
        Searcher::open(&one).expect("restored");
    }
}
