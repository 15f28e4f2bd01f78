//! Small files of every container that is read here, with bytes changed, cut out and repeated: each
//! gives samples or an error, and never a panic.

use extractor_svc::decode::{Decoder, EncodedAudio};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;

/// Changed files of each seed.
const ROUNDS: u64 = 300;

/// Most bytes of a seed that are kept.
const SEED_BYTES: usize = 40_000;

const SEEDS: [&[u8]; 9] = [
    include_bytes!("../../testdata/audio/band_s16_22050_stereo.aiff"),
    include_bytes!("../../testdata/audio/arpeggio_s16_22050.caf"),
    include_bytes!("../../testdata/audio/band_s16_22050_stereo.flac"),
    include_bytes!("../../testdata/audio/bells_s24_96000.flac"),
    include_bytes!("../../testdata/audio/drums_s24_22050.wav"),
    include_bytes!("../../testdata/audio/bells_f64_22050.wav"),
    include_bytes!("../../testdata/audio/band_alaw_22050.wav"),
    include_bytes!("../../testdata/audio/chords_ima_adpcm_22050.wav"),
    include_bytes!("../../testdata/audio/band_ms_adpcm_22050.wav"),
];

const AU: &[u8] = b".snd\0\0\0\x1c\xff\xff\xff\xff\0\0\0\x03\0\0\x1f\x40\0\0\0\x02note";
const IMA4: &[u8] = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20\x40\xbf\x40\0\0\0\0\0ima4\0\0\0\0\
    \0\0\0\x44\0\0\0\x40\0\0\0\x02\0\0\0\0data\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";

/// Knuth's MMIX generator; the upper bits are the good ones.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed[..seed.len().min(SEED_BYTES)].to_vec();
    for _ in 0..=random.below(4) {
        // Headers are where it matters.
        let span = if random.below(3) == 0 { bytes.len() } else { bytes.len().min(120) };
        let at = random.below(span);
        match random.below(6) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            3 => bytes.truncate(at.max(1)),
            4 => drop(bytes.drain(at..bytes.len().min(at + 1 + random.below(8)))),
            _ => {
                let piece = bytes[at..bytes.len().min(at + 1 + random.below(64))].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

fn decode(bytes: Vec<u8>) -> Result<u64, ExtractError> {
    let mut decoder = Decoder::open(EncodedAudio::from_bytes(bytes), &Limits::default())?;
    let (mut block, mut frames) = (Vec::new(), 0);
    while decoder.next_mono_block(&mut block)? {
        frames += block.len() as u64;
        block.clear();
    }
    Ok(frames)
}

#[test]
fn changed_files_never_break_the_decoder() {
    let sound: Vec<u8> = (0..6000_u32).map(|i| ((i * i) >> 5) as u8).collect();
    let made = [AU, IMA4].map(|header| [header, &sound].concat());
    let seeds = SEEDS.into_iter().chain(made.iter().map(Vec::as_slice));
    for (index, seed) in seeds.enumerate() {
        let mut random = Random(index as u64);
        let mut decoded = 0;
        for round in 0..ROUNDS {
            let bytes = mutate(seed, &mut random);
            let len = bytes.len() as u64;
            match decode(bytes) {
                // A FLAC frame of constants is the densest: 65,535 samples in a dozen bytes.
                Ok(frames) => {
                    decoded += 1;
                    assert!(frames <= 65_535 * len, "seed {index}, round {round}: {frames}");
                }
                Err(ExtractError::DecoderPanicked { detail }) => {
                    panic!("seed {index}, round {round}: {detail}")
                }
                Err(_) => {}
            }
        }
        assert!(decoded > ROUNDS / 10, "seed {index}: {decoded} of {ROUNDS} gave samples");
    }
}
