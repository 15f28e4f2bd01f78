//! Who gets memory, in which order, and when.

use std::pin::pin;

use super::*;

const MIB: u64 = 1 << 20;
const LONG: Duration = Duration::from_secs(60);

/// Lets every task that can go on do so.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn taken(mib: u64, budget: u64) -> MemoryError {
    MemoryError::Taken { bytes: mib * MIB, budget: budget * MIB }
}

#[tokio::test]
async fn an_upload_waits_for_others_to_end() {
    let budget = MemoryBudget::new(20 * MIB, 0);
    let (first, second) =
        (budget.admit(8 * MIB, LONG).await.unwrap(), budget.admit(8 * MIB, LONG).await);
    assert_eq!(budget.in_use(), 16 * MIB);
    let late = budget.admit(8 * MIB, Duration::from_millis(10)).await;
    assert_eq!(late.map(drop), Err(taken(8, 20)));
    let mut third = pin!(budget.admit(8 * MIB, LONG));
    assert!(futures_poll(&mut third).is_none());
    // Who asks later waits behind, even for less.
    let mut fourth = pin!(budget.admit(MIB, LONG));
    assert!(futures_poll(&mut fourth).is_none());
    drop(first);
    let third = third.await.unwrap();
    let fourth = fourth.await.unwrap();
    drop((second, third, fourth));
    assert_eq!(budget.in_use(), 0);
    let much = MemoryError::TooMuch { bytes: 21 * MIB, budget: 20 * MIB };
    assert_eq!(budget.admit(21 * MIB, LONG).await.map(drop), Err(much));
}

/// One look at a future.
fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn no_upload_begins_while_one_that_has_begun_waits() {
    let budget = MemoryBudget::new(24 * MIB, 0);
    let first = budget.admit(8 * MIB, LONG).await.unwrap();
    let second = Arc::new(budget.admit(8 * MIB, LONG).await.unwrap());
    let growing = tokio::spawn({
        let second = Arc::clone(&second);
        async move { second.grow_to(17 * MIB, LONG).await }
    });
    settle().await;
    // 8 MiB are free, and not for a newcomer.
    let newcomer = tokio::spawn({
        let budget = budget.clone();
        async move { budget.admit(MIB, LONG).await }
    });
    settle().await;
    assert!(!growing.is_finished() && !newcomer.is_finished());
    drop(first);
    assert_eq!(growing.await.unwrap(), Ok(()));
    newcomer.await.unwrap().unwrap();
}

#[tokio::test]
async fn older_uploads_grow_before_younger_ones() {
    let budget = MemoryBudget::new(40 * MIB, 0);
    let mut uploads = Vec::new();
    for _ in 0..4 {
        uploads.push(Arc::new(budget.admit(10 * MIB, LONG).await.unwrap()));
    }
    let grow = |upload: &Arc<Reservation>| {
        let upload = Arc::clone(upload);
        tokio::spawn(async move { upload.grow_to(15 * MIB, LONG).await })
    };
    let younger = grow(&uploads[2]);
    settle().await;
    let older = grow(&uploads[1]);
    settle().await;
    // Enough for one of them, though the younger one asked first.
    drop(uploads.remove(0));
    assert_eq!(older.await.unwrap(), Ok(()));
    settle().await;
    assert!(younger.is_finished(), "5 MiB are left of the first upload's 10");
    assert_eq!(younger.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn the_reserve_is_for_the_oldest_upload() {
    let budget = MemoryBudget::new(40 * MIB, 20 * MIB);
    let oldest = budget.admit(8 * MIB, LONG).await.unwrap();
    let second = budget.admit(8 * MIB, LONG).await.unwrap();
    let third = budget.admit(8 * MIB, LONG).await.unwrap();
    // 16 MiB are free, of which 12 belong to the oldest.
    assert!(!second.try_grow_to(13 * MIB) && !third.try_grow_to(13 * MIB));
    assert!(second.try_grow_to(12 * MIB));
    assert!(oldest.try_grow_to(20 * MIB));
    drop(oldest);
    // The second is the oldest now.
    assert!(!third.try_grow_to(21 * MIB) && second.try_grow_to(32 * MIB));
}

#[tokio::test]
async fn where_all_wait_the_youngest_gives_way() {
    let gauge = IntGauge::new("memory", "of uploads").unwrap();
    let budget = MemoryBudget::new(20 * MIB, 0).shown_in(gauge.clone());
    let first = Arc::new(budget.admit(8 * MIB, LONG).await.unwrap());
    let second = budget.admit(8 * MIB, LONG).await.unwrap();
    // A step of 4 MiB, then what is asked for.
    first.grow_to(9 * MIB, LONG).await.unwrap();
    assert_eq!((budget.in_use(), gauge.get()), (20 * MIB, 20 << 20));
    first.grow_to(12 * MIB, LONG).await.unwrap();
    let waiting = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.grow_to(13 * MIB, LONG).await }
    });
    settle().await;
    assert_eq!(second.grow_to(10 * MIB, LONG).await, Err(taken(10, 20)));
    drop(second);
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(gauge.get(), 13 << 20);
    let much = MemoryError::TooMuch { bytes: 21 * MIB, budget: 20 * MIB };
    assert_eq!(first.grow_to(21 * MIB, LONG).await, Err(much));
}

#[tokio::test]
async fn what_is_withdrawn_is_free_and_lets_others_by() {
    let budget = MemoryBudget::new(16 * MIB, 0);
    let first = budget.admit(8 * MIB, LONG).await.unwrap();
    {
        let mut large = pin!(budget.admit(9 * MIB, LONG));
        assert!(futures_poll(&mut large).is_none());
        let mut small = pin!(budget.admit(8 * MIB, LONG));
        assert!(futures_poll(&mut small).is_none(), "the large one was first");
        drop(first);
        // Both are granted what they asked for in turn; neither takes it.
        assert_eq!(budget.in_use(), 9 * MIB);
    }
    assert_eq!(budget.in_use(), 0);
    budget.admit(16 * MIB, LONG).await.unwrap();
}
