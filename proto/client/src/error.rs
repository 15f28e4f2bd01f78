//! Why a client was not made, and why a call has no answer.

use std::{io, time::Duration};

use thiserror::Error;
use tonic::{Code, Status, TimeoutExpired};
use tonic_types::StatusExt as _;

/// Options or a target that cannot be right.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// All that is wrong with the values.
    #[error("{}", .0.join("; "))]
    Values(Vec<String>),
    /// Not `HOST:PORT`.
    #[error("target {target:?} is not HOST:PORT: {why}")]
    Target {
        /// As given.
        target: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Certificates or keys that TLS does not take.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] tonic::transport::Error),
    /// A token that no header can carry.
    #[error("a bearer token has {0} characters, expected visible ASCII, 1 to 4096 of it")]
    Token(usize),
}

/// Why a call has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// A server's own answer; its code, reason and details are in the status.
    #[error("refused after {attempts} attempts: {status}")]
    Refused {
        /// The last answer.
        status: Box<Status>,
        /// How often the call was sent.
        attempts: u32,
    },
    /// Connections broke; no server answered. Whether one has seen the call is not known.
    #[error("unreachable after {attempts} attempts: {status}")]
    Unreachable {
        /// What the transport said last.
        status: Box<Status>,
        /// How often the call was sent.
        attempts: u32,
    },
    /// No endpoint was ready to take the call.
    #[error("no endpoint is ready after {waited:?}")]
    NoEndpoint {
        /// How long one was waited for.
        waited: Duration,
        /// How often the call was sent before.
        attempts: u32,
    },
    /// The deadline passed first.
    #[error("the deadline passed after {attempts} attempts")]
    DeadlineExceeded {
        /// How often the call was sent.
        attempts: u32,
        /// What the last failed attempt said, if one failed.
        last: Option<Box<Status>>,
    },
    /// The source of an upload could not be read.
    #[error("the source of the upload failed: {0}")]
    Source(#[source] io::Error),
    /// A row without the index version that it is of.
    #[error(
        "the request has a row and no expected_index_version: in another version the row is another track's"
    )]
    VersionMissing,
    /// An answer without what the contract says it has.
    #[error("the answer has no {0}")]
    Incomplete(&'static str),
}

impl CallError {
    /// The gRPC code a caller would branch on.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { status, .. } => status.code(),
            Self::Unreachable { .. } | Self::NoEndpoint { .. } => Code::Unavailable,
            Self::DeadlineExceeded { .. } => Code::DeadlineExceeded,
            Self::Source(_) => Code::Aborted,
            Self::VersionMissing => Code::InvalidArgument,
            Self::Incomplete(_) => Code::Internal,
        }
    }

    /// `ErrorInfo.reason` of the server's answer.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let Self::Refused { status, .. } = self else { return None };
        status.get_details_error_info().map(|info| info.reason)
    }

    /// Whether the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.code() == Code::Unavailable
    }

    /// How often the call was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Refused { attempts, .. }
            | Self::Unreachable { attempts, .. }
            | Self::NoEndpoint { attempts, .. }
            | Self::DeadlineExceeded { attempts, .. } => *attempts,
            Self::VersionMissing => 0,
            Self::Source(_) | Self::Incomplete(_) => 1,
        }
    }

    /// The last status, of a server or of the transport.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { status, .. } | Self::Unreachable { status, .. } => Some(status),
            Self::DeadlineExceeded { last, .. } => last.as_deref(),
            Self::NoEndpoint { .. }
            | Self::Source(_)
            | Self::VersionMissing
            | Self::Incomplete(_) => None,
        }
    }

    /// The error for the status of a last attempt.
    pub(crate) fn of(status: Status, attempts: u32) -> Self {
        if is_expired(&status) {
            return Self::DeadlineExceeded { attempts, last: None };
        }
        let broken = is_broken(&status);
        let status = Box::new(status);
        if broken {
            Self::Unreachable { status, attempts }
        } else {
            Self::Refused { status, attempts }
        }
    }
}

/// Whether a status was made here, because a connection could not be made or broke: a server's own
/// has no cause. Its code is not to be trusted: the transport calls a reset UNKNOWN.
pub(crate) fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some() && !is_expired(status)
}

/// Whether the transport kept the deadline, which it does a moment earlier than the call itself.
fn is_expired(status: &Status) -> bool {
    let first = std::error::Error::source(status);
    std::iter::successors(first, |error| error.source()).any(|error| error.is::<TimeoutExpired>())
}
