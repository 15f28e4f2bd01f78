//! Files that are not read are refused by their own name, also behind a tag.

use std::path::Path;

use crate::boxes::boxed;
use crate::shared;

/// Files of the corpus of odd kinds, the reason of their refusal, and a word of its text.
const REFUSED: [(&str, &str, &str); 3] = [
    ("hls_segment.ts", "UNSUPPORTED_CONTAINER", "MPEG transport stream"),
    ("loas.aac", "UNSUPPORTED_CODEC", "LATM"),
    ("tak.tak", "UNSUPPORTED_CONTAINER", "TAK"),
];

#[test]
fn what_is_not_read_is_refused_by_its_name() {
    let Some(corpus) = shared::corpus() else { return };
    for (file, reason, name) in REFUSED {
        let bytes = shared::bytes(&corpus.join("field/audio").join(file));
        let tagged = [&b"ID3\x04\0\0\0\0\0\x05....."[..], &bytes].concat();
        for bytes in [bytes, tagged] {
            let error = shared::load(bytes).expect_err(file);
            assert_eq!(error.reason(), reason, "{file}");
            assert!(error.to_string().contains(name), "{file}: {error}");
        }
    }
}

/// Frames with a marker of their own are found behind other bytes; what has a head is not: neither
/// libsndfile nor ffmpeg looks for a head elsewhere.
#[test]
fn a_head_is_read_only_where_the_audio_begins() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio");
    for (file, marker) in [
        ("arpeggio_s16_22050.caf", "caff"),
        ("arpeggio_s16_24000.aiff", "FORM"),
        ("bells_s16_16000.flac", "fLaC"),
        ("band_s16_8000.wav", "RIFF"),
        ("chords_alac_22050.m4a", "ftyp"),
        ("drums_vorbis_44100.mka", "\x1a\x45\u{df}\u{a3}"),
    ] {
        let bytes = [vec![0x20; 57], shared::bytes(&folder.join(file))].concat();
        let error = shared::load(bytes).expect_err(marker);
        let reasons = ["UNSUPPORTED_CONTAINER", "UNDECODABLE_AUDIO"];
        assert!(reasons.contains(&error.reason()), "{file}: {error}");
    }
    for file in [
        "band_cbr128_44100_stereo.mp3",
        "chords_q5_44100_stereo.ogg",
        "chords_aac96_44100_adts.aac",
    ] {
        let bytes = shared::bytes(&folder.join(file));
        let behind = shared::load([vec![0x20; 57], bytes.clone()].concat()).expect(file);
        assert_eq!(behind.0.len(), shared::load(bytes).expect(file).0.len(), "{file}");
    }
}

/// Symphonia's own reader of boxes ended the process here: its depth has no limit.
#[test]
fn nested_boxes_behind_other_bytes_end_nobody() {
    for kind in [b"mdia", b"moov", b"ilst", b"stbl"] {
        let nested = (0..6000).fold(Vec::new(), |inner, _| boxed(kind, &inner));
        let file = [boxed(b"ftyp", b"M4A \0\0\0\0"), boxed(b"moov", &nested)].concat();
        for bytes in [file.clone(), [vec![0x20; 57], file].concat()] {
            shared::load(bytes).expect_err("there is no track");
        }
    }
}
