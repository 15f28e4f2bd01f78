//! The same samples in every container that holds them uncompressed, whole and cut off.

use extractor_svc::decode::SourceFacts;
use extractor_svc::error::ExtractError;
use extractor_svc::findings::WarningCode;

use crate::shared::load;

const RATE: u32 = 8000;

/// Two channels of 16 bits, so that every container holds them exactly.
fn samples() -> Vec<i16> {
    (0..2 * 4000_i32).map(|i| ((i * 7919) % 20_011 - 10_005) as i16).collect()
}

/// Their mean over channels.
fn mono() -> Vec<f32> {
    let scaled = |x: i16| f32::from(x) / 32_768.0;
    samples().as_chunks::<2>().0.iter().map(|&[l, r]| (scaled(l) + scaled(r)) / 2.0).collect()
}

fn bytes<const N: usize>(form: impl Fn(i16) -> [u8; N]) -> Vec<u8> {
    samples().into_iter().flat_map(form).collect()
}

/// Forms that keep 16 bits, by name: bits, bytes of a sample, whether it is a float, the bytes.
fn forms(big: bool) -> Vec<(u16, usize, bool, Vec<u8>)> {
    let order = |mut bytes: Vec<u8>, width: usize| {
        if big {
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        bytes
    };
    let wide = |x: i16| i32::from(x) << 16;
    let float = |x: i16| f32::from(x) / 32_768.0;
    vec![
        (16, 2, false, order(bytes(i16::to_le_bytes), 2)),
        (
            24,
            3,
            false,
            order(
                bytes(|x| <[u8; 3]>::try_from(&wide(x).to_le_bytes()[1..]).expect("three bytes")),
                3,
            ),
        ),
        (32, 4, false, order(bytes(|x| wide(x).to_le_bytes()), 4)),
        (32, 4, true, order(bytes(|x| float(x).to_le_bytes()), 4)),
        (64, 8, true, order(bytes(|x| f64::from(float(x)).to_le_bytes()), 8)),
    ]
}

fn wave(big: bool, tag: u16, bits: u16, align: u16, data: &[u8]) -> Vec<u8> {
    let short = |x: u16| if big { x.to_be_bytes() } else { x.to_le_bytes() };
    let long = |x: u32| if big { x.to_be_bytes() } else { x.to_le_bytes() };
    [
        if big { b"RIFX" } else { b"RIFF" },
        &long(36 + data.len() as u32)[..],
        b"WAVEfmt ",
        &long(16),
        &short(tag),
        &short(2),
        &long(RATE),
        &long(RATE * u32::from(align)),
        &short(align),
        &short(bits),
        b"data",
        &long(data.len() as u32),
        data,
    ]
    .concat()
}

fn aiff(kind: &[u8; 4], bits: u16, data: &[u8]) -> Vec<u8> {
    let frames = (data.len() / 2 / usize::from(bits / 8)) as u32;
    // 8000 as an 80-bit float.
    let rate = [0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    [
        &b"FORM\0\0\0\0AIFCCOMM\0\0\0\x18\0\x02"[..],
        &frames.to_be_bytes(),
        &bits.to_be_bytes(),
        &rate,
        kind,
        b"\0\0SSND",
        &(data.len() as u32 + 8 + 6).to_be_bytes(),
        // An offset of six bytes.
        b"\0\0\0\x06\0\0\0\0......",
        data,
    ]
    .concat()
}

fn au(big: bool, code: u32, size: Option<u32>, data: &[u8]) -> Vec<u8> {
    let size = size.unwrap_or(data.len() as u32);
    let words =
        [28, size, code, RATE, 2].map(|x: u32| if big { x.to_be_bytes() } else { x.to_le_bytes() });
    [if big { b".snd" } else { &b"dns."[..] }, words.as_flattened(), b"note", data].concat()
}

fn caf(kind: &[u8; 4], flags: u32, packet: u32, bits: u16, size: i64, data: &[u8]) -> Vec<u8> {
    let words = [flags, packet, 1, 2, bits.into()].map(u32::to_be_bytes);
    [
        &b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20"[..],
        &f64::from(RATE).to_be_bytes(),
        kind,
        words.as_flattened(),
        b"free\0\0\0\0\0\0\0\x03...data",
        &size.to_be_bytes(),
        &[0; 4],
        data,
    ]
    .concat()
}

fn check(file: Vec<u8>, codec: &str) {
    let (found, facts) = load(file).unwrap_or_else(|error| panic!("{codec}: {error}"));
    assert_eq!(facts.source_codec, codec);
    assert_eq!((facts.sample_rate, facts.channels, facts.damaged_share), (RATE, 2, 0.0), "{codec}");
    assert!(found == mono(), "{codec}: {:?} {:?}", &found[..4], &mono()[..4]);
    assert_eq!(codes(&facts), [], "{codec}");
}

fn codes(facts: &SourceFacts) -> Vec<WarningCode> {
    facts.warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn every_container_gives_the_same_samples() {
    for big in [false, true] {
        let end = if big { "be" } else { "le" };
        for (bits, width, is_float, data) in forms(big) {
            let kind = if is_float { 'f' } else { 's' };
            let codec = format!("pcm_{kind}{bits}{end}");
            let tag = if is_float { 3 } else { 1 };
            let container = if big { "rifx" } else { "wav" };
            check(wave(big, tag, bits, 2 * width as u16, &data), &format!("{container}/{codec}"));

            let code = match (is_float, width) {
                (false, width) => width as u32 + 1,
                (true, width) => {
                    if width == 4 {
                        6
                    } else {
                        7
                    }
                }
            };
            check(au(big, code, None, &data), &format!("au/{codec}"));
            check(au(big, code, Some(u32::MAX), &data), &format!("au/{codec}"));

            let flags = u32::from(is_float) | u32::from(!big) << 1;
            let packet = 2 * width as u32;
            let size = data.len() as i64 + 4;
            check(caf(b"lpcm", flags, packet, bits, size, &data), &format!("caf/{codec}"));
            check(caf(b"lpcm", flags, packet, bits, -1, &data), &format!("caf/{codec}"));

            match (is_float, big) {
                (false, true) => check(aiff(b"NONE", bits, &data), &format!("aiff/{codec}")),
                (false, false) => check(aiff(b"sowt", bits, &data), &format!("aiff/{codec}")),
                (true, true) => {
                    let kind = if width == 4 { b"fl32" } else { b"FL64" };
                    check(aiff(kind, bits, &data), &format!("aiff/{codec}"));
                }
                (true, false) => {}
            }
        }
    }
}

#[test]
fn samples_lie_in_the_upper_part_of_a_wider_place() {
    let in_32 = bytes(|x| (i32::from(x) << 16).to_le_bytes());
    check(wave(false, 1, 24, 8, &in_32), "wav/pcm_s32le");
    check(wave(false, 1, 20, 8, &in_32), "wav/pcm_s32le");
    check(wave(false, 1, 16, 8, &in_32), "wav/pcm_s32le");
}

#[test]
fn what_is_cut_off_is_damage() {
    let data = bytes(i16::to_be_bytes);
    let size = data.len() as i64 + 4;
    for file in [
        wave(true, 1, 16, 4, &data),
        aiff(b"NONE", 16, &data),
        au(true, 3, None, &data),
        caf(b"lpcm", 0, 4, 16, size, &data),
    ] {
        let cut = file[..file.len() - data.len() / 4].to_vec();
        let (found, facts) = load(cut).unwrap();
        assert!(found == mono()[..3000], "{}", facts.source_codec);
        assert_eq!(
            (facts.damaged_share, codes(&facts)),
            (0.25, vec![WarningCode::TruncatedStream])
        );
    }
    // A pipe declares nothing; half a frame at its end tells.
    for file in [au(true, 3, Some(u32::MAX), &data), caf(b"lpcm", 0, 4, 16, -1, &data)] {
        let (found, facts) = load(file[..file.len() - 4002].to_vec()).unwrap();
        assert!(found == mono()[..2999], "{}", facts.source_codec);
        assert_eq!((facts.damaged_share, codes(&facts)), (0.0, vec![WarningCode::TruncatedStream]));
    }
}

/// `chunks` packets of QuickTime's IMA ADPCM for two channels.
fn chunks(count: usize) -> Vec<u8> {
    (0..count * 2).flat_map(|i| [&[i as u8 / 4, 0x20][..], &[0x91; 32]].concat()).collect()
}

#[test]
fn blocks_are_counted_and_missed() {
    let data = chunks(100);
    let whole = aiff(b"ima4", 16, &data);
    let (found, facts) = load(whole.clone()).unwrap();
    assert_eq!((found.len(), codes(&facts)), (6400, vec![]));
    assert_eq!(facts.source_codec, "aiff/adpcm_ima_qt");
    let (cut, facts) = load(whole[..whole.len() - 25 * 68 - 1].to_vec()).unwrap();
    assert!(cut == found[..74 * 64]);
    assert_eq!((facts.damaged_share, codes(&facts)), (0.26, vec![WarningCode::TruncatedStream]));

    let (found, facts) = load(caf(b"ima4", 0, 68, 0, -1, &data)).unwrap();
    assert_eq!((found.len(), facts.source_codec.as_str()), (6400, "caf/adpcm_ima_qt"));
}

#[test]
fn compressed_audio_in_samples_is_refused() {
    let mut burst = b"\xfe\x7f\x01\x80".to_vec();
    burst.resize(4096, 0x35);
    let refused = |file: Vec<u8>| matches!(load(file), Err(ExtractError::UnsupportedCodec { .. }));
    assert!(refused(wave(false, 1, 16, 4, &burst.repeat(8))));
    assert!(refused(au(true, 3, None, &burst.repeat(8))));
    // Behind a second and more of silence too.
    let late = [vec![0; 4 * 50_000], burst.repeat(8)].concat();
    assert!(refused(wave(false, 1, 16, 4, &late)));
    assert!(!refused(wave(false, 1, 16, 4, &burst)));
    // Of 24 bits they are no words of 16.
    assert!(!refused(wave(false, 1, 24, 6, &burst.repeat(8))));
}

#[test]
fn a_file_that_was_never_closed_is_read_to_its_end() {
    let data = bytes(i16::to_le_bytes);
    let mut file = wave(false, 1, 16, 4, &data);
    file[40..44].fill(0);
    for size in [0, 8] {
        file[4] = size;
        file[5..8].fill(0);
        check(file.clone(), "wav/pcm_s16le");
    }
    // Closed, and without a sample.
    file[4] = 36;
    assert_eq!(load(file).unwrap_err().reason(), "EMPTY_AUDIO");
}

#[test]
fn an_empty_file_has_no_chunk_for_a_sample() {
    let mut file = aiff(b"sowt", 16, &[]);
    // No offset and no sample, and a picture behind it.
    let sound = file.len() - 22;
    file.truncate(sound);
    file.extend(b"SSND\0\0\0\x08\0\0\0\0\0\0\0\0ID3 \0\0\x10\0");
    file.extend([0x5a; 4096]);
    assert_eq!(load(file).unwrap_err().reason(), "EMPTY_AUDIO");
}
