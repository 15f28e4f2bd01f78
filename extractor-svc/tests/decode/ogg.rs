//! Ogg whose pages are destroyed at the start or at the end: what is missing is counted.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, SourceFacts, load_mono};
use extractor_svc::findings::WarningCode;
use extractor_svc::limits::Limits;

const CLIPS: [&[u8]; 2] = [
    include_bytes!("../../testdata/audio/chords_q5_44100_stereo.ogg"),
    include_bytes!("../../testdata/audio/band_opus_44100_stereo.opus"),
];

fn load(bytes: Vec<u8>) -> (Vec<f32>, SourceFacts) {
    let limits = Limits { max_damage: 1.0, ..Limits::default() };
    let audio = EncodedAudio::from_bytes(bytes);
    load_mono(audio, &Window::whole(), &limits, &AtomicBool::new(false)).unwrap()
}

/// Bytes of the pages of audio: those that state a position.
fn pages(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut found = Vec::new();
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let table = &bytes[at + 27..][..segments];
        let end = at + 27 + segments + table.iter().map(|&len| usize::from(len)).sum::<usize>();
        if bytes[at + 6..at + 14] != [0; 8] {
            found.push(at..end);
        }
        at = end;
    }
    found
}

#[test]
fn a_lost_beginning_is_missing() {
    for clip in CLIPS {
        let (whole, facts) = load(clip.to_vec());
        assert_eq!((facts.damaged_share, &facts.warnings[..]), (0.0, &[][..]));
        let pages = pages(clip);
        let lost = pages[0].start..pages[pages.len() / 2].start;
        let mut zeroed = clip.to_vec();
        zeroed[lost.clone()].fill(0);
        let (found, facts) = load(zeroed);
        assert!(found.len() < whole.len() * 3 / 4);
        let share = (whole.len() - found.len()) as f64 / whole.len() as f64;
        // A decoder that begins anew has nothing of the first packet.
        assert!((facts.damaged_share - share).abs() < 0.01, "{share}: {facts:?}");
        assert_eq!(facts.warnings[0].code, WarningCode::Resynchronized);
        // A stream of one page begins at 0.
        if pages.len() == 2 {
            continue;
        }
        // The headers, and then what was being sent: a radio station that somebody has tuned to.
        let joined = [&clip[..lost.start], &clip[lost.end..]].concat();
        let (later, facts) = load(joined);
        assert_eq!((facts.damaged_share, &facts.warnings[..]), (0.0, &[][..]));
        assert!(later.len() < whole.len() * 3 / 4);
    }
}

/// A stream that was joined while it ran has its own numbers, and positions from there on.
#[test]
fn a_late_beginning_is_not() {
    let clip = CLIPS[1];
    let (whole, _) = load(clip.to_vec());
    let mut bytes = clip.to_vec();
    for page in pages(clip) {
        let granule = &mut bytes[page.start + 6..page.start + 14];
        let later = u64::from_le_bytes(*granule.first_chunk().unwrap()) + 480_000;
        granule.copy_from_slice(&later.to_le_bytes());
        let sum = checksum(&bytes[page.clone()]);
        bytes[page.start + 22..page.start + 26].copy_from_slice(&sum.to_le_bytes());
    }
    let (found, facts) = load(bytes);
    assert_eq!((facts.damaged_share, &facts.warnings[..]), (0.0, &[][..]));
    assert_eq!(found.len(), whole.len());
}

#[test]
fn a_destroyed_end_is_estimated() {
    // A fifth of this one is on its last page.
    let opus = include_bytes!("../../testdata/audio/drums_opus_celt2.5_stereo.opus");
    for clip in [CLIPS[0], opus] {
        let from = clip.len() * 9 / 10;
        let mut bytes = clip.to_vec();
        bytes[from..].fill(0x55);
        let (whole, _) = load(clip.to_vec());
        let (found, facts) = load(bytes);
        let share = (whole.len() - found.len()) as f64 / whole.len() as f64;
        assert!(share > 0.1, "{share}");
        assert!((facts.damaged_share - share).abs() < 0.05, "{share}: {facts:?}");
        assert_eq!(facts.warnings[0].code, WarningCode::TruncatedStream);
        // What is not there at all is not known, nor how long the page was that is cut.
        let (_, facts) = load(clip[..from].to_vec());
        assert_eq!(facts.damaged_share, 0.0);
    }
}

/// The sum of a page (RFC 3533, section 6), its own four bytes taken as zero.
fn checksum(page: &[u8]) -> u32 {
    let mut sum = 0_u32;
    for (at, &byte) in page.iter().enumerate() {
        let byte = if (22..26).contains(&at) { 0 } else { byte };
        sum ^= u32::from(byte) << 24;
        for _ in 0..8 {
            sum = sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    sum
}
