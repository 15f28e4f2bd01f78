//! ALAC with changed bits: a packet is decoded as it was, or is missing.

use std::sync::atomic::AtomicBool;

use extractor_svc::decode::{EncodedAudio, SourceFacts, load_mono};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;
use extractor_svc::window::Window;

const WHOLE: &[u8] = include_bytes!("../../testdata/audio/chords_alac_22050.m4a");

/// Where the packets lie, and the frames of all but the last.
const PACKETS: std::ops::Range<usize> = 44..38_419;
const PACKET_FRAMES: usize = 4096;

fn load(bytes: Vec<u8>) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let limits = Limits { max_damage: 1.0, ..Limits::default() };
    load_mono(EncodedAudio::from_bytes(bytes), &Window::whole(), &limits, &AtomicBool::new(false))
}

#[test]
fn a_damaged_packet_is_missing() {
    let (samples, facts) = load(WHOLE.to_vec()).unwrap();
    assert_eq!((facts.damaged_share, &facts.warnings[..]), (0.0, &[][..]));
    let (mut missing, mut unseen) = (0, 0);
    // Places all over the packets, each with another bit.
    let places: Vec<usize> = PACKETS.step_by(191).collect();
    for (index, &at) in places.iter().enumerate() {
        let mut bytes = WHOLE.to_vec();
        bytes[at] ^= 1 << (index % 8);
        let (found, facts) = load(bytes).unwrap();
        match samples.len() - found.len() {
            0 => unseen += u32::from(found != samples),
            PACKET_FRAMES => {
                missing += 1;
                let share = PACKET_FRAMES as f64 / samples.len() as f64;
                assert!((facts.damaged_share - share).abs() < 1e-9, "{at}: {facts:?}");
            }
            other => panic!("{at}: {other} frames are missing"),
        }
    }
    // Some bits decide a sample's value and no length.
    assert!(missing > 2 * unseen, "{missing} are missing, {unseen} were not seen");
    assert!(missing > 100, "{missing} of {} are missing", places.len());
}
