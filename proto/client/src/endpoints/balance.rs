//! Which endpoints there are, and which of them a call goes to.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{sync::Notify, time::Instant};
use tonic::transport::{Endpoint as Transport, Uri};

use crate::{
    endpoints::{
        changes::Changes,
        endpoint::{Endpoint, Keeping, Picked, State},
        target::Host,
    },
    error::OptionsError,
    options::{Balance, Options},
};

/// What a client did so far, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Calls that were made.
    pub calls: u64,
    /// How often one was sent.
    pub attempts: u64,
    /// Attempts that were made because an earlier one was slow.
    pub hedges: u64,
    /// Every endpoint there is now.
    pub endpoints: Vec<EndpointView>,
}

/// One endpoint as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointView {
    /// Its address, or its name in a fixed list.
    pub address: String,
    /// Whether calls go to it.
    pub ready: bool,
    /// Attempts of this client that it has not answered.
    pub in_flight: usize,
}

/// All endpoints of a client.
#[derive(Debug)]
pub(crate) struct Endpoints {
    all: RwLock<Vec<Endpoint>>,
    changes: Changes,
    turn: AtomicUsize,
    service: &'static str,
    options: Arc<Options>,
    /// What a certificate and the servers' logs call them, for a target that is looked up.
    host: Option<Host>,
}

impl Endpoints {
    pub(crate) fn new(service: &'static str, options: Arc<Options>, host: Option<Host>) -> Self {
        let changes = Changes::default();
        Self { all: RwLock::default(), changes, turn: AtomicUsize::new(0), service, options, host }
    }

    pub(crate) fn look_up_wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.changes.look_up)
    }

    /// Asks for a look-up soon.
    pub(crate) fn look_up(&self) {
        self.changes.look_up();
    }

    /// Starts the endpoints of a fixed list.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn fix(&self, hosts: &[Host]) -> Result<(), OptionsError> {
        for host in hosts {
            let transport = transport(&self.options, &host.authority(), host)?;
            self.add(host.authority(), transport);
        }
        Ok(())
    }

    /// Whether endpoints of the looked-up host can be set up at all.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let Some(host) = &self.host else { return Ok(()) };
        transport(&self.options, &host.authority(), host).map(drop)
    }

    /// These addresses and no other; an endpoint that stays is not touched.
    pub(crate) fn replace(&self, addresses: &[SocketAddr]) {
        let Some(host) = &self.host else { return };
        let wanted: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let known: Vec<String> = {
            let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
            all.retain(|endpoint| wanted.contains(&endpoint.state.address));
            all.iter().map(|endpoint| endpoint.state.address.clone()).collect()
        };
        for address in wanted.into_iter().filter(|address| !known.contains(address)) {
            tracing::debug!(address, "new endpoint");
            match transport(&self.options, &address, host) {
                Ok(transport) => self.add(address, transport),
                Err(error) => tracing::error!(address, %error, "endpoint cannot be set up"),
            }
        }
        self.changes.announce();
    }

    fn add(&self, address: String, transport: Transport) {
        let keeping = Keeping { transport, service: self.service, liveness: self.options.liveness };
        let endpoint = Endpoint::start(address, keeping, self.changes.clone());
        self.all.write().unwrap_or_else(PoisonError::into_inner).push(endpoint);
    }

    /// A ready endpoint that is not in `avoid`.
    pub(crate) fn pick(&self, avoid: &[Arc<State>]) -> Option<Picked> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let count = all.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % count.max(1);
        let mut in_turn = (0..count)
            .map(|step| &all[(first + step) % count].state)
            .filter(|state| !avoid.iter().any(|one| Arc::ptr_eq(one, state)) && state.is_ready());
        let state = match self.options.balance {
            Balance::RoundRobin => in_turn.next(),
            // Among equals the first in turn.
            Balance::LeastLoaded => in_turn.min_by_key(|state| state.in_flight()),
        };
        state?.pick()
    }

    /// A ready endpoint, not one of `avoid` if there is another; waits for one until `latest`.
    pub(crate) async fn wait(&self, avoid: &[Arc<State>], latest: Instant) -> Option<Picked> {
        let mut readiness = self.changes.readiness.subscribe();
        loop {
            if let Some(picked) = self.pick(avoid).or_else(|| self.pick(&[])) {
                return Some(picked);
            }
            tokio::select! {
                // The sender is in `self`, so this never fails.
                _ = readiness.changed() => {}
                () = tokio::time::sleep_until(latest) => return None,
            }
        }
    }

    pub(crate) fn view(&self) -> Vec<EndpointView> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let view = |endpoint: &Endpoint| EndpointView {
            address: endpoint.state.address.clone(),
            ready: endpoint.state.is_ready(),
            in_flight: endpoint.state.in_flight(),
        };
        all.iter().map(view).collect()
    }
}

/// How to connect to `address`, which is called `host`.
fn transport(options: &Options, address: &str, host: &Host) -> Result<Transport, OptionsError> {
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let uri = |authority: &str| -> Result<Uri, OptionsError> {
        format!("{scheme}://{authority}").parse().map_err(|_| OptionsError::Target {
            target: authority.to_owned(),
            why: "no URI can hold it",
        })
    };
    let liveness = &options.liveness;
    let transport = Transport::from(uri(address)?)
        .origin(uri(&host.authority())?)
        .connect_timeout(liveness.connect)
        .http2_keep_alive_interval(liveness.keepalive)
        .keep_alive_timeout(liveness.probe)
        .keep_alive_while_idle(true)
        .user_agent(concat!("soundalike-client/", env!("CARGO_PKG_VERSION")))
        .map_err(OptionsError::Tls)?;
    match &options.tls {
        Some(tls) => transport.tls_config(tls.to_config(&host.name)).map_err(OptionsError::Tls),
        None => Ok(transport),
    }
}
