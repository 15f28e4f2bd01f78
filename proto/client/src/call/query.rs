//! An idempotent call: it may be sent as often as one likes, and to two endpoints at a time.

use std::sync::{Arc, atomic::Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, sleep_until};
use tonic::{Response, Status};

use super::{Attempt, Caller, Shared};
use crate::{
    deadline::Deadline,
    endpoints::endpoint::{Picked, State},
    error::CallError,
};

/// When the next attempt begins, and why.
enum Next {
    /// It is the first, or the last one failed in a way that permits another.
    Again(Instant),
    /// The last one is slow.
    Hedge(Instant),
    /// There is none.
    Never,
}

impl Caller {
    /// Makes the call. Dropped, it is cancelled.
    pub(crate) async fn query<T, F, A>(&self, deadline: Deadline, send: F) -> Result<T, CallError>
    where
        F: Fn(Attempt) -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let shared = &*self.0;
        let mut pauses = shared.pauses();
        let mut tried: Vec<Arc<State>> = Vec::new();
        let mut running = FuturesUnordered::new();
        let mut last = None;
        let mut next = Next::Again(Instant::now());
        shared.begin();
        loop {
            let attempts = tried.len() as u32;
            tokio::select! {
                biased;
                Some((picked, outcome)) = running.next() => {
                    let status = match outcome {
                        Ok(response) => return Ok(Response::into_inner(response)),
                        Err(status) => status,
                    };
                    let Some(pause) = shared.pause_after(&picked, &status, &mut pauses) else {
                        return Err(CallError::of(status, attempts));
                    };
                    let at = Instant::now() + pause;
                    let again = at < deadline.instant() && shared.permits(attempts);
                    if !again && running.is_empty() {
                        return Err(CallError::of(status, attempts));
                    }
                    last = Some(Box::new(status));
                    next = if again { Next::Again(at) } else { Next::Never };
                }
                () = sleep_until(deadline.instant()) => {
                    return Err(CallError::DeadlineExceeded { attempts, last });
                }
                picked = shared.take(&next, &tried, deadline) => {
                    if let Some(picked) = picked {
                        tried.push(picked.state());
                        let answer = send(shared.attempt(&picked, deadline));
                        running.push(async move { let outcome = answer.await; (picked, outcome) });
                        next = shared.hedge(deadline);
                    } else if running.is_empty() {
                        let waited = shared.options.max_wait;
                        return Err(last.map_or(CallError::NoEndpoint { waited, attempts }, |status| {
                            CallError::of(*status, attempts)
                        }));
                    } else {
                        next = Next::Never;
                    }
                }
            }
        }
    }
}

impl Shared {
    /// The endpoint of the next attempt, at its time.
    async fn take(&self, next: &Next, tried: &[Arc<State>], deadline: Deadline) -> Option<Picked> {
        match *next {
            Next::Never => std::future::pending().await,
            Next::Again(at) => {
                sleep_until(at).await;
                let latest = (at + self.options.max_wait).min(deadline.instant());
                self.endpoints.wait(tried, latest).await
            }
            Next::Hedge(at) => {
                sleep_until(at).await;
                for slow in tried {
                    slow.doubt();
                }
                let picked = self.endpoints.pick(tried)?;
                self.permits(tried.len() as u32).then_some(picked).inspect(|_| {
                    self.hedges.fetch_add(1, Ordering::Relaxed);
                })
            }
        }
    }

    fn hedge(&self, deadline: Deadline) -> Next {
        let share = self.options.retries.hedge_after;
        share.map_or(Next::Never, |share| {
            Next::Hedge(Instant::now() + deadline.left().mul_f64(share))
        })
    }
}
