//! The one error of the library: everything that can stop an extraction, with typed fields.
//!
//! Each variant has a stable `UPPER_SNAKE` [`reason`](ExtractError::reason); callers branch on that
//! and never on the text. How a reason becomes a wire status is decided elsewhere.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use thiserror::Error;

use crate::findings::WarningCode;

/// Why no feature vector could be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// No audio container was recognised in the bytes.
    #[error("the bytes are of no audio container that is read here: {detail}")]
    UnsupportedContainer {
        /// What the bytes are and what to do about it, or what was looked at.
        detail: String,
    },
    /// The container is known, its codec is not.
    #[error("codec {codec} is not supported; convert the audio to FLAC or WAV")]
    UnsupportedCodec {
        /// The codec's name.
        codec: String,
    },
    /// Container and codec are known, but the bytes are too damaged to give one sample.
    #[error("audio cannot be decoded: {detail}")]
    UndecodableAudio {
        /// What the reader or decoder objected to.
        detail: String,
    },
    /// The container holds other media only.
    #[error("the container has no audio track")]
    NoAudioTrack,
    /// No byte, or no sample.
    #[error("the audio has no sample")]
    EmptyAudio,
    /// Every sample of the analysed window is exactly 0.
    #[error("all {frames} samples of the analysed window are 0, expected a non-zero one")]
    SilentAudio {
        /// Samples looked at.
        frames: u64,
    },
    /// More of the analysed window is lost than is allowed.
    #[error(
        "{} of the analysed window is missing or was replaced, expected at most {max} (max_damage)",
        rounded_up(*share)
    )]
    TooDamaged {
        /// Share that is lost, 0 to 1.
        share: f64,
        /// The limit.
        max: f64,
    },
    /// A finding that the caller does not accept.
    #[error("{} is refused here: {message}", code.name())]
    FindingRefused {
        /// Kind of the finding; its name is the reason.
        code: WarningCode,
        /// What was found.
        message: String,
    },
    /// A sample far beyond full scale, as only a broken decoder or a wrong form of sample has it.
    #[error(
        "a sample of the analysed window is {peak:.1} times full scale, expected at most {max}: \
         the samples may be integers that are declared as floats, or not be audio"
    )]
    ImplausibleSamples {
        /// Largest magnitude, in units of full scale.
        peak: f32,
        /// The limit.
        max: f32,
    },
    /// The bytes are of another form than the caller declares.
    #[error("the bytes are declared as {declared} and begin as {found}")]
    EncodingMismatch {
        /// The form that was declared.
        declared: &'static str,
        /// What the bytes are.
        found: String,
    },
    /// The upload has another length than its sender declared.
    #[error("the upload has {got} bytes, {expected} were declared")]
    UploadIncomplete {
        /// Bytes that came.
        got: u64,
        /// Bytes that were declared.
        expected: u64,
    },
    /// The upload has another digest than its sender declared.
    #[error("the SHA-256 of the upload is {got}, {expected} was declared")]
    UploadCorrupt {
        /// Digest of what came, lower-case hex.
        got: String,
        /// Digest that was declared.
        expected: String,
    },
    /// NaN or an infinity in the analysed window.
    #[error("sample {index} of the analysed window is not finite")]
    NonFiniteSample {
        /// Position in the window, in frames of the source.
        index: u64,
    },
    /// Sample rate outside the limits.
    #[error("sample rate is {sample_rate} Hz, expected {min} to {max} Hz")]
    SampleRateUnsupported {
        /// Rate of the source in hertz.
        sample_rate: u32,
        /// Lowest rate in hertz.
        min: u32,
        /// Highest rate in hertz.
        max: u32,
    },
    /// More channels than the limit, or none.
    #[error("the source has {channels} channels, expected 1 to {max}")]
    TooManyChannels {
        /// Channels of the source.
        channels: usize,
        /// The limit.
        max: usize,
    },
    /// More decoded audio than the limit, and no window that ends before it.
    #[error("decoded audio is longer than {limit:?}")]
    AudioTooLong {
        /// The limit.
        limit: Duration,
    },
    /// More encoded bytes than the limit.
    #[error("the stream is longer than {limit} bytes")]
    StreamTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// More bytes before the audio than the limit.
    #[error("tags, pictures and tables before the audio are longer than {limit} bytes")]
    HeaderTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The window begins at or behind the last sample.
    #[error("offset {offset_seconds} s is past the end of the audio at {audio_seconds} s")]
    OffsetPastEnd {
        /// Start of the window in seconds.
        offset_seconds: f64,
        /// Length of the audio in seconds.
        audio_seconds: f64,
    },
    /// A window that no audio can have.
    #[error("window {field} is {seconds} s, expected {expected}")]
    InvalidWindow {
        /// `offset` or `duration`.
        field: &'static str,
        /// The value given, in seconds.
        seconds: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The source failed while it was read.
    #[error("the audio source failed: {detail}")]
    SourceFailed {
        /// The operating system's or the sender's words.
        detail: String,
    },
    /// The sender paused for too long.
    #[error("no byte arrived for {limit:?}")]
    StreamIdle {
        /// The longest pause allowed.
        limit: Duration,
    },
    /// The caller has gone.
    #[error("the extraction was cancelled")]
    Cancelled,
    /// The decoder broke on these bytes; only this extraction is affected.
    #[error("the decoder failed on these bytes: {detail}")]
    DecoderPanicked {
        /// Message of the panic.
        detail: String,
    },
    /// Something else than the decoder broke; only this extraction is affected.
    #[error("an internal error ended the extraction: {detail}")]
    Panicked {
        /// Message of the panic.
        detail: String,
    },
    /// A feature came out as NaN or an infinity.
    #[error("feature {column} is not finite")]
    NonFiniteFeature {
        /// Name of the column.
        column: String,
    },
    /// No such feature profile.
    #[error("feature profile {profile:?} is not served here, expected one of {}", known.join(", "))]
    UnknownProfile {
        /// The name given.
        profile: String,
        /// The names that are served.
        known: Vec<String>,
    },
    /// The signal is too short for the profile's early downsampling.
    #[error("the window has {frames} samples at the profile's rate, expected at least {min}")]
    TooShort {
        /// Samples of the window, resampled.
        frames: usize,
        /// Least number of samples.
        min: usize,
    },
    /// A field of the request has a value that none can have.
    #[error("{field}: {message}")]
    InvalidField {
        /// Path of the field in the request.
        field: &'static str,
        /// The value, and what is allowed.
        message: String,
    },
    /// The messages of an upload came in another order than config, chunk, chunk, ….
    #[error("message {message} of the stream is {got}, expected {expected}")]
    MessageOrder {
        /// Number of the message, from 1.
        message: u64,
        /// What came.
        got: &'static str,
        /// What was due.
        expected: &'static str,
    },
    /// A chunk larger than the contract allows.
    #[error("a chunk has {got} bytes, expected at most {limit}")]
    ChunkTooLarge {
        /// Bytes of the chunk.
        got: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The extraction, and the upload if there is one, took too long.
    #[error("the extraction took longer than {limit:?}")]
    WallTime {
        /// The limit.
        limit: Duration,
    },
}

/// A share with four digits, so that one above a limit is not told as the limit.
fn rounded_up(share: f64) -> f64 {
    (share * 1e4).ceil() / 1e4
}

impl ExtractError {
    /// Stable, machine-readable name of the failure.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnsupportedContainer { .. } => "UNSUPPORTED_CONTAINER",
            Self::UnsupportedCodec { .. } => "UNSUPPORTED_CODEC",
            Self::UndecodableAudio { .. } => "UNDECODABLE_AUDIO",
            Self::NoAudioTrack => "NO_AUDIO_TRACK",
            Self::EmptyAudio => "EMPTY_AUDIO",
            Self::SilentAudio { .. } => "SILENT_AUDIO",
            Self::TooDamaged { .. } => "TOO_DAMAGED",
            Self::FindingRefused { code, .. } => code.name(),
            Self::ImplausibleSamples { .. } => "IMPLAUSIBLE_SAMPLES",
            Self::EncodingMismatch { .. } => "ENCODING_MISMATCH",
            Self::UploadIncomplete { .. } => "UPLOAD_INCOMPLETE",
            Self::UploadCorrupt { .. } => "UPLOAD_CORRUPT",
            Self::NonFiniteSample { .. } => "NON_FINITE_SAMPLE",
            Self::SampleRateUnsupported { .. } => "SAMPLE_RATE_UNSUPPORTED",
            Self::TooManyChannels { .. } => "TOO_MANY_CHANNELS",
            Self::AudioTooLong { .. } => "AUDIO_TOO_LONG",
            Self::StreamTooLarge { .. } => "STREAM_TOO_LARGE",
            Self::HeaderTooLarge { .. } => "HEADER_TOO_LARGE",
            Self::OffsetPastEnd { .. } => "OFFSET_PAST_END",
            Self::InvalidWindow { .. } => "INVALID_WINDOW",
            Self::SourceFailed { .. } => "SOURCE_FAILED",
            Self::StreamIdle { .. } => "STREAM_IDLE",
            Self::Cancelled => "CANCELLED",
            Self::DecoderPanicked { .. } => "DECODER_PANICKED",
            Self::Panicked { .. } => "INTERNAL",
            Self::NonFiniteFeature { .. } => "NON_FINITE_FEATURE",
            Self::UnknownProfile { .. } => "UNKNOWN_PROFILE",
            Self::TooShort { .. } => "AUDIO_TOO_SHORT",
            Self::InvalidField { .. } => "INVALID_FIELD",
            Self::MessageOrder { .. } => "MESSAGE_ORDER",
            Self::ChunkTooLarge { .. } => "CHUNK_TOO_LARGE",
            Self::WallTime { .. } => "WALL_TIME_EXCEEDED",
        }
    }
}

/// Runs `step`; a panic in it becomes the error that `as_error` makes of its message. What the step
/// leaves behind in a broken state must not be used again.
pub(crate) fn isolated<T>(
    step: impl FnOnce() -> Result<T, ExtractError>,
    as_error: impl FnOnce(String) -> ExtractError,
) -> Result<T, ExtractError> {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| Err(as_error(words(&*panic))))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{ExtractError, isolated};

    #[test]
    fn a_panic_is_an_error() {
        let error = |detail| ExtractError::Panicked { detail };
        let found = isolated::<()>(|| panic!("odd bytes"), error).unwrap_err();
        assert_eq!(found, error("odd bytes".into()));
        let found = isolated::<()>(|| panic!("{} bytes", 3), error).unwrap_err();
        assert_eq!(found, error("3 bytes".into()));
        assert_eq!(isolated(|| Ok(1), error), Ok(1));
    }

    #[test]
    fn a_message_says_value_and_expectation() {
        let error = ExtractError::SampleRateUnsupported { sample_rate: 1, min: 4000, max: 384_000 };
        assert_eq!(error.to_string(), "sample rate is 1 Hz, expected 4000 to 384000 Hz");
        assert_eq!(error.reason(), "SAMPLE_RATE_UNSUPPORTED");
    }
}
