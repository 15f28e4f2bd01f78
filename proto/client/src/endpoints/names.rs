//! Who looks names up.
//!
//! The default asks the operating system, so that a name means here what it means to every other
//! program of the machine: hosts file, search domains, whatever the system is configured to ask.
//! The system tells no time to live; a [`Resolve`] of another make may.

use std::{fmt, io, net::SocketAddr, pin::Pin, time::Duration};

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
