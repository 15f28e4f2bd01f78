//! One endpoint: its connection, and whether it is ready. A task keeps it: connects, watches its
//! health (`grpc.health.v1`), takes it out when the watch ends or says anything but SERVING, and
//! tries again after a pause.
//!
//! A connection that is never used again is dropped with its watch, so that a draining server does
//! not wait for this client.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::{backoff::Backoff, endpoints::changes::Changes, error::is_broken, options::Liveness};

/// An endpoint that was ready for so long is worth a quick second try when it is lost.
const STEADY: Duration = Duration::from_secs(10);

/// An endpoint and its keeper, which ends when this is dropped; calls in flight go on.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) state: Arc<State>,
    _keeper: AbortOnDropHandle<()>,
}

/// What calls see of an endpoint.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) address: String,
    /// The connection, while the endpoint is ready.
    ready: RwLock<Option<Channel>>,
    /// A call broke here, and the keeper has not looked since. A dead connection fails calls faster
    /// than a good one answers them, and would attract them all.
    suspected: AtomicBool,
    in_flight: AtomicUsize,
    /// A call has reason to doubt this endpoint.
    doubted: Notify,
}

/// An endpoint that was picked for an attempt; it counts as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) channel: Channel,
    state: Arc<State>,
}

/// How an endpoint is connected to and watched.
#[derive(Clone, Debug)]
pub(crate) struct Keeping {
    pub(crate) transport: tonic::transport::Endpoint,
    pub(crate) service: &'static str,
    pub(crate) liveness: Liveness,
}

impl Endpoint {
    /// Must be called inside a tokio runtime.
    pub(crate) fn start(address: String, keeping: Keeping, changes: Changes) -> Self {
        let state = Arc::new(State {
            address,
            ready: RwLock::default(),
            suspected: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            doubted: Notify::new(),
        });
        let keeper = tokio::spawn(keep(Arc::clone(&state), keeping, changes));
        Self { state, _keeper: AbortOnDropHandle::new(keeper) }
    }
}

impl State {
    pub(crate) fn is_ready(&self) -> bool {
        !self.suspected.load(Ordering::Relaxed)
            && self.ready.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The endpoint for one attempt, if it is ready.
    pub(crate) fn pick(self: &Arc<Self>) -> Option<Picked> {
        let channel = self.ready.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Picked { channel, state: Arc::clone(self) })
    }

    /// No more calls until the endpoint's health has been asked for: one to it broke.
    pub(crate) fn suspect(&self) {
        self.suspected.store(true, Ordering::Relaxed);
        self.doubted.notify_one();
    }

    /// Asks for a look at the endpoint's health: a call to it has no answer.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    fn set(&self, channel: Option<Channel>, changes: &Changes) {
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = channel;
        self.clear(changes);
    }

    fn clear(&self, changes: &Changes) {
        self.suspected.store(false, Ordering::Relaxed);
        changes.announce();
    }
}

impl Picked {
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps an endpoint for ever.
async fn keep(state: Arc<State>, keeping: Keeping, changes: Changes) {
    let mut pauses = Backoff::new(keeping.liveness.first_pause, keeping.liveness.max_pause);
    loop {
        // A new connection each time: what made the last one useless may be the connection itself.
        let channel = keeping.transport.connect_lazy();
        let (why, since) = watch(&keeping, channel, &state, &changes).await;
        state.set(None, &changes);
        if let Some(since) = since {
            tracing::info!(endpoint = state.address, why, "endpoint is taken out");
            if since.elapsed() >= STEADY {
                pauses.reset();
            }
        } else {
            tracing::debug!(endpoint = state.address, why, "endpoint is not ready");
        }
        // It may have moved.
        changes.look_up();
        tokio::time::sleep(pauses.next()).await;
    }
}

/// Watches the health of an endpoint for as long as it serves. Says why it does not any more, and since
/// when it did, if it did.
async fn watch(
    keeping: &Keeping,
    channel: Channel,
    state: &State,
    changes: &Changes,
) -> (&'static str, Option<Instant>) {
    let Keeping { service, liveness, .. } = keeping;
    let request = || HealthCheckRequest { service: (*service).to_owned() };
    let mut health = HealthClient::new(channel.clone());
    let opening = async {
        let mut statuses = health.watch(request()).await?.into_inner();
        let first = statuses.message().await?;
        Ok::<_, Status>((statuses, first))
    };
    let statuses = match timeout(liveness.connect, opening).await {
        Ok(Ok((statuses, first))) if serves(first.as_ref()) => Some(statuses),
        Ok(Ok(_)) => return ("not serving", None),
        // It lives, and that is all that can be known before a call breaks.
        Ok(Err(status)) if status.code() == Code::Unimplemented && !is_broken(&status) => None,
        Ok(Err(status)) => {
            tracing::debug!(%status, "health cannot be watched");
            return ("unreachable", None);
        }
        Err(_) => return ("silent", None),
    };
    state.set(Some(channel), changes);
    tracing::debug!(endpoint = state.address, "endpoint is ready");
    let since = Some(Instant::now());
    let Some(mut statuses) = statuses else {
        state.doubted.notified().await;
        return ("a call broke", since);
    };
    loop {
        tokio::select! {
            message = statuses.message() => match message {
                Ok(status) if serves(status.as_ref()) => {}
                Ok(Some(_)) => return ("not serving", since),
                Ok(None) | Err(_) => return ("connection ended", since),
            },
            () = state.doubted.notified() => {
                match timeout(liveness.probe, health.check(request())).await {
                    Ok(Ok(status)) if serves(Some(status.get_ref())) => state.clear(changes),
                    Ok(_) => return ("probe failed", since),
                    Err(_) => return ("probe without an answer", since),
                }
            }
        }
    }
}

fn serves(status: Option<&HealthCheckResponse>) -> bool {
    status.is_some_and(|status| status.status() == ServingStatus::Serving)
}
