//! Callers that query and upload all the time, and what became of their calls.

use std::{
    collections::BTreeSet,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use e2e::clips;
use tokio::{
    io::{AsyncRead, ReadBuf},
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};
use tonic::Code;

use crate::{
    faults::Fault,
    route::{Failure, Route},
};

const QUERY_CALLERS: usize = 6;
/// Of each kind: uploads that can be replayed, and that cannot.
const UPLOAD_CALLERS: usize = 2;
/// Between two calls of one caller.
const REST: Duration = Duration::from_millis(10);

/// Callers at work.
pub(crate) struct Load {
    callers: JoinSet<Tally>,
    over: Arc<AtomicBool>,
}

/// What became of calls.
#[derive(Default)]
pub(crate) struct Tally {
    queries: Outcome,
    replayable: Outcome,
    once: Outcome,
    /// Of the index, in the answers.
    versions: BTreeSet<String>,
}

#[derive(Default)]
struct Outcome {
    answered: u64,
    slowest: Duration,
    failures: Vec<Failure>,
}

impl Load {
    pub(crate) fn start(route: &Route) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for caller in 0..QUERY_CALLERS {
            let (route, over) = (route.clone(), Arc::clone(&over));
            callers.spawn(async move {
                let mut tally = Tally::default();
                for call in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let begin = Instant::now();
                    let outcome = route.query(caller * 7 + call).await;
                    if let Ok(version) = &outcome
                        && !tally.versions.contains(version)
                    {
                        tally.versions.insert(version.clone());
                    }
                    tally.queries.add(begin, outcome.map(drop));
                    tokio::time::sleep(REST).await;
                }
                tally
            });
        }
        for caller in 0..2 * UPLOAD_CALLERS {
            let (route, over) = (route.clone(), Arc::clone(&over));
            let replayable = caller % 2 == 0 && route.replays();
            callers.spawn(async move {
                let mut tally = Tally::default();
                while !over.load(Ordering::Relaxed) {
                    let begin = Instant::now();
                    let outcome = route.upload(replayable).await;
                    let of = if replayable { &mut tally.replayable } else { &mut tally.once };
                    of.add(begin, outcome);
                    tokio::time::sleep(REST).await;
                }
                tally
            });
        }
        Self { callers, over }
    }

    /// Lets the calls in flight finish.
    pub(crate) async fn end(mut self) -> Tally {
        self.over.store(true, Ordering::Relaxed);
        let mut whole = Tally::default();
        while let Some(tally) = self.callers.join_next().await {
            let tally = tally.expect("callers do not panic");
            whole.queries.merge(tally.queries);
            whole.replayable.merge(tally.replayable);
            whole.once.merge(tally.once);
            whole.versions.extend(tally.versions);
        }
        whole
    }
}

impl Outcome {
    fn add(&mut self, begin: Instant, outcome: Result<(), Failure>) {
        self.slowest = self.slowest.max(begin.elapsed());
        match outcome {
            Ok(()) => self.answered += 1,
            Err(failure) => self.failures.push(failure),
        }
    }

    fn merge(&mut self, other: Self) {
        self.answered += other.answered;
        self.slowest = self.slowest.max(other.slowest);
        self.failures.extend(other.failures);
    }

    fn told(&self) -> String {
        format!("{} / {}", self.answered, self.failures.len())
    }
}

impl Tally {
    pub(crate) const HEAD: &str = "\
through  fault            deaths   queries ok / failed   slowest   replayable uploads   other uploads   verdict";

    /// No query fails, no upload that can be replayed; of the others at most one of each caller at
    /// each death, and each can be tried again. Answers are of the versions that there were.
    pub(crate) fn verdict(&self, fault: Fault, deaths: u64) -> bool {
        let lost = self.once.failures.len() as u64;
        let most = deaths * 2 * UPLOAD_CALLERS as u64;
        let retryable = self.once.failures.iter().all(|failure| failure.code == Code::Unavailable);
        let busy = self.queries.answered > 100 && self.once.answered > 5;
        self.queries.failures.is_empty()
            && self.versions.len() == fault.versions()
            && self.replayable.failures.is_empty()
            && lost <= most
            && retryable
            && busy
    }

    pub(crate) fn line(&self, through: &str, fault: Fault, deaths: u64, holds: bool) -> String {
        format!(
            "{through:<8} {:<16} {deaths:>6} {:>21} {:>7} ms {:>20} {:>15}   {}",
            fault.name(),
            self.queries.told(),
            self.queries.slowest.as_millis(),
            self.replayable.told(),
            self.once.told(),
            if holds { "holds" } else { "FAILS" },
        )
    }

    /// Every failure, for the reader.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        [("query", &self.queries), ("replayable upload", &self.replayable), ("upload", &self.once)]
            .into_iter()
            .flat_map(|(kind, outcome)| outcome.failures.iter().map(move |one| (kind, one)))
            .map(|(kind, Failure { code, text })| format!("{kind}: {code:?}: {text}"))
    }
}

/// A clip that takes a while to read, so that uploads are in flight when something happens.
pub(crate) struct Paced {
    left: io::Cursor<Vec<u8>>,
    ticks: Interval,
}

impl Paced {
    pub(crate) fn new() -> Self {
        let audio = clips::read("drums_s16_11025.flac").expect("a clip of the project");
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { left: io::Cursor::new(audio), ticks }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ticks.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        // A tenth of the clip at a time.
        let piece = (self.left.get_ref().len() / 10 + 1).min(buffer.remaining());
        let mut bytes = vec![0; piece];
        let count = io::Read::read(&mut self.left, &mut bytes)?;
        buffer.put_slice(&bytes[..count]);
        Poll::Ready(Ok(()))
    }
}
