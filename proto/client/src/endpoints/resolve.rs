//! From a name to addresses, again and again: after the answer's time to live or an interval, and
//! when calls fail. A look-up that fails or finds nothing changes nothing.
//!
//! The default asks the operating system, so that a name means here what it means to every other
//! program of the machine: hosts file, search domains, whatever the system is configured to ask.
//! The system tells no time to live; a [`Resolve`] of another make may.

use std::{fmt, io, net::SocketAddr, pin::Pin, sync::Weak, time::Duration};

use tokio::{sync::Notify, time::Instant};

use crate::{
    endpoints::{
        balance::Endpoints,
        target::{Host, MAX_ENDPOINTS},
    },
    options::Resolution,
};

/// Looks names up.
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a host at a port.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>>;
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Each is an endpoint.
    pub addresses: Vec<SocketAddr>,
    /// How long this holds, if that is known.
    pub time_to_live: Option<Duration>,
}

/// Asks the operating system (`getaddrinfo`).
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, port)).await?.collect();
            Ok(Resolved { addresses, time_to_live: None })
        })
    }
}

/// Looks the name up for ever, or until the endpoints are gone.
pub(crate) async fn follow(host: Host, plan: Resolution, endpoints: Weak<Endpoints>) {
    let Some(wanted) = endpoints.upgrade().map(|endpoints| endpoints.look_up_wanted()) else {
        return;
    };
    loop {
        let asked = Instant::now();
        let found = plan.resolver.resolve(&host.name, host.port).await;
        let Some(endpoints) = endpoints.upgrade() else { return };
        let pause = settle(&host, &plan, found, &endpoints);
        drop(endpoints);
        until(&wanted, asked + plan.min_interval, asked + pause).await;
    }
}

/// Takes an answer over, and says when to ask again.
fn settle(
    host: &Host,
    plan: &Resolution,
    found: io::Result<Resolved>,
    endpoints: &Endpoints,
) -> Duration {
    match found {
        Ok(Resolved { mut addresses, time_to_live }) if !addresses.is_empty() => {
            addresses.sort_unstable();
            addresses.dedup();
            if addresses.len() > MAX_ENDPOINTS {
                tracing::warn!(host = host.name, found = addresses.len(), "too many addresses");
                addresses.truncate(MAX_ENDPOINTS);
            }
            endpoints.replace(&addresses);
            time_to_live.unwrap_or(plan.interval).min(plan.interval)
        }
        Ok(_) => {
            tracing::warn!(host = host.name, "the look-up found no address; the old ones stay");
            plan.min_interval
        }
        Err(error) => {
            tracing::warn!(host = host.name, %error, "the look-up failed; the old addresses stay");
            plan.min_interval
        }
    }
}

/// Waits until `latest`, or until somebody wants a look-up but not before `earliest`.
async fn until(wanted: &Notify, earliest: Instant, latest: Instant) {
    tokio::time::sleep_until(earliest).await;
    tokio::select! {
        () = tokio::time::sleep_until(latest) => {}
        () = wanted.notified() => {}
    }
}
