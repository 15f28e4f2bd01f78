//! The whole life of a server, in order: check, bind, serve, drain, finish within the grace, end.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use rustls::ServerConfig;
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{self, AbortHandle, JoinSet},
};
use tonic::service::{Routes, RoutesBuilder};

use crate::{
    call::{context::RequestIds, stack::Calls},
    config::ServingConfig,
    edge::{
        admission::Admission,
        auth::{Auth, Tokens},
        buffers::Buffers,
        connection::{Connections, Streams},
        files,
        reload::{ReloadError, Reloading},
        tls,
        web::Web,
    },
    life::{
        health::{Readiness, register_reflection},
        startup::Startup,
    },
    observe::{
        metrics::{CallMetrics, ConnectionMetrics, Endpoint, Methods, MetricError, Registry},
        telemetry,
    },
    work::pool::CpuPool,
};

/// Error domain of a server that names none.
const DEFAULT_DOMAIN: &str = "soundalike";
/// Largest request of a server that says none: what gRPC libraries take by default.
const DEFAULT_UNARY_BYTES: u64 = 4 << 20;

/// What a server has to know of the service it carries.
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    /// Full gRPC name, such as `soundalike.v1.IndexService`.
    pub service: &'static str,
    /// Encoded `FileDescriptorSet`, for reflection and the labels of metrics.
    pub descriptors: &'static [u8],
    /// `ErrorInfo.domain` of the errors that arise before the service.
    pub error_domain: &'static str,
    /// Bytes that a request of one message may have, framing included.
    pub max_unary_bytes: u64,
}

/// Why a server did not start, or ended other than by a clean shutdown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Flags that cannot be right, all of them.
    #[error("{}", .0.join("\n"))]
    Config(Vec<String>),
    /// The address is taken, not ours, or not an address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// As asked for.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A certificate, key or token file.
    #[error(transparent)]
    File(#[from] ReloadError),
    /// Two metrics have one name.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The contract's descriptors.
    #[error("the descriptor set cannot be decoded: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// The contract's descriptors, as reflection sees them.
    #[error("the descriptor set cannot be reflected: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The operating system refuses a worker thread.
    #[error("the workers cannot be started: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// Calls were still running when the grace ended, or a second signal came.
    #[error("{0}; calls in flight were cut")]
    Cut(&'static str),
}

/// A server with everything checked: files read, and the metrics port open, which tells from here on
/// that the server is not ready, and why. Calls are not taken yet.
#[derive(Debug)]
pub struct Server {
    config: ServingConfig,
    contract: Contract,
    registry: Registry,
    methods: Methods,
    tls: Option<Reloading<ServerConfig>>,
    tokens: Option<Reloading<Tokens>>,
    metrics_address: Option<SocketAddr>,
    startup: Startup,
    /// Ended with the server, by being dropped.
    beside: JoinSet<()>,
    web: Option<Web>,
}

impl Server {
    /// Checks the configuration, reads the files it names, opens the metrics port, and logs what
    /// will be in effect.
    ///
    /// # Errors
    /// With everything that is wrong with the flags, or else the first file or address that is.
    pub async fn open(mut config: ServingConfig, contract: Contract) -> Result<Self, ServeError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ServeError::Config(problems));
        }
        let asked = config.connections.max_connections;
        if let Some(room) = files::room_for_connections().filter(|&room| room < asked) {
            tracing::warn!(asked, room, "fewer connections: the limit on open files is lower");
            config.connections.max_connections = room;
        }
        let methods = Methods::read(contract.descriptors)?;
        let registry = Registry::with_process()?;
        let security = &config.security;
        let tls = security.tls.as_ref().map(tls::open).transpose()?;
        let tokens = security.auth_tokens.as_deref().map(Tokens::open).transpose()?;
        let (startup, mut beside) = (Startup::default(), JoinSet::new());
        let metrics_address = match &config.metrics_listen {
            Some(address) => {
                let (listener, address) = bind(address).await?;
                tracing::info!(%address, "metrics port");
                let endpoint = Endpoint::new(registry.clone(), startup.clone());
                spawn(&mut beside, endpoint.serve(listener));
                Some(address)
            }
            None => None,
        };
        tracing::info!(?config, "effective configuration");
        if tokens.is_some() && tls.is_none() {
            tracing::warn!("bearer tokens cross this port unencrypted: no TLS is configured");
        }
        let web = None;
        Ok(Self {
            config,
            contract,
            registry,
            methods,
            tls,
            tokens,
            metrics_address,
            startup,
            beside,
            web,
        })
    }

    /// Serves gRPC-Web too, for pages of these origins; for none when there is none.
    ///
    /// # Errors
    /// When one is not `http[s]://HOST[:PORT]`.
    pub fn with_web(mut self, origins: &[String]) -> Result<Self, ServeError> {
        if !origins.is_empty() {
            let web = Web::new(origins).map_err(|problem| ServeError::Config(vec![problem]))?;
            tracing::info!(?origins, "gRPC-Web");
            self.web = Some(web);
        }
        Ok(self)
    }

    /// Where the service adds its own metrics.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Where `/metrics` is, if it is served.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Where a service says what it waits for before it is ready.
    #[must_use]
    pub fn startup(&self) -> &Startup {
        &self.startup
    }

    /// The worker pool the configuration asks for, with its metrics.
    ///
    /// # Errors
    /// When the operating system refuses a thread, or a pool of this name exists.
    pub fn pool(&self, name: &'static str) -> Result<CpuPool, ServeError> {
        let queue = &self.config.queue;
        let pool = CpuPool::new(name, queue.workers, queue.max_queue)?;
        let pool = pool.with_max_wait(queue.max_queue_time);
        Ok(pool.with_overload_after(queue.overload_after).with_metrics(&self.registry)?)
    }

    /// Adds health, not yet ready, and reflection, if it is on.
    ///
    /// # Errors
    /// When the contract's descriptors are not a valid `FileDescriptorSet`.
    pub async fn register(&self, routes: &mut RoutesBuilder) -> Result<Readiness, ServeError> {
        if self.config.reflection {
            register_reflection(routes, self.contract.descriptors)?;
        }
        let startup = self.startup.clone();
        Ok(Readiness::register_as(routes, self.contract.service, startup).await)
    }

    /// Serves until `shutdown` resolves, then drains and finishes; `abort` ends at once.
    ///
    /// # Errors
    /// When calls had to be cut.
    pub async fn serve(
        self,
        listener: TcpListener,
        routes: Routes,
        readiness: Readiness,
        shutdown: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let Self { config, contract, registry, methods, tls, tokens, mut beside, web, .. } = self;
        let connection_metrics = ConnectionMetrics::new(&registry)?;
        let domain = contract.error_domain;
        let auth = Auth::new(tokens.as_ref().map(Reloading::latest), &config.security, domain);
        let calls = Arc::new(Calls {
            routes: routes.prepare(),
            methods,
            metrics: CallMetrics::new(&registry)?,
            auth,
            admission: Admission::new(&config.calls, domain),
            buffers: Buffers::default(),
            ids: RequestIds::new(),
            max_call_time: config.calls.max_call_time,
            max_unary_bytes: contract.max_unary_bytes,
            log_sample: config.calls.log_sample,
            domain,
        });
        let connections = Connections {
            calls: Arc::clone(&calls),
            tls: tls.as_ref().map(Reloading::latest),
            limits: config.connections.clone(),
            metrics: connection_metrics.clone(),
            web,
            streams: Streams::default(),
        };

        let every = config.security.reload_interval;
        tls.map(|tls| spawn(&mut beside, tls.follow(every, connection_metrics.clone())));
        tokens.map(|tokens| spawn(&mut beside, tokens.follow(every, connection_metrics)));

        let (stop, stopped) = watch::channel(false);
        let serving = connections.serve(listener, stopped);
        readiness.ready().await;
        let life = async {
            shutdown.await;
            tracing::info!(drain = ?config.drain, "draining");
            readiness.draining().await;
            tokio::time::sleep(config.drain).await;
            tracing::info!(grace = ?config.grace, "finishing calls in flight");
            stop.send_replace(true);
            tokio::time::sleep(config.grace).await;
        };
        let ended = tokio::select! {
            () = serving => Ok(()),
            () = life => calls.cut("the grace ended"),
            () = abort => calls.cut("a second signal came"),
        };
        // The collector may be slow; a panic in its client is no reason to fail here.
        let _ = task::spawn_blocking(telemetry::flush).await;
        ended
    }
}

impl Calls {
    /// What it means that connections are cut now: nothing, unless calls are in flight. A client
    /// that does not answer to GOAWAY loses nothing.
    fn cut(&self, why: &'static str) -> Result<(), ServeError> {
        if self.admission.in_flight() == 0 { Ok(()) } else { Err(ServeError::Cut(why)) }
    }
}

fn spawn(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tasks.spawn(task)
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

/// Opens a [`Server`] and serves at once, for services without metrics or a pool of their own. Only
/// health and reflection have their names in the metrics, since no descriptors are known.
///
/// # Errors
/// As [`Server::open`] and [`Server::serve`].
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    readiness: Readiness,
    config: &ServingConfig,
    shutdown: impl Future<Output = ()>,
    abort: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let contract = Contract {
        service: readiness.service(),
        descriptors: &[],
        error_domain: DEFAULT_DOMAIN,
        max_unary_bytes: DEFAULT_UNARY_BYTES,
    };
    let server = Server::open(config.clone(), contract).await?;
    server.serve(listener, routes, readiness, shutdown, abort).await
}
