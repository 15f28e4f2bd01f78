//! `serve`: bind, register, announce, serve until told to stop.

use std::{io::Write as _, process::ExitCode};

use proto::{
    EXTRACTOR_SERVICE, features::DEFAULT_PROFILE,
    v1::extractor_service_server::ExtractorServiceServer,
};
use serving::{CpuPool, Readiness, bind, health::register_reflection, serve, shutdown::Signals};
use tonic::service::RoutesBuilder;

use crate::{
    cli::ServeArgs,
    profile::Profile,
    service::{Extractor, MAX_MESSAGE_BYTES},
};

/// Runs the command.
///
/// # Errors
/// When the address cannot be bound, or calls had to be cut at the end.
pub fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve_until_told(args))
}

async fn serve_until_told(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let serving = args.serving.to_config();
    let signals = Signals::install()?;
    let pool = CpuPool::new("extract", args.serving.worker_count(), args.serving.max_queue)?;
    let (listener, address) = bind(&args.listen).await?;
    tracing::info!(%address, workers = pool.workers(), ?serving, limits = ?args.limits, "starting");

    let service = Extractor::new(
        vec![Profile::parse(DEFAULT_PROFILE)?],
        args.limits.to_limits(),
        args.limits.to_upload_limits(),
        pool,
    );
    let mut routes = RoutesBuilder::default();
    routes.add_service(
        ExtractorServiceServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES),
    );
    register_reflection(&mut routes, proto::DESCRIPTORS)?;
    let readiness = Readiness::register(&mut routes, EXTRACTOR_SERVICE).await;

    writeln!(std::io::stdout(), "listening on {address}")?;
    serve(listener, routes.routes(), readiness, &serving, signals.clone().nth(1), signals.nth(2))
        .await?;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}
