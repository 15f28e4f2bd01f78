//! Bodies under watch: the request's bytes are counted, the reply's too, and its status is read
//! from the trailers.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;
use tonic::{Status, body::Body};

use crate::{
    call::{
        context::{CURRENT, CallContext},
        reasons,
        status::Refusal,
    },
    edge::{admission::Admitted, buffers::Share, connection::idle::InUse},
    observe::access::Access,
};

/// When to come back with a large request.
const FULL_DELAY: Duration = Duration::from_millis(500);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's body, which is broken off where it has more bytes than its method takes, or than there
/// is room for.
#[derive(Debug)]
pub(crate) struct CountedBody<B> {
    inner: B,
    bytes: Arc<AtomicU64>,
    limit: u64,
    /// Of a request that is held until it is whole.
    share: Option<Share>,
    domain: &'static str,
}

impl<B> CountedBody<B> {
    pub(crate) fn new(
        inner: B,
        bytes: Arc<AtomicU64>,
        limit: u64,
        share: Option<Share>,
        domain: &'static str,
    ) -> Self {
        Self { inner, bytes, limit, share, domain }
    }
}

impl<B> http_body::Body for CountedBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let length = data.len() as u64;
            let bytes = self.bytes.fetch_add(length, Ordering::Relaxed) + length;
            if bytes > self.limit {
                let refusal = Refusal::message_too_large(self.domain, self.limit);
                return Poll::Ready(Some(Err(refusal.into_status().into())));
            }
            if self.share.as_mut().is_some_and(|share| !share.grow_to(bytes)) {
                let message = "large requests that have come in part take all memory for them";
                let refusal = Refusal::overloaded(self.domain, message, FULL_DELAY);
                return Poll::Ready(Some(Err(refusal.into_status().into())));
            }
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A reply's body; until it is dropped, the call counts as in flight, and its connection as used.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    inner: Body,
    access: Access,
    _held: (Admitted, InUse),
    context: CallContext,
    /// Set once the reply has to wait; most never do.
    expiry: Option<Pin<Box<Sleep>>>,
    domain: &'static str,
}

impl ReplyBody {
    pub(crate) fn new(
        inner: Body,
        access: Access,
        held: (Admitted, InUse),
        context: CallContext,
        domain: &'static str,
    ) -> Self {
        Self { inner, access, _held: held, context, expiry: None, domain }
    }

    /// Ends the reply: what still made it is dropped, the caller reads why.
    fn expire(&mut self) -> Frame<Bytes> {
        self.inner = Body::empty();
        self.expiry = None;
        let status = Refusal::expired(self.domain).into_status();
        self.access.ended(&status);
        let mut trailers = HeaderMap::new();
        if let Err(unwritable) = status.add_header(&mut trailers) {
            tracing::error!(%unwritable, "a status cannot be written");
        }
        Frame::trailers(trailers)
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let mut polled = {
            let _inside = this.access.span().entered();
            let inner = Pin::new(&mut this.inner);
            CURRENT.sync_scope(this.context.clone(), || inner.poll_frame(context))
        };
        match &mut polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.access.sent(data.len());
                }
                if let Some(trailers) = frame.trailers_mut()
                    && let Some(status) = Status::from_header_map(trailers)
                {
                    this.access.ended(&reasons::give(status, trailers, this.domain));
                }
            }
            Poll::Ready(Some(Err(status))) => this.access.ended(status),
            Poll::Ready(None) => this.access.ended_without_status(),
            Poll::Pending => {
                let expired = this.context.deadline.is_some_and(|deadline| {
                    let expiry = this
                        .expiry
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
                    expiry.as_mut().poll(context).is_ready()
                });
                if expired {
                    return Poll::Ready(Some(Ok(this.expire())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
