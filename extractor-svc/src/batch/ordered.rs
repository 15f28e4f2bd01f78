//! Many workers, one order: results reach the sink in the order of their items, whatever the
//! number of workers.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
};

/// How far the workers may run ahead of the sink, in items. Bounds the memory that one slow item
/// costs, and is wide enough that the others do not wait for it.
const WINDOW: usize = 1024;

/// Hands out items, never more than [`WINDOW`] ahead of the sink.
struct Turnstile<S> {
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
            if state.handed_out < state.done + WINDOW {
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

/// Runs `work` on every item with `jobs` threads and gives the results to `sink` in item order.
/// Items are drawn one after the other, as late as possible, on the threads of the workers.
///
/// # Errors
/// The first error of `sink`, after which no further item is begun.
pub fn for_each_ordered<I, T, E>(
    items: impl Iterator<Item = I> + Send,
    jobs: usize,
    work: impl Fn(&I) -> T + Sync,
    mut sink: impl FnMut(I, T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    T: Send,
{
    let state = State { items, handed_out: 0, done: 0, stopped: false };
    let turnstile = Turnstile { state: Mutex::new(state), moved: Condvar::new() };
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (sender, turnstile, work) = (sender.clone(), &turnstile, &work);
            scope.spawn(move || {
                while let Some((index, item)) = turnstile.next() {
                    let result = work(&item);
                    if sender.send((index, item, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (index, item, result) in receiver {
            waiting.insert(index, (item, result));
            while let Some((item, result)) = waiting.remove(&due) {
                if let Err(error) = sink(item, result) {
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
        for jobs in [1, 2, 7] {
            let mut seen = Vec::new();
            let work = |item: &u64| {
                // Early items take longer, so that later ones overtake them.
                if item.is_multiple_of(1500) {
                    (0..200_000_u64).fold(0, |sum, step| std::hint::black_box(sum ^ step));
                }
                item * 2
            };
            let outcome: Result<(), ()> = for_each_ordered(0..5000, jobs, work, |item, result| {
                seen.push((item, result));
                Ok(())
            });
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, (0..5000).map(|item| (item, item * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_run() {
        let drawn = AtomicUsize::new(0);
        let items = (0..10_000).inspect(|_| {
            drawn.fetch_add(1, Ordering::Relaxed);
        });
        let sink = |item, ()| if item == 5 { Err("disk full") } else { Ok(()) };
        assert_eq!(for_each_ordered(items, 3, |_| (), sink), Err("disk full"));
        let drawn = drawn.into_inner();
        assert!(drawn <= 6 + WINDOW, "{drawn} items were drawn");
    }

    #[test]
    fn no_items_is_no_work() {
        let outcome: Result<(), ()> =
            for_each_ordered(std::iter::empty::<u8>(), 4, |_| (), |_, ()| Ok(()));
        assert_eq!(outcome, Ok(()));
    }
}
