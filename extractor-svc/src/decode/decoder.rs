//! The one decoder of the crate: opens a source, holds it to the limits, and hands out mono blocks.

use std::fmt;

use super::detect;
use super::reader::Reader;
use super::source::EncodedAudio;
use super::spec::check_spec;
use crate::error::{ExtractError, isolated};
use crate::findings::{DeclaredLength, Findings, Warning, WarningCode};
use crate::limits::Limits;

/// Decodes one source to blocks of mono samples.
pub struct Decoder {
    reader: Reader,
    container: &'static str,
    sample_rate: u32,
    channels: usize,
    /// The first block, decoded while opening: only then rate and channels are certain.
    first: Option<Vec<f32>>,
    frames: u64,
    max_frames: u64,
    limits: Limits,
    findings: Findings,
    /// Set once the reader must not be used again.
    failed: Option<ExtractError>,
}

impl Decoder {
    /// Finds container and codec, checks them against the limits and decodes the first block.
    ///
    /// Reads as little as is needed; of a growing source it waits for that much.
    ///
    /// # Errors
    /// If the bytes are no audio, are of an unsupported codec, hold no sample, or are outside the
    /// limits; or if the source itself fails.
    pub fn open(audio: EncodedAudio, limits: &Limits) -> Result<Self, ExtractError> {
        if audio.len.is_some_and(|len| len > limits.max_stream_bytes) {
            return Err(ExtractError::StreamTooLarge { limit: limits.max_stream_bytes });
        }
        let forgetting = audio.forgetting.clone();
        let (container, reader) = guarded(|| detect::open(audio, limits))?;
        let mut decoder = Self {
            reader,
            container,
            sample_rate: 0,
            channels: 0,
            first: None,
            frames: 0,
            max_frames: u64::MAX,
            limits: limits.clone(),
            findings: Findings::default(),
            failed: None,
        };
        // What a header states is checked before a block of that shape is made.
        if let Some((sample_rate, channels)) = decoder.reader.spec() {
            check_spec(sample_rate, channels, limits)?;
        }
        let mut block = Vec::new();
        let found = decoder.read_block(&mut block)?;
        let Some((sample_rate, channels)) = decoder.reader.spec() else {
            return Err(decoder.reader.no_audio());
        };
        check_spec(sample_rate, channels, limits)?;
        if !found {
            return Err(decoder.reader.no_audio());
        }
        (decoder.sample_rate, decoder.channels) = (sample_rate, channels);
        decoder.max_frames = (limits.max_audio.as_secs_f64() * f64::from(sample_rate)) as u64;
        decoder.first = Some(block);
        // Readers go back while they open, and no more once there is a sample.
        if let Some(forgetting) = forgetting {
            forgetting.start();
        }
        Ok(decoder)
    }

    /// Frames per second of the source.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Channels of the source, before mixing.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Container and codec, for example `flac/flac` or `mp4/aac`.
    pub fn source_codec(&self) -> String {
        format!("{}/{}", self.container, self.reader.codec())
    }

    /// Frames of the encoder's own (delay and padding) that are left out, at the start and at the
    /// end; complete once the end was reached.
    pub fn trimmed(&self) -> (u64, u64) {
        self.reader.trimmed()
    }

    /// Appends the next block to `out`, a mono sample per frame, of which there is one at least.
    /// `false` at the end.
    ///
    /// # Errors
    /// If the source fails, the decoder panics, or the audio is longer than the limit. The same
    /// error is returned by every later call.
    pub fn next_mono_block(&mut self, out: &mut Vec<f32>) -> Result<bool, ExtractError> {
        let before = out.len();
        let found = match self.first.take() {
            Some(first) => {
                out.extend(first);
                true
            }
            None => self.read_block(out)?,
        };
        self.frames += (out.len() - before) as u64;
        if let Some(over) = self.frames.checked_sub(self.max_frames).filter(|&over| over > 0) {
            // What is within the limit is handed out: a window may end in this very block.
            self.frames = self.max_frames;
            out.truncate(out.len() - over as usize);
            let error = ExtractError::AudioTooLong { limit: self.limits.max_audio };
            if out.len() == before {
                return self.fail(error);
            }
            self.failed = Some(error);
        }
        Ok(found)
    }

    /// Findings so far, in the order of the contract; complete once the end was reached.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.findings.warnings().to_vec();
        if let Some(message) = self.reader.damage() {
            warnings.push(Warning { code: WarningCode::Resynchronized, message });
        }
        warnings.sort_by_key(|warning| warning.code);
        warnings
    }

    /// Largest share of damage that is accepted.
    pub(crate) fn max_damage(&self) -> f64 {
        self.limits.max_damage
    }

    /// Frames that a damage replaced and frames that it removed, so far.
    pub(crate) fn losses(&self) -> (u64, u64) {
        self.findings.losses()
    }

    /// Length that the source declares; complete once the end was reached.
    pub(crate) fn declared(&self) -> Option<DeclaredLength> {
        self.reader.declared()
    }

    fn read_block(&mut self, out: &mut Vec<f32>) -> Result<bool, ExtractError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        // Frames that are cut away leave empty blocks; skip those here.
        let before = out.len();
        while out.len() == before {
            match guarded(|| self.reader.next_block(out, &mut self.findings)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => return self.fail(error),
            }
        }
        Ok(true)
    }

    fn fail(&mut self, error: ExtractError) -> Result<bool, ExtractError> {
        self.failed = Some(error.clone());
        Err(error)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("source_codec", &self.source_codec())
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

/// Runs a step of foreign decoding; a panic in it becomes an error, after which the reader is never
/// used again.
fn guarded<T>(step: impl FnOnce() -> Result<T, ExtractError>) -> Result<T, ExtractError> {
    isolated(step, |detail| ExtractError::DecoderPanicked { detail })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{Decoder, EncodedAudio, Reader};
    use crate::decode::{PcmLayout, PcmSample, Stop};
    use crate::error::ExtractError;
    use crate::limits::Limits;

    fn pcm(samples: &[i16], sample_rate: u32, channels: u16) -> EncodedAudio {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let layout = PcmLayout { sample: PcmSample::S16Le, sample_rate, channels };
        EncodedAudio::from_bytes(bytes).with_pcm(layout)
    }

    #[test]
    fn headerless_pcm_is_mixed() {
        let audio = pcm(&[16384, 0, -32768, -32768], 8000, 2);
        let mut decoder = Decoder::open(audio, &Limits::default()).unwrap();
        let mut block = Vec::new();
        assert!(decoder.next_mono_block(&mut block).unwrap());
        assert_eq!(block, [0.25, -1.0]);
        assert!(!decoder.next_mono_block(&mut block).unwrap());
        assert_eq!(block.len(), 2, "blocks are appended");
        assert_eq!(decoder.source_codec(), "raw/pcm_s16le");
        assert!(matches!(decoder.reader, Reader::Pcm { .. }));
    }

    #[test]
    fn limits_are_held() {
        let limits = Limits { max_audio: std::time::Duration::from_secs(1), ..Limits::default() };
        let open = |rate, channels| {
            Decoder::open(pcm(&[1; 64], rate, channels), &limits)
                .map_err(|e| e.reason())
                .map(|_| ())
        };
        assert_eq!(open(8000, 1), Ok(()));
        assert_eq!(open(8000, 64), Ok(()));
        assert_eq!(open(3999, 1), Err("SAMPLE_RATE_UNSUPPORTED"));
        assert_eq!(open(384_001, 1), Err("SAMPLE_RATE_UNSUPPORTED"));
        assert_eq!(open(8000, 65), Err("TOO_MANY_CHANNELS"));
        assert_eq!(open(8000, 0), Err("TOO_MANY_CHANNELS"));

        let frames = |samples: usize| {
            let mut decoder = Decoder::open(pcm(&vec![1; samples], 8000, 1), &limits).unwrap();
            let (mut block, mut frames) = (Vec::new(), 0);
            loop {
                block.clear();
                match decoder.next_mono_block(&mut block) {
                    Ok(true) => frames += block.len(),
                    Ok(false) => return (frames, None),
                    Err(error) => {
                        assert_eq!(decoder.next_mono_block(&mut block), Err(error.clone()));
                        return (frames, Some(error.reason()));
                    }
                }
            }
        };
        assert_eq!(frames(8000), (8000, None));
        assert_eq!(frames(8001), (8000, Some("AUDIO_TOO_LONG")));
        assert_eq!(frames(2 * 4096 + 1), (8000, Some("AUDIO_TOO_LONG")));

        let limits = Limits { max_stream_bytes: 100, ..Limits::default() };
        let error = Decoder::open(pcm(&[1; 51], 8000, 1), &limits).unwrap_err();
        assert_eq!(error, ExtractError::StreamTooLarge { limit: 100 });
    }

    #[test]
    fn channels_are_counted_before_there_is_room_for_them() {
        let aiff = include_bytes!("../../fuzz/regressions/decode/aiff-65339-channels");
        let error = Decoder::open(EncodedAudio::from_bytes(aiff.to_vec()), &Limits::default());
        assert_eq!(error.unwrap_err().reason(), "TOO_MANY_CHANNELS");
    }

    #[test]
    fn a_decoder_is_stopped_by_its_flag() {
        let cancel = Arc::new(AtomicBool::new(false));
        let stop: Stop = {
            let cancel = Arc::clone(&cancel);
            Arc::new(move || cancel.load(Ordering::Relaxed))
        };
        let audio = pcm(&[1; 10_000], 8000, 1).with_stop(Arc::clone(&stop));
        let mut decoder = Decoder::open(audio, &Limits::default()).unwrap();
        let mut block = Vec::new();
        assert!(decoder.next_mono_block(&mut block).unwrap());
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(decoder.next_mono_block(&mut block), Err(ExtractError::Cancelled));
        let audio = pcm(&[1; 10_000], 8000, 1).with_stop(stop);
        assert_eq!(Decoder::open(audio, &Limits::default()).unwrap_err(), ExtractError::Cancelled);
    }

    #[test]
    fn what_is_no_audio_is_named() {
        let open = |bytes: &'static [u8]| {
            Decoder::open(EncodedAudio::from_bytes(bytes), &Limits::default()).unwrap_err()
        };
        let detail = "WavPack; convert it to FLAC or WAV".to_owned();
        assert_eq!(open(b"wvpk....OggS"), ExtractError::UnsupportedContainer { detail });
        let codec = "mp3 (free format)".to_owned();
        assert_eq!(open(b"\xff\xfb\x00\x64"), ExtractError::UnsupportedCodec { codec });
        assert_eq!(open(b"").reason(), "EMPTY_AUDIO");
        assert_eq!(open(b"?").reason(), "UNSUPPORTED_CONTAINER");
    }

    /// A source that breaks in the middle of a step of the decoder, as the decoder itself may.
    struct Breaking(std::io::Cursor<Vec<u8>>, u64);

    impl std::io::Read for Breaking {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            assert!(self.0.position() < self.1, "odd bytes");
            self.0.read(buf)
        }
    }

    impl std::io::Seek for Breaking {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl symphonia::core::io::MediaSource for Breaking {
        fn is_seekable(&self) -> bool {
            true
        }

        fn byte_len(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_last_of_its_decoder() {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/audio/drums_s16_11025.flac");
        let bytes = std::fs::read(clip).unwrap();
        let panicked = ExtractError::DecoderPanicked { detail: "odd bytes".into() };
        let open = |at| {
            let source = Breaking(std::io::Cursor::new(bytes.clone()), at);
            Decoder::open(EncodedAudio::from_source(Box::new(source)), &Limits::default())
        };
        assert_eq!(open(20).unwrap_err(), panicked);
        let mut decoder = open(bytes.len() as u64 / 2).unwrap();
        let mut decoded = Vec::new();
        let error = loop {
            if let Err(error) = decoder.next_mono_block(&mut decoded) {
                break error;
            }
        };
        assert_eq!(error, panicked);
        assert!(decoded.len() > 1000, "{}", decoded.len());
        assert_eq!(decoder.next_mono_block(&mut decoded), Err(panicked));
    }
}
