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
    access::Access,
    admission::{Admission, Admitted},
    auth::Auth,
    body::{CountedBody, ReplyBody},
    call::{CURRENT, CallContext, REQUEST_ID_HEADER, RequestIds, grpc_timeout},
    metrics::{CallMetrics, Methods},
    peer::Peer,
    status::Refusal,
    trace,
};

/// The way of a call through a server.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) routes: Routes,
    pub(crate) methods: Methods,
    pub(crate) metrics: CallMetrics,
    pub(crate) auth: Auth,
    pub(crate) admission: Admission,
    pub(crate) ids: RequestIds,
    pub(crate) max_call_time: Duration,
    pub(crate) domain: &'static str,
}

impl Calls {
    /// Answers one call. A call that is refused is answered as well, with its status.
    pub(crate) async fn answer<B>(
        &self,
        mut request: Request<B>,
        mut peer: Peer,
        local: Option<SocketAddr>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let method = self.methods.of(request.uri().path()).clone();
        let mut access = Access::start(self.metrics.clone(), method.clone(), &request);
        let admitted = if method.is_health() {
            // Probes must see a server that is full or strict.
            Ok(None)
        } else {
            self.let_in(&mut peer, &request).map(Some)
        };
        let deadline = self.deadline(&request, method.is_health() || method.is_reflection());
        let context = CallContext { request_id: self.ids.of(request.headers()), peer, deadline };
        access.identify(&context);
        let span = access.span();
        let trace_id = trace::adopt(&span, request.headers());
        access.traced(trace_id);

        request
            .extensions_mut()
            .insert(TcpConnectInfo { local_addr: local, remote_addr: Some(context.peer.address) });
        request.extensions_mut().insert(context.clone());
        let request = request.map(|body| Body::new(CountedBody::new(body, access.received())));

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
            Ok(Ok(response)) => self.finish(response, access, admitted, context),
            Ok(Err(never)) => match never {},
            Err(_) => refused(Refusal::expired(self.domain), access, &context),
        }
    }

    fn let_in<B>(&self, peer: &mut Peer, request: &Request<B>) -> Result<Admitted, Refusal> {
        self.auth.check(peer, request.headers())?;
        self.admission.admit(peer)
    }

    /// The caller's deadline, or the server's where that is sooner; streams that watch have only
    /// their own.
    fn deadline<B>(&self, request: &Request<B>, watches: bool) -> Option<Instant> {
        let asked = grpc_timeout(request.headers());
        let left = if watches {
            asked?
        } else {
            asked.map_or(self.max_call_time, |asked| asked.min(self.max_call_time))
        };
        Instant::now().checked_add(left)
    }

    /// The reply's head is there; its body goes on under watch.
    fn finish(
        &self,
        response: Response<Body>,
        mut access: Access,
        admitted: Option<Admitted>,
        context: CallContext,
    ) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            access.ended(&status);
        }
        identify(&mut head.headers, &access, &context);
        let body = ReplyBody::new(body, access, admitted, context, self.domain);
        Response::from_parts(head, Body::new(body))
    }
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
