//! Many workers, one order: results reach the sink in the order of their items, whatever the
//! number of workers.

use std::{
    collections::BTreeMap,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

/// How far the workers may run ahead of the sink, in items. Bounds the memory that one slow item
/// costs, and is wide enough that the others do not wait for it.
const WINDOW: usize = 1024;

/// Hands out item numbers, never more than [`WINDOW`] ahead of the sink.
struct Turnstile {
    state: Mutex<(usize, usize)>,
    moved: Condvar,
    stopped: AtomicBool,
}

impl Turnstile {
    /// The next item, or `None` at the end.
    fn next(&self, count: usize) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (next, done) = *state;
            if next >= count || self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            if next < done + WINDOW {
                state.0 += 1;
                return Some(next);
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, items: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = items;
        self.moved.notify_all();
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.done(usize::MAX - WINDOW);
    }
}

/// Runs `work` on every item with `jobs` threads and gives the results to `sink` in item order.
///
/// # Errors
/// The first error of `sink`, after which no further item is begun.
pub fn for_each_ordered<I, T, E>(
    items: &[I],
    jobs: usize,
    work: impl Fn(&I) -> T + Sync,
    mut sink: impl FnMut(&I, T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Sync,
    T: Send,
{
    let turnstile = Turnstile {
        state: Mutex::new((0, 0)),
        moved: Condvar::new(),
        stopped: AtomicBool::new(false),
    };
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            let (sender, turnstile, work) = (sender.clone(), &turnstile, &work);
            scope.spawn(move || {
                while let Some(index) = turnstile.next(items.len()) {
                    if sender.send((index, work(&items[index]))).is_err() {
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
                if let Err(error) = sink(&items[due], result) {
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
    use super::*;

    #[test]
    fn results_come_in_order_for_any_number_of_workers() {
        let items: Vec<u64> = (0..5000).collect();
        for jobs in [1, 2, 7] {
            let mut seen = Vec::new();
            let work = |item: &u64| {
                // Early items take longer, so that later ones overtake them.
                if item.is_multiple_of(1500) {
                    (0..200_000_u64).fold(0, |sum, step| std::hint::black_box(sum ^ step));
                }
                item * 2
            };
            let outcome: Result<(), ()> = for_each_ordered(&items, jobs, work, |item, result| {
                seen.push((*item, result));
                Ok(())
            });
            assert_eq!(outcome, Ok(()));
            assert_eq!(seen, items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_of_the_sink_ends_the_run() {
        let items: Vec<u64> = (0..10_000).collect();
        let outcome = for_each_ordered(
            &items,
            3,
            |item| *item,
            |item, _| {
                if *item == 5 { Err("disk full") } else { Ok(()) }
            },
        );
        assert_eq!(outcome, Err("disk full"));
    }

    #[test]
    fn no_items_is_no_work() {
        let outcome: Result<(), ()> = for_each_ordered(&[] as &[u8], 4, |_| (), |_, ()| Ok(()));
        assert_eq!(outcome, Ok(()));
    }
}
