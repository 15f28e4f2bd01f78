//! `serve`: open, bind, register, serve until a signal.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    sync::Arc,
};

use index_svc::{Index, planner::Wanted, query::DEFAULT_PAGE_SIZE, service::IndexApi};
use serving::{Contract, Server, Signals, bind};
use tonic::service::RoutesBuilder;

use crate::cli::ServeArgs;

const CONTRACT: Contract = Contract {
    service: proto::INDEX_SERVICE,
    descriptors: proto::DESCRIPTORS,
    error_domain: proto::ERROR_DOMAIN,
};

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let index = Index::open_with(&args.index, args.engine.into())?;
    if args.verify {
        Index::verify_files(&args.index, index.manifest())?;
    }
    tracing::info!(
        version = index.version(),
        tracks = index.rows(),
        profile = %index.manifest().profile_id,
        default_engine = %index.plan(Wanted::Default, DEFAULT_PAGE_SIZE).engine,
        default_effort = %index.plan(Wanted::Default, DEFAULT_PAGE_SIZE).effort,
        "index is open"
    );
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let signals = Signals::install()?;
        let server = Server::open(args.serving.to_config(), CONTRACT).await?;
        let server = server.with_web(&args.web_origins)?;
        let pool = server.pool("search")?;
        let mut routes = RoutesBuilder::default();
        routes.add_service(IndexApi::new(Arc::new(index), pool).into_server());
        let readiness = server.register(&mut routes).await?;
        let (listener, address) = bind(&args.listen).await?;
        writeln!(stdout(), "listening on {address}")?;
        let shutdown = signals.clone().nth(1);
        server.serve(listener, routes.routes(), readiness, shutdown, signals.nth(2)).await?;
        Ok(ExitCode::SUCCESS)
    })
}
