//! What a client is held to, as values, each finite.

use std::{sync::Arc, time::Duration};

use crate::{
    endpoints::{
        names::{Resolve, SystemResolver},
        security::{BearerToken, Tls},
    },
    error::OptionsError,
};

/// Longest time any option may name; longer ones are typing errors.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// Everything about a client but its target. The defaults suit services in one data centre.
#[derive(Clone, Debug)]
pub struct Options {
    /// TLS, if the servers speak it.
    pub tls: Option<Tls>,
    /// Token that every call brings.
    pub token: Option<BearerToken>,
    /// Let the token cross the network in the clear: without this, a token needs TLS.
    pub token_without_tls: bool,
    /// Which ready endpoint a call goes to.
    pub balance: Balance,
    /// How endpoints are looked up.
    pub resolution: Resolution,
    /// How endpoints are known to live.
    pub liveness: Liveness,
    /// What is sent again.
    pub retries: Retries,
    /// Longest wait for a ready endpoint, within the deadline.
    pub max_wait: Duration,
    /// Largest answer, in bytes.
    pub max_answer_bytes: usize,
}

/// Which of the ready endpoints a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest calls of this client in flight: a slow endpoint gets fewer.
    LeastLoaded,
    /// The next in turn.
    RoundRobin,
}

/// How a name is turned into addresses. A fixed target is never looked up.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Who is asked.
    pub resolver: Arc<dyn Resolve>,
    /// Time between two look-ups, where the resolver tells no time to live.
    pub interval: Duration,
    /// Least time between two look-ups, whatever failed and whatever the time to live.
    pub min_interval: Duration,
}

/// How endpoints are known to live.
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    /// Longest time for connection, TLS and the first word of the endpoint's health.
    pub connect: Duration,
    /// Silence on a connection after which it is pinged.
    pub keepalive: Duration,
    /// Longest wait for the answer to a ping, and for the health of a suspect.
    pub probe: Duration,
    /// Pause before the second try of an endpoint that is down; doubles, and is drawn at random.
    pub first_pause: Duration,
    /// Longest such pause.
    pub max_pause: Duration,
}

/// What is sent again. Only idempotent calls are, after UNAVAILABLE or a broken connection, and
/// replayable uploads after a broken connection.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How often a call is sent, the first included.
    pub max_attempts: u32,
    /// Pause before the second attempt, where the server advises none; doubles, drawn at random.
    pub first_pause: Duration,
    /// Longest such pause.
    pub max_pause: Duration,
    /// Share of the time left after which an unanswered idempotent call is sent to a second
    /// endpoint too. `None`: never.
    pub hedge_after: Option<f64>,
    /// Further attempts per call, on average over ten seconds: retries must not multiply an
    /// overload.
    pub budget_share: f32,
    /// Further attempts per second that are always allowed.
    pub budget_per_second: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            token: None,
            token_without_tls: false,
            balance: Balance::LeastLoaded,
            resolution: Resolution::default(),
            liveness: Liveness::default(),
            retries: Retries::default(),
            max_wait: Duration::from_secs(5),
            max_answer_bytes: 16 << 20,
        }
    }
}

impl Default for Resolution {
    fn default() -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            interval: Duration::from_secs(30),
            min_interval: Duration::from_secs(1),
        }
    }
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            keepalive: Duration::from_secs(5),
            probe: Duration::from_secs(2),
            first_pause: Duration::from_millis(100),
            max_pause: Duration::from_secs(5),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            max_attempts: 4,
            first_pause: Duration::from_millis(50),
            max_pause: Duration::from_secs(1),
            hedge_after: Some(0.5),
            budget_share: 0.2,
            budget_per_second: 10,
        }
    }
}

impl Options {
    /// # Errors
    /// With everything that cannot be right.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        let mut problems = Vec::new();
        let times = [
            ("resolution.interval", self.resolution.interval),
            ("resolution.min_interval", self.resolution.min_interval),
            ("liveness.connect", self.liveness.connect),
            ("liveness.keepalive", self.liveness.keepalive),
            ("liveness.probe", self.liveness.probe),
            ("liveness.first_pause", self.liveness.first_pause),
            ("liveness.max_pause", self.liveness.max_pause),
            ("retries.first_pause", self.retries.first_pause),
            ("retries.max_pause", self.retries.max_pause),
            ("max_wait", self.max_wait),
        ];
        for (name, time) in times {
            if time < Duration::from_millis(1) || time > MAX_TIME {
                problems.push(format!("{name} is {time:?}, expected 1 ms to {MAX_TIME:?}"));
            }
        }
        let retries = &self.retries;
        if !(1..=100).contains(&retries.max_attempts) {
            problems.push(format!(
                "retries.max_attempts is {}, expected 1 to 100",
                retries.max_attempts
            ));
        }
        if retries.hedge_after.is_some_and(|share| !(0.01..=1.0).contains(&share)) {
            problems.push(format!(
                "retries.hedge_after is {:?}, expected 0.01 to 1",
                retries.hedge_after
            ));
        }
        if !(0.0..=10.0).contains(&retries.budget_share) {
            problems.push(format!(
                "retries.budget_share is {}, expected 0 to 10",
                retries.budget_share
            ));
        }
        if retries.budget_per_second > 1_000_000 {
            let got = retries.budget_per_second;
            problems
                .push(format!("retries.budget_per_second is {got}, expected at most 1,000,000"));
        }
        if !(1..=1 << 30).contains(&self.max_answer_bytes) {
            problems
                .push(format!("max_answer_bytes is {}, expected 1 to 2^30", self.max_answer_bytes));
        }
        if self.token.is_some() && self.tls.is_none() && !self.token_without_tls {
            problems.push("a token without TLS would cross the network in the clear".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(OptionsError::Values(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once() {
        assert!(Options::default().check().is_ok());
        let options = Options {
            token: Some(BearerToken::new("0123456789abcdef").expect("a token")),
            max_wait: Duration::MAX,
            retries: Retries { max_attempts: 0, budget_share: f32::NAN, ..Retries::default() },
            ..Options::default()
        };
        let Err(OptionsError::Values(problems)) = options.check() else {
            panic!("four values are wrong")
        };
        let first: Vec<_> = problems.iter().filter_map(|text| text.split(' ').next()).collect();
        assert_eq!(first, ["max_wait", "retries.max_attempts", "retries.budget_share", "a"]);
    }
}
