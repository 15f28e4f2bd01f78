//! The client crate against the real servers, which come, go, refuse and stall.
//!
//! No test here depends on how fast anything is: times are limits against hanging, and least times
//! where a pause is the promise.

mod discovery;
mod endpoints;
mod retries;
mod secured;
mod uploads;

use std::{sync::Arc, time::Duration};

use client::{Activity, CallError, Deadline, IndexClient, Liveness, Options, Target};
use e2e::{library::Library, process::Server};
use proto::v1::{
    GetIndexInfoRequest, QueryByTrackIndexRequest, QueryByTrackIndexResponse, QueryOptions,
};

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options that notice within seconds what the defaults notice within more.
fn brisk() -> Options {
    Options {
        liveness: Liveness {
            connect: Duration::from_secs(2),
            keepalive: Duration::from_secs(1),
            probe: Duration::from_secs(1),
            first_pause: Duration::from_millis(20),
            max_pause: Duration::from_millis(200),
        },
        max_wait: PATIENCE,
        ..Options::default()
    }
}

fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

/// A client of exactly these.
fn index_client<S: AsRef<str>>(addresses: &[S], options: Options) -> IndexClient {
    let target = Target::fixed(addresses.iter().map(AsRef::as_ref)).expect("addresses");
    IndexClient::new(target, options).expect("sound options")
}

fn replicas(library: &Library, count: usize) -> Vec<Server> {
    (0..count).map(|_| library.start_index().expect("the index opens")).collect()
}

fn addresses(servers: &[Server]) -> Vec<String> {
    servers.iter().map(|server| server.address().to_owned()).collect()
}

async fn neighbors(
    client: &IndexClient,
    row: i64,
    deadline: Deadline,
) -> Result<QueryByTrackIndexResponse, CallError> {
    let library = Library::shared().expect("a test holds it");
    let expected_index_version = library.index_version().to_owned();
    let options =
        Some(QueryOptions { page_size: 3, expected_index_version, ..QueryOptions::default() });
    let request = QueryByTrackIndexRequest { track_index: Some(row), options };
    client.query_by_track_index(request, deadline).await
}

async fn info(client: &IndexClient, deadline: Deadline) -> Result<(), CallError> {
    client.get_index_info(GetIndexInfoRequest {}, deadline).await.map(drop)
}

/// Waits until what the client says of itself is so.
async fn until(client: &IndexClient, what: &str, holds: impl Fn(&Activity) -> bool) {
    let reached = async {
        while !holds(&client.activity()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!("not reached: {what}: {:?}", client.activity());
    }
}

/// Waits until exactly these are ready.
async fn until_ready(client: &IndexClient, wanted: &[&str]) {
    let mut wanted: Vec<_> = wanted.iter().map(|address| (*address).to_owned()).collect();
    wanted.sort();
    until(client, &format!("ready: {wanted:?}"), |activity| {
        let ready = activity.endpoints.iter().filter(|endpoint| endpoint.ready);
        let mut ready: Vec<_> = ready.map(|endpoint| endpoint.address.clone()).collect();
        ready.sort();
        ready == wanted
    })
    .await;
}

/// Eight callers at once, each so many queries one after the other; the failures come back.
async fn storm(client: &IndexClient, each: usize, during: impl AsyncFnOnce()) -> Vec<CallError> {
    let client = Arc::new(client.clone());
    let callers: Vec<_> = (0..8_i64)
        .map(|caller| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                let mut failed = Vec::new();
                for call in 0..each {
                    let row = (caller * 5 + call as i64) % 40;
                    match neighbors(&client, row, soon()).await {
                        Ok(answer) => assert_eq!(answer.neighbors.len(), 3),
                        Err(error) => failed.push(error),
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                failed
            })
        })
        .collect();
    during().await;
    let mut failed = Vec::new();
    for caller in callers {
        failed.extend(caller.await.expect("no panic"));
    }
    failed
}
