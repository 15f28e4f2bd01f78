//! Which endpoints get calls: those that live, answer and serve.

use std::time::Duration;

use client::{Balance, CallError, Deadline, Options};
use e2e::{
    library::Library,
    process::{Server, Signal, free_address},
    proxy::Proxy,
};
use proto::v1::{QueryByTrackIndexRequest, QueryOptions};
use tokio::net::TcpListener;
use tonic::Code;

use super::{
    PATIENCE, addresses, brisk, index_client, info, neighbors, replicas, storm, until, until_ready,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_costs_no_call_and_comes_back() {
    let library = Library::shared().expect("the library builds");
    let index = library.index();
    let flags = ["--index".as_ref(), index.as_os_str()];
    let start = |at: &str| {
        Server::start_at(at, &library.binaries().index, &flags).expect("the port is free")
    };
    let all = [(); 3].map(|()| free_address().expect("a free port"));
    let mut servers = all.each_ref().map(|address| start(address));
    let client = index_client(&all, brisk());
    until_ready(&client, &[&all[0], &all[1], &all[2]]).await;

    let failed = storm(&client, 100, async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        servers[1].signal(Signal::Kill).expect("it runs");
    })
    .await;
    assert!(failed.is_empty(), "{failed:?}");
    until_ready(&client, &[&all[0], &all[2]]).await;

    servers[1].wait().expect("killed");
    let _again = start(&all[1]);
    until_ready(&client, &[&all[0], &all[1], &all[2]]).await;
    let failed = storm(&client, 5, async || ()).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// SIGSTOP: the kernel goes on accepting, and nobody answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_replica_costs_no_call_and_comes_back() {
    let library = Library::shared().expect("the library builds");
    let servers = replicas(&library, 3);
    let all = addresses(&servers);
    let client = index_client(&all, Options { balance: Balance::RoundRobin, ..brisk() });
    until_ready(&client, &[&all[0], &all[1], &all[2]]).await;

    let failed = storm(&client, 100, async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        servers[2].signal(Signal::Stop).expect("it runs");
    })
    .await;
    assert!(failed.is_empty(), "{failed:?}");
    until_ready(&client, &[&all[0], &all[1]]).await;
    servers[2].signal(Signal::Cont).expect("it is paused");
    until_ready(&client, &[&all[0], &all[1], &all[2]]).await;
}

/// A server that drains says so before it stops accepting; this client listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_draining_replica_is_left_before_it_goes() {
    let library = Library::shared().expect("the library builds");
    let index = library.index();
    let flags = ["--index".as_ref(), index.as_os_str(), "--drain".as_ref(), "60s".as_ref()];
    let draining = Server::start(&library.binaries().index, &flags).expect("it starts");
    let staying = library.start_index().expect("it starts");
    let both = [draining.address(), staying.address()];
    let client = index_client(&both, brisk());
    until_ready(&client, &both).await;
    draining.signal(Signal::Term).expect("it runs");
    // It still accepts, answers, and would for a minute.
    until_ready(&client, &[staying.address()]).await;
    assert!(draining.connect().await.is_ok());
    let before = client.activity();
    info(&client, super::soon()).await.expect("the other answers");
    assert_eq!(client.activity().attempts, before.attempts + 1);
}

/// An open port is not a server: a closed one, one that accepts and says nothing, and a real one.
#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_refuse_or_stall_get_no_call() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let stalling = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let stalls = stalling.local_addr().expect("bound").to_string();
    let refuses = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let mut options = brisk();
    // A slow machine is no reason to send a call twice.
    options.liveness.keepalive = PATIENCE;
    options.retries.hedge_after = None;
    let client = index_client(&[&stalls, &refuses, server.address()], options);
    for _ in 0..20 {
        info(&client, super::soon()).await.expect("one endpoint is enough");
    }
    let activity = client.activity();
    assert_eq!((activity.calls, activity.attempts), (20, 20), "no call went to another endpoint");
    until_ready(&client, &[server.address()]).await;
}

#[tokio::test]
async fn without_an_endpoint_a_call_ends_after_the_wait_or_at_its_deadline() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = closed.local_addr().expect("bound").to_string();
    drop(closed);
    let options = Options { max_wait: Duration::from_millis(300), ..brisk() };
    let client = index_client(&[&address], options);
    let error = info(&client, super::soon()).await.expect_err("nobody is there");
    assert!(matches!(error, CallError::NoEndpoint { attempts: 0, .. }), "{error:?}");
    assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, true));
    let error = info(&client, Deadline::after(Duration::from_millis(100))).await;
    let error = error.expect_err("nobody is there");
    assert!(matches!(error, CallError::DeadlineExceeded { attempts: 0, .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_loaded_endpoint_gets_the_call() {
    let library = Library::shared().expect("the library builds");
    let servers = replicas(&library, 2);
    let slow = Proxy::start(servers[0].address()).await.expect("a free port");
    let both = [slow.address(), servers[1].address().to_owned()];
    let mut options = brisk();
    options.retries.hedge_after = None;
    // Nothing but the number of calls in flight may tell the two apart.
    options.liveness.keepalive = PATIENCE;
    let client = index_client(&both, options);
    until_ready(&client, &[&both[0], &both[1]]).await;
    slow.hold();
    // One call hangs on the slow endpoint, whichever turn it is.
    let hanging: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { neighbors(&client, 1, super::soon()).await })
        })
        .collect();
    until(&client, "one call hangs, the other is answered", |activity| {
        let in_flight: usize = activity.endpoints.iter().map(|endpoint| endpoint.in_flight).sum();
        activity.attempts == 2 && in_flight == 1
    })
    .await;
    for _ in 0..20 {
        neighbors(&client, 2, super::soon()).await.expect("the other is free");
    }
    let slow_now = client.activity().endpoints.into_iter().find(|one| one.address == both[0]);
    assert_eq!(slow_now.expect("known").in_flight, 1);
    slow.release();
    for call in hanging {
        call.await.expect("no panic").expect("answered in the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_cost_no_call() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let mut proxies = Vec::new();
    for _ in 0..2 {
        proxies.push(Proxy::start(server.address()).await.expect("a free port"));
    }
    let both: Vec<_> = proxies.iter().map(Proxy::address).collect();
    let client = index_client(&both, brisk());
    until_ready(&client, &[&both[0], &both[1]]).await;
    let failed = storm(&client, 100, async || {
        for turn in 0..6 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            proxies[turn % 2].cut();
        }
    })
    .await;
    assert!(failed.is_empty(), "{failed:?}");
    until_ready(&client, &[&both[0], &both[1]]).await;
}

/// In another version the row is another track's, so such a call is not sent at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_its_version_is_not_sent() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("the index opens");
    let client = index_client(&[server.address()], brisk());
    let ask = async |options: Option<QueryOptions>| {
        let request = QueryByTrackIndexRequest { track_index: Some(1), options };
        client.query_by_track_index(request, super::soon()).await
    };
    for options in [None, Some(QueryOptions { page_size: 3, ..QueryOptions::default() })] {
        let refused = ask(options).await.expect_err("which version?");
        assert!(matches!(refused, CallError::VersionMissing), "{refused:?}");
        assert_eq!((refused.code(), refused.attempts()), (Code::InvalidArgument, 0));
    }
    assert_eq!(client.activity().attempts, 0);
    let expected_index_version = library.index_version().to_owned();
    let first = QueryOptions { page_size: 3, expected_index_version, ..QueryOptions::default() };
    let first = ask(Some(first)).await.expect("answered");
    // A page token has the version in it.
    let page_token = first.next_page_token;
    let next = QueryOptions { page_size: 3, page_token, ..QueryOptions::default() };
    assert_eq!(ask(Some(next)).await.expect("answered").neighbors.len(), 3);
}
