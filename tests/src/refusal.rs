//! What a refused call says, in a form tests compare as a whole: never the text, always the code,
//! the reason and the details a client would act on.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The machine-readable part of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// gRPC code.
    pub code: Code,
    /// `ErrorInfo.reason`; empty when the server sent none.
    pub reason: String,
    /// `ErrorInfo.domain`.
    pub domain: String,
    /// `ErrorInfo.metadata`.
    pub facts: HashMap<String, String>,
    /// Field paths of `BadRequest`.
    pub fields: Vec<String>,
    /// The text, for the reader of a failed test.
    pub message: String,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let fields = details.bad_request().map(|bad| &bad.field_violations[..]).unwrap_or_default();
        Self {
            code: status.code(),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            domain: info.map(|info| info.domain.clone()).unwrap_or_default(),
            facts: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            fields: fields.iter().map(|violation| violation.field.clone()).collect(),
            message: status.message().to_owned(),
        }
    }
}

/// The refusal of a call that must not succeed.
///
/// # Panics
/// When the call succeeded.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refusal {
    Refusal::from(&answer.expect_err("this call must be refused"))
}

/// Asserts code and reason of a call that must be refused, and that the domain is ours.
///
/// # Panics
/// When the call succeeded, or was refused in another way.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Refusal {
    let refusal = refused(answer);
    assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason), "{refusal:?}");
    assert_eq!(refusal.domain, proto::ERROR_DOMAIN);
    refusal
}
