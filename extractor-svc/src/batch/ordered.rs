//! Many workers, one order: results reach the sink in the order of their items, whatever the
//! number of workers.

use std::{
    collections::BTreeMap,
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

/// Runs `work` on every item at this pace and gives the results to `sink` in item order.
/// Items are drawn one after the other, as late as possible, on the threads of the workers.
///
/// # Errors
/// The first error of `sink`, after which no further item is begun.
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
        for _ in 0..pace.jobs.max(1) {
            let (sender, turnstile, work) = (sender.clone(), &turnstile, &work);
            scope.spawn(move || {
                while let Some((index, item)) = turnstile.next() {
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (index, result) in receiver {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&due) {
                if let Err(error) = sink(result) {
                    turnstile.stop();
                    return Err(error);
                }
                due += 1;
            }
            turnstile.done(due);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn no_items_is_no_work() {
        let outcome: Result<(), ()> =
            for_each_ordered(std::iter::empty::<u8>(), Pace::wide(4), |_| (), |()| Ok(()));
        assert_eq!(outcome, Ok(()));
    }
}
