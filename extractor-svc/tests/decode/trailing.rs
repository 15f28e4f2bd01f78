//! A second recording behind the first one, in every container that says where it ends: librosa reads
//! none, and neither is it read here, but it is told.

use std::path::Path;

use extractor_svc::findings::WarningCode::{self, TrailingAudio};

use crate::shared;

/// A file of each kind.
const FILES: [&str; 9] = [
    "band_s16_8000.wav",
    "bells_f64_22050.wav",
    "noise_u8_22050.wav",
    "chords_ima_adpcm_22050.wav",
    "arpeggio_s16_24000.aiff",
    "arpeggio_s16_22050.caf",
    "chords_alac_22050.m4a",
    "bells_aac64_22050_mono.m4a",
    "band_opus_48000_stereo.mp4",
];

fn file(name: &str) -> Vec<u8> {
    shared::bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio").join(name))
}

/// An AU file, and a Wave64 file, of 1000 samples.
fn made() -> [(&'static str, Vec<u8>); 2] {
    let samples: Vec<u8> = (0..2000_u32).map(|i| (i * 31 % 97) as u8).collect();
    let words = [24, 2000, 3, 8000, 1].map(u32::to_be_bytes);
    let au = [&b".snd"[..], words.as_flattened(), &samples].concat();
    let suffix = [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0x00, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];
    let chunk = |id: &[u8; 4], body: &[u8]| {
        let len = (24 + body.len() as u64).to_le_bytes();
        [&id[..], &suffix, &len, body].concat()
    };
    let format = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
    let body = [chunk(b"fmt ", &format), chunk(b"data", &samples)].concat();
    let outer = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0";
    let len = (40 + body.len() as u64).to_le_bytes();
    let w64 = [&outer[..], &len, b"wave", &suffix, &body].concat();
    [("au", au), ("w64", w64)]
}

/// The samples, and what is found, which is the same of a stream in chunks of any length.
fn read(name: &str, bytes: &[u8]) -> (Vec<f32>, Vec<(WarningCode, String)>) {
    let (samples, facts) =
        shared::load(bytes.to_vec()).unwrap_or_else(|error| panic!("{name}: {error}"));
    for len in [997, 1 << 16] {
        let (chunked, found) = shared::load_in_chunks(bytes.to_vec(), len).unwrap();
        assert!(chunked == samples && found == facts, "{name}: {found:?}, expected {facts:?}");
    }
    (samples, facts.warnings.into_iter().map(|found| (found.code, found.message)).collect())
}

#[test]
fn a_second_recording_is_told_and_not_read() {
    let seconds = ["bells_s16_16000.flac", "chords_q5_44100_stereo.ogg", "band_s16_8000.wav"]
        .into_iter()
        .chain(["band_cbr128_44100_stereo.mp3", "chords_aac96_44100_adts.aac"]);
    let seconds: Vec<_> = seconds.map(file).collect();
    let files = FILES.map(|name| (name, file(name)));
    for (name, first) in files.into_iter().chain(made()) {
        let (alone, findings) = read(name, &first);
        for second in [&first].into_iter().chain(&seconds) {
            let (samples, found) = read(name, &[&first[..], second].concat());
            assert!(samples == alone, "{name}");
            let own = &found[..found.len() - 1];
            assert_eq!(own, findings, "{name}");
            let (code, text) = found.last().unwrap();
            assert_eq!(*code, TrailingAudio, "{name}");
            assert!(text.starts_with(&format!("{} bytes", second.len())), "{name}: {text}");
        }
        // A tag that begins another file does not hide it.
        let tag = [&b"ID3\x03\0\0\0\0\x01\0"[..], &[0x20; 128]].concat();
        let (_, found) = read(name, &[&first[..], &tag, &seconds[3]].concat());
        assert_eq!(found.last().map(|found| found.0), Some(TrailingAudio), "{name}");
    }
}

#[test]
fn what_is_no_recording_is_no_finding() {
    let files = FILES.map(|name| (name, file(name)));
    for (name, first) in files.into_iter().chain(made()) {
        let (_, findings) = read(name, &first);
        let tag = [&b"ID3\x03\0\0\0\0\x01\0"[..], &[0x20; 128]].concat();
        let mut ape = [&b"APETAGEX"[..], &[0; 24], b"TITLE", &[7; 40]].concat();
        ape[8..16].copy_from_slice(&[0xd0, 7, 0, 0, 45, 0, 0, 0]);
        ape[20..24].copy_from_slice(&0xa000_0000_u32.to_le_bytes());
        let id3v1 = [&b"TAG"[..], &[0x20; 125]].concat();
        for behind in [&[0; 70_000][..], &[0x20; 100], &[0xff; 5000], &tag, &ape, &id3v1, b"RIFF"] {
            let (_, found) = read(name, &[&first[..], behind].concat());
            assert_eq!(found, findings, "{name} before {:?}", &behind[..4]);
        }
    }
}
