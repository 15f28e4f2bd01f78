//! One endpoint: its connection, and whether it is ready. A task keeps it: connects, watches its
//! health (`grpc.health.v1`), takes it out when the watch ends or says anything but SERVING, and
//! tries again after a pause.
//!
//! A connection that is never used again is dropped with its watch, so that a draining server does
//! not wait for this client.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
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

use crate::{backoff::Backoff, balance::Changes, error::is_broken, options::Liveness};

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
            in_flight: AtomicUsize::new(0),
            doubted: Notify::new(),
        });
        let keeper = tokio::spawn(keep(Arc::clone(&state), keeping, changes));
        Self { state, _keeper: AbortOnDropHandle::new(keeper) }
    }
}

impl State {
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.read().unwrap_or_else(PoisonError::into_inner).is_some()
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

    /// Asks for a look at the endpoint's health: a call to it broke, or has no answer.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    fn set(&self, channel: Option<Channel>) {
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = channel;
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
        let mut since = None;
        let why = watch(&keeping, channel, &state.doubted, |channel| {
            since = Some(Instant::now());
            state.set(Some(channel));
            changes.announce();
            tracing::debug!(endpoint = state.address, "endpoint is ready");
        })
        .await;
        state.set(None);
        changes.announce();
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

/// Watches the health of an endpoint for as long as it serves; says why it does not any more.
async fn watch(
    keeping: &Keeping,
    channel: Channel,
    doubted: &Notify,
    admit: impl FnOnce(Channel),
) -> &'static str {
    let Keeping { service, liveness, .. } = keeping;
    let request = || HealthCheckRequest { service: (*service).to_owned() };
    let mut health = HealthClient::new(channel.clone());
    let opening = async {
        let mut statuses = health.watch(request()).await?.into_inner();
        let first = statuses.message().await?;
        Ok::<_, Status>((statuses, first))
    };
    let mut statuses = match timeout(liveness.connect, opening).await {
        Ok(Ok((statuses, first))) if serves(first.as_ref()) => statuses,
        Ok(Ok(_)) => return "not serving",
        Ok(Err(status)) if status.code() == Code::Unimplemented && !is_broken(&status) => {
            // It lives, and that is all that can be known before a call breaks.
            admit(channel);
            doubted.notified().await;
            return "a call broke";
        }
        Ok(Err(status)) => {
            tracing::debug!(%status, "health cannot be watched");
            return "unreachable";
        }
        Err(_) => return "silent",
    };
    admit(channel);
    loop {
        tokio::select! {
            message = statuses.message() => match message {
                Ok(status) if serves(status.as_ref()) => {}
                Ok(Some(_)) => return "not serving",
                Ok(None) | Err(_) => return "connection ended",
            },
            () = doubted.notified() => {
                match timeout(liveness.probe, health.check(request())).await {
                    Ok(Ok(status)) if serves(Some(status.get_ref())) => {}
                    Ok(_) => return "probe failed",
                    Err(_) => return "probe without an answer",
                }
            }
        }
    }
}

fn serves(status: Option<&HealthCheckResponse>) -> bool {
    status.is_some_and(|status| status.status() == ServingStatus::Serving)
}
