//! What is sent again, when, and what is not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use client::{CallError, Deadline, ExtractorClient, Options, Target, Upload};
use e2e::{library::Library, process::Server, proxy::Proxy};
use proto::v1::{ListFeatureProfilesRequest, LookupRequest};
use tokio::sync::Notify;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{PATIENCE, brisk, index_client, info, soon, until, until_ready};

/// An extractor that takes one call at a time, and a call that takes it until told otherwise.
pub(super) struct Occupied {
    pub(super) client: ExtractorClient,
    pub(super) release: Arc<Notify>,
    _server: Server,
}

impl Occupied {
    pub(super) async fn new(library: &Library, flags: &[&str], options: Options) -> Self {
        let server = Server::start(&library.binaries().extractor, flags).expect("it starts");
        let target = Target::fixed([server.address()]).expect("an address");
        let client = ExtractorClient::new(target, options).expect("sound options");
        let release = Arc::new(Notify::new());
        let (other, released) = (client.clone(), Arc::clone(&release));
        tokio::spawn(async move {
            // The question whether the server is full may have taken the place for a moment.
            let mut refused = true;
            while refused {
                let empty = || &b""[..];
                let upload =
                    Upload::reader(super::uploads::held(empty(), released.clone(), empty()));
                let outcome = other.extract(upload, soon()).await;
                refused = outcome.is_err_and(|error| error.is_retryable());
            }
        });
        // The server has the call when it refuses another.
        let refused = async {
            while ask_once(&server).await != Code::Unavailable {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.expect("the call arrives");
        Self { client, release, _server: server }
    }
}

impl Occupied {
    /// Ends the call and waits until its place is free.
    pub(super) async fn free(&self) {
        self.release.notify_one();
        let ended = async {
            while self.client.activity().endpoints.iter().any(|endpoint| endpoint.in_flight > 0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the call ends");
    }
}

/// One upload without a retry, to see whether the server is full.
async fn ask_once(server: &Server) -> Code {
    let channel = server.connect().await.expect("it listens");
    match e2e::calls::send(&channel, Vec::new()).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_asked_again_when_it_said() {
    let library = Library::shared().expect("the library builds");
    let mut options = brisk();
    options.retries.max_attempts = 100;
    let full = Occupied::new(&library, &["--max-concurrent-calls", "1"], options).await;

    // Sooner than the server's advice is too soon: no second attempt, and no waiting either. A refusal
    // that comes after the deadline says nothing of it.
    let error = loop {
        let deadline = Deadline::after(Duration::from_millis(200));
        let request = ListFeatureProfilesRequest::default();
        let outcome = full.client.list_feature_profiles(request, deadline).await;
        match outcome.expect_err("the server is full") {
            CallError::DeadlineExceeded { attempts: 0 | 1, .. } => {}
            error => break error,
        }
    };
    assert_eq!((error.code(), error.reason()), (Code::Unavailable, Some("OVERLOADED".into())));
    assert_eq!(error.attempts(), 1, "{error:?}");
    let advice = error.status().and_then(|status| status.get_details_retry_info());
    let advice = advice.and_then(|info| info.retry_delay).expect("the server advises");
    assert!(advice >= Duration::from_millis(250), "{advice:?}");

    // With time left it is asked again, not before that, and answers when it is free.
    let before = full.client.activity();
    let client = full.client.clone();
    let begin = Instant::now();
    let call = tokio::spawn(async move {
        client.list_feature_profiles(ListFeatureProfilesRequest::default(), soon()).await
    });
    let again = async {
        while full.client.activity().attempts < before.attempts + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("asked again");
    assert!(begin.elapsed() >= Duration::from_millis(240), "{:?}", begin.elapsed());
    full.release.notify_one();
    let answer = call.await.expect("no panic").expect("answered once the server is free");
    assert!(!answer.feature_profiles.is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_an_answer() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let client = index_client(&[server.address()], brisk());
    let request = LookupRequest { track_id: "no such song".to_owned(), view: 0 };
    let error = client.lookup(request, soon()).await.expect_err("not there");
    assert_eq!((error.code(), error.reason()), (Code::NotFound, Some("TRACK_NOT_FOUND".into())));
    assert_eq!((error.attempts(), error.is_retryable()), (1, false));
    assert_eq!(client.activity().attempts, 1);
}

/// Retries must not multiply an overload: a hundred refused calls are not four hundred.
#[tokio::test(flavor = "multi_thread")]
async fn the_budget_bounds_what_is_sent_again() {
    let library = Library::shared().expect("the library builds");
    let mut options = brisk();
    options.retries.budget_share = 0.1;
    options.retries.budget_per_second = 0;
    let full = Occupied::new(&library, &["--max-concurrent-calls", "1"], options).await;
    let before = full.client.activity();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = full.client.clone();
            tokio::spawn(async move {
                client.list_feature_profiles(ListFeatureProfilesRequest::default(), soon()).await
            })
        })
        .collect();
    for call in calls {
        let error = call.await.expect("no panic").expect_err("the server is full");
        assert_eq!(error.reason().as_deref(), Some("OVERLOADED"));
    }
    let after = full.client.activity();
    let (calls, attempts) = (after.calls - before.calls, after.attempts - before.attempts);
    assert_eq!(calls, 100);
    assert!((101..=112).contains(&attempts), "{attempts} attempts of 100 calls");
}

/// An endpoint that takes a call and says nothing: half of the time is left for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_call_is_sent_to_a_second_endpoint() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let stalling = Proxy::start(server.address()).await.expect("a free port");
    let mut options = brisk();
    options.liveness.keepalive = PATIENCE;
    options.retries.hedge_after = Some(0.02);
    let client = index_client(&[&stalling.address()], options);
    until_ready(&client, &[&stalling.address()]).await;
    stalling.hold();
    // Alone it cannot be helped.
    let error = info(&client, Deadline::after(Duration::from_millis(500))).await;
    let error = error.expect_err("nobody answers");
    assert!(matches!(error, CallError::DeadlineExceeded { attempts: 1, .. }), "{error:?}");
    stalling.release();

    let both = [stalling.address(), server.address().to_owned()];
    let mut options = brisk();
    options.liveness.keepalive = PATIENCE;
    options.liveness.probe = PATIENCE;
    options.retries.hedge_after = Some(0.02);
    let client = index_client(&both, options);
    until_ready(&client, &[&both[0], &both[1]]).await;
    stalling.hold();
    for _ in 0..4 {
        info(&client, soon()).await.expect("the second endpoint answers");
    }
    let activity = client.activity();
    assert!(activity.hedges >= 1 && activity.attempts == 4 + activity.hedges, "{activity:?}");
}

/// The server learns the deadline, and ends the call itself when the client cannot tell it to.
#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_is_sent() {
    let library = Library::shared().expect("the library builds");
    let metrics = ["--metrics-listen", "127.0.0.1:0"];
    let server = Server::start(&library.binaries().extractor, &metrics).expect("it starts");
    let proxy = Proxy::start(server.address()).await.expect("a free port");
    let target = Target::fixed([proxy.address()]).expect("an address");
    let mut options = brisk();
    // The deadline must be what ends the call.
    options.liveness.keepalive = PATIENCE;
    let client = ExtractorClient::new(target, options).expect("sound options");
    let never = Arc::new(Notify::new());
    let held = super::uploads::held(&b"some bytes"[..], Arc::clone(&never), &b""[..]);
    let caller = client.clone();
    let deadline = Deadline::after(Duration::from_secs(5));
    let call = tokio::spawn(async move { caller.extract(Upload::reader(held), deadline).await });
    server.until_called("ExtractFeatures").expect("the call arrives");
    proxy.hold();
    let error = call.await.expect("no panic").expect_err("the source never ends");
    assert!(matches!(error, CallError::DeadlineExceeded { attempts: 1, .. }), "{error:?}");
    server.logged("DEADLINE_EXCEEDED", 1).expect("the server knows the deadline");
    drop(never);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_cancelled() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let proxy = Proxy::start(server.address()).await.expect("a free port");
    let client = index_client(&[&proxy.address()], brisk());
    until_ready(&client, &[&proxy.address()]).await;
    proxy.hold();
    let caller = client.clone();
    let call = tokio::spawn(async move { info(&caller, soon()).await });
    until(&client, "in flight", |activity| activity.endpoints[0].in_flight == 1).await;
    call.abort();
    until(&client, "cancelled", |activity| activity.endpoints[0].in_flight == 0).await;
}
