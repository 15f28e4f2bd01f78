//! AAC in ADTS: what may stand between frames, what is damage, and what is refused.

use extractor_svc::decode::SourceFacts;
use extractor_svc::findings::WarningCode;

use crate::shared;

/// 44.1 kHz, two channels, low complexity.
const FILE: &[u8] = include_bytes!("../../testdata/audio/chords_aac96_44100_adts.aac");

/// Samples of a frame.
const FRAME: usize = 1024;

fn frames() -> Vec<Vec<u8>> {
    let (mut frames, mut rest) = (Vec::new(), FILE);
    while let [_, _, _, b3, b4, b5, _, ..] = *rest {
        let len = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        let frame;
        (frame, rest) = rest.split_at(len);
        frames.push(frame.to_vec());
    }
    frames
}

fn load(bytes: Vec<u8>) -> (Vec<f32>, SourceFacts) {
    shared::load(bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn codes(facts: &SourceFacts) -> Vec<WarningCode> {
    facts.warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn tags_are_no_damage_wherever_they_are() {
    let frames = frames();
    let (whole, facts) = load(FILE.to_vec());
    assert_eq!(facts.source_codec, "adts/aac");
    assert_eq!(whole.len(), FRAME * frames.len(), "no priming is cut");
    let id3 = [&b"ID3\x04\0\0\0\0\x01\x00"[..], &[0xff; 128]].concat();
    let id3v1 = [&b"TAG"[..], &[0x20; 125]].concat();
    let middle = frames.len() / 2;
    let tagged =
        [&id3[..], &frames[..middle].concat(), &id3, &frames[middle..].concat(), &id3v1].concat();
    let (samples, facts) = load(tagged);
    assert_eq!((samples, codes(&facts), facts.damaged_share), (whole, vec![], 0.0));
}

#[test]
fn headers_of_either_version_with_or_without_a_checksum_are_read() {
    let (whole, _) = load(FILE.to_vec());
    let version_2 = |mut frame: Vec<u8>| {
        frame[1] |= 8;
        frame
    };
    let with_checksum = |mut frame: Vec<u8>| {
        let len = frame.len() + 2;
        frame[1] &= 0xfe;
        frame[3] = frame[3] & 0xfc | (len >> 11) as u8;
        frame[4] = (len >> 3) as u8;
        frame[5] = frame[5] & 0x1f | (len << 5) as u8;
        frame.splice(7..7, [0x12, 0x34]);
        frame
    };
    let changed = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| -> Vec<u8> {
        frames().into_iter().flat_map(change).collect()
    };
    assert_eq!(load(changed(&version_2)).0, whole);
    assert_eq!(load(changed(&with_checksum)).0, whole);
}

#[test]
fn lost_frames_are_damage() {
    let frames = frames();
    let count = frames.len();
    let share = |lost: usize| lost as f64 / count as f64;

    // Ten frames overwritten: as many are found missing, within one.
    let junk = vec![0x55; frames[40..50].concat().len()];
    let (samples, facts) = load([frames[..40].concat(), junk, frames[50..].concat()].concat());
    assert_eq!(samples.len(), FRAME * (count - 10));
    assert_eq!(codes(&facts), [WarningCode::Resynchronized]);
    assert!((facts.damaged_share - share(10)).abs() <= share(1) + 1e-9, "{}", facts.damaged_share);

    // A frame that lost its second half costs itself and no other.
    let half = frames[40][..frames[40].len() / 2].to_vec();
    let (samples, facts) = load([frames[..40].concat(), half, frames[41..].concat()].concat());
    assert_eq!(samples.len(), FRAME * (count - 1));
    assert!((facts.damaged_share - share(1)).abs() < 1e-9, "{}", facts.damaged_share);

    let (samples, facts) = load(FILE[..FILE.len() - 4].to_vec());
    assert_eq!(samples.len(), FRAME * (count - 1));
    assert_eq!(codes(&facts), [WarningCode::TruncatedStream]);
}

#[test]
fn what_is_lost_at_the_end_is_told() {
    let frames = frames();
    let count = frames.len();
    let kept = count * 6 / 10;
    let lost = frames[kept..].concat().len();
    let expected = (count - kept) as f64 / count as f64;
    for fill in [0, 0x55] {
        let bytes = [frames[..kept].concat(), vec![fill; lost]].concat();
        let (samples, facts) = load(bytes.clone());
        assert_eq!(samples.len(), FRAME * kept);
        assert_eq!(codes(&facts), [WarningCode::Resynchronized]);
        let share = facts.damaged_share;
        assert!((share - expected).abs() < 0.03, "{share}, expected {expected}");
        // The same where a frame seems to begin behind it, and is cut.
        let last = &frames[count - 1];
        let (_, facts) = load([&bytes[..], &last[..last.len() - 9]].concat());
        assert_eq!(codes(&facts), [WarningCode::Resynchronized]);
        assert!((facts.damaged_share - expected).abs() < 0.03, "{}", facts.damaged_share);
    }
    // Less than half a frame is none.
    let (_, facts) = load([FILE, &[0; 40]].concat());
    assert_eq!((codes(&facts), facts.damaged_share), (vec![], 0.0));
}

/// An APEv2 tag of one item, with its header or without.
fn ape(has_header: bool) -> Vec<u8> {
    let item = [&5_u32.to_le_bytes()[..], &[0; 4], b"TITLE\0", b"\xff\xf1\x50\x80."].concat();
    let block = |flags: u32| {
        let size = item.len() as u32 + 32;
        [&b"APETAGEX"[..], [2000, size, 1, flags].map(u32::to_le_bytes).as_flattened(), &[0; 8]]
            .concat()
    };
    let header = if has_header { block(0xa000_0000) } else { Vec::new() };
    [header, item.clone(), block(if has_header { 0x8000_0000 } else { 0 })].concat()
}

#[test]
fn a_tag_of_another_kind_ends_nothing() {
    let frames = frames();
    let (whole, _) = load(FILE.to_vec());
    let middle = frames.len() / 2;
    let id3v1 = [&b"TAG"[..], &[0x20; 125]].concat();
    for tag in [ape(true), ape(false), id3v1] {
        let (before, after) = (frames[..middle].concat(), frames[middle..].concat());
        let (samples, facts) = load([&before, &tag, &after, &tag].map(Vec::as_slice).concat());
        assert!(samples == whole, "{} of {}", samples.len(), whole.len());
        assert_eq!(facts.damaged_share, 0.0, "{:?}", facts.warnings);
    }
}

#[test]
fn one_header_with_several_blocks_is_a_damage() {
    for at in [0, 1, 40, frames().len() - 1] {
        let mut frames = frames();
        frames[at][6] |= 1;
        let (samples, facts) = load(frames.concat());
        assert_eq!(samples.len(), FRAME * (frames.len() - 1), "{at}");
        assert_eq!(codes(&facts), [WarningCode::Resynchronized], "{at}");
    }
}

#[test]
fn a_stream_of_two_forms_is_refused_where_it_changes() {
    let other_rate = |frame: &Vec<u8>| {
        let mut frame = frame.clone();
        frame[2] = frame[2] & 0xc3 | 7 << 2;
        frame
    };
    let mut all = frames();
    all[30] = other_rate(&all[30]);
    let (samples, facts) = load(all.concat());
    assert_eq!(samples.len(), FRAME * (all.len() - 1), "one header is a damage");
    assert_eq!(codes(&facts), [WarningCode::Resynchronized]);

    for frame in &mut all[31..] {
        *frame = other_rate(frame);
    }
    let error = shared::load(all.concat()).expect_err("it is refused");
    assert_eq!(error.reason(), "UNSUPPORTED_CODEC");
    // 30 frames at 44.1 kHz.
    assert!(
        error.to_string().contains("44100 Hz") && error.to_string().contains("0.70 s"),
        "{error}"
    );
}

#[test]
fn other_kinds_of_aac_are_refused_by_name() {
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frames = frames();
        frames.iter_mut().for_each(change);
        let error = shared::load(frames.concat()).expect_err("it is refused");
        assert_eq!(error.reason(), "UNSUPPORTED_CODEC");
        error.to_string()
    };
    for (profile, name) in [(0, "Main"), (2, "SSR"), (3, "LTP")] {
        let text = refusal(&|frame| frame[2] = frame[2] & 0x3f | profile << 6);
        assert!(text.contains(name), "{text}");
    }
    let text = refusal(&|frame| frame[6] |= 1);
    assert!(text.contains("raw data blocks"), "{text}");
}

#[test]
fn implicit_he_aac_is_refused() {
    let Some(corpus) = shared::corpus() else { return };
    let error = shared::load(shared::bytes(&corpus.join("field/audio/he2_implicit.aac")));
    let error = error.expect_err("HE-AAC is not decoded");
    assert_eq!(error.reason(), "UNSUPPORTED_CODEC");
    assert!(error.to_string().contains("HE-AAC"), "{error}");
}
