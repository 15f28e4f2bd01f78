//! What happens to every call on its way to its service and back, so that the services need do
//! nothing: name it, watch it, check it, let it in, end it in time.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use tonic::{Status, body::Body, service::Routes, transport::server::TcpConnectInfo};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::{
    call::{
        body::{CountedBody, ReplyBody},
        context::{CURRENT, CallContext, REQUEST_ID_HEADER, RequestIds, grpc_timeout},
        peer::Peer,
        reasons,
        status::Refusal,
    },
    edge::{
        admission::{Admission, Admitted},
        auth::Auth,
        buffers::Buffers,
        connection::idle::InUse,
    },
    life::health::MAX_PROBE_BYTES,
    observe::{
        access::Access,
        metrics::{CallMetrics, Method, Methods},
        trace,
    },
};

/// Longest health check, but for those that watch.
const MAX_PROBE_TIME: Duration = Duration::from_secs(10);
/// Largest headers of a call, each counted as HTTP/2 counts it: name, value and 32 bytes.
const MAX_METADATA_BYTES: usize = 16 * 1024;

/// The way of a call through a server.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) routes: Routes,
    pub(crate) methods: Methods,
    pub(crate) metrics: CallMetrics,
    pub(crate) auth: Auth,
    pub(crate) admission: Admission,
    pub(crate) buffers: Buffers,
    pub(crate) ids: RequestIds,
    pub(crate) max_call_time: Duration,
    pub(crate) max_unary_bytes: u64,
    pub(crate) log_sample: f64,
    pub(crate) domain: &'static str,
}

impl Calls {
    /// Answers one call. A call that is refused is answered as well, with its status.
    pub(crate) async fn answer<B>(
        &self,
        mut request: Request<B>,
        mut peer: Peer,
        local: Option<SocketAddr>,
        in_use: InUse,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let method = self.methods.of(request.uri().path()).clone();
        let mut access =
            Access::start(self.metrics.clone(), method.clone(), self.log_sample, &request);
        let admitted = self.let_in(&method, &mut peer, &request);
        let deadline = self.deadline(&request, &method);
        let context = CallContext { request_id: self.ids.of(request.headers()), peer, deadline };
        access.identify(&context);
        let span = access.span();
        let trace_id = trace::adopt(&span, request.headers());
        access.traced(trace_id);

        request
            .extensions_mut()
            .insert(TcpConnectInfo { local_addr: local, remote_addr: Some(context.peer.address) });
        request.extensions_mut().insert(context.clone());
        let request = request.map(|body| {
            let limit = self.request_limit(&method);
            let is_held = !method.streams_requests && !method.is_health();
            let share = is_held.then(|| self.buffers.share());
            Body::new(CountedBody::new(body, access.received(), limit, share, self.domain))
        });

        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return refused(refusal, access, &context),
        };
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return refused(Refusal::expired(self.domain), access, &context);
        }
        let reply = self.routes.clone().oneshot(request);
        let reply = CURRENT.scope(context.clone(), reply).instrument(span.clone());
        let reply = match deadline {
            None => Ok(reply.await),
            Some(deadline) => tokio::time::timeout_at(deadline.into(), reply).await,
        };
        match reply {
            Ok(Ok(response)) => self.finish(response, access, (admitted, in_use), context),
            Ok(Err(never)) => match never {},
            Err(_) => refused(Refusal::expired(self.domain), access, &context),
        }
    }

    fn let_in<B>(
        &self,
        method: &Method,
        peer: &mut Peer,
        request: &Request<B>,
    ) -> Result<Admitted, Refusal> {
        let bytes = header_bytes(request.headers());
        if bytes > MAX_METADATA_BYTES {
            return Err(Refusal::metadata_too_large(self.domain, bytes, MAX_METADATA_BYTES));
        }
        if method.is_health() {
            // Probes must see a server that is full or strict, so they have room of their own.
            return self.admission.admit_probe(peer);
        }
        self.auth.check(peer, request.headers())?;
        self.admission.admit(peer)
    }

    /// The caller's deadline, or the server's where that is sooner; a stream that watches health
    /// has only its own.
    fn deadline<B>(&self, request: &Request<B>, method: &Method) -> Option<Instant> {
        let asked = grpc_timeout(request.headers());
        let longest = if method.is_health() { MAX_PROBE_TIME } else { self.max_call_time };
        let left = if method.watches_health() {
            asked?
        } else {
            asked.map_or(longest, |asked| asked.min(longest))
        };
        Instant::now().checked_add(left)
    }

    /// Bytes that the body of a request may have, framing included. Streams are held to the limits
    /// of their messages and of their service.
    fn request_limit(&self, method: &Method) -> u64 {
        if method.is_health() {
            MAX_PROBE_BYTES as u64
        } else if method.streams_requests {
            u64::MAX
        } else {
            self.max_unary_bytes
        }
    }

    /// The reply's head is there; its body goes on under watch.
    fn finish(
        &self,
        response: Response<Body>,
        mut access: Access,
        held: (Admitted, InUse),
        context: CallContext,
    ) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            access.ended(&reasons::give(status, &mut head.headers, self.domain));
        }
        identify(&mut head.headers, &access, &context);
        let body = ReplyBody::new(body, access, held, context, self.domain);
        Response::from_parts(head, Body::new(body))
    }
}

fn header_bytes(headers: &http::HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

fn refused(refusal: Refusal, mut access: Access, context: &CallContext) -> Response<Body> {
    let status = refusal.into_status();
    access.ended(&status);
    let mut response = status.into_http();
    identify(response.headers_mut(), &access, context);
    response
}

/// What every reply carries: the request's id, and the span where there is one.
fn identify(headers: &mut http::HeaderMap, access: &Access, context: &CallContext) {
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    trace::announce(&access.span(), headers);
}

/// What connections share of the calls they carry.
pub(crate) type SharedCalls = Arc<Calls>;
