//! What every call shows: started, handled, how long, how large, why refused.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};
use tonic::Code;

use super::{
    methods::Method,
    registry::{DURATION_BUCKETS, MetricError, Registry},
    series::{AllCalls, CallsOfCode},
};

/// Most reasons that are told apart; more than any contract here has.
const MAX_REASONS: usize = 64;

/// The call metrics of one server.
#[derive(Clone, Debug)]
pub(crate) struct CallMetrics {
    started: IntCounterVec,
    handled: IntCounterVec,
    handling: HistogramVec,
    in_flight: IntGaugeVec,
    received: IntCounterVec,
    sent: IntCounterVec,
    refused: IntCounterVec,
    reasons: Arc<Mutex<HashSet<String>>>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) method: &'a Method,
    pub(crate) code: Code,
    pub(crate) reason: Option<&'a str>,
    pub(crate) duration: Duration,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

impl CallMetrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, MetricError> {
        const METHOD: &[&str] = &["grpc_service", "grpc_method"];
        const CODE: &[&str] = &["grpc_service", "grpc_method", "grpc_code"];
        Ok(Self {
            started: registry.counter(
                "grpc_server_started_total",
                "Calls that reached the server.",
                METHOD,
            )?,
            handled: registry.counter(
                "grpc_server_handled_total",
                "Calls that ended, by status code.",
                CODE,
            )?,
            handling: registry.histogram(
                "grpc_server_handling_seconds",
                "Time from a call's headers to its status.",
                CODE,
                DURATION_BUCKETS,
            )?,
            in_flight: registry.gauge(
                "grpc_server_in_flight",
                "Calls that have not ended yet.",
                METHOD,
            )?,
            received: registry.counter(
                "grpc_server_received_bytes_total",
                "Bytes of request messages, framing included.",
                METHOD,
            )?,
            sent: registry.counter(
                "grpc_server_sent_bytes_total",
                "Bytes of response messages, framing included.",
                METHOD,
            )?,
            refused: registry.counter(
                "grpc_server_refused_total",
                "Calls that ended with an error, by the reason its ErrorInfo gives.",
                &["grpc_service", "grpc_method", "reason"],
            )?,
            reasons: Arc::default(),
        })
    }

    pub(crate) fn started(&self, method: &Method) {
        let series = self.of_all(method);
        series.started.inc();
        series.in_flight.inc();
    }

    pub(crate) fn ended(&self, ending: &Ending<'_>) {
        let series = self.of_all(ending.method);
        series.in_flight.dec();
        series.received.inc_by(ending.request_bytes);
        series.sent.inc_by(ending.response_bytes);
        if ending.code == Code::Ok {
            let ok = ending.method.series.ok.get_or_init(|| self.of_code(ending.method, Code::Ok));
            ok.count(ending.duration);
        } else {
            self.of_code(ending.method, ending.code).count(ending.duration);
            let (service, method) = (&*ending.method.service, &*ending.method.method);
            let reason = self.bounded(ending.reason.unwrap_or("none"));
            self.refused.with_label_values(&[service, method, reason]).inc();
        }
    }

    fn of_all<'m>(&self, method: &'m Method) -> &'m AllCalls {
        let labels = [&*method.service, &*method.method];
        method.series.all.get_or_init(|| AllCalls {
            started: self.started.with_label_values(&labels),
            in_flight: self.in_flight.with_label_values(&labels),
            received: self.received.with_label_values(&labels),
            sent: self.sent.with_label_values(&labels),
        })
    }

    fn of_code(&self, method: &Method, code: Code) -> CallsOfCode {
        let labels = [&*method.service, &*method.method, code_name(code)];
        CallsOfCode {
            handled: self.handled.with_label_values(&labels),
            handling: self.handling.with_label_values(&labels),
        }
    }

    /// The reason, while their number is sane.
    fn bounded<'a>(&self, reason: &'a str) -> &'a str {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        if reasons.contains(reason) {
            return reason;
        }
        if reasons.len() >= MAX_REASONS {
            return "other";
        }
        reasons.insert(reason.to_owned());
        reason
    }
}

/// The code's name as gRPC's own metrics write it.
pub(crate) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_beyond_the_bound_are_one_label() {
        let metrics = CallMetrics::new(&Registry::new()).expect("a new registry");
        for number in 0..MAX_REASONS {
            let reason = format!("REASON_{number}");
            assert_eq!(metrics.bounded(&reason), reason);
        }
        assert_eq!(metrics.bounded("ONE_MORE"), "other");
        assert_eq!(metrics.bounded("REASON_0"), "REASON_0");
    }
}
