//! A service to test with: `test.v1.Work/Compute` keeps a worker busy for as long as the request,
//! a `google.protobuf.Duration`, says, and answers with it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use prost::Message as _;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use serving::{Contract, CpuPool, Refusal};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, body::Body, codegen::http, server::NamedService};
use tonic_prost::ProstCodec;

pub(crate) const SERVICE: &str = "test.v1.Work";
pub(crate) const COMPUTE: &str = "/test.v1.Work/Compute";
pub(crate) const DOMAIN: &str = "test";

/// The contract of the service, descriptors made by hand.
pub(crate) fn contract() -> Contract {
    let text = |text: &str| Some(text.to_owned());
    let method = MethodDescriptorProto {
        name: text("Compute"),
        input_type: text(".google.protobuf.Duration"),
        output_type: text(".google.protobuf.Duration"),
        ..Default::default()
    };
    let service =
        ServiceDescriptorProto { name: text("Work"), method: vec![method], ..Default::default() };
    let file = FileDescriptorProto {
        name: text("test/v1/work.proto"),
        package: text("test.v1"),
        service: vec![service],
        syntax: text("proto3"),
        ..Default::default()
    };
    let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
    Contract {
        service: SERVICE,
        descriptors: set.leak(),
        error_domain: DOMAIN,
        max_unary_bytes: 8 << 10,
    }
}

/// What happened on a worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Started,
    Finished,
    Cancelled,
}

#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) pool: CpuPool,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl Work {
    async fn compute(
        self,
        request: Request<prost_types::Duration>,
    ) -> Result<Response<prost_types::Duration>, Status> {
        let asked = request.into_inner();
        let length = Duration::try_from(asked).expect("tests ask for sane durations");
        let events = self.events;
        let outcome = self.pool.run(move |cancel| {
            // A test that does not listen is fine.
            let _ = events.send(Event::Started);
            let began = Instant::now();
            while began.elapsed() < length {
                if cancel.is_cancelled() {
                    let _ = events.send(Event::Cancelled);
                    return;
                }
                std::hint::spin_loop();
            }
            let _ = events.send(Event::Finished);
        });
        match outcome.await {
            Ok(()) => Ok(Response::new(asked)),
            Err(error) => Err(Refusal::from_pool(DOMAIN, error).into_status()),
        }
    }
}

impl NamedService for Work {
    const NAME: &'static str = SERVICE;
}

impl tower::Service<http::Request<Body>> for Work {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let work = self.clone();
        Box::pin(async move {
            if request.uri().path() != COMPUTE {
                let status =
                    Refusal::new(DOMAIN, tonic::Code::Unimplemented, "NO_METHOD", "no such method");
                return Ok(status.into_status().into_http());
            }
            let method = tower::service_fn(move |request| work.clone().compute(request));
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok(grpc.unary(method, request).await)
        })
    }
}
