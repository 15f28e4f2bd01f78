//! MP4 in fragments: what is lost among them, what follows them, and what they claim.

use std::ops::Range;
use std::path::Path;

use extractor_svc::decode::SourceFacts;
use extractor_svc::error::ExtractError;
use extractor_svc::findings::WarningCode::{self, Resynchronized, TrailingAudio, TruncatedStream};

use crate::boxes::boxed;
use crate::shared;

/// Packets of 1024 frames of the file.
const PACKETS: usize = 39;

/// Its fragments with their data; of ten packets each but for the last.
const FRAGMENTS: [Range<usize>; 4] = [733..2409, 2409..4219, 4219..6134, 6134..7842];

/// Where its movie ends that nobody needs the last 98 bytes of, and where the length of the movie in
/// milliseconds is stated, or 0.
const NOTES: Range<usize> = 635..733;
const MOVIE_LENGTH: Range<usize> = 64..68;

fn file() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode/audio/fragments_aac.mp4");
    shared::bytes(&path)
}

/// Packets, damage and findings, which are the same of a stream.
fn read(bytes: &[u8]) -> (usize, f64, Vec<WarningCode>) {
    let (whole, facts) = shared::load(bytes.to_vec()).unwrap_or_else(|error| panic!("{error}"));
    for len in [100, 2409] {
        let (chunked, found) = shared::load_in_chunks(bytes.to_vec(), len).unwrap();
        assert!(chunked == whole && found == facts, "{found:?}, expected {facts:?}");
    }
    let SourceFacts { damaged_share, warnings, .. } = facts;
    (whole.len() / 1024, damaged_share, warnings.into_iter().map(|found| found.code).collect())
}

fn stating(mut bytes: Vec<u8>, length: u32) -> Vec<u8> {
    bytes[MOVIE_LENGTH].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[test]
fn what_is_no_box_ends_a_track_early() {
    let whole = file();
    assert_eq!(read(&whole), (PACKETS, 0.0, vec![]));
    let mut zeroed = whole.clone();
    zeroed[FRAGMENTS[1].start..].fill(0);
    let mut tiny = whole.clone();
    tiny[FRAGMENTS[1].start..][..4].copy_from_slice(&[0, 0, 0, 7]);
    let mut endless = whole.clone();
    endless[FRAGMENTS[1].start..][..4].fill(0);
    let mut long = whole[..FRAGMENTS[0].end].to_vec();
    long.extend(boxed(b"free", &[0; 100]));
    long.truncate(long.len() - 1);
    let junk = [&whole[..FRAGMENTS[0].end], b"junk!"].concat();
    for broken in [zeroed, tiny, endless, long, junk] {
        assert_eq!(read(&broken), (10, 0.0, vec![TruncatedStream]));
    }
}

#[test]
fn a_stated_length_measures_what_is_lost() {
    // 39 packets are 832 ms.
    let check = |bytes: &[u8], lost: f64, codes: &[WarningCode]| {
        let (_, share, found) = read(bytes);
        assert!((share - lost / 39.0).abs() < 0.001, "{share}, expected {lost} of 39");
        assert_eq!(found, codes);
    };
    let cut = file()[..FRAGMENTS[1].end].to_vec();
    check(&cut, 0.0, &[]);
    check(&stating(file(), 832), 0.0, &[]);
    check(&stating(cut.clone(), 832), 19.0, &[WarningCode::DurationMismatch]);
    check(&stating(cut.clone(), u32::MAX), 0.0, &[]);

    // The same in the header of the fragments, and in an index.
    let mehd = boxed(b"mehd", &[[0, 0, 0, 0], 832_u32.to_be_bytes()].concat());
    let mut noted = cut.clone();
    noted[595..599].copy_from_slice(&56_u32.to_be_bytes());
    let rest = NOTES.len() - mehd.len() - 8;
    noted.splice(NOTES, [mehd, boxed(b"free", &vec![0; rest])].concat());
    check(&noted, 19.0, &[WarningCode::DurationMismatch]);

    let words = [0, 1, 48_000, 0, 0, 1, 1000, 39 * 1024, 0].map(u32::to_be_bytes);
    let sidx = boxed(b"sidx", words.as_flattened());
    let mut indexed = cut;
    let movie = (NOTES.start - 32) as u32;
    indexed[32..36].copy_from_slice(&movie.to_be_bytes());
    let rest = NOTES.len() - sidx.len() - 8;
    indexed.splice(NOTES, [sidx, boxed(b"free", &vec![0; rest])].concat());
    check(&indexed, 19.0, &[WarningCode::DurationMismatch]);
}

#[test]
fn a_fragment_that_is_gone_is_missed() {
    let mut bytes = file();
    // Offsets count from the file's beginning: a box in its place keeps them.
    let hole = boxed(b"free", &vec![0x55; FRAGMENTS[1].len() - 8]);
    bytes.splice(FRAGMENTS[1].clone(), hole);
    let (packets, share, codes) = read(&bytes);
    assert_eq!((packets, codes), (29, vec![Resynchronized]));
    assert!((share - 10.0 / 39.0).abs() < 1e-9, "{share}");
    // The first one is no loss: a broadcast begins at any time.
    let mut bytes = file();
    let hole = boxed(b"free", &vec![0x55; FRAGMENTS[0].len() - 8]);
    bytes.splice(FRAGMENTS[0].clone(), hole);
    assert_eq!(read(&bytes), (29, 0.0, vec![]));
}

#[test]
fn a_second_movie_is_another_recording() {
    let whole = file();
    assert_eq!(read(&[whole.clone(), whole.clone()].concat()), (PACKETS, 0.0, vec![TrailingAudio]));
    let (_, facts) = shared::load([whole.clone(), whole[32..].to_vec()].concat()).unwrap();
    assert_eq!(facts.warnings[0].code, TrailingAudio);
    let text = &facts.warnings[0].message;
    assert!(text.starts_with(&format!("{} bytes", whole.len() - 32)), "{text}");
    // A segment has a type of its own, and is none.
    let mut segments = whole[..FRAGMENTS[3].end].to_vec();
    segments.extend(boxed(b"styp", b"msdh\0\0\0\0"));
    assert_eq!(read(&segments), (PACKETS, 0.0, vec![]));
}

#[test]
fn packets_that_are_only_claimed_end_somewhere() {
    let run = boxed(b"trun", &[0_u32, 1 << 20].map(u32::to_be_bytes).concat());
    let header = boxed(b"tfhd", &[0_u32, 1].map(u32::to_be_bytes).concat());
    let track = boxed(b"traf", &[header, run.clone()].concat());
    let claims =
        [&file()[..FRAGMENTS[0].start], &boxed(b"moof", &track), &boxed(b"mdat", &[0; 64])]
            .concat();
    let error = shared::load(claims).unwrap_err();
    assert!(matches!(error, ExtractError::UndecodableAudio { .. }), "{error}");
    // One more is too many.
    let track = boxed(b"traf", &[&track[8..], &run].concat());
    let claims = [&file()[..FRAGMENTS[0].start], &boxed(b"moof", &track)].concat();
    let error = shared::load(claims).unwrap_err().to_string();
    assert!(error.contains("packets and more"), "{error}");
}
