//! `serve`: open, bind, register, serve until a signal, and follow the versions of the index.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::anyhow;
use index_svc::{
    Searcher,
    distribution::Fetching,
    live::LiveRecall,
    planner::Wanted,
    query::DEFAULT_PAGE_SIZE,
    service::IndexApi,
    versions::{Follower, Opening, Seen},
};
use serving::{
    Contract, Server, Signals, Startup, bind,
    metrics::{IntCounterVec, IntGaugeVec, MetricError, Registry},
};
use tokio::sync::oneshot;
use tonic::service::RoutesBuilder;

use crate::{cli::ServeArgs, config};

const CONTRACT: Contract = Contract {
    service: proto::INDEX_SERVICE,
    descriptors: proto::DESCRIPTORS,
    error_domain: proto::ERROR_DOMAIN,
    max_unary_bytes: index_svc::service::MAX_REQUEST_BYTES as u64 + 5,
};

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        // Signals and probes first: opening may fetch for an hour.
        let signals = Signals::install()?;
        let server = Server::open(args.serving.to_config(), CONTRACT).await?;
        let server = server.with_web(&args.web_origins)?;
        let opened = tokio::select! {
            opened = open(args, server.startup().clone())? => opened,
            () = signals.clone().nth(1) => {
                tracing::info!("told to end before the index was open");
                return Ok(ExitCode::SUCCESS);
            }
        };
        let follower = opened.map_err(|_| anyhow!("the thread that opens the index ended"))??;
        let served = follower.served();
        let index = served.current();
        let pool = server.pool("search")?;
        let metrics = VersionMetrics::new(server.registry())?;
        metrics.serves(&index, None);
        if let Some(answered) = follower.answered() {
            metrics.looked(answered);
        }
        drop(index);
        let mut routes = RoutesBuilder::default();
        let live = LiveRecall::new(server.registry(), pool.clone(), args.recall_check_interval)?;
        let api = IndexApi::new(served, pool, live).with_max_work(args.max_work);
        routes.add_service(api.into_server());
        let readiness = server.register(&mut routes).await?;
        let (listener, address) = bind(&args.listen).await?;
        // Ends with this block: the sender is dropped.
        let _watch = watch(follower, args.watch_interval, metrics)?;
        writeln!(stdout(), "listening on {address}")?;
        let shutdown = signals.clone().nth(1);
        server.serve(listener, routes.routes(), readiness, shutdown, signals.nth(2)).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Opens the first version on a thread of its own, which nobody waits for when the server is told to
/// end meanwhile.
fn open(
    args: &ServeArgs,
    startup: Startup,
) -> anyhow::Result<oneshot::Receiver<Result<Follower, index_svc::Error>>> {
    let opening = Opening { engines: args.engine.into(), verify: args.verify };
    let fetching = startup.clone();
    let source =
        config::source(args, move |Fetching { version, bytes, of_bytes }: &Fetching<'_>| {
            let percent = 100 * bytes / (*of_bytes).max(1);
            fetching.waits_for(format!(
                "fetching version {version}, {bytes} of {of_bytes} bytes ({percent} %)"
            ));
            if bytes == of_bytes {
                fetching.waits_for(format!("opening version {version}"));
            }
        })?;
    let (sender, opened) = oneshot::channel();
    thread::Builder::new().name("open".to_owned()).spawn(move || {
        startup.waits_for("asking which version is wanted, and opening it");
        let follower = Follower::open(source, opening).inspect(|follower| {
            startup.waits_for("reading the index into memory");
            let index = follower.served().current();
            index.warm();
            tracing::info!(
                version = index.version(),
                tracks = index.rows(),
                profile = %index.manifest().profile_id,
                default_engine = %index.plan(Wanted::Default, DEFAULT_PAGE_SIZE).engine,
                default_effort = %index.plan(Wanted::Default, DEFAULT_PAGE_SIZE).effort,
                "index is open"
            );
        });
        // Nobody listens when the server was told to end.
        let _ = sender.send(follower);
    })?;
    Ok(opened)
}

/// Looks at the source, and again every `interval` until the returned sender is dropped. A thread of its own:
/// a look may open and verify gigabytes, and neither calls nor the end of the process wait for it.
fn watch(
    mut follower: Follower,
    interval: Duration,
    metrics: VersionMetrics,
) -> anyhow::Result<Sender<()>> {
    let (sender, ended) = channel::<()>();
    thread::Builder::new().name("versions".to_owned()).spawn(move || {
        loop {
            look(&mut follower, &metrics);
            if ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok(sender)
}

fn look(follower: &mut Follower, metrics: &VersionMetrics) {
    let profile = follower.served().current().manifest().profile_id.clone();
    let before = follower.answered();
    let seen = follower.look();
    let answered = follower.answered() == Some(true);
    metrics.looked(answered);
    if answered && before == Some(false) {
        tracing::info!("the source says again which version is wanted");
    }
    match seen {
        Seen::Swapped { from, to, took } => {
            metrics.serves(&to, Some(&from));
            let (version, tracks) = (to.version(), to.rows());
            let seconds = took.as_secs_f64();
            tracing::info!(from, version, tracks, seconds, "another version answers");
            let next = &to.manifest().profile_id;
            if *next != profile {
                tracing::warn!(from = profile, to = next, "queries need another profile");
            }
        }
        Seen::Waits { name } => {
            tracing::warn!(name, "a version waits until calls on an older one have ended");
        }
        Seen::Refused { name, error } if is_passing(&error) => {
            let version = follower.served().current().version().to_owned();
            tracing::warn!(name, %error, version, "the store does not answer; the old version stays");
        }
        Seen::Refused { name, error } => {
            metrics.refused();
            let version = follower.served().current().version().to_owned();
            tracing::error!(name, %error, version, "a version is refused; the old one stays");
        }
        _ => {}
    }
}

/// Whether a store did not answer, as opposed to having nothing that could be served.
fn is_passing(error: &index_svc::Error) -> bool {
    use index_svc::distribution::DistributionError::Storage;
    matches!(error, index_svc::Error::Distribution(Storage(error)) if error.is_passing())
}

/// What is known of versions.
struct VersionMetrics {
    info: IntGaugeVec,
    rows: IntGaugeVec,
    swaps: IntCounterVec,
    last_look: IntGaugeVec,
    looks: IntCounterVec,
}

impl VersionMetrics {
    fn new(registry: &Registry) -> Result<Self, MetricError> {
        let made = Self {
            info: registry.gauge(
                "index_version_info",
                "1 for the index version that answers.",
                &["version"],
            )?,
            rows: registry.gauge("index_rows", "Tracks of the version that answers.", &[])?,
            swaps: registry.counter(
                "index_swaps_total",
                "Versions that were wanted after the first one.",
                &["outcome"],
            )?,
            last_look: registry.gauge(
                "index_source_last_answer_timestamp_seconds",
                "When the source of versions last said which one is wanted; 0 if it never did.",
                &[],
            )?,
            looks: registry.counter(
                "index_source_looks_total",
                "Times the source was asked which version is wanted.",
                &["outcome"],
            )?,
        };
        // All are there from the beginning, so that a rate over them is.
        for outcome in ["swapped", "refused"] {
            made.swaps.with_label_values(&[outcome]);
        }
        for outcome in ["answered", "failed"] {
            made.looks.with_label_values(&[outcome]);
        }
        made.last_look.with_label_values::<&str>(&[]);
        Ok(made)
    }

    fn serves(&self, index: &Searcher, from: Option<&str>) {
        if let Some(from) = from {
            self.swaps.with_label_values(&["swapped"]).inc();
            // One series at a time: it is there unless the version is the same.
            let _ = self.info.remove_label_values(&[from]);
        }
        self.info.with_label_values(&[index.version()]).set(1);
        self.rows.with_label_values::<&str>(&[]).set(i64::from(index.rows()));
    }

    fn looked(&self, answered: bool) {
        let outcome = if answered { "answered" } else { "failed" };
        self.looks.with_label_values(&[outcome]).inc();
        if answered && let Ok(since_1970) = SystemTime::now().duration_since(UNIX_EPOCH) {
            self.last_look.with_label_values::<&str>(&[]).set(since_1970.as_secs() as i64);
        }
    }

    fn refused(&self) {
        self.swaps.with_label_values(&["refused"]).inc();
    }
}
