//! What must not matter: how the bytes were cut, how often and on how many threads they are read,
//! in how many equal channels the sound stands, and what lies before the window.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use extractor_svc::decode::Window;
use extractor_svc::decode::{
    EncodedAudio, PcmLayout, PcmSample, StreamBounds, StreamWriter, stream,
};
use extractor_svc::dsp::simd::Level;
use extractor_svc::features::{Stages, analyze_stages};
use extractor_svc::limits::Limits;
use extractor_svc::pipeline::{self, Extraction};
use extractor_svc::recipe::{FeatureKind, Profile};
use proptest::prelude::*;
use proto::features::DEFAULT_PROFILE;

/// A clip of every container and of every codec that carries state from packet to packet.
const CLIPS: [&str; 12] = [
    "arpeggio_cbr64_44100_mono.mp3",
    "arpeggio_q2_22050_mono.ogg",
    "arpeggio_s16_22050.caf",
    "arpeggio_s16_24000.aiff",
    "band_aac96_44100_stereo.m4a",
    "band_ms_adpcm_22050.wav",
    "band_s16_8000.wav",
    "band_vorbis_48000_stereo.webm",
    "chords_aac96_44100_adts.aac",
    "chords_alac_22050.m4a",
    "drums_s16_11025.flac",
    "drums_vorbis_44100.mka",
];

fn clip(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/audio");
    std::fs::read(folder.join(name)).expect("the clip is there")
}

fn profile() -> Profile {
    Profile::parse(DEFAULT_PROFILE).expect("the default profile")
}

fn extract(audio: EncodedAudio, window: &Window, profile: &Profile) -> Extraction {
    pipeline::extract(audio, window, profile, &Limits::default(), &|| false).expect("good audio")
}

fn whole(bytes: Vec<u8>, profile: &Profile) -> Extraction {
    extract(EncodedAudio::from_bytes(bytes), &Window::whole(), profile)
}

/// Everything that a caller sees, numbers as bits.
fn seen(extraction: &Extraction) -> (Vec<u64>, u64, String) {
    let bits = extraction.values.iter().map(|value| value.to_bits()).collect();
    (bits, extraction.tuning.to_bits(), format!("{:?}", extraction.source))
}

/// Headerless samples of a wobbling tone with noise, the same in every channel.
fn tone(seed: u64, frames: usize, channels: u16) -> EncodedAudio {
    let bytes: Vec<u8> = sound(seed, frames)
        .iter()
        .flat_map(|sample| std::iter::repeat_n(sample.to_le_bytes(), channels.into()).flatten())
        .collect();
    let layout = PcmLayout { sample: PcmSample::F32Le, sample_rate: 32_000, channels };
    EncodedAudio::from_bytes(bytes).with_pcm(layout)
}

fn sound(seed: u64, frames: usize) -> Vec<f32> {
    let mut state = seed;
    (0..frames)
        .map(|i| {
            state = random(state);
            let noise = ((state >> 40) as f32 / 16_777_216.0 - 0.5) * 0.1;
            let wobble = 1.0 + 0.2 * (i as f32 * 1e-4).sin();
            0.4 * (i as f32 * 0.09 * wobble).sin() + noise
        })
        .collect()
}

/// Knuth's MMIX generator; the upper bits are the good ones.
fn random(state: u64) -> u64 {
    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407)
}

/// Pushes `bytes` in chunks of 1 to `max_chunk` bytes.
fn push(writer: StreamWriter, bytes: &[u8], seed: u64, max_chunk: u64) {
    let (mut state, mut rest) = (seed, bytes);
    while !rest.is_empty() {
        state = random(state);
        let len = (1 + (state >> 33) % max_chunk).min(rest.len() as u64) as usize;
        let (chunk, behind) = rest.split_at(len);
        writer.push(chunk.to_vec()).expect("the stream is far below its bound");
        rest = behind;
        if state >> 60 == 0 {
            thread::yield_now();
        }
    }
    writer.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_bits(
        which in 0..CLIPS.len(), seed in any::<u64>(), max_chunk in prop::sample::select(vec![13, 1_000, 70_000]),
    ) {
        let (bytes, profile) = (clip(CLIPS[which]), profile());
        let at_once = whole(bytes.clone(), &profile);
        let bounds = StreamBounds {
            max_bytes: bytes.len() as u64,
            max_idle: Duration::from_secs(60),
            max_unread: 100_000,
        };
        let (writer, reader) = stream(bounds);
        let sender = thread::spawn(move || push(writer, &bytes, seed, max_chunk));
        let in_chunks = extract(EncodedAudio::from_stream(reader), &Window::whole(), &profile);
        sender.join().expect("the sender only pushes");
        prop_assert_eq!(seen(&in_chunks), seen(&at_once), "{}", CLIPS[which]);
    }

    /// Halves and eighths are exact, so that the mean of equal channels is the channel.
    #[test]
    fn equal_channels_are_one(seed in any::<u64>(), frames in 1_usize..40_000) {
        let profile = profile();
        let mono = extract(tone(seed, frames, 1), &Window::whole(), &profile);
        for channels in [2, 8] {
            let many = extract(tone(seed, frames, channels), &Window::whole(), &profile);
            prop_assert_eq!(seen(&many).0, seen(&mono).0, "{} channels", channels);
        }
    }

    /// What lies before the window is as if it had never been there, whatever it was.
    #[test]
    fn an_offset_is_the_audio_without_its_beginning(
        seed in any::<u64>(), skipped in 1_usize..30_000, frames in 1_usize..30_000,
    ) {
        let profile = profile();
        let all = sound(seed, skipped + frames);
        let layout = PcmLayout { sample: PcmSample::F32Le, sample_rate: 32_000, channels: 1 };
        let audio = |samples: &[f32]| {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            EncodedAudio::from_bytes(bytes).with_pcm(layout)
        };
        // Half a frame more, so that rounding of the division does not matter.
        let offset = Window::new((skipped as f64 + 0.5) / 32_000.0, None).expect("a time");
        let behind = extract(audio(&all), &offset, &profile);
        let alone = extract(audio(&all[skipped..]), &Window::whole(), &profile);
        prop_assert_eq!(behind.source.first_frame, skipped as u64);
        prop_assert_eq!(seen(&behind).0, seen(&alone).0);
    }

    /// Sound that is put before moves the frames by its hops, and changes none beyond its reach.
    #[test]
    fn sound_in_front_shifts_the_frames(seed in any::<u64>(), hops in 1_usize..20) {
        let (profile, level) = (profile(), Level::detect());
        let y = sound(seed, 40_000);
        let in_front = [sound(!seed, hops * 512), y.clone()].concat();
        let [a, b] = [y, in_front].map(|y| analyze_stages(y, &profile, level).expect("sound"));
        prop_assert_eq!(b.stft_magnitude.ncols(), a.stft_magnitude.ncols() + hops);
        // A frame reaches 1,024 samples to either side.
        for t in 2..a.stft_magnitude.ncols() {
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * a.abs().max(1.0);
            let spectrum = a.stft_magnitude.column(t);
            let mut bins = spectrum.iter().zip(b.stft_magnitude.column(t + hops));
            prop_assert!(bins.all(|(&a, &b)| close(a.into(), b.into())), "spectrum {}", t);
            let value = |stages: &Stages, feature: FeatureKind, t: usize| {
                stages.matrices.of(feature).expect("the recipe has it")[(0, t)]
            };
            let both = |feature: FeatureKind| (value(&a, feature, t), value(&b, feature, t + hops));
            let centroids = both(FeatureKind::SpectralCentroid);
            prop_assert!(close(centroids.0, centroids.1), "centroid {}: {:?}", t, centroids);
            let (rms, zcr) = (both(FeatureKind::Rms), both(FeatureKind::ZeroCrossingRate));
            prop_assert!(close(rms.0, rms.1), "rms {}", t);
            prop_assert!(close(zcr.0, zcr.1), "zcr {}", t);
        }
    }
}

#[test]
fn every_run_and_every_number_of_threads_gives_the_same_bits() {
    let shared = profile();
    for name in CLIPS {
        let bytes = clip(name);
        let first = seen(&whole(bytes.clone(), &shared));
        thread::scope(|scope| {
            let runs: Vec<_> = (0..4)
                .map(|run| {
                    let (bytes, shared) = (bytes.clone(), &shared);
                    // Tables of one's own, or shared with the others.
                    scope.spawn(move || match run % 2 {
                        0 => seen(&whole(bytes, shared)),
                        _ => seen(&whole(bytes, &profile())),
                    })
                })
                .collect();
            for run in runs {
                assert!(run.join().expect("no panic") == first, "{name}");
            }
        });
    }
}
