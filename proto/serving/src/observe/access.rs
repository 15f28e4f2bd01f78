//! One call as the log, the metrics and the traces see it: one line, one count, one span.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::Request;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    call::context::{CallContext, random},
    observe::metrics::{CallMetrics, Ending, Method, code_name},
};

/// A caller that leaves so shortly before its deadline left because of it: its clock began to run before
/// the call was here.
const DEADLINE_SLACK: Duration = Duration::from_millis(100);
/// Longest path that is logged; a known one is never as long.
const MAX_PATH_BYTES: usize = 128;

/// Watches a call from its headers to its status; what it saw is told when it is dropped.
#[derive(Debug)]
pub(crate) struct Access {
    metrics: CallMetrics,
    method: Method,
    path: String,
    context: Option<CallContext>,
    trace_id: Option<String>,
    span: Span,
    started: Instant,
    received: Arc<AtomicU64>,
    sent: u64,
    log_sample: f64,
    ending: Option<(Code, Option<String>)>,
}

impl Access {
    pub(crate) fn start<B>(
        metrics: CallMetrics,
        method: Method,
        log_sample: f64,
        request: &Request<B>,
    ) -> Self {
        metrics.started(&method);
        let path = request.uri().path();
        let path = path.get(..MAX_PATH_BYTES).unwrap_or(path).to_owned();
        Self {
            metrics,
            method,
            path,
            context: None,
            trace_id: None,
            span: Span::none(),
            started: Instant::now(),
            received: Arc::default(),
            sent: 0,
            log_sample,
            ending: None,
        }
    }

    /// Now it is known who calls; the span begins. Health checks have none: they are many and say
    /// nothing.
    pub(crate) fn identify(&mut self, context: &CallContext) {
        self.context = Some(context.clone());
        if !self.method.is_health() {
            self.span = tracing::info_span!(
                "call",
                otel.name = &self.path[1.min(self.path.len())..],
                otel.kind = "server",
                otel.status_code = tracing::field::Empty,
                rpc.system = "grpc",
                rpc.service = &*self.method.service,
                rpc.method = &*self.method.method,
                request_id = &*context.request_id,
            );
        }
    }

    pub(crate) fn traced(&mut self, trace_id: Option<String>) {
        self.trace_id = trace_id;
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Where the bytes of the request are counted.
    pub(crate) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// The call has its status.
    pub(crate) fn ended(&mut self, status: &Status) {
        let reason = (status.code() != Code::Ok)
            .then(|| status.get_details_error_info().map(|info| info.reason))
            .flatten();
        self.ending = Some((status.code(), reason));
    }

    /// The reply is over; if it had no status, it was not gRPC.
    pub(crate) fn ended_without_status(&mut self) {
        self.ending.get_or_insert((Code::Unknown, None));
    }

    /// How the call ended. One without a status was left by its caller.
    fn ending(&mut self) -> (Code, Option<String>) {
        let ending = self.ending.take().unwrap_or((Code::Cancelled, None));
        let deadline = self.context.as_ref().and_then(|context| context.deadline);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        or_out_of_time(ending, left)
    }
}

/// A caller that leaves with no time `left` to its deadline ran out of time.
fn or_out_of_time(
    ending: (Code, Option<String>),
    left: Option<Duration>,
) -> (Code, Option<String>) {
    if ending.0 == Code::Cancelled && left.is_some_and(|left| left <= DEADLINE_SLACK) {
        (Code::DeadlineExceeded, Some("DEADLINE_EXCEEDED".to_owned()))
    } else {
        ending
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let (code, reason) = self.ending();
        let duration = self.started.elapsed();
        let request_bytes = self.received.load(Ordering::Relaxed);
        self.metrics.ended(&Ending {
            method: &self.method,
            code,
            reason: reason.as_deref(),
            duration,
            request_bytes,
            response_bytes: self.sent,
        });
        // Past the log, which would format all fields of the span anew and write none of them any more.
        self.span.set_attribute("rpc.grpc.status_code", code as i64);
        if is_our_fault(code) {
            self.span.record("otel.status_code", "ERROR");
        }
        let context = self.context.as_ref();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "serving::access",
                    parent: None,
                    request_id = context.map(|context| &*context.request_id),
                    peer = context.map(|context| tracing::field::display(context.peer.address)),
                    identity = context.and_then(|context| context.peer.identity.as_deref()),
                    method = self.path,
                    code = code_name(code),
                    reason = reason,
                    duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3,
                    request_bytes,
                    response_bytes = self.sent,
                    trace_id = self.trace_id,
                    "call"
                )
            };
        }
        if code == Code::Ok && !is_sampled(self.log_sample) {
            return;
        }
        // Probes come every few seconds from every direction.
        if self.method.is_health() { line!(debug) } else { line!(info) }
    }
}

/// Whether a call that ended well is among the share that is logged.
fn is_sampled(share: f64) -> bool {
    share >= 1.0 || (random() as f64) < share * u64::MAX as f64
}

/// Codes that are errors of a server and not answers to a caller, by OpenTelemetry's conventions
/// for gRPC.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_leaves_at_its_deadline_ran_out_of_time() {
        let of = |code, reason: Option<&str>, left: Option<u64>| {
            let (code, reason) =
                or_out_of_time((code, reason.map(str::to_owned)), left.map(Duration::from_millis));
            (code, reason.unwrap_or_default())
        };
        let late = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned());
        for left in [0, 3, 100] {
            assert_eq!(of(Code::Cancelled, Some("STREAM_BROKEN"), Some(left)), late);
            assert_eq!(of(Code::Cancelled, None, Some(left)), late);
            assert_eq!(of(Code::Internal, Some("X"), Some(left)), (Code::Internal, "X".to_owned()));
        }
        for left in [None, Some(5_000)] {
            assert_eq!(of(Code::Cancelled, None, left), (Code::Cancelled, String::new()));
        }
    }

    #[test]
    fn a_share_of_calls_is_logged() {
        let logged = |share| (0..10_000).filter(|_| is_sampled(share)).count();
        assert_eq!((logged(0.0), logged(1.0)), (0, 10_000));
        // Nine standard deviations about the mean.
        assert!((730..=1270).contains(&logged(0.1)));
    }
}
