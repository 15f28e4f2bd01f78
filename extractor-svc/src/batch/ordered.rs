//! Many workers, one order: results reach the sink in the order of their items, whatever the
//! number of workers. A panic anywhere (the items, the work, the sink) ends the run with that panic:
//! the result that it took would be waited for without an end.

use std::{
    collections::BTreeMap,
    panic,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

/// How far the workers may run ahead of the sink when results are small, in items: wide enough that
/// nobody waits for one slow item.
const WIDE: usize = 1024;

/// How many items are in work.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Threads.
    pub jobs: usize,
    /// Items that may be begun before the sink has taken the first of them. Bounds the memory that
    /// one slow item costs.
    pub ahead: usize,
}

impl Pace {
    /// So many threads, for results that are small.
    #[must_use]
    pub fn wide(jobs: usize) -> Self {
        Self { jobs, ahead: WIDE }
    }
}

/// Hands out items, never more than `ahead` before the sink.
struct Turnstile<S> {
    ahead: usize,
    state: Mutex<State<S>>,
    moved: Condvar,
}

struct State<S> {
    items: S,
    handed_out: usize,
    done: usize,
    stopped: bool,
}

impl<S: Iterator> Turnstile<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item and its number, or `None` at the end.
    fn next(&self) -> Option<(usize, S::Item)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if state.handed_out < state.done + self.ahead {
                let item = state.items.next()?;
                state.handed_out += 1;
                return Some((state.handed_out - 1, item));
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, items: usize) {
        self.lock().done = items;
        self.moved.notify_all();
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.moved.notify_all();
    }
}

/// Stops the turnstile when it goes, however that comes about: others wait for what this thread will
/// not do.
struct StopAtEnd<'a, S: Iterator>(&'a Turnstile<S>);

impl<S: Iterator> Drop for StopAtEnd<'_, S> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs `work` on every item at this pace and gives the results to `sink` in item order.
/// Items are drawn one after the other, as late as possible, on the threads of the workers.
///
/// # Errors
/// The first error of `sink`, after which no further item is begun.
///
/// # Panics
/// With the panic of `items`, `work` or `sink`, once the items in work are done.
pub fn for_each_ordered<I, T, E>(
    items: impl Iterator<Item = I> + Send,
    pace: Pace,
    work: impl Fn(I) -> T + Sync,
    mut sink: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    T: Send,
{
    let state = State { items, handed_out: 0, done: 0, stopped: false };
    let ahead = pace.ahead.max(1);
    let turnstile = Turnstile { ahead, state: Mutex::new(state), moved: Condvar::new() };
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let stop_at_end = StopAtEnd(&turnstile);
        let mut workers = Vec::new();
        for _ in 0..pace.jobs.max(1) {
            let (sender, turnstile, work) = (sender.clone(), &turnstile, &work);
            workers.push(scope.spawn(move || {
                // There is no more to do when a worker ends, or one of its items is lost.
                let _stop_at_end = StopAtEnd(turnstile);
                while let Some((index, item)) = turnstile.next() {
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            }));
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (index, result) in receiver {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&due) {
                sink(result)?;
                due += 1;
            }
            turnstile.done(due);
        }
        drop(stop_at_end);
        for worker in workers {
            worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_workers() {
        for (jobs, ahead) in [(1, 1), (2, WIDE), (7, WIDE), (7, 3)] {
            let mut seen = Vec::new();
            let work = |item: u64| {
                // Early items take longer, so that later ones overtake them.
                if item.is_multiple_of(1500) {
                    (0..200_000_u64).fold(0, |sum, step| std::hint::black_box(sum ^ step));
                }
                (item, item * 2)
            };
            let pace = Pace { jobs, ahead };
            let outcome: Result<(), ()> = for_each_ordered(0..5000, pace, work, |result| {
                seen.push(result);
                Ok(())
            });
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, (0..5000).map(|item| (item, item * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_run() {
        for ahead in [4, WIDE] {
            let drawn = AtomicUsize::new(0);
            let items = (0..10_000).inspect(|_| {
                drawn.fetch_add(1, Ordering::Relaxed);
            });
            let sink = |item| if item == 5 { Err("disk full") } else { Ok(()) };
            let pace = Pace { jobs: 3, ahead };
            assert_eq!(for_each_ordered(items, pace, |item| item, sink), Err("disk full"));
            let drawn = drawn.into_inner();
            assert!(drawn <= 6 + ahead, "{drawn} items were drawn");
        }
    }

    /// Runs `run` on a thread of its own; the message of its panic. It may take long, but not for ever.
    fn panic_of(run: impl FnOnce() + Send + 'static) -> String {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let caught = panic::catch_unwind(panic::AssertUnwindSafe(run));
            let message = caught.expect_err("it panics").downcast_ref::<&str>().copied();
            sender.send(message.unwrap_or("another panic").to_owned()).expect("somebody waits");
        });
        receiver.recv_timeout(Duration::from_secs(60)).expect("a run that ends")
    }

    #[test]
    fn a_panic_ends_the_run_with_itself() {
        for jobs in [1, 2, 7] {
            for ahead in [1, 4, WIDE] {
                let pace = Pace { jobs, ahead };
                let keep = |_: u32| Ok::<(), ()>(());
                let work = move || {
                    let work = |item| if item == 5 { panic!("in the work") } else { item };
                    let _ = for_each_ordered(0..10_000, pace, work, keep);
                };
                assert_eq!(panic_of(work), "in the work");
                let items = move || {
                    let items = (0..10_000).inspect(|item| assert!(*item != 5, "in the items"));
                    let _ = for_each_ordered(items, pace, |item| item, keep);
                };
                assert_eq!(panic_of(items), "in the items");
                let sink = move || {
                    let sink = |item| if item == 5 { panic!("in the sink") } else { keep(item) };
                    let _ = for_each_ordered(0..10_000, pace, |item| item, sink);
                };
                assert_eq!(panic_of(sink), "in the sink");
            }
        }
    }

    #[test]
    fn no_items_is_no_work() {
        let outcome: Result<(), ()> =
            for_each_ordered(std::iter::empty::<u8>(), Pace::wide(4), |_| (), |()| Ok(()));
        assert_eq!(outcome, Ok(()));
    }
}
