//! Bytes that are declared as headerless PCM and are a file of some kind.
//!
//! Analysed as samples they would be noise with a vector like any other. Four bytes that music has by
//! chance once in four thousand million times are not enough: each marker is held to more of its own
//! format, and frames without a marker must follow each other.

use super::mpeg;
use super::source::{PcmSample, SourceView};
use crate::error::ExtractError;

/// Frames in a row that make a stream of them.
const FRAMES: usize = 3;

/// Refuses bytes that begin as another kind of audio does.
pub(super) fn check(view: &mut SourceView, declared: PcmSample) -> Result<(), ExtractError> {
    let Some(found) = kind(view, 0)? else { return Ok(()) };
    let declared = match declared {
        PcmSample::S16Le => "PCM_S16LE",
        PcmSample::F32Le => "PCM_F32LE",
    };
    Err(ExtractError::EncodingMismatch { declared, found: found.to_owned() })
}

/// What begins at byte `at`, if it is certain.
fn kind(view: &mut SourceView, at: u64) -> Result<Option<&'static str>, ExtractError> {
    let mut head = [0; 16];
    let there = view.read_at(at, &mut head)?;
    let found = match marker(&head[..there]) {
        None if mpeg::is_stream(view, at, FRAMES)? => Some("MPEG audio (MP3)"),
        None if is_adts(view, at)? => Some("AAC in ADTS"),
        None => match tag_end(&head[..there], at) {
            Some(end) => tagged(view, end)?,
            None => None,
        },
        found => found,
    };
    Ok(found)
}

/// What follows an ID3v2 tag; another tag is not looked behind.
fn tagged(view: &mut SourceView, at: u64) -> Result<Option<&'static str>, ExtractError> {
    let mut head = [0; 16];
    let there = view.read_at(at, &mut head)?;
    Ok(match marker(&head[..there]) {
        None if mpeg::is_stream(view, at, FRAMES)? => Some("MPEG audio (MP3) behind an ID3 tag"),
        None if is_adts(view, at)? => Some("AAC in ADTS behind an ID3 tag"),
        found => found,
    })
}

/// The container whose first bytes these are.
fn marker(head: &[u8]) -> Option<&'static str> {
    let at = |place: usize, bytes: &[u8]| head.get(place..place + bytes.len()) == Some(bytes);
    let word = |place: usize| Some(u32::from_be_bytes(*head.get(place..)?.first_chunk()?));
    let is_wave = at(8, b"WAVE") && (at(0, b"RIF") || at(0, b"RF64") || at(0, b"BW64"));
    if is_wave || at(0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb") {
        return Some("WAVE");
    }
    if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        return Some("AIFF");
    }
    if at(0, b"fLaC") && at(5, &[0, 0, 34]) {
        return Some("FLAC");
    }
    if at(0, b"OggS\0") && head.get(5).is_some_and(|flags| flags & 0xf8 == 0) {
        return Some("Ogg");
    }
    if at(4, b"ftyp") && word(0).is_some_and(|size| (8..=4096).contains(&size)) {
        return Some("MP4");
    }
    if at(0, b"\x1a\x45\xdf\xa3") && head.get(4).is_some_and(|size| *size != 0) {
        return Some("Matroska or WebM");
    }
    if at(0, b"caff\0\x01\0\0") {
        return Some("CAF");
    }
    if at(0, b".snd") && word(4).is_some_and(|start| start < 1 << 16) {
        return Some("Sun AU");
    }
    if at(0, b"wvpk") && head.get(9) == Some(&4) {
        return Some("WavPack");
    }
    at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11").then_some("ASF (WMA)")
}

/// Where an ID3v2 tag at `at` ends.
fn tag_end(head: &[u8], at: u64) -> Option<u64> {
    let &[b'I', b'D', b'3', 2..=4, revision, flags, a, b, c, d, ..] = head else { return None };
    if revision == 0xff || flags & 0x0f != 0 || (a | b | c | d) & 0x80 != 0 {
        return None;
    }
    let len = [a, b, c, d].iter().fold(0, |len, &byte| len << 7 | u64::from(byte));
    at.checked_add(10 + len + if flags & 0x10 == 0 { 0 } else { 10 })
}

/// Whether [`FRAMES`] frames of ADTS follow each other from byte `at`.
fn is_adts(view: &mut SourceView, at: u64) -> Result<bool, ExtractError> {
    let (mut pos, mut first) = (at, None);
    for _ in 0..FRAMES {
        let mut head = [0; 7];
        if view.read_at(pos, &mut head)? < head.len() {
            return Ok(false);
        }
        let [0xff, sync, shape, more, _, _, _] = head else { return Ok(false) };
        let len = (u64::from(more & 3) << 11) | (u64::from(head[4]) << 3) | u64::from(head[5] >> 5);
        let is_sync = sync & 0xf6 == 0xf0 && shape >> 2 & 0xf < 13 && len > 7;
        // Version, profile, rate and channels stay; the private and copyright bits need not.
        let fixed = (sync, shape & 0xfd, more & 0xc0);
        if !is_sync || *first.get_or_insert(fixed) != fixed {
            return Ok(false);
        }
        pos = pos.saturating_add(len);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::check;
    use crate::decode::source::{PcmSample, SourceView};
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn found(bytes: &[u8]) -> Option<String> {
        let source = Box::new(Cursor::new(bytes.to_vec()));
        let mut view = SourceView::new(source, &Limits::default(), None);
        match check(&mut view, PcmSample::S16Le) {
            Ok(()) => None,
            Err(ExtractError::EncodingMismatch { declared: "PCM_S16LE", found }) => Some(found),
            Err(error) => panic!("{error}"),
        }
    }

    fn frames(head: &[u8], len: usize, count: usize) -> Vec<u8> {
        let mut frame = head.to_vec();
        frame.resize(len, 0x55);
        frame.repeat(count)
    }

    #[test]
    fn files_of_any_kind_are_named() {
        let check = |bytes: &[u8], name: &str| {
            assert_eq!(found(bytes).as_deref(), Some(name));
            let broken = [&[bytes[0] ^ 1], &bytes[1..]].concat();
            assert_eq!(found(&broken), None, "{name}");
        };
        check(b"RIFF\x24\0\0\0WAVEfmt ", "WAVE");
        check(b"RIFX\0\0\0\x24WAVEfmt ", "WAVE");
        check(b"RF64\xff\xff\xff\xffWAVEds64", "WAVE");
        check(b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", "WAVE");
        check(b"FORM\0\0\0\0AIFCFVER", "AIFF");
        check(b"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0", "FLAC");
        check(b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0", "Ogg");
        check(b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", "Matroska or WebM");
        check(b"caff\0\x01\0\0desc", "CAF");
        check(b".snd\0\0\0\x18\0\0\0\0\0\0\0\x03", "Sun AU");
        check(b"wvpk\0\0\0\0\x10\x04", "WavPack");
        check(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF (WMA)");
        assert_eq!(found(b"\0\0\0\x18ftypM4A ").as_deref(), Some("MP4"));

        let mp3 = frames(b"\xff\xfb\x90\x64", 417, 3);
        check(&mp3, "MPEG audio (MP3)");
        let adts = frames(b"\xff\xf1\x50\x80\x10\x1f\xfc", 128, 3);
        check(&adts, "AAC in ADTS");
        let tag = [&b"ID3\x03\0\0\0\0\0\x05"[..], &[0; 5]].concat();
        check(&[&tag[..], &mp3].concat(), "MPEG audio (MP3) behind an ID3 tag");
        check(&[&tag[..], &adts].concat(), "AAC in ADTS behind an ID3 tag");
        check(&[&tag[..], b"fLaC\0\0\0\x22"].concat(), "FLAC");
    }

    #[test]
    fn samples_are_not_taken_for_a_file() {
        for bytes in [
            &b"fLaC and so on, as samples"[..],
            b"RIFF and so on, as samples",
            b"ID3\x03\0\0\0\0\0\x05 and so on",
            b"",
            b"R",
            &[0xff; 4096],
            &[0; 4096],
            &frames(b"\xff\xfb\x90\x64", 417, 2),
            &frames(b"\xff\xf1\x50\x80\x10\x1f\xfc", 128, 2),
            &frames(b"\xff\xf1\x50\x80\x10\x1f\xfc", 129, 3),
        ] {
            assert_eq!(found(bytes), None, "{bytes:02x?}");
        }
        // Knuth's MMIX generator; a million places at which samples might begin.
        let mut state = 1_u64;
        for _ in 0..1_000_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let head = [state.to_be_bytes(), (state ^ state >> 7).to_be_bytes()].concat();
            assert_eq!(super::marker(&head), None, "{head:02x?}");
        }
    }
}
