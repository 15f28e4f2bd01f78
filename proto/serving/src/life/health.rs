//! `grpc.health.v1` and server reflection.
//!
//! The empty service name is liveness: SERVING from readiness until the process ends, drain
//! included, so that a draining pod is not restarted. The full service name is readiness:
//! NOT_SERVING until ready, and again from the first signal on.

use tonic::service::RoutesBuilder;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::life::startup::Startup;

/// Largest health check, framing included: it is a name.
pub(crate) const MAX_PROBE_BYTES: usize = 4 * 1024;
/// Largest message of a reflection stream.
const MAX_REFLECTION_BYTES: usize = 64 * 1024;

/// The readiness switch of one server. Clones share it.
#[derive(Clone, Debug)]
pub struct Readiness {
    reporter: HealthReporter,
    service: &'static str,
    startup: Startup,
}

impl Readiness {
    /// Adds the health service to `routes`; `service` is the full gRPC name, not yet ready.
    pub async fn register(routes: &mut RoutesBuilder, service: &'static str) -> Self {
        Self::register_as(routes, service, Startup::default()).await
    }

    /// The same, told by `startup` too.
    pub(crate) async fn register_as(
        routes: &mut RoutesBuilder,
        service: &'static str,
        startup: Startup,
    ) -> Self {
        let (reporter, server) = tonic_health::server::health_reporter();
        let readiness = Self { reporter, service, startup };
        readiness.reporter.set_service_status("", ServingStatus::NotServing).await;
        readiness.set(ServingStatus::NotServing).await;
        routes.add_service(server.max_decoding_message_size(MAX_PROBE_BYTES));
        readiness
    }

    /// Everything is loaded: SERVING, for liveness and readiness.
    pub async fn ready(&self) {
        self.reporter.set_service_status("", ServingStatus::Serving).await;
        self.set(ServingStatus::Serving).await;
    }

    /// No new work, please: readiness is NOT_SERVING, liveness stays.
    pub async fn draining(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// The service this is about.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Whether readiness is SERVING.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.startup.is_ready()
    }

    async fn set(&self, status: ServingStatus) {
        self.startup.set_ready(status == ServingStatus::Serving);
        self.reporter.set_service_status(self.service, status).await;
    }
}

/// Adds reflection `v1` and `v1alpha` (which common command-line clients still speak) for the
/// encoded descriptor set and for the health service.
///
/// # Errors
/// When `descriptors` is not a valid `FileDescriptorSet`.
pub fn register_reflection(
    routes: &mut RoutesBuilder,
    descriptors: &'static [u8],
) -> Result<(), tonic_reflection::server::Error> {
    let configure = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let limit = MAX_REFLECTION_BYTES;
    routes.add_service(configure().build_v1()?.max_decoding_message_size(limit));
    routes.add_service(configure().build_v1alpha()?.max_decoding_message_size(limit));
    Ok(())
}
