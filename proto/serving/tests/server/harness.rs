//! Starts servers from flags, as the services do, and calls them.

use std::{net::SocketAddr, time::Duration};

use clap::Parser as _;
use serving::{ServeError, Server, ServingArgs, bind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tonic::{
    Request, Response, Status,
    codegen::http::uri::PathAndQuery,
    service::RoutesBuilder,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_prost::ProstCodec;

use crate::work::{COMPUTE, Event, Work, contract};

/// Longer than any test should wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    serving: ServingArgs,
}

/// A server that runs until told otherwise.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    shutdown: Option<oneshot::Sender<()>>,
    abort: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), ServeError>>,
}

/// Opens a server with these flags, one worker and a metrics port.
pub(crate) async fn open(flags: &[&str]) -> Result<Server, ServeError> {
    let fixed = ["test", "--metrics-listen=127.0.0.1:0", "--workers=1"];
    let typed = fixed.iter().chain(flags);
    let cli = Cli::try_parse_from(typed).expect("valid flags");
    Server::open(cli.serving.to_config(), contract()).await
}

pub(crate) async fn start(flags: &[&str]) -> Running {
    let server = open(flags).await.expect("a valid configuration");
    let metrics = server.metrics_address().expect("asked for");
    let (sender, events) = mpsc::unbounded_channel();
    let pool = server.pool("work").expect("one thread");
    let (listener, address) = bind("127.0.0.1:0").await.expect("a free port");
    let mut routes = RoutesBuilder::default();
    routes.add_service(Work { pool, events: sender });
    let readiness = server.register(&mut routes).await.expect("valid descriptors");
    let (shutdown, shut) = oneshot::channel();
    let (abort, aborted) = oneshot::channel();
    let ended = tokio::spawn(async move {
        let shut = async {
            let _ = shut.await;
        };
        let aborted = async {
            if aborted.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        server.serve(listener, routes.routes(), readiness, shut, aborted).await
    });
    Running { address, metrics, events, shutdown: Some(shutdown), abort: Some(abort), ended }
}

impl Running {
    /// As the first signal does.
    pub(crate) fn shut_down(&mut self) {
        self.shutdown.take().expect("once").send(()).expect("the server runs");
    }

    /// As the second signal does.
    pub(crate) fn abort(&mut self) {
        self.abort.take().expect("once").send(()).expect("the server runs");
    }

    /// How the server ended.
    pub(crate) async fn end(self) -> Result<(), ServeError> {
        tokio::time::timeout(PATIENCE, self.ended).await.expect("in time").expect("no panic")
    }

    /// A channel to this server, in the clear.
    pub(crate) async fn connect(&self) -> Channel {
        self.endpoint().connect().await.expect("the server listens")
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::try_from(format!("http://{}", self.address)).expect("an address")
    }

    pub(crate) async fn event(&mut self) -> Event {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .expect("in time")
            .expect("the service lives")
    }

    /// One HTTP request to the metrics port: the status line and the body.
    pub(crate) async fn watch(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.metrics).await.expect("the port is open");
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut response = String::new();
        stream.read_to_string(&mut response).await.expect("text");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
        (head.lines().next().expect("a status line").to_owned(), body.to_owned())
    }

    /// The value of one sample, by its name and labels as they are written.
    pub(crate) async fn sample(&self, name: &str) -> Option<f64> {
        let (_, text) = self.watch("/metrics").await;
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(rest.parse().expect("a number"))
    }

    /// Waits until a sample has this value.
    pub(crate) async fn until_sample(&self, name: &str, value: f64) {
        let reached = async {
            while self.sample(name).await.is_none_or(|seen| (seen - value).abs() > 1e-9) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("{name} is not {value} but {:?}", self.sample(name).await);
        }
    }
}

/// Asks for so much computing.
pub(crate) fn work(length: Duration) -> Request<prost_types::Duration> {
    Request::new(length.try_into().expect("short"))
}

/// Calls `Compute`.
pub(crate) async fn compute(
    channel: &Channel,
    request: Request<prost_types::Duration>,
) -> Result<Response<prost_types::Duration>, Status> {
    call(channel, COMPUTE, request).await
}

/// Calls any path.
pub(crate) async fn call(
    channel: &Channel,
    path: &'static str,
    request: Request<prost_types::Duration>,
) -> Result<Response<prost_types::Duration>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let codec = ProstCodec::<prost_types::Duration, prost_types::Duration>::default();
    client.unary(request, PathAndQuery::from_static(path), codec).await
}

/// The health of a service, or of the whole server for an empty name.
pub(crate) async fn health(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    let reply = HealthClient::new(channel.clone()).check(request).await.expect("health answers");
    reply.into_inner().status()
}
