//! Trace context across the wire: W3C `traceparent` in, and out in the reply's headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes `span` a child of the caller's span, where the headers name one. Returns the id of the
/// trace the call belongs to, if there is any.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) -> Option<String> {
    let caller = TraceContextPropagator::new().extract(&Incoming(headers));
    let named = caller.span().span_context().is_valid();
    let mut trace = caller.span().span_context().trace_id();
    if named {
        // Without an exporter there is no span to give a parent to.
        let _ = span.set_parent(caller);
    } else {
        trace = span.context().span().span_context().trace_id();
    }
    (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string())
}

/// Names this span in `headers`, so that the caller can find it.
pub(crate) fn announce(span: &Span, headers: &mut HeaderMap) {
    let context: Context = span.context();
    TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        let Ok(name) = HeaderName::try_from(key) else { return };
        // An empty `tracestate` says nothing.
        if let Ok(value) = HeaderValue::try_from(value)
            && !value.is_empty()
        {
            self.0.insert(name, value);
        }
    }
}
