//! ALAC with damaged bytes: a packet is decoded, or is missing.

use std::sync::atomic::AtomicBool;

use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, SourceFacts, load_mono};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;

const WHOLE: &[u8] = include_bytes!("../../testdata/audio/chords_alac_22050.m4a");

/// Where packets begin to be damaged, and the frames of all but the last.
const PACKETS: std::ops::Range<usize> = 60..38_300;
const PACKET_FRAMES: usize = 4096;

fn load(bytes: Vec<u8>) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let limits = Limits { max_damage: 1.0, ..Limits::default() };
    load_mono(EncodedAudio::from_bytes(bytes), &Window::whole(), &limits, &AtomicBool::new(false))
}

#[test]
fn a_damaged_packet_is_missing() {
    let (samples, facts) = load(WHOLE.to_vec()).unwrap();
    assert_eq!((facts.damaged_share, &facts.warnings[..]), (0.0, &[][..]));
    // A single bit of this clip seldom decides a length; 32 bytes always do.
    for fill in [0, 0xff] {
        for at in PACKETS.step_by(960) {
            let mut bytes = WHOLE.to_vec();
            bytes[at..at + 32].fill(fill);
            let (found, facts) = load(bytes).unwrap();
            // Of one packet, or of the two that meet there.
            let missing = samples.len() - found.len();
            assert!([1, 2].map(|packets| packets * PACKET_FRAMES).contains(&missing), "{at}");
            let share = missing as f64 / samples.len() as f64;
            assert!((facts.damaged_share - share).abs() < 1e-9, "{at}: {facts:?}");
        }
    }
}
