//! One to four replicas of the index behind each route: calls answered in a second, and how evenly
//! the replicas share them. On a machine with fewer processors than processes the first says what the
//! route costs, and not what replicas add.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use e2e::library::Library;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    envoy::Envoy,
    fleet::{Fleet, Replica},
    route::Route,
};

const MOST_REPLICAS: usize = 4;
const CALLERS: usize = 16;
const TIME: Duration = Duration::from_secs(5);
/// Of an even share, that each replica must have at least.
const LEAST_SHARE: f64 = 0.5;

/// Prints a line for each number of replicas and each route; false where a replica idles.
pub(crate) async fn run(envoy: Option<&Path>) -> Result<bool> {
    let library = Library::shared()?;
    let mut holds = true;
    println!("through  replicas   queries/s   share of each replica   failed   verdict");
    for count in 1..=MOST_REPLICAS {
        for through in [None, envoy].into_iter().take(1 + usize::from(envoy.is_some())) {
            let fleet = Fleet::start(&library, count, None).await?;
            let envoy = through.map(|binary| Envoy::start(binary, &fleet)).transpose()?;
            let route = match &envoy {
                Some(envoy) => Route::envoy(envoy, &fleet).await?,
                None => Route::client(&fleet)?,
            };
            route.settle().await.context("the replicas do not become ready")?;
            let before = answered_by(&fleet.index).await?;
            let (answered, failed) = answered(&route).await;
            let after = answered_by(&fleet.index).await?;
            let of_each: Vec<f64> = after.iter().zip(before).map(|(b, a)| b - a).collect();
            let total: f64 = of_each.iter().sum();
            ensure!(total > 0.0, "nobody answered");
            let shares: Vec<f64> = of_each.iter().map(|own| own / total).collect();
            let verdict =
                failed == 0 && shares.iter().all(|share| share * count as f64 >= LEAST_SHARE);
            let told: Vec<_> =
                shares.iter().map(|share| format!("{:.0} %", 100.0 * share)).collect();
            println!(
                "{:<8} {count:>8} {:>11.0} {:>23} {failed:>8}   {}",
                route.name(),
                answered as f64 / TIME.as_secs_f64(),
                told.join(" "),
                if verdict { "holds" } else { "FAILS" }
            );
            holds &= verdict;
        }
    }
    Ok(holds)
}

/// Callers that ask again as soon as they have an answer: how many they had, and how many not.
async fn answered(route: &Route) -> (u64, u64) {
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (route, over) = (route.clone(), Arc::clone(&over));
        callers.spawn(async move {
            let (mut answered, mut failed) = (0, 0);
            for call in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                match route.query(caller * 7 + call).await {
                    Ok(_) => answered += 1,
                    Err(_) => failed += 1,
                }
            }
            (answered, failed)
        });
    }
    tokio::time::sleep(TIME).await;
    over.store(true, Ordering::Relaxed);
    let all = callers.join_all().await;
    all.into_iter().fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
}

/// Queries that each replica has answered, by its own metrics.
async fn answered_by(replicas: &[Replica]) -> Result<Vec<f64>> {
    let mut counts = Vec::new();
    for replica in replicas {
        let mut stream = TcpStream::connect(replica.metrics()).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let line = text.lines().find(|line| {
            line.starts_with("grpc_server_handled_total{")
                && line.contains("\"QueryByTrackIndex\"")
                && line.contains("\"OK\"")
        });
        let count = line.and_then(|line| line.rsplit(' ').next()).map_or(Ok(0.0), str::parse)?;
        counts.push(count);
    }
    Ok(counts)
}
