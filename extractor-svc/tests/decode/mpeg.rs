//! Kinds of MP3 that come out wrong elsewhere: joint stereo of unequal windows, mixed blocks, two
//! songs in one file, tags in odd places, damage.
//!
//! `audio/dual_channel.mp3` is drums on the left and chords on the right, synthesised by
//! `testdata/generate.py` and encoded by `lame -m d -b 96 --cbr --resample 44.1`: in this mode each channel has windows
//! of its own. `audio/dual_channel.mka` has the same frames, copied by ffmpeg.

use std::ops::Range;
use std::path::Path;

use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, SourceFacts};
use extractor_svc::error::ExtractError;
use extractor_svc::findings::WarningCode::{self, Resynchronized, TrailingAudio, TruncatedStream};
use extractor_svc::limits::Limits;
use extractor_svc::pipeline;
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;

use crate::shared;

/// Samples of an MPEG-1 layer III frame.
const FRAME_SAMPLES: usize = 1152;

/// Bits of the header and of the side information before its first part, and of each part.
const PARTS: usize = 32 + 20;
const PART: usize = 59;

/// The bit of a part that says whether its windows are switched.
const SWITCHED: usize = 33;

fn own(name: &str) -> Vec<u8> {
    shared::bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decode/audio").join(name))
}

fn clip(name: &str) -> Vec<u8> {
    shared::bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio").join(name))
}

/// The frames of an MPEG-1 layer III stream of 44.1 kHz that is in order; the first is an Info frame.
fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    const KBITS: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    let (mut frames, mut at) = (Vec::new(), 0);
    while at + 4 < bytes.len() {
        assert_eq!((bytes[at], bytes[at + 1]), (0xff, 0xfb));
        let padding = usize::from(bytes[at + 2] >> 1 & 1);
        let end = at + 144_000 * KBITS[usize::from(bytes[at + 2] >> 4)] / 44_100 + padding;
        frames.push(at..end);
        at = end;
    }
    frames
}

/// The clip with every frame rewritten.
fn each(bytes: &[u8], mut rewrite: impl FnMut(usize, &mut [u8])) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (index, frame) in frames(&bytes).into_iter().enumerate().skip(1) {
        rewrite(index, &mut bytes[frame]);
    }
    bytes
}

/// The window of each part: 0 normal, 1 start, 2 short, 3 end.
fn windows(frame: &[u8]) -> [u8; 4] {
    let bit = |at: usize| frame[at / 8] >> (7 - at % 8) & 1;
    [0, 1, 2, 3].map(|part| {
        let at = PARTS + PART * part + SWITCHED;
        bit(at) * (2 * bit(at + 1) + bit(at + 2))
    })
}

fn is_unequal(frame: &[u8]) -> bool {
    let [a, b, c, d] = windows(frame);
    a != b || c != d
}

/// Sets the mode to joint stereo with an extension: 0 plain, 1 intensity, 2 mid/side.
fn join(frame: &mut [u8], extension: u8) {
    frame[3] = frame[3] & 0x0f | 1 << 6 | extension << 4;
}

/// Sets the flag of mixed blocks in every part of a window.
fn mix(frame: &mut [u8], window: u8) {
    for (part, _) in windows(frame).into_iter().enumerate().filter(|(_, got)| *got == window) {
        let at = PARTS + PART * part + SWITCHED + 3;
        frame[at / 8] |= 0x80 >> (at % 8);
    }
}

fn codes(facts: &SourceFacts) -> Vec<WarningCode> {
    facts.warnings.iter().map(|warning| warning.code).collect()
}

/// Checks number of samples, findings, and the share that is damaged, of any bytes; returns the samples.
fn check(bytes: Vec<u8>, len: usize, expected: &[WarningCode], share: Range<f64>) -> Vec<f32> {
    let (samples, facts) = shared::load(bytes).unwrap();
    assert_eq!((samples.len(), &codes(&facts)[..]), (len, expected), "{:?}", facts.warnings);
    let got = facts.damaged_share;
    assert!(share.contains(&got) || share.start == got, "{got}, expected {share:?}");
    samples
}

fn refusal(bytes: Vec<u8>, window: &Window) -> Option<ExtractError> {
    let profile = Profile::parse(DEFAULT_PROFILE).unwrap();
    let audio = EncodedAudio::from_bytes(bytes);
    pipeline::extract(audio, window, &profile, &Limits::default(), &|| false).err()
}

/// Length of the clip and two of its samples, by librosa.
const CLIP_LEN: usize = 66_150;
const CLIP_SAMPLES: [(usize, f32); 2] = [(20_000, -0.07205373), (40_000, 0.005505365)];

#[test]
fn joint_stereo_that_is_left_and_right_needs_no_equal_windows() {
    let bytes = own("dual_channel.mp3");
    let plain = check(bytes.clone(), CLIP_LEN, &[], 0.0..0.0);
    for (at, expected) in CLIP_SAMPLES {
        assert!((plain[at] - expected).abs() < 2e-6, "{} at {at}", plain[at]);
    }
    let unequal = frames(&bytes).into_iter().filter(|at| is_unequal(&bytes[at.clone()])).count();
    assert!(unequal > 20, "{unequal} frames");
    let joint = each(&bytes, |_, frame| join(frame, 0));
    assert_eq!(check(joint, CLIP_LEN, &[], 0.0..0.0), plain);
}

#[test]
fn mid_and_side_of_unequal_windows_are_damage() {
    let bytes = own("dual_channel.mp3");
    let mut last = 0;
    let crossed = each(&bytes, |index, frame| {
        if is_unequal(frame) && index % 3 == 0 {
            join(frame, 2);
            last = index;
        }
    });
    assert!(last > 10);
    let error = refusal(crossed.clone(), &Window::whole()).unwrap();
    assert!(matches!(error, ExtractError::TooDamaged { .. }), "{error:?}");
    let samples = check(crossed, CLIP_LEN, &[Resynchronized], 0.1..0.5);
    // The encoder's delay and the decoder's, 1105 samples, are cut.
    let silent = (last - 1) * FRAME_SAMPLES - 1105;
    assert!(samples[silent..silent + FRAME_SAMPLES].iter().all(|&x| x == 0.0));
}

#[test]
fn mixed_blocks_are_refused() {
    let expected = Some(ExtractError::UnsupportedCodec { codec: "mp3 (mixed blocks)".into() });
    let bytes = own("dual_channel.mp3");
    let matroska = own("dual_channel.mka");
    let whole = Window::whole();
    assert_eq!(refusal(matroska.clone(), &whole), None);
    for window in 1..=3 {
        let mut first = None;
        let mixed = each(&bytes, |index, frame| {
            // The second half, so that there is something before it.
            if index > 30 && first.is_none() && windows(frame).contains(&window) {
                mix(frame, window);
                first = Some(index);
            }
        });
        let first = first.unwrap();
        assert_eq!(refusal(mixed.clone(), &whole), expected, "window {window}");
        // What is not decoded does not matter.
        let seconds = (first - 3) as f64 * FRAME_SAMPLES as f64 / 44_100.0;
        assert_eq!(refusal(mixed.clone(), &Window::new(0.0, Some(seconds)).unwrap()), None);

        let at = frames(&bytes)[first].clone();
        let old = &bytes[at.clone()];
        let there = matroska.windows(old.len()).position(|bytes| bytes == old).unwrap();
        let mut matroska = matroska.clone();
        matroska[there..there + old.len()].copy_from_slice(&mixed[at]);
        assert_eq!(refusal(matroska, &whole), expected, "window {window} in Matroska");
    }
}

#[test]
fn a_frame_that_is_broken_is_not_called_mixed() {
    let bytes = own("dual_channel.mp3");
    let broken = each(&bytes, |index, frame| {
        if index == 40 {
            // All ones: mixed, and with more large values than a granule has.
            frame[6..36].fill(0xff);
        }
    });
    check(broken, CLIP_LEN, &[Resynchronized], 0.01..0.05);
}

#[test]
fn of_two_songs_the_first_is_read_to_the_end_that_it_states() {
    let first = own("dual_channel.mp3");
    let (bare, second) =
        (first[frames(&first)[0].end..].to_vec(), clip("band_cbr128_44100_stereo.mp3"));
    let alone = check(first.clone(), CLIP_LEN, &[], 0.0..0.0);
    let tag = b"ID3\x03\0\0\0\0\0\x05.....".to_vec();
    for between in [Vec::new(), tag.clone(), [b"TAG".as_slice(), &[0; 125], &tag].concat()] {
        let both = [&first[..], &between, &second].concat();
        assert_eq!(check(both, CLIP_LEN, &[TrailingAudio], 0.0..0.0), alone);
        // Without a count both are read, the Info frame of the second as one of silence.
        let both = [&bare[..], &between, &second].concat();
        let len = (frames(&bare).len() + frames(&second).len()) * FRAME_SAMPLES;
        check(both, len, &[], 0.0..0.0);
        // Another rate cannot follow.
        let other = clip("chords_cbr48_24000_mpeg2.mp3");
        let both = [&bare[..], &between, &other].concat();
        let len = frames(&bare).len() * FRAME_SAMPLES;
        check(both, len, &[TruncatedStream, TrailingAudio], 0.0..0.0);
    }
}

#[test]
fn tags_are_neither_damage_nor_worth_a_word() {
    let counted = own("dual_channel.mp3");
    let bare = counted[frames(&counted)[0].end..].to_vec();
    let id3v1 = [b"TAG".as_slice(), &[b'x'; 125]].concat();
    let ape = |flags: u32| {
        let numbers = [2000, 8032, 1, flags].map(u32::to_le_bytes);
        [b"APETAGEX".as_slice(), numbers.as_flattened(), &[0; 8]].concat()
    };
    let items = vec![0x55; 8000];
    let apes = [ape(0xa000_0000), items.clone(), ape(0x8000_0000)].concat();
    let lyrics = [b"LYRICSBEGININD0000200".as_slice(), &[b'y'; 9000], b"009021LYRICS200"].concat();
    let len = frames(&bare).len() * FRAME_SAMPLES;
    for tail in [
        id3v1.clone(),
        apes.clone(),
        [items, ape(0x8000_0000)].concat(),
        [apes, lyrics, id3v1].concat(),
    ] {
        check([&bare[..], &tail].concat(), len, &[], 0.0..0.0);
        check([&counted[..], &tail].concat(), CLIP_LEN, &[], 0.0..0.0);
    }
}

#[test]
fn a_stream_cut_from_a_longer_one_loses_what_began_before_it() {
    let bytes = clip("arpeggio_cbr64_44100_mono.mp3");
    let frames = frames(&bytes);
    let (whole, _) = shared::load(bytes[frames[0].end..].to_vec()).unwrap();
    for first in 2..frames.len() - 8 {
        let (cut, facts) = shared::load(bytes[frames[first].start..].to_vec()).unwrap();
        assert_eq!((codes(&facts), facts.damaged_share), (vec![], 0.0), "from frame {first}");
        // 511 bytes of main data lie in three frames of 64 kbit/s; the synthesis takes two more.
        let same = 5 * FRAME_SAMPLES;
        assert!(cut[same..] == whole[(first - 1) * FRAME_SAMPLES + same..], "from frame {first}");
    }
}

#[test]
fn damage_has_its_share() {
    let counted = own("dual_channel.mp3");
    let bare = counted[frames(&counted)[0].end..].to_vec();
    let frame_count = frames(&bare).len();
    let zeroed = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        for (index, block) in bytes.chunks_mut(2048).enumerate() {
            if index % 10 != 0 {
                block.fill(0);
            }
        }
        bytes
    };
    for bytes in [&counted, &bare] {
        let error = refusal(zeroed(bytes), &Window::whole()).unwrap();
        let ExtractError::TooDamaged { share, .. } = error else { panic!("{error:?}") };
        assert!((0.8..0.97).contains(&share), "{share}");
        assert_eq!(refusal(bytes.clone(), &Window::whole()), None);
    }
    // All frames but the first three say that they have more large values than there is room for.
    let broken = each(&counted, |index, frame| {
        if index > 3 {
            frame[6..36].fill(0xff);
        }
    });
    let share = 1.0 - 3.0 / frame_count as f64;
    check(broken, CLIP_LEN, &[Resynchronized], share - 0.05..share + 0.05);
    // What lies between frames parts a frame from the main data that it reaches back to.
    let (one, frames) = (1.0 / frame_count as f64, frames(&bare));
    let at = frames[20].start;
    let shifted = [&bare[..at], &[0], &bare[at..]].concat();
    let share = 0.9 * one..1.1 * one;
    check(shifted, frame_count * FRAME_SAMPLES, &[Resynchronized], share.clone());
    let tagged = [&bare[..at], b"ID3\x03\0\0\0\0\0\x05.....", &bare[at..]].concat();
    check(tagged, frame_count * FRAME_SAMPLES, &[], share);
    let lost = [&bare[..at], &vec![0; frames[20].len()], &bare[frames[21].start..]].concat();
    check(lost, (frame_count - 1) * FRAME_SAMPLES, &[Resynchronized], 1.9 * one..2.1 * one);
}

/// An Info frame shows only at the end of the stream what is missing; a window may end before.
#[test]
fn a_window_knows_of_the_damage_in_it() {
    let counted = own("dual_channel.mp3");
    let bare = counted[frames(&counted)[0].end..].to_vec();
    for bytes in [counted, bare] {
        let frames = frames(&bytes);
        let mut holed = bytes.clone();
        holed[frames[10].start..frames[20].start].fill(0);
        let window = Window::new(0.0, Some(1.0)).unwrap();
        let (_, facts) = shared::load_window(holed.clone(), &window).unwrap();
        assert_eq!(codes(&facts), [Resynchronized]);
        let share = (10 * FRAME_SAMPLES) as f64 / 44_100.0;
        assert!((share - 0.05..share + 0.05).contains(&facts.damaged_share), "{facts:?}");
        // Behind the damage there is none.
        let window = Window::new(0.9, None).unwrap();
        assert_eq!(shared::load_window(holed, &window).unwrap().1.damaged_share, 0.0);
    }
}

/// What lies between frames is no missing sound where the count of the frames is right.
#[test]
fn junk_between_counted_frames_is_told_and_is_no_damage() {
    let bytes = own("dual_channel.mp3");
    let at = frames(&bytes)[20].start;
    let junk = [&bytes[..at], &[7; 5000], &bytes[at..]].concat();
    let one = 1.0 / (frames(&bytes).len() - 1) as f64;
    // The frame behind it has lost its reservoir.
    check(junk, CLIP_LEN, &[Resynchronized], 0.0..1.1 * one);
}

/// The length of a tag reaches past the end: the rest of the music is lost, and that is said.
#[test]
fn a_tag_that_swallows_the_rest_is_damage() {
    let counted = own("dual_channel.mp3");
    let bare = counted[frames(&counted)[0].end..].to_vec();
    let tags: [&[u8]; 2] = [
        b"ID3\x03\0\0\x01\0\0\0",
        b"APETAGEX\xd0\x07\0\0\0\0\0\x10\0\0\0\0\0\0\0\xa0\0\0\0\0\0\0\0\0",
    ];
    for tag in tags {
        for bytes in [&counted, &bare] {
            let at = frames(bytes)[frames(bytes).len() / 2].start;
            let error = refusal([&bytes[..at], tag, &bytes[at..]].concat(), &Window::whole());
            let Some(ExtractError::TooDamaged { share, .. }) = error else { panic!("{error:?}") };
            assert!((0.4..0.6).contains(&share), "{share}");
        }
    }
}

/// A recording that was cut within a frame, and another one behind it.
#[test]
fn a_tag_within_a_cut_frame_is_found() {
    let counted = own("dual_channel.mp3");
    let bare = counted[frames(&counted)[0].end..].to_vec();
    let count = frames(&bare).len();
    let tag = [b"ID3\x03\0\0\0\x01\x10\0".as_slice(), &[0x55; (1 << 14) + (16 << 7)]].concat();
    let joined = [&bare[..bare.len() - 150], &tag, &bare].concat();
    let (samples, facts) = shared::load(joined).unwrap();
    assert_eq!(samples.len(), 2 * count * FRAME_SAMPLES);
    assert!(facts.damaged_share < 1.5 / count as f64, "{facts:?}");
}

#[test]
fn concealed_frames_are_counted_in_every_container() {
    let bytes = own("dual_channel.mp3");
    let mut matroska = own("dual_channel.mka");
    // Each third frame reaches back further than there is main data.
    let mut lost = 0;
    let mut broken = bytes.clone();
    for at in frames(&bytes).into_iter().skip(1).step_by(3) {
        let old = &bytes[at.clone()];
        let there = matroska.windows(old.len()).position(|bytes| bytes == old);
        let Some(there) = there else { continue };
        for file in [&mut broken[at.start..], &mut matroska[there..]] {
            (file[4], file[5]) = (0xff, file[5] | 0x80);
        }
        lost += 1;
    }
    let share = f64::from(lost) * FRAME_SAMPLES as f64 / CLIP_LEN as f64;
    let (_, facts) = shared::load(matroska).unwrap();
    assert!((facts.damaged_share - share).abs() < 0.1, "{facts:?}, expected {share}");
    assert!(share > 0.2);
}
