//! Connections: accepted up to a limit, secured, asked to end when they are old or the server is
//! done, cut when they do not.

pub(crate) mod idle;
mod preface;
mod room;
mod turns;

use std::{convert::Infallible, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use http::Request;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use self::{
    idle::Use,
    preface::{Begun, await_preface},
    room::Room,
    turns::{Gathered, Turns},
};
use crate::{
    call::{
        context::random,
        peer::{Peer, certificate_identity},
        stack::SharedCalls,
    },
    config::ConnectionLimits,
    edge::{reload::Latest, web::Web},
    observe::metrics::ConnectionMetrics,
};

/// Time for the TLS handshake, and again for the client's HTTP/2 preface.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Largest block of request headers that is read, in bytes; what is larger than a call may have and
/// within this is refused with a reason.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// Bytes a client may send ahead of what is read: of one call, of all calls of a connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Reset streams that may wait to be seen; a client that exceeds it attacks (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Resets a client's errors may cause before its connection is closed. Each takes memory until then, and
/// a client that knows its settings causes none: it may begin with 100 streams before it does.
const MAX_ERROR_RESETS: usize = 128;
/// Pause after the operating system refused to accept, such as without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection's own age is within this share of the configured one.
const AGE_JITTER: f64 = 0.1;

/// What all connections of a server share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) calls: SharedCalls,
    pub(crate) tls: Option<Latest<ServerConfig>>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) metrics: ConnectionMetrics,
    pub(crate) web: Option<Web>,
    pub(crate) streams: Streams,
}

/// Spawns what answers the streams of HTTP/2, and counts it: a connection may end before the last of
/// them has let go of its call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(TaskTracker);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

impl Connections {
    /// Accepts until `stop` says true, then lets the open connections finish. Dropped, it cuts
    /// them.
    pub(crate) async fn serve(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let room = Room::new(self.limits.max_connections, &self.limits.trusted_peers);
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
                _ = stop.wait_for(|&stop| stop) => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let place = match room.take(address.ip()) {
                Ok(place) => place,
                Err(cause) => {
                    self.metrics.ended(cause);
                    tracing::debug!(%address, cause, "connection closed: too many are open");
                    continue;
                }
            };
            let (connections, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                let open = connections.metrics.opened();
                let streams = place.streams(connections.limits.max_streams);
                let cause = connections.carry(stream, address, streams, stop).await;
                connections.metrics.ended(cause);
                tracing::debug!(%address, cause, "connection ended");
                drop((open, place));
            });
        }
        // New callers are refused by the system from here on, instead of hanging.
        drop(listener);
        while tasks.join_next().await.is_some() {}
        self.streams.0.close();
        self.streams.0.wait().await;
    }

    /// One connection's life. Says what ended it.
    async fn carry(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        streams: u32,
        stop: watch::Receiver<bool>,
    ) -> &'static str {
        let local = stream.local_addr().ok();
        // Small replies must not wait for more to come; a socket that cannot is still a socket.
        let _ = stream.set_nodelay(true);
        let mut peer = Peer { address, identity: None };
        let Some(tls) = &self.tls else {
            return self.speak(stream, peer, local, streams, stop).await;
        };
        let handshake = TlsAcceptor::from(tls.value()).accept(stream);
        match time::timeout(HANDSHAKE_TIME, handshake).await {
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                peer.identity = session
                    .peer_certificates()
                    .and_then(|chain| chain.first())
                    .and_then(certificate_identity);
                self.speak(stream, peer, local, streams, stop).await
            }
            Ok(Err(error)) => {
                tracing::info!(%address, %error, "TLS handshake failed");
                "handshake_failed"
            }
            Err(_) => "handshake_timeout",
        }
    }

    /// HTTP/2, or HTTP/1.1 where gRPC-Web is served, until either side ends it.
    async fn speak<S>(
        &self,
        stream: S,
        peer: Peer,
        local: Option<SocketAddr>,
        streams: u32,
        mut stop: watch::Receiver<bool>,
    ) -> &'static str
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = tokio::select! {
            preface = time::timeout(HANDSHAKE_TIME, await_preface(stream)) => match preface {
                Ok(Ok(Begun::Other(_))) if self.web.is_none() => return "not_http2",
                Ok(Ok(begun)) => begun,
                Ok(Err(_)) => return "not_http2",
                Err(_) => return "handshake_timeout",
            },
            _ = stop.wait_for(|&stop| stop) => return "shutdown",
        };
        let carried = Use::new();
        let (calls, web, uses) = (Arc::clone(&self.calls), self.web.clone(), carried.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (calls, peer, web) = (Arc::clone(&calls), peer.clone(), web.clone());
            let uses = uses.clone();
            async move {
                let Some(web) = web else {
                    let in_use = uses.begin();
                    return Ok::<_, Infallible>(calls.answer(request, peer, local, in_use).await);
                };
                let calls = tower::service_fn(move |request: Request<Body>| {
                    let (calls, peer, in_use) = (Arc::clone(&calls), peer.clone(), uses.begin());
                    async move { Ok::<_, Infallible>(calls.answer(request, peer, local, in_use).await) }
                });
                Ok(web.answer(request, calls).await)
            }
        });
        match begun {
            Begun::Http2(stream) => {
                let stream = Gathered::new(stream);
                let connection =
                    self.http2(streams).serve_connection(TokioIo::new(stream.clone()), service);
                let turns = Turns::new(connection, stream);
                self.last(turns, |it| it.graceful_shutdown(), &carried, stop).await
            }
            Begun::Other(stream) => {
                let stream = Gathered::new(stream);
                let connection = http1().serve_connection(TokioIo::new(stream.clone()), service);
                let turns = Turns::new(connection, stream);
                self.last(turns, |it| it.graceful_shutdown(), &carried, stop).await
            }
        }
    }

    /// Lets a connection live until its client, its age, idleness or the server's end ends it.
    async fn last<C, E, S>(
        &self,
        mut turns: Turns<C, S>,
        shut_down: impl FnOnce(Pin<&mut C>),
        carried: &Use,
        mut stop: watch::Receiver<bool>,
    ) -> &'static str
    where
        C: Future<Output = Result<(), E>>,
        S: AsyncWrite + Unpin,
    {
        let cause = tokio::select! {
            well = &mut turns => return if well { "client" } else { "error" },
            () = time::sleep(jittered(self.limits.max_age)) => "age",
            () = carried.unused_for(self.limits.max_idle) => "idle",
            _ = stop.wait_for(|&stop| stop) => "shutdown",
        };
        shut_down(turns.connection());
        if cause == "shutdown" {
            // The server has its own grace, and drops what outlasts it.
            let _ = turns.await;
            return cause;
        }
        match time::timeout(self.limits.max_age_grace, turns).await {
            Ok(_) => cause,
            Err(_) => "age_cut",
        }
    }

    fn http2(&self, streams: u32) -> http2::Builder<Streams> {
        let mut builder = http2::Builder::new(self.streams.clone());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.keepalive)
            .keep_alive_timeout(self.limits.keepalive)
            .max_concurrent_streams(streams)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_ERROR_RESETS);
        builder
    }
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_TIME)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    builder
}

/// Connections that were opened together, as after a restart, should not end together.
fn jittered(age: Duration) -> Duration {
    let share = random() as f64 / u64::MAX as f64;
    age.mul_f64(1.0 - AGE_JITTER + 2.0 * AGE_JITTER * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_within_the_jitter() {
        let ages: Vec<_> = (0..100).map(|_| jittered(Duration::from_secs(100))).collect();
        let (least, most) = (ages.iter().min(), ages.iter().max());
        assert!(least >= Some(&Duration::from_secs(90)), "{least:?}");
        assert!(most <= Some(&Duration::from_secs(110)), "{most:?}");
        assert!(least < Some(&Duration::from_secs(95)) && most > Some(&Duration::from_secs(105)));
    }
}
