//! From an error to its `tonic::Status`: the only place where that is decided.

#![deny(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use proto::ERROR_DOMAIN;
use serving::{PoolError, Refusal};
use thiserror::Error;
use tonic::{Code, Status};

use crate::{
    error::ExtractError,
    serve::{memory::MemoryError, upload::UploadError},
};

/// How long a caller should wait when every upload place is taken.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// Why a call has no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// The upload or its audio.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The worker pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Every upload place is taken, or is kept for others.
    #[error("no place for an upload, of {max_uploads} in flight; try again")]
    Busy {
        /// Number of places.
        max_uploads: usize,
    },
    /// The memory for recordings in flight.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The client or the transport ended the stream.
    #[error("the stream broke: {0}")]
    Stream(Status),
}

impl From<UploadError> for CallError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Extract(error) => Self::Extract(error),
            UploadError::Stream(status) => Self::Stream(status),
        }
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Extract(error) => refusal(&error).into_status(),
            CallError::Pool(error) => Refusal::from_pool(ERROR_DOMAIN, error).into_status(),
            CallError::Busy { max_uploads } => Refusal::new(
                ERROR_DOMAIN,
                Code::Unavailable,
                "OVERLOADED",
                CallError::Busy { max_uploads }.to_string(),
            )
            .fact("max_uploads", max_uploads)
            .retry_after(BUSY_DELAY)
            .into_status(),
            CallError::Memory(error @ MemoryError::Taken { bytes, budget }) => Refusal::new(
                ERROR_DOMAIN,
                Code::Unavailable,
                "OVERLOADED",
                format!("{error}; try again"),
            )
            .fact("bytes", bytes)
            .fact("max_memory", budget)
            .retry_after(BUSY_DELAY)
            .into_status(),
            CallError::Memory(error @ MemoryError::TooMuch { bytes, budget }) => Refusal::new(
                ERROR_DOMAIN,
                Code::ResourceExhausted,
                "MEMORY_EXCEEDED",
                error.to_string(),
            )
            .quota("max_memory")
            .fact("bytes", bytes)
            .fact("max_memory", budget)
            .into_status(),
            // A message that the transport refuses has a reason of its own.
            CallError::Stream(status) => match broken(&status) {
                Some(refusal) => refusal.into_status(),
                None => serving::explained(status, ERROR_DOMAIN),
            },
        }
    }
}

/// The refusal of an upload whose sender has gone; none if the transport still had something to refuse.
///
/// A sender that resets its stream, one that closes its connection and one that is killed come as
/// different codes, some of which are those of a server's faults.
fn broken(status: &Status) -> Option<Refusal> {
    let is_ours = serving::reason_of(status).is_some();
    let is_gone = match status.code() {
        Code::Cancelled | Code::Unknown | Code::Unavailable => true,
        Code::Internal => status.message().starts_with("h2 protocol error"),
        Code::Ok
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    };
    let refusal = || {
        let message = format!("the stream broke: {}", status.message());
        Refusal::new(ERROR_DOMAIN, Code::Cancelled, "STREAM_BROKEN", message)
    };
    (is_gone && !is_ours).then(refusal)
}

/// The refusal of an upload, with the detail that fits its reason.
fn refusal(error: &ExtractError) -> Refusal {
    let as_code = |code| Refusal::new(ERROR_DOMAIN, code, error.reason(), error.to_string());
    let audio = || as_code(Code::InvalidArgument).field("chunk");
    match error {
        ExtractError::UnsupportedContainer { .. }
        | ExtractError::UndecodableAudio { .. }
        | ExtractError::NoAudioTrack
        | ExtractError::EmptyAudio => audio(),
        ExtractError::UnsupportedCodec { codec } => audio().fact("codec", codec),
        ExtractError::SilentAudio { frames } => audio().fact("frames", frames),
        ExtractError::TooDamaged { share, max } => {
            audio().fact("damaged_share", share).fact("max_damage", max)
        }
        ExtractError::FindingRefused { code, .. } => audio().fact("finding", code.name()),
        ExtractError::ImplausibleSamples { peak, max } => {
            audio().fact("peak", peak).fact("max_peak", max)
        }
        ExtractError::EncodingMismatch { declared, found } => as_code(Code::InvalidArgument)
            .field("config.encoding")
            .fact("declared", declared)
            .fact("found", found),
        ExtractError::UploadIncomplete { got, expected } => as_code(Code::InvalidArgument)
            .field("config.expected_bytes")
            .fact("bytes", got)
            .fact("expected_bytes", expected),
        ExtractError::UploadCorrupt { got, expected } => as_code(Code::InvalidArgument)
            .field("config.sha256")
            .fact("sha256", got)
            .fact("expected_sha256", expected),
        ExtractError::NonFiniteSample { index } => audio().fact("sample_index", index),
        ExtractError::NonFiniteFeature { column } => audio().fact("column", column),
        ExtractError::TooShort { frames, min } => {
            audio().fact("samples", frames).fact("min_samples", min)
        }
        ExtractError::SampleRateUnsupported { sample_rate, min, max } => audio()
            .fact("sample_rate_hertz", sample_rate)
            .fact("min_sample_rate_hertz", min)
            .fact("max_sample_rate_hertz", max),
        ExtractError::TooManyChannels { channels, max } => {
            audio().fact("channel_count", channels).fact("max_channel_count", max)
        }
        ExtractError::OffsetPastEnd { offset_seconds, audio_seconds } => {
            as_code(Code::InvalidArgument)
                .field("config.offset")
                .fact("offset_seconds", offset_seconds)
                .fact("audio_seconds", audio_seconds)
        }
        ExtractError::InvalidWindow { field, .. } => {
            as_code(Code::InvalidArgument).field(format!("config.{field}"))
        }
        ExtractError::InvalidField { field, .. } => as_code(Code::InvalidArgument).field(*field),
        ExtractError::UnknownProfile { profile, known } => as_code(Code::InvalidArgument)
            .field("config.profile_id")
            .fact("profile_id", profile)
            .fact("known_profile_ids", known.join(" ")),
        ExtractError::MessageOrder { message, got, expected } => as_code(Code::InvalidArgument)
            .field("payload")
            .fact("message", message)
            .fact("got", got)
            .fact("expected", expected),
        ExtractError::ChunkTooLarge { got, limit } => as_code(Code::ResourceExhausted)
            .quota("max_chunk_bytes")
            .fact("bytes", got)
            .fact("max_chunk_bytes", limit),
        ExtractError::StreamTooLarge { limit } => as_code(Code::ResourceExhausted)
            .quota("max_stream_bytes")
            .fact("max_stream_bytes", limit),
        ExtractError::HeaderTooLarge { limit } => as_code(Code::ResourceExhausted)
            .quota("max_header_bytes")
            .fact("max_header_bytes", limit),
        ExtractError::AudioTooLong { limit } => as_code(Code::ResourceExhausted)
            .quota("max_audio_duration")
            .fact("max_audio_seconds", limit.as_secs_f64()),
        ExtractError::StreamIdle { limit } => as_code(Code::ResourceExhausted)
            .quota("max_idle_time")
            .fact("max_idle_seconds", limit.as_secs_f64()),
        ExtractError::WallTime { limit } => as_code(Code::ResourceExhausted)
            .quota("max_wall_time")
            .fact("max_wall_seconds", limit.as_secs_f64()),
        ExtractError::SourceFailed { .. } => as_code(Code::Unavailable),
        ExtractError::Cancelled => as_code(Code::Cancelled),
        // What a decoder says when it breaks is for the log, not for strangers.
        ExtractError::DecoderPanicked { .. } => Refusal::new(
            ERROR_DOMAIN,
            Code::Internal,
            error.reason(),
            "the decoder failed on these bytes; the server goes on",
        ),
        ExtractError::Panicked { .. } => Refusal::from_pool(ERROR_DOMAIN, PoolError::Panicked),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what the transport makes is made here")]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_has_gone_is_no_fault_of_the_server() {
        let read = |status: Status| {
            let status = Status::from(CallError::Stream(status));
            (status.code(), serving::reason_of(&status).expect("every error has one"))
        };
        let gone = (Code::Cancelled, "STREAM_BROKEN".to_owned());
        let body = "h2 protocol error: error reading a body from connection";
        for code in [Code::Unknown, Code::Cancelled, Code::Unavailable, Code::Internal] {
            assert_eq!(read(Status::new(code, body)), gone, "{code}");
        }
        let large = "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes";
        let expected = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".to_owned());
        assert_eq!(read(Status::out_of_range(large)), expected);
        let damaged = "failed to decode Protobuf message: invalid wire type";
        let expected = (Code::InvalidArgument, "MALFORMED_MESSAGE".to_owned());
        assert_eq!(read(Status::internal(damaged)), expected);
        let ours = Refusal::new("here", Code::Unavailable, "OVERLOADED", "later").into_status();
        assert_eq!(read(ours), (Code::Unavailable, "OVERLOADED".to_owned()));
    }
}
