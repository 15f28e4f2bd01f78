//! MP4 and QuickTime: PCM of every form, edit lists, tracks, and boxes that are wrong.

use std::path::Path;

use extractor_svc::findings::WarningCode;

use crate::boxes::{Track, boxed, data_first, movie_first};
use crate::shared;

fn samples(bytes: Vec<u8>) -> Vec<f32> {
    shared::load(bytes).unwrap_or_else(|error| panic!("{error}")).0
}

fn reason(bytes: Vec<u8>) -> String {
    let error = shared::load(bytes).expect_err("no vector was expected");
    format!("{}: {error}", error.reason())
}

/// Samples that differ from each other, none of them silent.
fn ramp(count: usize) -> Vec<i16> {
    (0..count).map(|i| (i % 30_000) as i16 + 1).collect()
}

fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
}

#[test]
fn pcm_is_read_in_either_order() {
    let wanted = ramp(3000);
    let wave = |little: u8| boxed(b"wave", &boxed(b"enda", &[0, little]));
    let check = |kind: &[u8; 4], bits: u16, inner: Vec<u8>, encode: &dyn Fn(i16) -> Vec<u8>| {
        let data: Vec<u8> = wanted.iter().flat_map(|&sample| encode(sample)).collect();
        let frame_bytes = encode(0).len() as u32;
        let plain = Track::sowt(&[]);
        let track = Track { kind: *kind, version: 1, bits, inner, data, frame_bytes, ..plain };
        let got = samples(movie_first(b"", &[track], &[]));
        assert_eq!(got, floats(&wanted), "{}", kind.escape_ascii());
    };
    let wide = |sample: i16| i32::from(sample) << 16;
    let float = |sample: i16| f32::from(sample) / 32_768.0;
    check(b"sowt", 16, Vec::new(), &|s| s.to_le_bytes().to_vec());
    check(b"twos", 16, Vec::new(), &|s| s.to_be_bytes().to_vec());
    check(b"in24", 16, Vec::new(), &|s| wide(s).to_be_bytes()[..3].to_vec());
    check(b"in24", 16, wave(0), &|s| wide(s).to_be_bytes()[..3].to_vec());
    check(b"in24", 16, wave(1), &|s| wide(s).to_le_bytes()[1..].to_vec());
    check(b"in32", 16, Vec::new(), &|s| wide(s).to_be_bytes().to_vec());
    check(b"in32", 16, wave(1), &|s| wide(s).to_le_bytes().to_vec());
    check(b"fl32", 16, Vec::new(), &|s| float(s).to_be_bytes().to_vec());
    check(b"fl32", 16, wave(1), &|s| float(s).to_le_bytes().to_vec());
    check(b"fl64", 16, Vec::new(), &|s| f64::from(float(s)).to_be_bytes().to_vec());
    check(b"fl64", 16, wave(1), &|s| f64::from(float(s)).to_le_bytes().to_vec());
}

#[test]
fn linear_pcm_is_read_by_its_flags() {
    let wanted = ramp(2000);
    let (float, big, signed) = (1, 2, 4);
    let check = |bits: u16, flags: u32, encode: &dyn Fn(i16) -> Vec<u8>| {
        let data: Vec<u8> = wanted.iter().flat_map(|&sample| encode(sample)).collect();
        let frame_bytes = encode(0).len() as u32;
        let plain = Track::sowt(&[]);
        let track = Track { kind: *b"lpcm", version: 2, bits, flags, data, frame_bytes, ..plain };
        assert_eq!(samples(movie_first(b"", &[track], &[])), floats(&wanted), "{bits} {flags}");
    };
    check(16, signed, &|s| s.to_le_bytes().to_vec());
    check(16, signed | big, &|s| s.to_be_bytes().to_vec());
    check(24, signed | big, &|s| (i32::from(s) << 16).to_be_bytes()[..3].to_vec());
    check(32, float | big, &|s| (f32::from(s) / 32_768.0).to_be_bytes().to_vec());
    let old = Track { kind: *b"lpcm", ..Track::sowt(&wanted) };
    assert!(reason(movie_first(b"", &[old], &[])).starts_with("UNSUPPORTED_CODEC: codec lpcm"));
}

#[test]
fn bytes_and_channels_are_averaged() {
    let base = Track::sowt(&[]);
    let eight = |kind: &[u8; 4], data: &[u8]| {
        let data = data.to_vec();
        let track = Track { kind: *kind, bits: 8, data, frame_bytes: 1, ..base.clone() };
        samples(movie_first(b"", &[track], &[]))
    };
    assert_eq!(eight(b"twos", &[0, 64, 0xc0]), [0.0, 0.5, -0.5]);
    assert_eq!(eight(b"raw ", &[128, 192, 64]), [0.0, 0.5, -0.5]);
    assert_eq!(
        eight(b"ulaw", &[0xff, 0x80, 0x00]),
        [0.0, 32_124.0 / 32_768.0, -32_124.0 / 32_768.0]
    );
    assert_eq!(eight(b"alaw", &[0xd5, 0xaa]), [8.0 / 32_768.0, 32_256.0 / 32_768.0]);
    let six = Track { channels: 6, frame_bytes: 12, ..Track::sowt(&[6, 12, 18, 24, 30, 36]) };
    assert_eq!(samples(movie_first(b"", &[six], &[])), [21.0 / 32_768.0]);
}

#[test]
fn files_may_begin_with_any_box() {
    let wanted = ramp(2500);
    let tracks = [Track::sowt(&wanted)];
    let long = [Track { has_long_offsets: true, ..Track::sowt(&wanted) }];
    let ftyp = boxed(b"ftyp", b"qt  \0\0\0\0");
    for front in
        [Vec::new(), ftyp, boxed(b"wide", &[]), boxed(b"free", &[7; 99]), boxed(b"skip", &[])]
    {
        for bytes in [
            movie_first(&front, &tracks, &[]),
            data_first(&front, &tracks),
            data_first(&front, &long),
        ] {
            assert_eq!(samples(bytes), floats(&wanted), "{:?}", front.get(4..8));
        }
    }
    // The last box may be without a size.
    let mut open = movie_first(b"", &tracks, &[]);
    let at = open.len() - tracks[0].data.len() - 8;
    open[at..at + 4].fill(0);
    assert_eq!(samples(open), floats(&wanted));
}

#[test]
fn edits_are_those_of_ffmpeg() {
    let all = ramp(20_000);
    let check = |edits: &[(i32, u32)], expected: &[std::ops::Range<usize>]| {
        let track = Track { edits: edits.to_vec(), ..Track::sowt(&all) };
        let expected: Vec<i16> =
            expected.iter().flat_map(|kept| all[kept.clone()].to_vec()).collect();
        assert_eq!(samples(movie_first(b"", &[track], &[])), floats(&expected), "{edits:?}");
    };
    // The first edit begins at its frame; ends, and later edits, are at packets of 1024.
    check(&[(0, 20_000)], &[0..20_000]);
    check(&[(700, 9000)], &[700..10_240]);
    check(&[(-1, 500), (700, 9000)], &[700..10_240]);
    check(&[(700, 1000), (10_000, 5000)], &[700..2048, 10_240..15_360]);
    check(&[(12_000, 1000), (0, 1024)], &[12_000..13_312, 0..1024]);
    check(&[(0, 1024), (0, 1024), (0, 1024)], &[0..1024, 0..1024, 0..1024]);
    let nothing = Track { edits: vec![(-1, 500)], ..Track::sowt(&all) };
    assert!(reason(movie_first(b"", &[nothing], &[])).starts_with("EMPTY_AUDIO"));
}

#[test]
fn a_gap_note_counts_where_no_edit_does() {
    let all = ramp(5000);
    let name = [&[0; 4][..], b"iTunSMPB"].concat();
    let note = [&[0; 8][..], b" 00000000 00000840 000001C0 0000"].concat();
    let item = boxed(b"----", &[boxed(b"name", &name), boxed(b"data", &note)].concat());
    let meta = boxed(b"meta", &[vec![0; 4], boxed(b"ilst", &item)].concat());
    let udta = boxed(b"udta", &meta);
    let track = Track::sowt(&all);
    assert_eq!(
        samples(movie_first(b"", std::slice::from_ref(&track), &udta)),
        floats(&all[0x840..])
    );
    let edited = Track { edits: vec![(0, 5000)], ..track };
    assert_eq!(samples(movie_first(b"", &[edited], &udta)), floats(&all));
}

#[test]
fn the_enabled_track_of_most_channels_is_taken() {
    let track = |value: i16, is_enabled: bool, channels: u16| Track {
        is_enabled,
        channels,
        frame_bytes: 2 * u32::from(channels),
        ..Track::sowt(&vec![value; 4000])
    };
    let check = |tracks: &[Track], value: i16, several: bool| {
        let (samples, facts) = shared::load(movie_first(b"", tracks, &[])).unwrap();
        assert_eq!(samples[0], f32::from(value) / 32_768.0);
        let found = facts.warnings.iter().any(|w| w.code == WarningCode::SeveralTracks);
        assert_eq!(found, several, "{:?}", facts.warnings);
    };
    check(&[track(1, false, 1), track(2, true, 1)], 2, false);
    check(&[track(1, true, 1), track(2, true, 2)], 2, false);
    check(&[track(1, true, 1), track(2, false, 2)], 1, false);
    check(&[track(1, true, 1), track(2, true, 1)], 1, true);
    check(&[Track { data: Vec::new(), ..track(1, true, 1) }, track(2, false, 1)], 2, false);
}

#[test]
fn what_is_missing_is_measured() {
    let whole = movie_first(b"", &[Track::sowt(&ramp(20_000))], &[]);
    let cut = whole[..whole.len() - 28_000].to_vec();
    let (samples, facts) = shared::load(cut).unwrap();
    assert_eq!((samples.len(), facts.damaged_share), (6000, 0.7));
    assert_eq!(facts.warnings[0].code, WarningCode::TruncatedStream);
}

#[test]
fn fragments_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode/audio/fragments_aac.mp4");
    let whole = shared::bytes(&path);
    let (samples, facts) = shared::load(whole.clone()).unwrap();
    assert_eq!((samples.len(), facts.damaged_share), (39 * 1024, 0.0));
    let (chunked, _) = shared::load_in_chunks(whole.clone(), 7).unwrap();
    assert_eq!(chunked, samples);
    // A fragment that is not all there is a stream that ends early.
    let (_, facts) = shared::load(whole[..whole.len() - 500].to_vec()).unwrap();
    assert_eq!(facts.warnings[0].code, WarningCode::TruncatedStream);
}

#[test]
fn codecs_that_are_not_decoded_are_named() {
    let check = |kind: &[u8; 4], inner: Vec<u8>, name: &str| {
        let track = Track { kind: *kind, inner, ..Track::sowt(&ramp(100)) };
        let got = reason(movie_first(b"", &[track], &[]));
        assert!(got.starts_with(&format!("UNSUPPORTED_CODEC: codec {name}")), "{got}");
    };
    check(b"ac-3", Vec::new(), "ac3");
    check(b"dtsh", Vec::new(), "dts");
    check(b"mlpa", Vec::new(), "truehd");
    check(b"drms", Vec::new(), "encrypted AAC (FairPlay)");
    check(b"zz\"\n", Vec::new(), "MP4 sample entry \"zz\\\"\\n\"");
    let info = [boxed(b"frma", b"mp4a"), boxed(b"schm", b"\0\0\0\0cenc\0\0\0\0")].concat();
    check(b"enca", boxed(b"sinf", &info), "encrypted mp4a (cenc)");
    let descriptor = [0, 0, 0, 0, 3, 18, 0, 1, 0, 4, 13, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    check(b"mp4a", boxed(b"esds", &descriptor), "ac3");
}

/// `count` boxes within each other.
fn nested(kind: &[u8; 4], count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for left in (1..=count as u32).rev() {
        bytes.extend((left * 8).to_be_bytes());
        bytes.extend(kind);
    }
    bytes
}

#[test]
fn nesting_takes_no_stack() {
    let check = |bytes: Vec<u8>, expected: &str| {
        let small = std::thread::Builder::new().stack_size(256 << 10);
        let thread = small.spawn(move || shared::load(bytes).map(|_| ()).map_err(|e| e.reason()));
        let got = thread.unwrap().join().unwrap();
        assert_eq!(got.err().unwrap_or("OK"), expected);
    };
    let kinds = [
        b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"stsd", b"udta", b"meta", b"ilst",
        b"----", b"mvex", b"wave", b"mp4a", b"sinf",
    ];
    for kind in kinds {
        let deep = nested(kind, 6000);
        let ftyp = boxed(b"ftyp", b"M4A ");
        check([ftyp.clone(), boxed(b"moov", &deep)].concat(), "NO_AUDIO_TRACK");
        let inner = Track { inner: deep.clone(), ..Track::sowt(&ramp(100)) };
        check(movie_first(&ftyp, &[inner], &[]), "OK");
    }
    // A movie that plays is none the worse for it.
    check(movie_first(b"", &[Track::sowt(&ramp(100))], &nested(b"udta", 6000)), "OK");
}

#[test]
fn boxes_that_are_too_short_do_no_harm() {
    let track = Track::sowt(&ramp(100));
    for kind in [b"meta", b"ilst", b"----", b"name", b"data"] {
        for len in 0..16 {
            let meta = boxed(b"udta", &boxed(kind, &vec![0; len]));
            assert_eq!(samples(movie_first(b"", std::slice::from_ref(&track), &meta)).len(), 100);
        }
    }
    let whole = movie_first(&boxed(b"ftyp", b"qt  "), &[track], &[]);
    for len in 0..whole.len() - 200 {
        let got = reason(whole[..len].to_vec());
        assert!(!got.starts_with("DECODER_PANICKED"), "{len}: {got}");
    }
}

/// Without an edit list ffmpeg's decoder leaves out the pre-skip of Opus by itself.
#[test]
fn opus_settles_where_no_edit_cuts_it() {
    let clip = include_bytes!("../../testdata/audio/band_opus_48000_stereo.mp4");
    let (edited, facts) = shared::load(clip.to_vec()).unwrap();
    let at = |kind: &[u8; 4]| clip.windows(4).position(|four| four == kind).unwrap();
    let mut bytes = clip.to_vec();
    bytes[at(b"edts")..][..4].copy_from_slice(b"free");
    let (plain, plain_facts) = shared::load(bytes).unwrap();
    assert_eq!(plain[..edited.len()], edited[..]);
    // The list ends as well.
    assert!(plain.len() - edited.len() < 960, "{}", plain.len());
    assert_eq!((plain_facts.trimmed.0, plain_facts.damaged_share), (facts.trimmed.0, 0.0));
    // An edit from the very start cuts nothing either.
    let mut bytes = clip.to_vec();
    bytes[at(b"elst") + 16..][..4].fill(0);
    let (from_start, _) = shared::load(bytes).unwrap();
    let same = from_start.len().min(edited.len());
    assert_eq!(from_start[..same], edited[..same]);
    // It ends a packet earlier.
    assert!(same + 2 * 960 > edited.len(), "{same} of {}", edited.len());
}
