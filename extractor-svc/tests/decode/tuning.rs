//! `TUNING_AMBIGUOUS` through the whole pipeline: where rounding decides, and not elsewhere.

use std::f32::consts::TAU;

use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, PcmLayout, PcmSample};
use extractor_svc::findings::WarningCode;
use extractor_svc::limits::Limits;
use extractor_svc::pipeline::{self, Extraction};
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;

use crate::shared;

fn extract(audio: EncodedAudio, limits: &Limits) -> Result<Extraction, String> {
    let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
    pipeline::extract(audio, &Window::whole(), &profile, limits, &|| false)
        .map_err(|error| error.reason().to_owned())
}

fn is_ambiguous(audio: EncodedAudio) -> bool {
    let extraction = extract(audio, &Limits::default()).unwrap();
    extraction.source.warnings.iter().any(|one| one.code == WarningCode::TuningAmbiguous)
}

/// Half a second of a tone, then digital silence. A440 would not do: what the estimate makes of it lies
/// at the edge of two bins.
fn tone_and_silence(seconds: usize) -> EncodedAudio {
    let tone = (0..11_025).map(|i| 0.5 * (TAU * 450.0 * i as f32 / 22_050.0).sin());
    let silence = std::iter::repeat_n(0.0_f32, seconds * 22_050);
    let bytes: Vec<u8> = tone.chain(silence).flat_map(f32::to_le_bytes).collect();
    let layout = PcmLayout { sample: PcmSample::F32Le, sample_rate: 22_050, channels: 1 };
    EncodedAudio::from_bytes(bytes).with_pcm(layout)
}

/// Noise in twenty seconds of silence has more peaks than half a second of a tone.
#[test]
fn a_tone_before_a_long_silence_may_be_found_at_any_tuning() {
    assert!(!is_ambiguous(tone_and_silence(0)));
    assert!(!is_ambiguous(tone_and_silence(1)));
    assert!(is_ambiguous(tone_and_silence(20)));
    let limits = Limits { refused: vec![WarningCode::TuningAmbiguous], ..Limits::default() };
    assert_eq!(extract(tone_and_silence(20), &limits).unwrap_err(), "TUNING_AMBIGUOUS");
    assert!(extract(tone_and_silence(1), &limits).is_ok());
}

/// librosa's own estimate of these moves when -180 dBFS of noise is added, and of those does not.
#[test]
fn recordings_whose_estimate_moves_with_noise_are_told_from_others() {
    let Some(corpus) = shared::corpus() else { return };
    for (file, expected) in [
        ("audio/bassguitar.mp3", true),
        ("audio/hiphop.mp3", true),
        ("audio/snare-accelerate.ogg", true),
        ("audio/Kalimba_4.mp3", false),
        ("audio/dubstep.flac", false),
        ("audio/techno_loop.mp3", false),
        // With silence of a few frames, which changes nothing.
        ("audio/doremi.wav", false),
    ] {
        let audio = EncodedAudio::from_bytes(shared::bytes(&corpus.join(file)));
        assert_eq!(is_ambiguous(audio), expected, "{file}");
    }
}
