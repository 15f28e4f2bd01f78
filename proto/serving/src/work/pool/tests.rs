//! The pool's promises, on real threads.

use std::{net::SocketAddr, sync::mpsc};

use super::*;
use crate::call::{context::CURRENT, peer::Peer};

#[tokio::test]
async fn a_full_pool_refuses_and_recovers() {
    let pool = CpuPool::new("test", 1, 0).expect("one thread");
    let (release, wait) = mpsc::channel::<()>();
    let busy = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(move |_| wait.recv().is_ok()).await }
    });
    while pool.line.lock().running() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = pool.run(|_| ()).await;
    assert!(
        matches!(refused, Err(PoolError::Full { workers: 1, max_queue: 0, .. })),
        "{refused:?}"
    );
    release.send(()).expect("the job waits");
    assert_eq!(busy.await.expect("no panic"), Ok(true));
    // At once: a job has given its worker back before its answer is there.
    assert_eq!(pool.run(|_| 7).await, Ok(7));
    assert_eq!(pool.run(|_| 8).await, Ok(8));
    assert_eq!(pool.run_in_turns(|_, _| 9).await, Ok(9));
    assert_eq!(pool.run(|_| 10).await, Ok(10));
}

#[tokio::test]
async fn a_panic_ends_one_job_only() {
    let pool = CpuPool::new("test", 1, 4).expect("one thread");
    let outcome: Result<(), _> = pool.run(|_| panic!("on purpose")).await;
    assert_eq!(outcome, Err(PoolError::Panicked));
    assert_eq!(pool.run(|_| 7).await, Ok(7));
}

#[tokio::test]
async fn dropping_the_call_cancels_the_job() {
    let pool = CpuPool::new("test", 1, 4).expect("one thread");
    let (sender, receiver) = mpsc::channel();
    let call = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.run(move |cancel| {
                sender.send("started").expect("the test listens");
                while !cancel.is_cancelled() {
                    std::hint::spin_loop();
                }
                sender.send("stopped").expect("the test listens");
            })
            .await
        }
    });
    let receiver = tokio::task::spawn_blocking(move || {
        assert_eq!(receiver.recv(), Ok("started"));
        receiver
    })
    .await
    .expect("the job starts");
    call.abort();
    let last = tokio::task::spawn_blocking(move || receiver.recv()).await;
    assert_eq!(last.expect("no panic"), Ok("stopped"));
}

/// A call of `name`, `left` before its deadline.
fn call(name: &str, left: Option<Duration>) -> CallContext {
    let peer = Peer { address: SocketAddr::from(([127, 0, 0, 1], 1)), identity: Some(name.into()) };
    let deadline = left.map(|left| Instant::now() + left);
    CallContext { request_id: "test".into(), peer, deadline }
}

/// A pool of one worker that is busy until the sender speaks.
async fn busy_pool(max_queue: usize) -> (CpuPool, mpsc::Sender<()>) {
    let pool = CpuPool::new("test", 1, max_queue).expect("one thread");
    let (release, wait) = mpsc::channel::<()>();
    tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(move |_| wait.recv().is_ok()).await }
    });
    while pool.line.lock().running() == 0 {
        tokio::task::yield_now().await;
    }
    (pool, release)
}

async fn until_queued(pool: &CpuPool, length: usize) {
    let queued = async {
        while pool.line.lock().length() != length {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(60);
    time::timeout(limit, queued).await.unwrap_or_else(|_| panic!("{length} jobs queue"));
}

#[tokio::test]
async fn a_caller_that_leaves_gives_its_place_back_at_once() {
    let (pool, release) = busy_pool(1).await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(|_| ()).await }
    });
    until_queued(&pool, 1).await;
    assert!(matches!(pool.run(|_| ()).await, Err(PoolError::Full { .. })));
    waiting.abort();
    until_queued(&pool, 0).await;
    let next = tokio::spawn(async move { pool.run(|_| 7).await });
    release.send(()).expect("the job waits");
    assert_eq!(next.await.expect("no panic"), Ok(7));
}

#[tokio::test]
async fn a_queue_that_does_not_empty_is_cut_short() {
    let (pool, release) = busy_pool(8).await;
    let lasting = pool.clone().with_overload_after(Duration::ZERO);
    let run = |pool: &CpuPool| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run(|_| 7).await })
    };
    let first = run(&pool);
    until_queued(&pool, 1).await;
    let second = run(&pool);
    until_queued(&pool, 2).await;
    // That was a burst. What has begun queues even when it is none.
    let refused = lasting.run(|_| 7).await;
    assert!(matches!(refused, Err(PoolError::Full { max_queue: 1, .. })), "{refused:?}");
    let third = tokio::spawn({
        let lasting = lasting.clone();
        async move { lasting.run_as(Ask::Begun, |_| 7).await }
    });
    until_queued(&pool, 3).await;
    release.send(()).expect("the job waits");
    for job in [first, second, third] {
        assert_eq!(job.await.expect("no panic"), Ok(7));
    }
}

#[tokio::test]
async fn nobody_waits_past_the_limit() {
    let (pool, release) = busy_pool(1).await;
    let allowed = Duration::from_millis(30);
    let late = pool.clone().with_max_wait(allowed).run(|_| ()).await;
    assert!(matches!(late, Err(PoolError::Late { allowed: of, .. }) if of == allowed), "{late:?}");
    assert_eq!(pool.line.lock().length(), 0);
    release.send(()).expect("the job waits");
}

#[tokio::test]
async fn a_call_is_refused_at_once_when_its_deadline_would_pass_in_line() {
    let (pool, release) = busy_pool(8).await;
    {
        // One job before this one took a minute.
        let mut queue = pool.line.lock();
        queue.finished(Duration::from_secs(60), Duration::from_secs(60));
        let blocker = Job::new(|| || ());
        queue.push(Ask::New, PeerKey::Local, blocker, Instant::now());
        queue.pop(Instant::now());
    }
    let hurried = call("player", Some(Duration::from_secs(5)));
    let refused = CURRENT.scope(hurried, pool.run(|_| ())).await;
    let Err(PoolError::Late { retry_after, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, RETRY.1);
    let expired = CURRENT.scope(call("player", Some(Duration::ZERO)), pool.run(|_| ())).await;
    assert_eq!(expired, Err(PoolError::Expired));
    release.send(()).expect("the job waits");
}

#[tokio::test]
async fn a_full_queue_makes_room_for_the_peer_with_less_in_line() {
    let (pool, release) = busy_pool(3).await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        let pool = pool.clone();
        crowd.push(tokio::spawn(
            CURRENT.scope(call("crowd", None), async move { pool.run(|_| ()).await }),
        ));
    }
    until_queued(&pool, 3).await;
    let single = tokio::spawn(CURRENT.scope(call("single", None), {
        let pool = pool.clone();
        async move { pool.run(|_| ()).await }
    }));
    let displaced = async {
        loop {
            if let Some(at) = crowd.iter().position(tokio::task::JoinHandle::is_finished) {
                return crowd.swap_remove(at).await.expect("no panic");
            }
            tokio::task::yield_now().await;
        }
    };
    let displaced = displaced.await;
    assert!(matches!(displaced, Err(PoolError::Full { .. })), "{displaced:?}");
    release.send(()).expect("the job waits");
    assert_eq!(single.await.expect("no panic"), Ok(()));
    for job in crowd {
        assert_eq!(job.await.expect("no panic"), Ok(()));
    }
}

#[tokio::test]
async fn length_and_times_are_shown() {
    let registry = Registry::new();
    let pool =
        CpuPool::new("test", 1, 1).expect("one thread").with_metrics(&registry).expect("new");
    assert_eq!(pool.run(|_| 7).await, Ok(7));
    let text = registry.text();
    for line in
        ["worker_queue_length{pool=\"test\"} 0", "worker_job_seconds_count{pool=\"test\"} 1"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_pauses_lets_others_use_its_worker() {
    let pool = CpuPool::new("test", 1, 8).expect("one thread");
    let (paused, mut is_paused) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let pausing = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.run_in_turns(move |_, turn| {
                turn.give_back();
                paused.send(()).expect("the test listens");
                wait.recv().expect("the test speaks");
                turn.take_again()
            })
            .await
        }
    });
    is_paused.recv().await.expect("the job runs");
    // The only worker is free.
    assert_eq!(pool.run(|_| 7).await, Ok(7));
    let (release, wait) = mpsc::channel::<()>();
    let (began, has_begun) = oneshot::channel();
    let busy = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.run(move |_| {
                began.send(()).expect("the test listens");
                wait.recv().is_ok()
            })
            .await
        }
    });
    has_begun.await.expect("the worker is taken");
    go_on.send(()).expect("the job waits");
    until_queued(&pool, 1).await;
    assert!(!pausing.is_finished(), "it went on without a worker");
    release.send(()).expect("the job waits");
    assert_eq!(busy.await.expect("no panic"), Ok(true));
    assert_eq!(pausing.await.expect("no panic"), Ok(Ok(())));
    // Its end gave the worker back.
    assert_eq!(pool.run(|_| 8).await, Ok(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pausing_job_whose_caller_left_is_cancelled() {
    let pool = CpuPool::new("test", 1, 8).expect("one thread");
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let call = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.run_in_turns(move |cancel, _| {
                let _ = sender.send("started");
                while !cancel.is_cancelled() {
                    std::thread::yield_now();
                }
                let _ = sender.send("stopped");
            })
            .await
        }
    });
    assert_eq!(receiver.recv().await, Some("started"));
    call.abort();
    assert_eq!(receiver.recv().await, Some("stopped"));
    assert_eq!(pool.run(|_| 7).await, Ok(7));
    let panicked = pool.run_in_turns(|_, _| panic!("odd")).await;
    assert_eq!(panicked, Err::<(), _>(PoolError::Panicked));
    assert_eq!(pool.run(|_| 7).await, Ok(7));
}
