//! The HTTP port for machines that watch: `/metrics`, `/livez`, `/readyz`. Nothing else is served,
//! nothing is read but the path.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time};

use super::registry::Registry;
use crate::life::startup::Startup;

/// Connections served at a time; watchers are few.
const MAX_CONNECTIONS: usize = 32;
/// Time for the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest life of a connection.
const MAX_AGE: Duration = Duration::from_secs(300);
/// Largest request line and headers together, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Pause after the operating system refused to accept, such as without free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the HTTP port shows.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    registry: Registry,
    startup: Startup,
}

impl Endpoint {
    pub(crate) fn new(registry: Registry, startup: Startup) -> Self {
        Self { registry, startup }
    }

    /// Serves until dropped.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let endpoint = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let response = endpoint.answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .max_buf_size(MAX_HEADER_BYTES)
                    .serve_connection(TokioIo::new(stream), service);
                // A watcher that breaks off or dawdles is no event.
                let _ = time::timeout(MAX_AGE, connection).await;
                drop(place);
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
        }
        match request.uri().path() {
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.registry.text());
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static(prometheus::TEXT_FORMAT),
                );
                response
            }
            "/livez" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.startup.is_ready() => text(StatusCode::OK, self.startup.text()),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, self.startup.text()),
            _ => text(StatusCode::NOT_FOUND, "expected /metrics, /livez or /readyz\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
