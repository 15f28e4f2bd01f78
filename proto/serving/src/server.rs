//! The whole life of a server, in order: bind, serve, drain, finish within the grace, end.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use thiserror::Error;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};

use crate::health::Readiness;

/// Largest block of request headers, in bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Numbers of a server's life; all finite.
#[derive(Clone, Debug)]
pub struct ServingConfig {
    /// From the first signal to the end of accepting.
    pub drain: Duration,
    /// From the end of accepting to cutting what still runs.
    pub grace: Duration,
    /// Open streams of one connection.
    pub max_streams_per_connection: u32,
    /// Silence before a ping, and the wait for its answer.
    pub keepalive: Duration,
}

/// Why a server ended other than by a clean shutdown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken, not ours, or not an address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// As asked for.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The transport failed.
    #[error("the server stopped: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Calls were still running when the grace ended, or a second signal came.
    #[error("{0}; calls in flight were cut")]
    Cut(&'static str),
}

/// Binds `address` (`HOST:PORT`; port 0 takes a free one).
///
/// # Errors
/// When the name does not resolve or the address cannot be bound.
pub async fn bind(address: &str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let fail = |source| ServeError::Bind { address: address.to_owned(), source };
    let resolved: Vec<_> = address.to_socket_addrs().map_err(fail)?.collect();
    let listener = TcpListener::bind(resolved.as_slice()).await.map_err(fail)?;
    let local = listener.local_addr().map_err(fail)?;
    Ok((listener, local))
}

/// Serves until `shutdown` resolves, then drains and finishes; `abort` ends at once.
///
/// # Errors
/// When the transport fails, or calls had to be cut.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    readiness: Readiness,
    config: &ServingConfig,
    shutdown: impl Future<Output = ()>,
    abort: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(config.keepalive))
        .http2_keepalive_timeout(Some(config.keepalive))
        .max_concurrent_streams(config.max_streams_per_connection)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
            // A dropped sender means the same as a sent stop.
            let _ = stopped.await;
        });
    readiness.ready().await;

    let life = async {
        shutdown.await;
        tracing::info!(drain = ?config.drain, "draining");
        readiness.draining().await;
        tokio::time::sleep(config.drain).await;
        tracing::info!(grace = ?config.grace, "finishing calls in flight");
        // The server may have ended by itself; then nobody listens.
        let _ = stop.send(());
        tokio::time::sleep(config.grace).await;
    };
    tokio::select! {
        ended = server => ended.map_err(ServeError::from),
        () = life => Err(ServeError::Cut("the grace ended")),
        () = abort => Err(ServeError::Cut("a second signal came")),
    }
}
