//! Broken and hostile files: each has an outcome, in bounded time.

use std::time::{Duration, Instant};

use extractor_svc::decode::WarningCode::{self, DurationMismatch, Resynchronized, TruncatedStream};

use self::Outcome::{Frames, Refused};
use crate::shared;

/// What a file comes to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// So many frames are decoded, with these findings.
    Frames(u64, &'static [WarningCode]),
    /// No frame; the reason.
    Refused(&'static str),
}

/// Longest time for one file.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Every file and its outcome. Where librosa's differs, a line says how; what librosa fails on or
/// finds silent or empty is refused here too.
#[rustfmt::skip]
const OUTCOMES: &[(&str, Outcome)] = &[
    ("bitflips_200.mp3", Frames(264600, &[Resynchronized])),
    // Librosa hands back no samples (from ffmpeg); a width of 0 bits cannot be read.
    ("bits_0.wav", Refused("UNDECODABLE_AUDIO")),
    ("bits_12.wav", Frames(22050, &[])),
    // Librosa hands back no samples; no channel is no audio.
    ("channels_0.wav", Refused("TOO_MANY_CHANNELS")),
    ("channels_64.wav", Frames(4000, &[])),
    ("channels_65535.wav", Refused("TOO_MANY_CHANNELS")),
    ("corrupt_middle.flac", Frames(224925, &[DurationMismatch])),
    ("corrupt_middle.m4a", Frames(176128, &[Resynchronized])),
    ("corrupt_middle.mp3", Frames(263855, &[Resynchronized])),
    // Librosa: 205696; libvorbis drops the block behind a lost page, symphonia plays it.
    ("corrupt_middle.ogg", Frames(206272, &[Resynchronized])),
    ("data_len_zero_but_payload.wav", Refused("EMPTY_AUDIO")),
    ("essentia_empty.aiff", Refused("EMPTY_AUDIO")),
    ("essentia_empty.mp3", Refused("EMPTY_AUDIO")),
    ("essentia_empty.ogg", Refused("EMPTY_AUDIO")),
    ("essentia_empty.wav", Refused("EMPTY_AUDIO")),
    ("essentia_silence.flac", Refused("SILENT_AUDIO")),
    // Librosa takes the memory for 2^36 samples and fails; what is there is decoded.
    ("flac_claims_2e36_samples.flac", Frames(229021, &[TruncatedStream])),
    ("flac_renamed.ogg", Frames(229021, &[])),
    ("float_denormal.wav", Frames(22050, &[])),
    // Librosa finds an overflow after resampling; the decoded samples are finite.
    ("float_huge_3e38.wav", Frames(22050, &[])),
    ("garbage_prefix_5k.mp3", Frames(264600, &[Resynchronized])),
    ("header_2gib.wav", Frames(22050, &[])),
    ("header_4gib.wav", Frames(22050, &[])),
    ("html_404.ogg", Refused("UNSUPPORTED_CONTAINER")),
    ("huge_id3_1mib_then_music.mp3", Frames(264600, &[])),
    ("id3_claims_256mib.mp3", Refused("UNDECODABLE_AUDIO")),
    ("id3_only.mp3", Refused("EMPTY_AUDIO")),
    ("inf_one.wav", Refused("NON_FINITE_SAMPLE")),
    ("minimp3_l3-compl-cut.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("minimp3_l3-nonstandard-big-iscf.mp3", Refused("UNSUPPORTED_CONTAINER")),
    // Librosa: 29952; mpg123 gives up at a length of the side information that it dislikes.
    ("minimp3_l3-nonstandard-compl-sideinfo-size.mp3", Frames(247680, &[Resynchronized, TruncatedStream])),
    ("minimp3_l3-nonstandard-id3v2-only.mp3", Refused("EMPTY_AUDIO")),
    ("minimp3_l3-nonstandard-vbrtag-corrupted.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("mp3_renamed.wav", Frames(264600, &[])),
    ("mutagen_106-invalid-streaminfo.flac", Refused("UNDECODABLE_AUDIO")),
    ("mutagen_52-too-short-block-size.flac", Frames(18432, &[TruncatedStream])),
    ("mutagen_8k-4ch-1s-silence.aif", Refused("SILENT_AUDIO")),
    ("mutagen_adif.aac", Refused("UNSUPPORTED_CONTAINER")),
    ("mutagen_bad-xing.mp3", Frames(4608, &[TruncatedStream])),
    ("mutagen_id3v22-test.mp3", Frames(5760, &[TruncatedStream])),
    ("mutagen_no-tags.m4a", Refused("SILENT_AUDIO")),
    ("mutagen_ooming-header.flac", Refused("UNDECODABLE_AUDIO")),
    ("mutagen_silence-44-s.flac", Frames(162496, &[])),
    ("mutagen_silence-44-s.mp3", Frames(164736, &[])),
    ("mutagen_too-short.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("mutagen_truncated-64bit.mp4", Refused("UNDECODABLE_AUDIO")),
    ("mutagen_variable-block.flac", Frames(39936, &[TruncatedStream])),
    // Librosa: 18078; it stops at a length guessed from the bit rate.
    ("mutagen_vbri.mp3", Frames(19584, &[TruncatedStream])),
    ("nan_all.wav", Refused("NON_FINITE_SAMPLE")),
    ("nan_one.wav", Refused("NON_FINITE_SAMPLE")),
    ("no_data_chunk.wav", Refused("UNDECODABLE_AUDIO")),
    ("odd_byte_tail.wav", Frames(22050, &[])),
    ("one_sample.wav", Frames(1, &[])),
    ("one_sample_stereo_44k.wav", Frames(1, &[])),
    ("png_renamed.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("random_64k.bin", Refused("UNSUPPORTED_CONTAINER")),
    ("random_64k.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("silent_2s.wav", Refused("SILENT_AUDIO")),
    ("silent_stereo_44k.wav", Refused("SILENT_AUDIO")),
    ("silent_u8.wav", Refused("SILENT_AUDIO")),
    ("sr_0.wav", Refused("SAMPLE_RATE_UNSUPPORTED")),
    // Librosa resamples 2000 samples to 44 million.
    ("sr_1hz.wav", Refused("SAMPLE_RATE_UNSUPPORTED")),
    ("sr_4294967295.wav", Refused("SAMPLE_RATE_UNSUPPORTED")),
    // Librosa reads it; over the limit of 384 kHz.
    ("sr_768000.wav", Refused("SAMPLE_RATE_UNSUPPORTED")),
    ("text.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("text.wav", Refused("UNSUPPORTED_CONTAINER")),
    ("truncated_200b.mp3", Refused("UNSUPPORTED_CONTAINER")),
    ("truncated_half.flac", Frames(94208, &[TruncatedStream])),
    ("truncated_half.m4a", Refused("UNDECODABLE_AUDIO")),
    ("truncated_half.mp3", Frames(131375, &[TruncatedStream])),
    ("truncated_half.ogg", Frames(91648, &[TruncatedStream])),
    ("truncated_half.wav", Frames(151032, &[TruncatedStream])),
    ("truncated_header.flac", Refused("UNDECODABLE_AUDIO")),
    ("truncated_header.wav", Refused("UNDECODABLE_AUDIO")),
    ("truncated_headers.ogg", Refused("UNDECODABLE_AUDIO")),
    ("two_samples.wav", Frames(2, &[])),
    ("unknown_fmt_tag.wav", Refused("UNSUPPORTED_CODEC")),
    ("video_no_audio.mp4", Refused("NO_AUDIO_TRACK")),
    ("video_with_audio.mp4", Frames(89088, &[])),
    ("wav_renamed.mp3", Frames(49977, &[TruncatedStream])),
    ("zero_bytes.flac", Refused("EMPTY_AUDIO")),
    ("zero_bytes.mp3", Refused("EMPTY_AUDIO")),
    ("zero_bytes.wav", Refused("EMPTY_AUDIO")),
    ("zero_len_data.wav", Refused("EMPTY_AUDIO")),
    ("zip_renamed.wav", Refused("UNSUPPORTED_CONTAINER")),
];

#[test]
fn every_broken_file_has_its_outcome() {
    let Some(corpus) = shared::corpus() else { return };
    let mut wrong = Vec::new();
    for (file, expected) in OUTCOMES {
        let bytes = shared::bytes(&corpus.join("bad").join(file));
        let start = Instant::now();
        let result = shared::load(bytes);
        let took = start.elapsed();
        let is_expected = match (&result, expected) {
            (Ok((_, facts)), Frames(frames, codes)) => {
                facts.frames == *frames
                    && facts.warnings.iter().map(|w| w.code).eq(codes.iter().copied())
            }
            (Err(error), Refused(reason)) => error.reason() == *reason,
            _ => false,
        };
        if !is_expected || took > MAX_TIME {
            let got = result.map(|(_, facts)| facts);
            wrong.push(format!("{file}: {got:?} in {took:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_broken_file_is_listed() {
    let Some(corpus) = shared::corpus() else { return };
    let entries = std::fs::read_dir(corpus.join("bad")).unwrap();
    let mut there: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    let mut listed: Vec<&str> = OUTCOMES.iter().map(|(file, _)| *file).collect();
    listed.sort_unstable();
    assert_eq!(there, listed);
}
