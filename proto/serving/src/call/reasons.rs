//! Reasons for the statuses that the transport makes by itself: every error that a caller reads has
//! one, with the code that fits the caller's mistake.

use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::call::status::Refusal;

/// The status that a caller should read in place of one without a reason; none if it has one, or
/// is no error.
pub(crate) fn explain(status: &Status, domain: &'static str) -> Option<Status> {
    if status.code() == Code::Ok || status.get_details_error_info().is_some() {
        return None;
    }
    let (code, reason) = classify(status.code(), status.message());
    let message = match status.message() {
        "" => "this server has no such method",
        message => message,
    };
    let mut explained = Refusal::by_transport(domain, code, reason, message).into_status();
    *explained.metadata_mut() = status.metadata().clone();
    Some(explained)
}

/// The status that a caller reads for one that the transport made.
#[must_use]
pub fn explained(status: Status, domain: &'static str) -> Status {
    explain(&status, domain).unwrap_or(status)
}

/// The status that a reply ends with, after `headers` were changed to have its reason.
pub(crate) fn give(status: Status, headers: &mut HeaderMap, domain: &'static str) -> Status {
    let Some(explained) = explain(&status, domain) else { return status };
    if let Err(unwritable) = explained.add_header(headers) {
        tracing::error!(%unwritable, "a status cannot be written");
    }
    explained
}

/// Code and reason of a status that tonic (0.14.9) made, by its code and the words it begins with.
fn classify(code: Code, message: &str) -> (Code, &'static str) {
    let begins = |words: &[&str]| words.iter().any(|words| message.starts_with(words));
    match code {
        Code::OutOfRange if begins(&["Error, decoded message length too large"]) => {
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
        }
        Code::ResourceExhausted if begins(&["Error decompressing: size limit"]) => {
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
        }
        Code::Internal
            if begins(&[
                "failed to decode Protobuf message",
                "Missing request message",
                "protocol error",
                "Unexpected EOF",
                "Error decompressing",
            ]) =>
        {
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        }
        Code::Unimplemented if begins(&["Content is compressed"]) => (code, "ENCODING_UNSUPPORTED"),
        Code::Unimplemented => (code, "UNKNOWN_METHOD"),
        Code::Cancelled => (code, "CANCELLED"),
        Code::DeadlineExceeded => (code, "DEADLINE_EXCEEDED"),
        Code::ResourceExhausted => (code, "RESOURCE_EXHAUSTED"),
        Code::Unavailable => (code, "UNAVAILABLE"),
        Code::NotFound => (code, "NOT_FOUND"),
        Code::InvalidArgument => (code, "INVALID_ARGUMENT"),
        Code::Unauthenticated => (code, "UNAUTHENTICATED"),
        Code::PermissionDenied => (code, "PERMISSION_DENIED"),
        Code::FailedPrecondition => (code, "FAILED_PRECONDITION"),
        Code::Aborted => (code, "ABORTED"),
        Code::OutOfRange => (code, "OUT_OF_RANGE"),
        Code::AlreadyExists => (code, "ALREADY_EXISTS"),
        Code::DataLoss => (code, "DATA_LOSS"),
        Code::Ok | Code::Unknown | Code::Internal => (code, "INTERNAL"),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what the transport makes is made here")]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_reason_and_keeps_the_one_it_has() {
        let check = |status: Status, code: Code, reason: &str| {
            let explained = explain(&status, "here").expect("an error without a reason");
            let info = explained.get_details_error_info().expect("set above");
            assert_eq!((explained.code(), info.reason.as_str()), (code, reason));
            assert_eq!(explain(&explained, "here").map(|status| status.code()), None);
        };
        let large = "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes";
        check(Status::out_of_range(large), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        let broken = "failed to decode Protobuf message: invalid wire type";
        check(Status::internal(broken), Code::InvalidArgument, "MALFORMED_MESSAGE");
        check(Status::unimplemented(""), Code::Unimplemented, "UNKNOWN_METHOD");
        let packed = "Content is compressed with `br` which isn't supported";
        check(Status::unimplemented(packed), Code::Unimplemented, "ENCODING_UNSUPPORTED");
        check(Status::internal("a fault"), Code::Internal, "INTERNAL");
        assert!(explain(&Status::ok(""), "here").is_none());
    }
}
