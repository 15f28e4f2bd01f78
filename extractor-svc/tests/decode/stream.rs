//! Audio that arrives in chunks gives the same samples as complete bytes.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use extractor_svc::decode::Window;
use extractor_svc::decode::{Decoder, EncodedAudio, SourceFacts, StreamBounds, load_mono, stream};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;

use crate::shared;

type Loaded = Result<(Vec<u32>, SourceFacts), ExtractError>;

/// Folders of the corpus.
const FOLDERS: [&str; 4] = ["audio", "derived", "bad", "bench"];

/// Small files of every container, for chunks of a few bytes.
const SMALL: [&str; 12] = [
    "audio/no_header.mp3",
    "audio/iso_l3-he_mode.mp3",
    "audio/adpcm_ima.wav",
    "bad/mutagen_variable-block.flac",
    "bad/odd_byte_tail.wav",
    "bad/video_with_audio.mp4",
    "derived/flamenco_cbr16_8k.mp3",
    "derived/rnb_aac64_mono_22k.m4a",
    "derived/rnb_aac_adts.aac",
    "derived/rnb_mkv_vorbis.mka",
    "derived/rnb_opus_64k.opus",
    "derived/rnb_vorbis_mono_8k.ogg",
];

#[test]
fn every_file_is_the_same_in_chunks() {
    let Some(corpus) = shared::corpus() else { return };
    let mut seed = 1;
    for folder in FOLDERS {
        for entry in std::fs::read_dir(corpus.join(folder)).unwrap() {
            seed += 1;
            check(&entry.unwrap().path(), seed, 65_536);
        }
    }
    assert!(seed > 200, "{seed} files");
}

#[test]
fn chunks_of_a_few_bytes_are_enough() {
    let Some(corpus) = shared::corpus() else { return };
    for (seed, file) in (1..).zip(SMALL) {
        check(&corpus.join(file), seed, 7);
    }
}

/// Files of the containers that are decoded while they arrive.
const SEQUENTIAL: [&str; 10] = [
    "audio/flamenco.mp3",
    "audio/dubstep.ogg",
    "audio/dubstep.wav",
    "derived/flamenco_picture.flac",
    "derived/rnb_aac192_48k_faststart.m4a",
    "derived/rnb_aac_adts.aac",
    "derived/rnb_aiff16_44k.aiff",
    "derived/rnb_mkv_vorbis.mka",
    "derived/rnb_oggflac.oga",
    "derived/rnb_w64.w64",
];

#[test]
fn sequential_containers_are_decoded_while_they_arrive() {
    let Some(corpus) = shared::corpus() else { return };
    for file in SEQUENTIAL {
        let bytes = shared::bytes(&corpus.join(file));
        let (writer, reader) = stream(bounds(Duration::from_millis(500)));
        writer.push(bytes[..bytes.len() * 7 / 10].to_vec()).unwrap();
        let mut decoder = Decoder::open(EncodedAudio::from_stream(reader), &Limits::default())
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut decoded = Vec::new();
        let error = loop {
            match decoder.next_mono_block(&mut decoded) {
                Ok(true) => {}
                end => break end,
            }
        };
        assert!(decoded.len() > 10_000, "{file}: {} frames", decoded.len());
        assert!(matches!(error, Err(ExtractError::StreamIdle { .. })), "{file}: {error:?}");
    }
}

/// Compares a file read at once with the same in chunks of 1 to `max_chunk` bytes.
fn check(path: &Path, seed: u64, max_chunk: u64) {
    let bytes = shared::bytes(path);
    let at_once = with_bits(shared::load(bytes.clone()));
    let in_chunks = with_bits(load_in_chunks(bytes, seed, max_chunk));
    assert!(at_once == in_chunks, "{}, seed {seed}: the samples differ", path.display());
}

fn load_in_chunks(
    bytes: Vec<u8>,
    seed: u64,
    max_chunk: u64,
) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let (writer, reader) = stream(bounds(Duration::from_secs(60)));
    let sender = thread::spawn(move || {
        let (mut state, mut rest) = (seed, &bytes[..]);
        while !rest.is_empty() {
            // Knuth's MMIX generator; the upper bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let len = (1 + (state >> 33) % max_chunk).min(rest.len() as u64) as usize;
            let (chunk, behind) = rest.split_at(len);
            writer.push(chunk.to_vec()).expect("the stream is far below its bound");
            rest = behind;
            if state >> 60 == 0 {
                thread::yield_now();
            }
        }
        writer.finish();
    });
    let audio = EncodedAudio::from_stream(reader);
    let loaded = load_mono(audio, &Window::whole(), &Limits::default(), &AtomicBool::new(false));
    sender.join().expect("the sender only pushes");
    loaded
}

fn bounds(max_idle: Duration) -> StreamBounds {
    let max_bytes = Limits::default().max_stream_bytes;
    StreamBounds { max_bytes, max_idle, max_unread: u64::MAX }
}

fn with_bits(loaded: Result<(Vec<f32>, SourceFacts), ExtractError>) -> Loaded {
    loaded.map(|(samples, facts)| (samples.into_iter().map(f32::to_bits).collect(), facts))
}
