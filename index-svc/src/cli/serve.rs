//! Flags of `serve`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use serving::ServingArgs;
use storage::StorageArgs;

use super::EngineArg;

pub(super) const SERVE_HELP: &str = "\
Examples:
  index-svc serve --index library
  index-svc serve --index library --listen 0.0.0.0:7072 --workers 8 --log-format json
  index-svc serve --index library --engine forest
  index-svc serve --index s3://bucket/library --cache /var/cache/soundalike --watch-interval 10s
  mv library/CURRENT.new library/CURRENT      # swaps the version that a running server answers from

Exit codes:
  0  ended by a signal, calls in flight finished
  1  the index could not be opened or fetched, the address could not be bound, or calls were cut
  2  the command line is wrong";

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Index directory, a folder of versions, or the URL of a place in an object store.
    #[arg(long, env = "SOUNDALIKE_INDEX", value_name = "DIR|URL")]
    pub(crate) index: PathBuf,
    /// Folder of this server's own for versions from an object store; the last two stay there.
    #[arg(long, env = "SOUNDALIKE_CACHE", value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Time between two looks at which version is wanted.
    #[arg(long, env = "SOUNDALIKE_WATCH_INTERVAL", default_value = "1s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) watch_interval: Duration,
    /// One of so many approximate answers is compared with the exact one, in the background, for the
    /// metrics of live recall; 0 for none.
    #[arg(
        long,
        env = "SOUNDALIKE_RECALL_CHECK_INTERVAL",
        default_value_t = 1000,
        value_name = "N"
    )]
    pub(crate) recall_check_interval: u64,
    /// Work that one query may take, in comparisons of a row with a point; what takes more is refused. A
    /// hundred million are some tenths of a second.
    #[arg(
        long,
        env = "SOUNDALIKE_MAX_WORK",
        default_value_t = index_svc::work::DEFAULT_MAX_WORK,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000)
    )]
    pub(crate) max_work: u64,
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "SOUNDALIKE_LISTEN",
        default_value = "127.0.0.1:7072",
        value_name = "HOST:PORT"
    )]
    pub(crate) listen: String,
    /// Engines to open; `forest` is for hosts with little memory.
    #[arg(long, env = "SOUNDALIKE_ENGINE", default_value = "auto", value_name = "WHICH")]
    pub(crate) engine: EngineArg,
    /// Check the digest of every file before serving; reads the whole index. Versions that are
    /// swapped in are always checked.
    #[arg(long, env = "SOUNDALIKE_VERIFY")]
    pub(crate) verify: bool,
    /// Origin, such as `https://player.example`, whose pages may call by gRPC-Web; may be repeated. By
    /// default gRPC-Web is not served. Browsers need TLS for it.
    #[arg(
        long = "web-origin",
        env = "SOUNDALIKE_WEB_ORIGIN",
        value_delimiter = ',',
        value_name = "ORIGIN"
    )]
    pub(crate) web_origins: Vec<String>,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
    #[command(flatten)]
    pub(crate) serving: ServingArgs,
}
