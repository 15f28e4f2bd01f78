//! A batch takes turns with other callers: shown by the order of what happens, on one worker.

mod catalogue;

use std::{
    future::{Future, poll_fn},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    task::Poll,
};

use catalogue::{golden_rows, plan, write_csv};
use index_svc::{
    Searcher, builder::build, live::LiveRecall, service::IndexApi, versions::Served,
    work::DEFAULT_MAX_WORK,
};
use proto::v1::{
    BatchRecommendRequest, BatchRecommendResponse, QueryByTrackIndexRequest, QueryOptions,
    RecommendRequest, Seed, batch_recommend_response, index_service_server::IndexService as _,
    recommend_request::Strategy, seed,
};
use serving::{CpuPool, metrics::Registry};
use tokio::task::yield_now;
use tonic::Request;

/// A pool of one worker, and how many jobs wait for it.
struct OneWorker {
    pool: CpuPool,
    registry: Registry,
}

impl OneWorker {
    fn new() -> Self {
        let registry = Registry::new();
        let pool = CpuPool::new("search", 1, 64).expect("a thread");
        let pool = pool.with_metrics(&registry).expect("the only pool");
        Self { pool, registry }
    }

    fn waiting(&self) -> usize {
        let text = self.registry.text();
        let line = text.lines().find(|line| line.starts_with("worker_queue_length{"));
        let (_, count) = line.and_then(|line| line.rsplit_once(' ')).expect("it is shown");
        count.parse().expect("a count")
    }

    /// Holds the worker, once it comes to this job, until it is released.
    fn hold(&self) -> Hold {
        let (release, wait) = mpsc::channel::<()>();
        let begun = Arc::new(AtomicBool::new(false));
        let (pool, begins) = (self.pool.clone(), Arc::clone(&begun));
        tokio::spawn(async move {
            pool.run(move |_| {
                begins.store(true, Relaxed);
                // The end of the test releases it too.
                let _ = wait.recv();
            })
            .await
        });
        Hold { begun, release }
    }
}

struct Hold {
    begun: Arc<AtomicBool>,
    release: mpsc::Sender<()>,
}

impl Hold {
    async fn begun(&self) {
        while !self.begun.load(Relaxed) {
            yield_now().await;
        }
    }
}

fn index(folder: &Path) -> Searcher {
    let table = folder.join("table.csv");
    write_csv(&table, &golden_rows(), str::to_owned);
    build(&plan(vec![table], folder.join("index"))).expect("a sound table");
    Searcher::open(&folder.join("index")).expect("just built")
}

/// A hundred rows, every row compared with each of them, groups weighted; a hundred such requests are more than a
/// turn.
fn heavy() -> RecommendRequest {
    let seed = |row| Seed { seed: Some(seed::Seed::TrackIndex(row)), weight: 1.0 };
    let group_weights = [("mfcc".to_owned(), 2.0)].into();
    RecommendRequest {
        seeds: (0..100).map(seed).collect(),
        strategy: Strategy::BestOf.into(),
        options: Some(QueryOptions { page_size: 100, group_weights, ..QueryOptions::default() }),
    }
}

fn responses(answer: &BatchRecommendResponse) -> usize {
    use batch_recommend_response::result::Result::Response;
    answer.results.iter().filter(|item| matches!(item.result, Some(Response(_)))).count()
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending(), "it waits for the worker");
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn an_exact_query_is_answered_between_the_items_of_a_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let worker = OneWorker::new();
    let served = Arc::new(Served::new(Arc::new(index(folder.path()))));
    let live = LiveRecall::new(&worker.registry, worker.pool.clone(), 0).expect("the only one");
    let api = IndexApi::new(served, worker.pool.clone(), live);
    let events = Mutex::new(Vec::new());

    let first = worker.hold();
    first.begun().await;
    let mut batch = Box::pin(async {
        let requests = vec![heavy(); 100];
        let answer = api.batch_recommend(Request::new(BatchRecommendRequest { requests })).await;
        events.lock().expect("one thread").push("batch");
        answer.expect("it is answered").into_inner()
    });
    // The batch is read on the worker; what comes next waits behind that.
    poll_once(batch.as_mut()).await;
    let second = worker.hold();
    while worker.waiting() < 2 {
        yield_now().await;
    }
    first.release.send(()).expect("it is held");
    // Its first items wait behind the second hold, and the other caller behind them.
    while !second.begun.load(Relaxed) || worker.waiting() < 1 {
        poll_once(batch.as_mut()).await;
        yield_now().await;
    }
    let mut exact = Box::pin(async {
        let options = QueryOptions { exact: true, ..QueryOptions::default() };
        let request = QueryByTrackIndexRequest { track_index: Some(7), options: Some(options) };
        let answer = api.query_by_track_index(Request::new(request)).await;
        events.lock().expect("one thread").push("exact");
        answer.expect("it is answered").into_inner()
    });
    poll_once(exact.as_mut()).await;
    assert_eq!(worker.waiting(), 2, "the first items and the other caller");
    second.release.send(()).expect("it is held");
    let (batch, exact) = tokio::join!(batch, exact);
    assert_eq!(*events.lock().expect("one thread"), ["exact", "batch"]);
    assert_eq!((responses(&batch), exact.neighbors.len()), (100, 10));
}

#[tokio::test]
async fn what_takes_too_much_work_takes_no_worker() {
    let folder = tempfile::tempdir().expect("a folder");
    let worker = OneWorker::new();
    let served = Arc::new(Served::new(Arc::new(index(folder.path()))));
    let live = LiveRecall::new(&worker.registry, worker.pool.clone(), 0).expect("the only one");
    let api = IndexApi::new(served, worker.pool.clone(), live);
    assert!(api.recommend(Request::new(heavy())).await.is_ok(), "{DEFAULT_MAX_WORK} is enough");
    // 400 rows with 100 points, and the list.
    let held = worker.hold();
    held.begun().await;
    let narrow = api.with_max_work(40_000);
    let refused = narrow.recommend(Request::new(heavy())).await.expect_err("too much work");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");
}
