//! FLAC with odd stream information, with other bytes behind its last frame, and damaged.

use extractor_svc::decode::SourceFacts;
use extractor_svc::decode::Window;
use extractor_svc::findings::WarningCode;

use crate::shared::{load, load_window};

const FLAC: &[u8] = include_bytes!("../../testdata/audio/chords_s16_44100.flac");
const FRAMES: usize = 88_200;

/// Where the body of the stream information begins.
const STREAM_INFO: usize = 8;

fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = FLAC.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn whole() -> Vec<f32> {
    load(FLAC.to_vec()).unwrap().0
}

/// The file without the number of its samples.
fn unknown_total() -> Vec<u8> {
    let mut file = FLAC.to_vec();
    file[STREAM_INFO + 13] &= 0xf0;
    file[STREAM_INFO + 14..][..4].fill(0);
    file
}

fn check(file: Vec<u8>, what: &str) {
    let (found, facts) = load(file).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(found.len(), FRAMES, "{what}");
    assert!(found == whole(), "{what}");
    assert_eq!((facts.damaged_share, codes(&facts)), (0.0, vec![]), "{what}");
}

fn codes(facts: &SourceFacts) -> Vec<WarningCode> {
    facts.warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn stream_information_may_be_wrong() {
    check(FLAC.to_vec(), "as it is");
    check(changed(STREAM_INFO, &[0, 0]), "least block 0");
    check(changed(STREAM_INFO, &[0, 16]), "least block that of a short last one");
    check(changed(STREAM_INFO + 2, &[0, 0]), "largest block 0");
    check(changed(STREAM_INFO + 4, &[0xff; 3]), "least frame larger than the largest");
    check(changed(STREAM_INFO + 7, &[0, 0, 1]), "largest frame of a byte");
    check(unknown_total(), "total 0");
}

#[test]
fn the_last_frame_is_found_before_a_tag() {
    let id3v1 = [&b"TAG"[..], &[0; 125]].concat();
    let ape =
        [&b"APETAGEX\xd0\x07\0\0"[..], &[0x5a; 3000], b"APETAGEX\xd0\x07\0\0", &[0; 20]].concat();
    for file in [FLAC, &unknown_total()] {
        for tail in [&id3v1[..], &ape, &[0; 100_000], &[0xff; 5000], b"\0", b"\xff\xf8"] {
            check([file, tail].concat(), "a tail");
        }
    }
    let id3v2 = [&b"ID3\x04\0\0\0\0\0\x05"[..], &[0; 5], FLAC, &id3v1].concat();
    check(id3v2, "tags at both ends");
}

#[test]
fn what_is_cut_off_is_damage() {
    let cut = FLAC[..FLAC.len() * 3 / 10].to_vec();
    let (found, facts) = load(cut).unwrap();
    assert!(found.len() > FRAMES / 5 && found == whole()[..found.len()]);
    let expected = (FRAMES - found.len()) as f64 / FRAMES as f64;
    assert!((facts.damaged_share - expected).abs() < 1e-12);
    assert_eq!(codes(&facts), [WarningCode::TruncatedStream]);
}

#[test]
fn a_damaged_frame_is_left_out_and_counted() {
    let whole = whole();
    for at in [FLAC.len() / 2, FLAC.len() / 2 + 1, FLAC.len() / 3] {
        let (found, facts) = load(changed(at, &[!FLAC[at]])).unwrap();
        let lost = FRAMES - found.len();
        // One block, and the sound before and after it.
        assert_eq!(lost, 4096, "byte {at}");
        let before = found.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        assert!(found[before..] == whole[before + lost..], "byte {at}");
        assert!((facts.damaged_share - lost as f64 / FRAMES as f64).abs() < 1e-12);
    }
    // The numbers of the frames tell it where the stream does not say how long it is.
    let mut file = unknown_total();
    let at = FLAC.len() / 2;
    file[at] = !file[at];
    let (found, facts) = load(file).unwrap();
    assert_eq!(found.len(), FRAMES - 4096);
    assert!((facts.damaged_share - 4096.0 / FRAMES as f64).abs() < 1e-12, "{facts:?}");
    assert_eq!(codes(&facts), [WarningCode::Resynchronized]);
    let mut file = unknown_total();
    let at = FLAC.len() - 50;
    file[at] = !file[at];
    assert_eq!(codes(&load(file).unwrap().1), [WarningCode::TruncatedStream]);
    // In the last frame, with a tag behind it.
    let mut file = [FLAC, b"TAG", &[0; 125]].concat();
    let at = FLAC.len() - 50;
    file[at] = !file[at];
    let (found, facts) = load(file).unwrap();
    assert!(found.len() < FRAMES && found == whole[..found.len()]);
    assert_eq!(codes(&facts), [WarningCode::TruncatedStream]);
}

#[test]
fn a_second_recording_is_not_read() {
    let half = {
        let mut total = [0; 5];
        total.copy_from_slice(&FLAC[STREAM_INFO + 13..][..5]);
        total[1..].copy_from_slice(&50_000_u32.to_be_bytes());
        changed(STREAM_INFO + 13, &total)
    };
    let cut = FLAC[..FLAC.len() - 1000].to_vec();
    let check = |file: Vec<u8>, len: usize, expected: &[WarningCode], what: &str| {
        let (found, facts) = load(file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((found.len(), &codes(&facts)[..]), (len, expected), "{what}: {facts:?}");
        assert!(found == whole()[..len], "{what}");
        facts
    };
    let trailing = [WarningCode::TrailingAudio];
    for second in [FLAC, &FLAC[..FLAC.len() / 2]] {
        for first in [FLAC.to_vec(), unknown_total()] {
            let facts =
                check([&first[..], second].concat(), FRAMES, &trailing, "behind a whole one");
            assert_eq!(facts.damaged_share, 0.0);
        }
        let len = FRAMES / 4096 * 4096;
        let expected = [WarningCode::DurationMismatch, WarningCode::TrailingAudio];
        let facts = check([&cut[..], second].concat(), len, &expected, "behind a cut one");
        let share = (FRAMES - len) as f64 / FRAMES as f64;
        assert!((facts.damaged_share - share).abs() < 1e-12, "{facts:?}");
    }
    // The number of samples counts, as it does for libsndfile.
    assert_eq!(check(half, 50_000, &trailing, "a total of less").damaged_share, 0.0);
}

#[test]
fn a_window_knows_of_the_damage_in_it() {
    let mut file = FLAC.to_vec();
    file[FLAC.len() / 3..FLAC.len() / 2].fill(0);
    let window = Window::new(0.0, Some(1.4)).unwrap();
    let (_, facts) = load_window(file, &window).unwrap();
    assert_eq!(codes(&facts), [WarningCode::Resynchronized]);
    assert!((0.2..0.35).contains(&facts.damaged_share), "{facts:?}");
}
