//! What both kinds of calls share: where they go, what they carry, whether they may go again.

mod query;
mod upload;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::{
    backoff::{Backoff, later},
    deadline::Deadline,
    endpoints::{
        balance::{Activity, Endpoints},
        endpoint::Picked,
        resolve,
        target::{Places, Target},
    },
    error::{OptionsError, is_broken},
    options::Options,
};

/// Time over which the budget of further attempts is kept.
const BUDGET_TIME: Duration = Duration::from_secs(10);

/// What both typed clients are made of. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    endpoints: Arc<Endpoints>,
    options: Arc<Options>,
    budget: TpsBudget,
    calls: AtomicU64,
    attempts: AtomicU64,
    hedges: AtomicU64,
    _resolver: Option<AbortOnDropHandle<()>>,
}

/// One sending of a call: over which connection, and with what in its headers.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) channel: Channel,
    options: Arc<Options>,
    deadline: Deadline,
}

impl Attempt {
    /// A message with its deadline and token.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline.left());
        if let Some(token) = &self.options.token {
            request.metadata_mut().insert("authorization", token.header());
        }
        request
    }

    pub(crate) fn max_answer_bytes(&self) -> usize {
        self.options.max_answer_bytes
    }
}

impl Caller {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(
        service: &'static str,
        target: Target,
        options: Options,
    ) -> Result<Self, OptionsError> {
        options.check()?;
        let options = Arc::new(options);
        let new = |host| Arc::new(Endpoints::new(service, Arc::clone(&options), host));
        let (endpoints, resolver) = match target.0 {
            Places::Fixed(hosts) => {
                let endpoints = new(None);
                endpoints.fix(&hosts)?;
                (endpoints, None)
            }
            Places::Dns(host) => {
                let endpoints = new(Some(host.clone()));
                endpoints.check()?;
                let plan = options.resolution.clone();
                let task = resolve::follow(host, plan, Arc::downgrade(&endpoints));
                (endpoints, Some(AbortOnDropHandle::new(tokio::spawn(task))))
            }
        };
        let retries = &options.retries;
        let budget = TpsBudget::new(BUDGET_TIME, retries.budget_per_second, retries.budget_share);
        Ok(Self(Arc::new(Shared {
            endpoints,
            budget,
            options,
            calls: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            _resolver: resolver,
        })))
    }

    pub(crate) fn activity(&self) -> Activity {
        Activity {
            calls: self.0.calls.load(Ordering::Relaxed),
            attempts: self.0.attempts.load(Ordering::Relaxed),
            hedges: self.0.hedges.load(Ordering::Relaxed),
            endpoints: self.0.endpoints.view(),
        }
    }
}

impl Shared {
    /// A call begins; it pays into the budget.
    fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.budget.deposit();
    }

    fn attempt(&self, picked: &Picked, deadline: Deadline) -> Attempt {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let options = Arc::clone(&self.options);
        Attempt { channel: picked.channel.clone(), options, deadline }
    }

    /// Whether one more attempt is within the limits; takes it from the budget.
    fn permits(&self, attempts: u32) -> bool {
        attempts < self.options.retries.max_attempts && self.budget.withdraw()
    }

    fn pauses(&self) -> Backoff {
        Backoff::new(self.options.retries.first_pause, self.options.retries.max_pause)
    }

    /// What a failure says about the endpoint and the target; whether a connection broke.
    fn learn(&self, picked: &Picked, status: &Status) -> bool {
        let broken = is_broken(status);
        if broken {
            picked.state().suspect();
        }
        if broken || status.code() == Code::Unavailable {
            self.endpoints.look_up();
        }
        broken
    }

    /// The pause before an idempotent call may be sent again; none if its failure is final.
    fn pause_after(&self, picked: &Picked, status: &Status, own: &mut Backoff) -> Option<Duration> {
        let broken = self.learn(picked, status);
        if !broken && status.code() != Code::Unavailable {
            return None;
        }
        let advice = status.get_details_retry_info().and_then(|info| info.retry_delay);
        Some(advice.filter(|_| !broken).map_or_else(|| own.next(), later))
    }
}
