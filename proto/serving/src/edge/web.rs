//! gRPC-Web: calls of browsers, translated at the door, so that everything behind it sees gRPC.
//!
//! Off unless a service names the origins (`https://player.example`) whose pages may call. The port
//! then speaks HTTP/1.1 as well, for proxies that do. Browsers cannot stream uploads.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service, ServiceExt as _};
use tower_http::cors::{Cors, CorsLayer};

use crate::call::context::REQUEST_ID_HEADER;

/// How long a browser may remember what it was allowed.
const MEMORY: Duration = Duration::from_secs(3600);

/// Whose pages may call.
#[derive(Clone, Debug)]
pub(crate) struct Web(Arc<CorsLayer>);

impl Web {
    /// # Errors
    /// With the origin that is none.
    pub(crate) fn new(origins: &[String]) -> Result<Self, String> {
        let parse = |origin: &String| {
            let (scheme, host) = origin.split_once("://").unwrap_or_default();
            let fit = matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/');
            let value = fit.then(|| HeaderValue::from_str(origin).ok()).flatten();
            value.ok_or_else(|| format!("web origin is `{origin}`, expected `https://HOST[:PORT]`"))
        };
        let origins = origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let name = HeaderName::from_static;
        let layer = CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::POST])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                name("grpc-timeout"),
                name("x-grpc-web"),
                name("x-user-agent"),
                name(REQUEST_ID_HEADER),
            ])
            .expose_headers([
                name("grpc-status"),
                name("grpc-message"),
                name("grpc-status-details-bin"),
                name(REQUEST_ID_HEADER),
            ])
            .max_age(MEMORY);
        Ok(Self(Arc::new(layer)))
    }

    /// Translates a call, lets `calls` answer it, and translates back. What is plain gRPC passes.
    pub(crate) async fn answer<B, S>(&self, request: Request<B>, calls: S) -> Response<Body>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + std::fmt::Display,
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send + 'static,
    {
        let translated: GrpcWebService<S> = GrpcWebLayer::new().layer(calls);
        let guarded: Cors<GrpcWebService<S>> = self.0.layer(translated);
        match guarded.oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        let check = |origin: &str| Web::new(&[origin.to_owned()]).is_ok();
        assert!(check("https://player.example") && check("http://localhost:8080"));
        for wrong in ["", "*", "player.example", "https://", "https://player.example/", "ftp://x"] {
            assert!(!check(wrong), "{wrong}");
        }
    }
}
