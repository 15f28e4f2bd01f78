//! Bytes that are declared as headerless PCM and are something else: a file of some kind, or floats in
//! the other order of bytes.
//!
//! Analysed as samples they would be noise with a vector like any other. What is asked for is held to
//! 32 bits at least, so that a recording has it by chance once in four thousand million times; frames
//! without a marker must follow each other, and text must go on.

use super::{foreign, marker};
use crate::decode::mpeg::tags::{self, Tag};
use crate::decode::source::{PcmSample, SourceView};
use crate::error::ExtractError;

/// Refuses bytes that begin as another kind of audio, or of anything, does.
pub(in crate::decode) fn check(
    view: &mut SourceView,
    declared: PcmSample,
) -> Result<(), ExtractError> {
    let Some(found) = kind(view)? else { return Ok(()) };
    let declared = match declared {
        PcmSample::S16Le => "PCM_S16LE",
        PcmSample::F32Le => "PCM_F32LE",
    };
    Err(ExtractError::EncodingMismatch { declared, found })
}

/// What the bytes begin with, if it is certain.
fn kind(view: &mut SourceView) -> Result<Option<String>, ExtractError> {
    if let Some(found) = at(view, 0)? {
        return Ok(Some(found.to_owned()));
    }
    let mut head = [0; tags::HEAD_BYTES];
    let there = view.read_at(0, &mut head)?;
    // Another tag is not looked behind.
    let Some(Tag::Of(end)) = tags::at(&head[..there]).filter(|_| head.starts_with(b"ID3")) else {
        return Ok(None);
    };
    Ok(match marker::audio(view, end)? {
        Some(found) if found.starts_with("MPEG") || found.starts_with("AAC") => {
            Some(format!("{found} behind an ID3 tag"))
        }
        Some(found) => Some(found.to_owned()),
        None => foreign::certain(view, end)?.map(str::to_owned),
    })
}

fn at(view: &mut SourceView, at: u64) -> Result<Option<&'static str>, ExtractError> {
    match marker::audio(view, at)? {
        None => foreign::certain(view, at),
        found => Ok(found),
    }
}

/// Samples that are not zero and are judged.
const JUDGED: u32 = 256;

/// Fewest that are judged at the end.
const MIN_JUDGED: u32 = 16;

/// Looks whether floats are big-endian: read as little-endian they are beyond all measure, or too
/// small to be heard, and the other way round each of them is a sample.
#[derive(Debug, Default)]
pub(in crate::decode) struct OrderWatch {
    judged: u32,
    /// Those that are no sample as they are, and those that are one in the other order.
    wild: u32,
    other: u32,
    is_over: bool,
}

impl OrderWatch {
    /// Takes the next samples; refuses them once enough of them say the same.
    pub(in crate::decode) fn see(
        &mut self,
        bytes: &[u8],
        is_end: bool,
    ) -> Result<(), ExtractError> {
        for &sample in bytes.as_chunks::<4>().0 {
            if self.is_over || self.judged == JUDGED {
                break;
            }
            // Zero, with either sign and in either order.
            if matches!(sample, [0 | 0x80, 0, 0, 0] | [0, 0, 0, 0x80]) {
                continue;
            }
            let is_sample = |x: f32| (1e-7..=8.0).contains(&x.abs());
            self.judged += 1;
            self.wild += u32::from(!is_sample(f32::from_le_bytes(sample)));
            self.other += u32::from(is_sample(f32::from_be_bytes(sample)));
        }
        let is_due = self.judged == JUDGED || (is_end && self.judged >= MIN_JUDGED);
        if self.is_over || !is_due {
            return Ok(());
        }
        self.is_over = true;
        // A recording may begin with numbers that nobody hears, but their bytes are no samples then.
        if self.wild * 2 > self.judged && self.other * 16 >= self.judged * 15 {
            let (declared, found) = ("PCM_F32LE", "big-endian floats".to_owned());
            return Err(ExtractError::EncodingMismatch { declared, found });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::{MIN_JUDGED, OrderWatch, check};
    use crate::decode::source::{PcmSample, SourceView};
    use crate::decode::{Decoder, EncodedAudio, detect::marker};
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
        assert_eq!(found(b"\0\0\0\x08wide\0\0\x10\0mdat").as_deref(), Some("MP4"));
        check(b"MAC \x96\x0f\0\0\x34\0\0\0", "Monkey's Audio");
        check(b"tBaK\x01\x0a\0\0", "TAK");
        check(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "a PNG picture");
        check(b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG picture");
        check(b"PK\x03\x04\x14\0\0\0\x08\0", "a ZIP archive");
        check(b"\0\0\x01\xba\x44\0\x04\0\x04\x01", "an MPEG program stream");
        let page = b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>\n".repeat(90);
        assert_eq!(found(&page).as_deref(), Some("an HTML page"));
        let answer = b"{\"error\":{\"code\":403,\"message\":\"Access denied to the object\"}}";
        assert_eq!(found(answer).as_deref(), Some("a JSON document"));
        let packets: Vec<u8> = (0..8_u8)
            .flat_map(|i| [&[0x47, 0x41, 0, 0x10 | i][..], &[0x55; 184]].concat())
            .collect();
        check(&packets, "an MPEG transport stream");
        let loas = [&[0x56, 0xe1, 0x2c][..], &[0x5a; 300]].concat().repeat(5);
        check(&loas, "aac in LATM (LOAS)");

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
            b"\0\0\x01\xba as samples",
            b"BM\x11\x12\x13\x14\0\0\0\0 as samples",
            b"few words of samples, few words",
            // A tone of 500 Hz at 48 kHz repeats every 192 bytes, and may look like a packet.
            &frames(&[0x47, 0x12, 0x34, 0x15], 192, 40),
            &frames(&[0x56, 0xe1, 0x2c], 303, 3),
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
            let head: [u8; 16] = head.try_into().unwrap();
            assert_eq!(marker::container(&head), None, "{head:02x?}");
        }
        let mut head = [0; 4096];
        for _ in 0..20_000 {
            head.as_chunks_mut::<8>().0.iter_mut().for_each(|word| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *word = (state ^ state >> 29).to_be_bytes();
            });
            assert_eq!(found(&head), None, "{:02x?}", &head[..16]);
        }
    }

    /// Samples of what the project is tested with, in both forms.
    #[test]
    fn recordings_are_not_taken_for_a_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/audio");
        let mut checked = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let Ok(mut decoder) =
                Decoder::open(EncodedAudio::from_bytes(bytes), &Limits::default())
            else {
                continue;
            };
            let mut samples = Vec::new();
            while samples.len() < 4096 && decoder.next_mono_block(&mut samples).unwrap() {}
            let floats: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
            let shorts: Vec<u8> =
                samples.iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()).collect();
            assert_eq!((found(&floats), found(&shorts)), (None, None));
            OrderWatch::default().see(&floats, true).unwrap();
            let swapped: Vec<u8> = samples.iter().flat_map(|x| x.to_be_bytes()).collect();
            let refused = OrderWatch::default().see(&swapped, true).is_err();
            // Of silence nothing is known.
            if samples.iter().filter(|x| **x != 0.0).count() < MIN_JUDGED as usize {
                continue;
            }
            // What has all its bits in use becomes huge, which is refused elsewhere.
            let is_huge = samples.iter().any(|x| {
                let swapped = f32::from_bits(x.to_bits().swap_bytes());
                !swapped.is_finite() || swapped.abs() > 8.0
            });
            let has_noise = samples.iter().any(|x| *x != 0.0 && x.abs() < 1e-7);
            assert!(refused || is_huge || has_noise, "{}", path.display());
            checked += 1;
        }
        assert!(checked > 20, "{checked} files");
    }

    #[test]
    fn the_order_of_floats_is_told_from_small_ones() {
        let see = |samples: &[f32], swap: bool| {
            let form = |x: &f32| if swap { x.to_be_bytes() } else { x.to_le_bytes() };
            let bytes: Vec<u8> = samples.iter().flat_map(form).collect();
            let mut watch = OrderWatch::default();
            let halves = bytes.split_at(bytes.len() / 8 * 4);
            watch.see(halves.0, false).and_then(|()| watch.see(halves.1, true)).is_err()
        };
        // Sixteen bits of a sine, and silence before it.
        let sine = |i: i32| (f64::from(i) * 0.1).sin() as f32;
        let mut samples = vec![0.0; 5000];
        samples.extend((1..2000).map(|i| (sine(i) * 32_768.0).round() / 32_768.0));
        assert_eq!((see(&samples, false), see(&samples, true)), (false, true));
        let full: Vec<f32> = (1..400).map(sine).collect();
        assert_eq!((see(&full, false), see(&full, true)), (false, true));
        // What rings on in a filter ends in numbers that are no sample in any order.
        let faint: Vec<f32> = (1..400).map(|i| sine(i) * 1e-40).collect();
        assert_eq!((see(&faint, false), see(&faint, true)), (false, false));
        assert!(!see(&full[..10], true), "too few to tell");
    }
}
