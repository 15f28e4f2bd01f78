//! The form of an error on the wire: one `google.rpc.ErrorInfo` (UPPER_SNAKE reason, domain,
//! metadata) plus the detail that fits, as AIP-193 asks.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::work::pool::PoolError;

/// Longest fact, and longest message, in bytes: what a caller sent is not sent back at any length,
/// and trailers have to fit into what proxies allow.
const MAX_FACT_BYTES: usize = 256;
const MAX_MESSAGE_BYTES: usize = 1024;

/// A call that is refused: everything its `tonic::Status` will carry.
#[derive(Debug)]
pub struct Refusal {
    code: Code,
    domain: &'static str,
    reason: &'static str,
    message: String,
    metadata: HashMap<String, String>,
    /// Boxed, since it is large and most calls are not refused.
    details: Box<ErrorDetails>,
}

impl Refusal {
    /// A refusal without further details. `reason` is UPPER_SNAKE and part of the contract.
    pub fn new(
        domain: &'static str,
        code: Code,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            domain,
            reason,
            message: shortened(message.into(), MAX_MESSAGE_BYTES),
            metadata: HashMap::new(),
            details: Box::default(),
        }
    }

    /// One machine-readable fact for `ErrorInfo.metadata`.
    #[must_use]
    pub fn fact(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), shortened(value.to_string(), MAX_FACT_BYTES));
        self
    }

    /// Adds a `BadRequest` violation; `path` such as `feature_vector.values[17]`.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.details.add_bad_request_violation(path, self.message.clone());
        self
    }

    /// Adds a `PreconditionFailure` violation.
    #[must_use]
    pub fn precondition(mut self, kind: &str, subject: impl Into<String>) -> Self {
        self.details.add_precondition_failure_violation(kind, subject, self.message.clone());
        self
    }

    /// Adds a `QuotaFailure` violation: which limit was gone over.
    #[must_use]
    pub fn quota(mut self, subject: impl Into<String>) -> Self {
        self.details.add_quota_failure_violation(subject, self.message.clone());
        self
    }

    /// Adds a `ResourceInfo`: what was not found.
    #[must_use]
    pub fn resource(mut self, kind: &str, name: impl Into<String>) -> Self {
        self.details.set_resource_info(kind, name, "", self.message.clone());
        self
    }

    /// Adds a `RetryInfo`: when the call may be tried again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// The refusal as it goes on the wire.
    #[must_use]
    pub fn into_status(mut self) -> Status {
        self.details.set_error_info(self.reason, self.domain, self.metadata);
        Status::with_error_details(self.code, self.message, *self.details)
    }

    /// What the transport refused by itself, with the reason that it has none of.
    pub(crate) fn by_transport(
        domain: &'static str,
        code: Code,
        reason: &'static str,
        message: &str,
    ) -> Self {
        Self::new(domain, code, reason, message)
    }

    /// A message of the request has more bytes than the method takes.
    pub(crate) fn message_too_large(domain: &'static str, limit: u64) -> Self {
        let message = format!("the request is larger than {limit} bytes");
        Self::new(domain, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", message)
            .quota("max_message_bytes")
            .fact("max_message_bytes", limit)
    }

    /// The headers of the call are larger than the server takes.
    pub(crate) fn metadata_too_large(domain: &'static str, got: usize, limit: usize) -> Self {
        let message = format!("the metadata have {got} bytes, expected at most {limit}");
        Self::new(domain, Code::ResourceExhausted, "METADATA_TOO_LARGE", message)
            .quota("max_metadata_bytes")
            .fact("bytes", got)
            .fact("max_metadata_bytes", limit)
    }

    /// The refusal for a call the worker pool did not finish.
    #[must_use]
    pub fn from_pool(domain: &'static str, error: PoolError) -> Self {
        match error {
            PoolError::Full { retry_after, .. } | PoolError::Late { retry_after, .. } => {
                Self::overloaded(domain, error.to_string(), retry_after)
            }
            PoolError::Expired => Self::expired(domain),
            PoolError::Panicked => Self::new(
                domain,
                Code::Internal,
                "INTERNAL",
                "an internal error ended this call; the server goes on",
            ),
        }
    }

    /// The server has no place for this call now; another may.
    pub(crate) fn overloaded(
        domain: &'static str,
        message: impl Into<String>,
        retry_after: Duration,
    ) -> Self {
        Self::new(domain, Code::Unavailable, "OVERLOADED", message).retry_after(retry_after)
    }

    /// The call's own deadline, or the server's limit on its time, has passed.
    pub(crate) fn expired(domain: &'static str) -> Self {
        Self::new(
            domain,
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            "the deadline of this call has passed",
        )
    }

    /// The call brings no token, or one that is not in the list.
    pub(crate) fn unauthenticated(domain: &'static str, message: &'static str) -> Self {
        Self::new(domain, Code::Unauthenticated, "UNAUTHENTICATED", message)
    }

    /// The caller is known, but not among those who may call.
    pub(crate) fn forbidden(domain: &'static str) -> Self {
        Self::new(
            domain,
            Code::PermissionDenied,
            "IDENTITY_NOT_ALLOWED",
            "the identity in the client certificate may not call this server",
        )
    }
}

/// The text of an error as it may be logged: what a caller sent is in it at no greater length than in
/// the answer.
#[must_use]
pub fn loggable(error: &impl ToString) -> String {
    shortened(error.to_string(), MAX_MESSAGE_BYTES)
}

/// The reason that a status has for its caller; none if it has none.
#[must_use]
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// `text`, or its beginning and a mark that more followed.
fn shortened(mut text: String, max: usize) -> String {
    if text.len() > max {
        let end = (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_sent_is_not_sent_back_at_any_length() {
        let long = "ä".repeat(5000);
        let status = Refusal::new("here", Code::InvalidArgument, "BAD_VALUE", &*long)
            .fact("profile_id", &long)
            .into_status();
        let info = status.get_details_error_info().expect("set above");
        assert_eq!(info.metadata["profile_id"], format!("{}...", "ä".repeat(128)));
        assert!(status.message().len() < 1100, "{}", status.message().len());
        assert_eq!(loggable(&long), status.message());
        assert_eq!(reason_of(&status).as_deref(), Some("BAD_VALUE"));
        assert_eq!(loggable(&"short"), "short");
    }

    #[test]
    fn details_arrive_whole() {
        let status =
            Refusal::new("here", Code::InvalidArgument, "BAD_VALUE", "k is -1, expected 0 to 9")
                .fact("k", -1)
                .field("options.k")
                .retry_after(Duration::from_secs(2))
                .into_status();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().expect("set above");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("BAD_VALUE", "here"));
        assert_eq!(info.metadata["k"], "-1");
        let violations = &details.bad_request().expect("set above").field_violations;
        assert_eq!(violations[0].field, "options.k");
        assert_eq!(
            details.retry_info().and_then(|info| info.retry_delay),
            Some(Duration::from_secs(2))
        );
    }
}
