//! Matroska and WebM: what the file says about its packets is done as ffmpeg does it. The files are
//! made here, of PCM, so that every sample is known.

use std::thread;

use extractor_svc::decode::SourceFacts;
use extractor_svc::error::ExtractError;
use extractor_svc::findings::WarningCode;

use crate::shared;

const CLUSTER: u32 = 0x1f43_b675;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;

/// Frames of a packet: 20 ms at 8 kHz.
const PACKET: usize = 160;

/// Packets of a file.
const PACKETS: usize = 50;

fn id_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect()
}

fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let size = (1_u64 << 56 | body.len() as u64).to_be_bytes();
    [&id_bytes(id)[..], &size, body].concat()
}

/// An element that does not know its length.
fn open_element(id: u32, body: &[u8]) -> Vec<u8> {
    [&id_bytes(id)[..], b"\x01\xff\xff\xff\xff\xff\xff\xff", body].concat()
}

fn number(id: u32, value: u64) -> Vec<u8> {
    element(id, &value.to_be_bytes())
}

/// A track of PCM: its number, channels, bits, and further elements.
fn track(number_of: u64, channels: u64, codec: &str, bits: u64, extra: &[u8]) -> Vec<u8> {
    let rate = element(0xb5, &8000_f32.to_be_bytes());
    let audio = [rate, number(0x9f, channels), number(0x6264, bits)].concat();
    let parts = [number(0xd7, number_of), number(0x83, 2), element(0x86, codec.as_bytes())];
    element(0xae, &[&parts.concat()[..], &element(0xe1, &audio), extra].concat())
}

fn pcm_track(extra: &[u8]) -> Vec<u8> {
    track(1, 1, "A_PCM/INT/LIT", 16, extra)
}

fn block(track: u8, packet: usize, flags: u8, data: &[u8]) -> Vec<u8> {
    let [t0, t1] = (20 * packet as i16).to_be_bytes();
    element(0xa3, &[&[0x80 | track, t0, t1, flags][..], data].concat())
}

/// A packet whose last samples, or first if `nanoseconds` are below 0, are not music.
fn discarding(packet: usize, data: &[u8], nanoseconds: i64) -> Vec<u8> {
    let [t0, t1] = (20 * packet as i16).to_be_bytes();
    let block = element(0xa1, &[&[0x81, t0, t1, 0][..], data].concat());
    element(0xa0, &[block, element(0x75a2, &nanoseconds.to_be_bytes())].concat())
}

fn cluster(blocks: &[Vec<u8>]) -> Vec<u8> {
    element(CLUSTER, &[number(0xe7, 0), blocks.concat()].concat())
}

fn header() -> Vec<u8> {
    element(0x1a45_dfa3, &element(0x4282, b"matroska"))
}

fn info(milliseconds: f64) -> Vec<u8> {
    element(0x1549_a966, &element(0x4489, &milliseconds.to_be_bytes()))
}

fn file(tracks: &[Vec<u8>], clusters: &[Vec<u8>]) -> Vec<u8> {
    let tracks = element(TRACKS, &tracks.concat());
    [header(), element(SEGMENT, &[info(1000.0), tracks, clusters.concat()].concat())].concat()
}

/// Sample `i` of the music.
fn sample(i: usize) -> i16 {
    (i as i16).wrapping_mul(37)
}

fn packet(index: usize) -> Vec<u8> {
    (index * PACKET..(index + 1) * PACKET).flat_map(|i| sample(i).to_le_bytes()).collect()
}

fn blocks() -> Vec<Vec<u8>> {
    (0..PACKETS).map(|index| block(1, index, 0, &packet(index))).collect()
}

fn music(frames: std::ops::Range<usize>) -> Vec<f32> {
    frames.map(|i| f32::from(sample(i)) / 32_768.0).collect()
}

fn whole() -> Vec<f32> {
    music(0..PACKETS * PACKET)
}

fn load(bytes: &[u8]) -> (Vec<f32>, SourceFacts) {
    shared::load(bytes.to_vec()).unwrap_or_else(|error| panic!("{error}"))
}

fn codes(facts: &SourceFacts) -> Vec<WarningCode> {
    facts.warnings.iter().map(|warning| warning.code).collect()
}

fn check(bytes: &[u8], expected: &[f32], trimmed: (u64, u64)) {
    let (samples, facts) = load(bytes);
    assert!(samples == expected, "{} frames, expected {}", samples.len(), expected.len());
    assert_eq!((facts.trimmed, codes(&facts), facts.damaged_share), (trimmed, vec![], 0.0));
}

fn refusal(bytes: Vec<u8>) -> (&'static str, String) {
    let error: ExtractError = shared::load(bytes).expect_err("it is refused");
    (error.reason(), error.to_string())
}

#[test]
fn discarded_samples_are_not_handed_out() {
    let last = PACKETS - 1;
    let with = |at: usize, nanoseconds: i64| {
        let mut blocks = blocks();
        blocks[at] = discarding(at, &packet(at), nanoseconds);
        file(&[pcm_track(&[])], &[cluster(&blocks)])
    };
    let end = PACKETS * PACKET;
    check(&with(last, 0), &whole(), (0, 0));
    check(&with(last, 5_000_000), &music(0..end - 40), (0, 40));
    // Half a sample and more is a whole one.
    check(&with(last, 62_501), &music(0..end - 1), (0, 1));
    check(&with(last, 62_499), &whole(), (0, 0));
    check(&with(last, 20_000_000), &music(0..end - PACKET), (0, 160));
    // More than the packet has is nonsense.
    check(&with(last, 20_125_000), &whole(), (0, 0));
    check(&with(0, -5_000_000), &music(40..end), (40, 0));
    check(&with(0, -30_000_000), &music(240..end), (240, 0));
}

#[test]
fn the_delay_of_a_codec_is_kept_as_ffmpeg_keeps_it() {
    let delayed = pcm_track(&number(0x56aa, 23_219_954));
    check(&file(&[delayed], &[cluster(&blocks())]), &whole(), (0, 0));
}

#[test]
fn laces_are_taken_apart() {
    let laced = |flags: u8, sizes: &[u8]| {
        let blocks = (0..PACKETS).step_by(2).map(|index| {
            block(1, index, flags, &[sizes, &packet(index), &packet(index + 1)].concat())
        });
        file(&[pcm_track(&[])], &[cluster(&blocks.collect::<Vec<_>>())])
    };
    // The first of two packets has 320 bytes.
    check(&laced(2, &[1, 255, 65]), &whole(), (0, 0));
    check(&laced(4, &[1]), &whole(), (0, 0));
    check(&laced(6, &[1, 0x41, 0x40]), &whole(), (0, 0));
}

#[test]
fn a_live_recording_needs_no_lengths() {
    let tracks = element(TRACKS, &pcm_track(&[]));
    let halves = blocks();
    let (first, second) = halves.split_at(PACKETS / 2);
    let clusters = [first, second]
        .map(|blocks| open_element(CLUSTER, &[number(0xe7, 0), blocks.concat()].concat()));
    let segment = [element(0x1549_a966, &[]), tracks, clusters.concat()].concat();
    check(&[header(), open_element(SEGMENT, &segment)].concat(), &whole(), (0, 0));
}

#[test]
fn the_list_of_tracks_may_come_last() {
    let segment = [info(1000.0), cluster(&blocks()), element(TRACKS, &pcm_track(&[]))].concat();
    check(&[header(), element(SEGMENT, &segment)].concat(), &whole(), (0, 0));
}

#[test]
fn a_packet_gets_back_the_bytes_that_all_begin_with() {
    // Samples 0 to 9 of every packet are the same.
    let start: Vec<u8> = (0..10).flat_map(|i| sample(i).to_le_bytes()).collect();
    let blocks: Vec<_> =
        (0..PACKETS).map(|index| block(1, index, 0, &packet(index)[start.len()..])).collect();
    let stripped = [number(0x4254, 3), element(0x4255, &start)].concat();
    let encoding = element(0x6d80, &element(0x6240, &element(0x5034, &stripped)));
    let (samples, _) = load(&file(&[pcm_track(&encoding)], &[cluster(&blocks)]));
    let expected = |i: usize| if i % PACKET < 10 { sample(i % PACKET) } else { sample(i) };
    let expected: Vec<f32> =
        (0..PACKETS * PACKET).map(|i| f32::from(expected(i)) / 32_768.0).collect();
    assert!(samples == expected, "{} frames", samples.len());
}

#[test]
fn encodings_that_are_not_undone_are_refused_by_name() {
    let encoded = |body: Vec<u8>| {
        let encodings = element(0x6d80, &element(0x6240, &body));
        refusal(file(&[pcm_track(&encodings)], &[cluster(&blocks())]))
    };
    let compressed = |algorithm| encoded(element(0x5034, &number(0x4254, algorithm)));
    for ((reason, text), name) in [
        (compressed(0), "zlib"),
        (compressed(1), "bzip2"),
        (compressed(2), "LZO"),
        (encoded(element(0x5034, &[])), "zlib"),
        (encoded([number(0x5033, 1), element(0x5035, &[])].concat()), "encryption"),
    ] {
        assert_eq!(reason, "UNSUPPORTED_CODEC");
        assert!(text.contains(name), "{text}");
    }
    let one = element(0x6240, &element(0x5034, &number(0x4254, 3)));
    let twice = element(0x6d80, &[one.clone(), one].concat());
    let (_, text) = refusal(file(&[pcm_track(&twice)], &[cluster(&blocks())]));
    assert!(text.contains("several encodings"), "{text}");
}

#[test]
fn the_track_that_ffmpeg_takes_is_read() {
    let two = |first: (u64, u64), second: (u64, u64)| {
        let tracks = [(1, first), (2, second)].map(|(index, (default, channels))| {
            track(index, channels, "A_PCM/INT/LIT", 16, &number(0x88, default))
        });
        let value = |track: usize| (1024 * track as i16).to_le_bytes();
        let data = |track: usize, channels: u64| value(track).repeat(PACKET * channels as usize);
        let blocks: Vec<_> = (0..PACKETS)
            .flat_map(|index| {
                [block(1, index, 0, &data(1, first.1)), block(2, index, 0, &data(2, second.1))]
            })
            .collect();
        let (samples, facts) = load(&file(&tracks, &[cluster(&blocks)]));
        assert_eq!(samples.len(), PACKETS * PACKET);
        ((samples[0] * 32.0) as usize, codes(&facts))
    };
    let equal = vec![WarningCode::SeveralTracks];
    assert_eq!(two((1, 2), (1, 2)), (1, equal.clone()));
    assert_eq!(two((0, 2), (0, 2)), (1, equal));
    assert_eq!(two((0, 2), (1, 2)), (2, vec![]));
    assert_eq!(two((1, 1), (0, 6)), (1, vec![]));
    assert_eq!(two((1, 1), (1, 2)), (2, vec![]));
    assert_eq!(two((0, 1), (0, 6)), (2, vec![]));
}

#[test]
fn pcm_has_either_byte_order_and_all_widths() {
    let value: i32 = 0x1234_5678;
    let (big, little) = (value.to_be_bytes(), value.to_le_bytes());
    let sixteen = f32::from(0x1234_i16) / 32_768.0;
    for (codec, bits, bytes, expected) in [
        ("A_PCM/INT/BIG", 16, &big[..2], sixteen),
        ("A_PCM/INT/BIG", 24, &big[..3], sixteen),
        ("A_PCM/INT/BIG", 32, &big[..], sixteen),
        ("A_PCM/INT/LIT", 16, &little[2..], sixteen),
        ("A_PCM/INT/LIT", 24, &little[1..], sixteen),
        ("A_PCM/INT/LIT", 32, &little[..], sixteen),
        ("A_PCM/INT/LIT", 8, &[0x92], 0.140_625),
        ("A_PCM/FLOAT/IEEE", 32, &0.25_f32.to_le_bytes(), 0.25),
        ("A_PCM/FLOAT/IEEE", 64, &(-0.25_f64).to_le_bytes(), -0.25),
    ] {
        let track = track(1, 1, codec, bits, &[]);
        let blocks: Vec<_> =
            (0..PACKETS).map(|index| block(1, index, 0, &bytes.repeat(PACKET))).collect();
        check(&file(&[track], &[cluster(&blocks)]), &vec![expected; PACKETS * PACKET], (0, 0));
    }
    let odd = track(1, 1, "A_PCM/INT/LIT", 20, &[]);
    let (reason, text) = refusal(file(&[odd], &[cluster(&blocks())]));
    assert_eq!(reason, "UNSUPPORTED_CODEC");
    assert!(text.contains("20 bits"), "{text}");
}

#[test]
fn codecs_without_a_decoder_keep_their_names() {
    for (codec, name) in [
        ("A_AC3/BSID9", "ac3"),
        ("A_DTS/LOSSLESS", "dts"),
        ("A_TRUEHD", "truehd"),
        ("A_QUICKTIME/QDMC", "A_QUICKTIME/QDMC"),
        ("A_AAC/MPEG4/LC/SBR", "HE-AAC"),
        ("A_AAC/MPEG4/MAIN", "Main"),
    ] {
        let track = track(1, 2, codec, 0, &[]);
        let (reason, text) = refusal(file(&[track], &[cluster(&blocks())]));
        assert_eq!(reason, "UNSUPPORTED_CODEC", "{codec}: {text}");
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn what_is_lost_is_measured() {
    // Ten clusters of one second.
    let blocks: Vec<_> = (0..500).map(|index| block(1, index, 0, &packet(index))).collect();
    let clusters: Vec<_> = blocks.chunks(50).map(cluster).collect();
    let (tracks, media) = (element(TRACKS, &pcm_track(&[])), clusters.concat());
    let bytes = [header(), element(SEGMENT, &[info(10_000.0), tracks, media].concat())].concat();
    let len = clusters[0].len();
    let first = bytes.len() - 10 * len;
    // Two are overwritten.
    let mut damaged = bytes.clone();
    damaged[first + 4 * len..first + 6 * len].fill(0x55);
    let (samples, facts) = load(&damaged);
    assert!(samples == [music(0..32_000), music(48_000..80_000)].concat(), "{}", samples.len());
    assert!((facts.damaged_share - 0.2).abs() < 1e-9, "{}", facts.damaged_share);
    assert_eq!(
        codes(&facts),
        [WarningCode::Resynchronized, WarningCode::DurationMismatch],
        "{:?}",
        facts.warnings
    );

    let (samples, facts) = load(&bytes[..first + 3 * len]);
    assert!(samples == music(0..24_000), "{}", samples.len());
    assert!((facts.damaged_share - 0.7).abs() < 1e-9, "{}", facts.damaged_share);
    assert_eq!(codes(&facts), [WarningCode::TruncatedStream]);
}

#[test]
fn bytes_behind_the_end_are_no_damage() {
    let bytes = file(&[pcm_track(&[])], &[cluster(&blocks())]);
    check(&[&bytes[..], &[0; 40]].concat(), &whole(), (0, 0));
    check(&[&bytes[..], b"\xec\x84...."].concat(), &whole(), (0, 0));
}

#[test]
fn a_block_that_is_broken_costs_itself() {
    let mut blocks = blocks();
    // Three packets of one length do not fit.
    blocks[20] = block(1, 20, 4, &[&[2][..], &packet(20)[..319]].concat());
    let (samples, facts) = load(&file(&[pcm_track(&[])], &[cluster(&blocks)]));
    assert!(
        samples == [music(0..20 * PACKET), music(21 * PACKET..PACKETS * PACKET)].concat(),
        "{} frames",
        samples.len()
    );
    assert!((facts.damaged_share - 0.02).abs() < 1e-9, "{}", facts.damaged_share);
}

#[test]
fn a_film_is_longer_than_its_sound() {
    let video = [number(0xd7, 2), number(0x83, 1), element(0x86, b"V_VP8")].concat();
    let tracks = element(TRACKS, &[pcm_track(&[]), element(0xae, &video)].concat());
    let segment = [info(4000.0), tracks, cluster(&blocks())].concat();
    check(&[header(), element(SEGMENT, &segment)].concat(), &whole(), (0, 0));
}

/// Elements in one another, as deep as 48 KB allow, where readers descend: nothing here does.
#[test]
fn nesting_costs_no_stack() {
    let nested = |outer: u32, inner: u32| {
        let mut bytes = Vec::new();
        while bytes.len() < 48_000 {
            let head = [&id_bytes(inner)[..], b"\x01\xff\xff\xff\xff\xff\xff\xff"].concat();
            bytes.extend_from_slice(&head);
        }
        element(outer, &bytes)
    };
    // Tags, chapters, tracks, encodings, blocks.
    let kinds = [
        (0x1254_c367, 0x67c8),
        (0x1043_a770, 0xb6),
        (TRACKS, 0xae),
        (TRACKS, 0x6240),
        (CLUSTER, 0xa0),
        (CLUSTER, CLUSTER),
    ];
    for (outer, inner) in kinds {
        let tracks = element(TRACKS, &pcm_track(&[]));
        let segment = [info(1000.0), nested(outer, inner), tracks, cluster(&blocks())].concat();
        let bytes = [header(), element(SEGMENT, &segment)].concat();
        let small = thread::Builder::new().stack_size(192 * 1024);
        small.spawn(move || shared::load(bytes).is_ok()).unwrap().join().expect("no overflow");
    }
}
