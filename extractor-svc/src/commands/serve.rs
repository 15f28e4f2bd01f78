//! `serve`: bind, register, announce, serve until told to stop.

use std::{io::Write as _, process::ExitCode};

use proto::v1::extractor_service_server::ExtractorServiceServer;
use serving::{Contract, Server, Signals, bind};
use tonic::{codec::CompressionEncoding, service::RoutesBuilder};

use crate::{
    cli::ServeArgs,
    recipe::Profile,
    serve::{
        metrics::ExtractorMetrics,
        service::{Extractor, MAX_MESSAGE_BYTES},
    },
};

const CONTRACT: Contract = Contract {
    service: proto::EXTRACTOR_SERVICE,
    descriptors: proto::DESCRIPTORS,
    error_domain: proto::ERROR_DOMAIN,
    // A page size and a token.
    max_unary_bytes: 4 << 10,
};

/// Blocking threads for all that is no upload, such as looking up a name.
const SPARE_THREADS: usize = 64;

/// Runs the command.
///
/// # Errors
/// When the address cannot be bound, or calls had to be cut at the end.
pub fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        // Each upload has one; the runtime's own limit would let them wait for each other.
        .max_blocking_threads(args.limits.max_uploads.saturating_add(SPARE_THREADS))
        .enable_all()
        .build()?
        .block_on(serve_until_told(args))
}

async fn serve_until_told(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let (limits, upload_limits) = args.limits.to_limits()?;
    let signals = Signals::install()?;
    let server = Server::open(args.serving.to_config(), CONTRACT).await?;
    let pool = server.pool("extract")?;
    let metrics = ExtractorMetrics::new(server.registry())?;
    let (listener, address) = bind(&args.listen).await?;
    tracing::info!(%address, workers = pool.workers(), limits = ?args.limits, "starting");

    let service = Extractor::new(Profile::known(), limits, upload_limits, pool, metrics);
    let mut routes = RoutesBuilder::default();
    routes.add_service(
        ExtractorServiceServer::new(service)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_MESSAGE_BYTES),
    );
    let readiness = server.register(&mut routes).await?;

    writeln!(std::io::stdout(), "listening on {address}")?;
    let shutdown = signals.clone().nth(1);
    server.serve(listener, routes.routes(), readiness, shutdown, signals.nth(2)).await?;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}
