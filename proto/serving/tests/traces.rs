//! Traces reach a collector: one span per call and those below it, in the caller's trace, without
//! the transport's. Alone in its file, since a process has one subscriber.

use std::time::Duration;

use clap::Parser as _;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use serving::{Contract, LogArgs, LogWriting, Server, ServingArgs, bind};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    service::RoutesBuilder,
    transport::{Channel, Server as Transport},
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
};

const PATIENCE: Duration = Duration::from_secs(20);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    serving: ServingArgs,
}

struct Collector(mpsc::UnboundedSender<Vec<Span>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request
            .into_inner()
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect();
        // After the test nobody listens.
        let _ = self.0.send(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_a_span_in_its_callers_trace() {
    let (sender, mut collected) = mpsc::unbounded_channel();
    let (listener, collector) = bind("127.0.0.1:0").await.expect("a free port");
    tokio::spawn(
        Transport::builder()
            .add_service(TraceServiceServer::new(Collector(sender)))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let endpoint = format!("--otlp-endpoint=http://{collector}");
    // Everything the transport says passes the log's filter, and must not pass the traces'.
    let cli = Cli::try_parse_from(["test", &endpoint, "--log=trace,h2=error,hyper=error"])
        .expect("valid flags");
    let _log = serving::telemetry::init(&cli.log, LogWriting::Direct).expect("the only subscriber");

    let contract = Contract {
        service: "test.v1.Nothing",
        descriptors: &[],
        error_domain: "test",
        max_unary_bytes: 8 << 10,
    };
    let server = Server::open(cli.serving.to_config(), contract).await.expect("valid");
    let (listener, address) = bind("127.0.0.1:0").await.expect("a free port");
    let mut routes = RoutesBuilder::default();
    let readiness = server.register(&mut routes).await.expect("valid descriptors");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        server.serve(listener, routes.routes(), readiness, stopped, std::future::pending()).await
    });

    let channel = Channel::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect()
        .await
        .expect("the server listens");
    let question = ServerReflectionRequest::default();
    let mut request = Request::new(tokio_stream::once(question));
    let parent = format!("00-{TRACE}-{PARENT}-01");
    request.metadata_mut().insert("traceparent", parent.parse().expect("ASCII"));
    let reply = ServerReflectionClient::new(channel)
        .server_reflection_info(request)
        .await
        .expect("reflection answers");
    let announced = reply.metadata().get("traceparent").expect("the server traces");
    let announced = announced.to_str().expect("ASCII").to_owned();
    drop(reply);
    stop.send(()).expect("the server runs");
    tokio::time::timeout(PATIENCE, serving)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("a clean end");

    // The end of the server flushes, so nothing has to be waited for.
    let mut spans = Vec::new();
    while let Ok(some) = collected.try_recv() {
        spans.extend(some);
    }
    let [span] = spans.as_slice() else { panic!("expected one span, got {spans:#?}") };
    assert_eq!(span.name, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!(announced, format!("00-{TRACE}-{}-01", hex(&span.span_id)));
    let attributes: Vec<_> = span.attributes.iter().map(|pair| pair.key.as_str()).collect();
    for expected in ["rpc.system", "rpc.service", "rpc.method", "request_id"] {
        assert!(attributes.contains(&expected), "{expected} in {attributes:?}");
    }
}
