//! What counts the calls of one method.

use std::{sync::OnceLock, time::Duration};

use prometheus::{Histogram, IntCounter, IntGauge};

/// The series of one method, so that a call need not look for them by their labels. They are made when
/// they are first needed: what never happened is not shown.
#[derive(Debug, Default)]
pub(super) struct MethodSeries {
    pub(super) all: OnceLock<AllCalls>,
    pub(super) ok: OnceLock<CallsOfCode>,
}

#[derive(Debug)]
pub(super) struct AllCalls {
    pub(super) started: IntCounter,
    pub(super) in_flight: IntGauge,
    pub(super) received: IntCounter,
    pub(super) sent: IntCounter,
}

#[derive(Debug)]
pub(super) struct CallsOfCode {
    pub(super) handled: IntCounter,
    pub(super) handling: Histogram,
}

impl CallsOfCode {
    pub(super) fn count(&self, duration: Duration) {
        self.handled.inc();
        self.handling.observe(duration.as_secs_f64());
    }
}
