//! `serve`: open, bind, register, serve until a signal.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    sync::Arc,
};

use index_svc::{Index, service::IndexApi};
use serving::{CpuPool, Readiness, bind, health::register_reflection, serve, shutdown::Signals};
use tonic::service::RoutesBuilder;

use crate::cli::ServeArgs;

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let index = Index::open(&args.index)?;
    if args.verify {
        Index::verify_files(&args.index, index.manifest())?;
    }
    tracing::info!(
        version = index.version(),
        tracks = index.rows(),
        profile = %index.manifest().profile_id,
        "index is open"
    );
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let signals = Signals::install()?;
        let pool = CpuPool::new("search", args.serving.worker_count(), args.serving.max_queue)?;
        let mut routes = RoutesBuilder::default();
        routes.add_service(IndexApi::new(Arc::new(index), pool).into_server());
        let readiness = Readiness::register(&mut routes, proto::INDEX_SERVICE).await;
        register_reflection(&mut routes, proto::DESCRIPTORS)?;
        let (listener, address) = bind(&args.listen).await?;
        writeln!(stdout(), "listening on {address}")?;
        let config = args.serving.to_config();
        let shutdown = signals.clone().nth(1);
        serve(listener, routes.routes(), readiness, &config, shutdown, signals.nth(2)).await?;
        Ok(ExitCode::SUCCESS)
    })
}
