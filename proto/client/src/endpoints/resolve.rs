//! From a name to addresses, again and again: after the answer's time to live or an interval, and
//! when calls fail. A look-up that fails or finds nothing changes nothing.

use std::{io, sync::Weak, time::Duration};

use tokio::{sync::Notify, time::Instant};

use crate::{
    endpoints::{
        balance::Endpoints,
        names::Resolved,
        target::{Host, MAX_ENDPOINTS},
    },
    options::Resolution,
};

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
