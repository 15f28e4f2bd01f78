//! Hostile uploads: each is refused or read within bounded memory, and the next call is answered.

use std::fs;

use e2e::{
    binaries::project_root,
    calls::{CHUNK_BYTES, extract, extraction, full_view},
    clips,
    library::binaries,
    process::Server,
    refusal::assert_refused,
    waveform::{tone, wav_s16},
};
use proto::v1::warning::Code as Finding;
use tonic::{Code, transport::Channel};

/// Data memory of the server in KiB, touched or not, stacks included: several times what the tests'
/// honest uploads take, and a fraction of what the hostile ones claim.
const MAX_DATA_KIB: usize = 96 * 1024;

/// An extractor that the operating system refuses memory beyond [`MAX_DATA_KIB`]; then it dies.
fn start() -> Server {
    let extractor = &binaries().expect("the services compile").extractor;
    let script = project_root().join("tests/e2e/with_little_memory");
    let limit = MAX_DATA_KIB.to_string();
    let variables = [("EXTRACTOR", extractor.as_os_str()), ("MAX_DATA_KIB", limit.as_ref())];
    Server::start_in(&script, &["--workers", "2"], variables).expect("the extractor starts")
}

/// The good call that must be answered after each hostile one.
struct Witness {
    audio: Vec<u8>,
    values: Vec<f64>,
}

impl Witness {
    async fn new(channel: &Channel) -> Self {
        let audio = wav_s16(22_050, 1, &tone(22_050, 4_000, 440.0));
        let vector = extract(channel, full_view(), &audio, CHUNK_BYTES).await.expect("good audio");
        Self { audio, values: vector.values }
    }

    async fn check(&self, channel: &Channel, after: &str) {
        let vector = extract(channel, full_view(), &self.audio, CHUNK_BYTES)
            .await
            .unwrap_or_else(|status| panic!("after {after}: {status}"));
        assert_eq!(vector.values, self.values, "after {after}");
    }
}

/// A clip with some of its bytes written over.
fn patched(clip: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut audio = clips::read(clip).expect("the clip is there");
    audio[at..at + bytes.len()].copy_from_slice(bytes);
    audio
}

/// Where `marker` stands in a clip for the first time.
fn find(clip: &str, marker: &[u8]) -> usize {
    let audio = clips::read(clip).expect("the clip is there");
    audio.windows(marker.len()).position(|window| window == marker).expect("the marker is there")
}

/// An Ogg stream with the checksum of each page made anew, so that what was patched is read: RFC
/// 3533, a CRC-32 of polynomial 0x04c11db7 over the page with zeros in its place.
fn sealed_pages(mut ogg: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while at < ogg.len() {
        assert_eq!(&ogg[at..at + 4], b"OggS");
        let segments = ogg[at + 26] as usize;
        let body: usize = ogg[at + 27..at + 27 + segments].iter().map(|&x| x as usize).sum();
        let page = &mut ogg[at..at + 27 + segments + body];
        page[22..26].fill(0);
        let crc = page.iter().fold(0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
                crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
            })
        });
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        at += page.len();
    }
    ogg
}

/// Small uploads that claim to be large. `None` where the claim does not matter and what is there
/// is read.
fn amplifiers() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let slow = wav_s16(1, 1, &tone(1_000, 2_000, 100.0));
    let mut wide = wav_s16(22_050, 1, &tone(22_050, 4_000, 440.0));
    wide[22..24].copy_from_slice(&u16::MAX.to_le_bytes());
    let mut huge_wav = wav_s16(22_050, 1, &tone(22_050, 4_000, 440.0));
    huge_wav[40..44].copy_from_slice(&0xffff_fffe_u32.to_le_bytes());
    let mut huge_format = huge_wav.clone();
    huge_format[16..20].copy_from_slice(&0xffff_ff00_u32.to_le_bytes());
    let mut rf64 = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    rf64.extend([0xff; 7]);
    rf64.extend([0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    rf64.extend([0; 12]);
    rf64.extend(&wav_s16(22_050, 1, &tone(22_050, 4_000, 440.0))[12..]);
    let data = rf64.len() - 8_000 - 4;
    rf64[data..data + 4].copy_from_slice(&[0xff; 4]);
    let (flac, m4a) = ("chords_s16_44100.flac", "chords_alac_22050.m4a");
    // 36 bits of sample count, behind 20 bits of rate, 3 of channels and 5 of depth.
    let claims = |clip: &str| patched(clip, 8 + 13, &[0xff, 0xff, 0xff, 0xff, 0xff]);
    // Version, flags and a common sample size come before the number of samples.
    let samples = find(m4a, b"stsz") + 12;
    let chunk_offsets = find(m4a, b"stco") + 8;
    let tag = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &[0; 5_000]].concat();
    let caf = "arpeggio_s16_22050.caf";
    let ogg = "arpeggio_q2_22050_mono.ogg";
    vec![
        ("2,000 samples at 1 Hz", slow, Some("SAMPLE_RATE_UNSUPPORTED")),
        ("65,535 channels", wide, Some("TOO_MANY_CHANNELS")),
        ("a WAVE header of 4 GiB", huge_wav, None),
        ("a WAVE format chunk of 4 GiB", huge_format, Some("UNDECODABLE_AUDIO")),
        ("an RF64 header of 2^60 bytes", rf64, Some("TOO_DAMAGED")),
        ("2^36 FLAC samples", claims(flac), Some("TOO_DAMAGED")),
        ("an ID3 tag of 256 MiB", tag, Some("UNDECODABLE_AUDIO")),
        ("2^32 MP4 samples", patched(m4a, samples, &[0xff; 4]), None),
        ("2^32 MP4 chunks", patched(m4a, chunk_offsets, &[0xff; 4]), None),
        (
            "a CAF chunk of 2^62 bytes",
            patched(caf, find(caf, b"desc") + 4, &[0x3f, 0xff, 0xff, 0xff]),
            Some("UNDECODABLE_AUDIO"),
        ),
        (
            "a Vorbis comment of 4 GiB",
            sealed_pages(patched(ogg, find(ogg, b"\x03vorbis") + 7, &[0xff; 4])),
            None,
        ),
        (
            "a Vorbis codebook of 2^24 entries",
            sealed_pages(patched(ogg, find(ogg, b"\x05vorbis") + 8 + 3, &[0xff; 5])),
            Some("UNDECODABLE_AUDIO"),
        ),
    ]
}

#[tokio::test]
async fn what_claims_to_be_large_takes_no_memory() {
    let server = start();
    let channel = server.connect().await.expect("it listens");
    let witness = Witness::new(&channel).await;
    for (name, audio, reason) in amplifiers() {
        let answer = extract(&channel, full_view(), &audio, CHUNK_BYTES).await;
        match reason {
            Some(reason) => {
                println!("{name} must be {reason}");
                assert_refused(answer, Code::InvalidArgument, reason);
            }
            None => {
                answer.unwrap_or_else(|status| panic!("{name}: {status}\n{}", server.log()));
            }
        }
        witness.check(&channel, name).await;
    }
}

/// The corpus of broken and hostile files, or `None`, said aloud, where it is absent.
#[expect(clippy::disallowed_methods, reason = "the place of test data is no configuration")]
fn corpus() -> Option<std::path::PathBuf> {
    let named = std::env::var_os("SOUNDALIKE_SHARED").map(std::path::PathBuf::from);
    let places = [Some(project_root().join("../shared")), named];
    let found = places.into_iter().flatten().map(|place| place.join("corpus/bad"));
    let found = found.into_iter().find(|place| place.is_dir());
    if found.is_none() {
        let required = std::env::var_os("SOUNDALIKE_REQUIRE_SHARED").is_some_and(|it| it == "1");
        assert!(!required, "the shared corpus is required and absent");
        std::io::Write::write_all(
            &mut std::io::stdout(),
            b"skipped: the shared corpus is absent\n",
        )
        .expect("stdout is there");
    }
    found
}

/// The extractor's table has every file; its own tests explain it.
#[tokio::test]
async fn every_broken_file_is_answered_as_listed_and_the_next_call_too() {
    let Some(corpus) = corpus() else { return };
    let server = start();
    let channel = server.connect().await.expect("it listens");
    let witness = Witness::new(&channel).await;
    let table = project_root().join("extractor-svc/testdata/hostile.csv");
    let table = csv::Reader::from_path(table).expect("the table is there");
    let mut count = 0;
    for row in table.into_records() {
        let row = row.expect("a well-formed row");
        let outcome = if row[5].is_empty() { &row[1] } else { &row[5] };
        let (file, warnings) = (&row[0], &row[3]);
        println!("{file} must be {outcome} {warnings}");
        let audio = fs::read(corpus.join(file)).expect("the file is there");
        let answer = extraction(&channel, full_view(), &audio, CHUNK_BYTES).await;
        if outcome == "VECTOR" {
            let answer = answer.unwrap_or_else(|status| panic!("{file}: {status}"));
            let found: Vec<_> = answer
                .warnings
                .iter()
                .map(|warning| warning.code().as_str_name().trim_start_matches("CODE_"))
                .collect();
            assert_eq!(found.join(" "), warnings, "{file}");
            assert!(!answer.warnings.iter().any(|w| w.code() == Finding::Unspecified));
        } else {
            assert_refused(answer, Code::InvalidArgument, outcome);
        }
        witness.check(&channel, file).await;
        count += 1;
    }
    assert!(count > 80, "{count} files");
}
