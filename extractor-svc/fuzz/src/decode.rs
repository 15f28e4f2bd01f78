//! Any bytes through container and decoder.

use std::time::Duration;

use extractor_svc::decode::{Decoder, EncodedAudio};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;

/// Samples of one block: the largest block of the formats that are read has 65,535 frames (FLAC),
/// packets of PCM in a container may hold more.
const MAX_BLOCK: usize = 1 << 22;

/// Decodes `data` as far as it goes.
///
/// # Panics
/// When the decoder breaks a promise: a panic inside it, a rate or channel count outside the
/// limits, a block of absurd size, or more audio than the limit.
pub fn run(data: &[u8]) {
    let limits = Limits { max_audio: Duration::from_secs(120), ..Limits::default() };
    let audio = EncodedAudio::from_bytes(data.to_vec());
    let mut decoder = match Decoder::open(audio, &limits) {
        Ok(decoder) => decoder,
        Err(error) => return check(&error),
    };
    let rate = decoder.sample_rate();
    assert!((limits.min_sample_rate..=limits.max_sample_rate).contains(&rate), "{rate} Hz");
    assert!((1..=limits.max_channels).contains(&decoder.channels()), "{}", decoder.channels());
    let (mut block, mut frames) = (Vec::new(), 0);
    loop {
        block.clear();
        match decoder.next_mono_block(&mut block) {
            Ok(true) => assert!(!block.is_empty() && block.len() <= MAX_BLOCK, "{}", block.len()),
            Ok(false) => break,
            Err(error) => return check(&error),
        }
        frames += block.len() as u64;
        assert!(frames <= 120 * u64::from(rate), "{frames} frames at {rate} Hz");
    }
    // A source that has ended stays so.
    assert_eq!(decoder.next_mono_block(&mut block), Ok(false));
    let _ = (decoder.source_codec(), decoder.warnings());
}

/// Panics of symphonia 0.6.1 that are known: caught, and an error to callers. A Vorbis floor with two values
/// at one place divides by zero; only a parser of the whole setup could tell beforehand.
const KNOWN_PANICS: [&str; 1] = ["attempt to divide by zero"];

/// A panic of the decoder is an error to callers, and a finding here, unless it is known.
pub(crate) fn check(error: &ExtractError) {
    if let ExtractError::DecoderPanicked { detail } = error {
        assert!(KNOWN_PANICS.contains(&detail.as_str()), "{error}");
    }
}
