//! Circuit breakers: one for each namespace that calls and each endpoint that leads outside, so that one team's broken
//! service neither takes another's time nor is asked while it is down.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::breaker::{Breaker, Outcome, Phase, Settings, Ticket};
use nexus_kernel::id::{EndpointId, Namespace};
use nexus_kernel::time::Timestamp;

/// It opens with the sixth failure in a row (Nexus page, A4), and is tried again after a minute.
const SETTINGS: Settings = Settings {
    failures: 6,
    percent: None,
    calls_min: 1,
    window: Duration::from_hours(1),
    rest: Duration::from_mins(1),
    probes: 1,
    consecutive: true,
};

/// Breakers that are kept; those that say nothing are forgotten when there are more.
const BREAKERS_MAX: usize = 10_000;

/// Whose calls, through what.
type Way = (Namespace, EndpointId);

/// All breakers of an engine.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    all: Mutex<HashMap<Way, Breaker>>,
}

impl Breakers {
    /// Lets a request pass, or says how long to wait.
    pub(crate) fn admit(&self, way: &Way, now: Timestamp) -> Result<Ticket, Duration> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= BREAKERS_MAX && !all.contains_key(way) {
            all.retain(|_, breaker| !breaker.is_fresh(&SETTINGS, now));
        }
        all.entry(way.clone()).or_default().admit(&SETTINGS, now)
    }

    /// Takes note of what became of a request.
    pub(crate) fn report(&self, way: &Way, ticket: Ticket, outcome: Outcome, now: Timestamp) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = all.get_mut(way) {
            breaker.report(&SETTINGS, ticket, outcome, now);
        }
    }

    /// Until when nothing passes; nothing while requests do.
    pub(crate) fn open_until(&self, way: &Way) -> Option<Timestamp> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(way)?.phase() {
            Phase::Open { until } => Some(until),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_failures_in_a_row_close_one_way_and_no_other() {
        let breakers = Breakers::default();
        let way = |namespace: &str| (Namespace::new(namespace).unwrap(), EndpointId::of_name("billing"));
        let (shop, bank) = (way("shop"), way("bank"));
        let mut now = Timestamp::from_millis(1_000);
        let fail = |way: &Way, now| {
            let ticket = breakers.admit(way, now).unwrap();
            breakers.report(way, ticket, Outcome::Failure, now);
        };
        (0..5).for_each(|_| fail(&shop, now));
        let ticket = breakers.admit(&shop, now).unwrap();
        breakers.report(&shop, ticket, Outcome::Success, now);
        (0..6).for_each(|_| fail(&shop, now));
        assert_eq!(breakers.admit(&shop, now).unwrap_err(), Duration::from_mins(1));
        assert_eq!(breakers.open_until(&shop), Some(now.plus(Duration::from_mins(1))));
        assert!(breakers.admit(&bank, now).is_ok());
        now = now.plus(Duration::from_mins(1));
        let probe = breakers.admit(&shop, now).unwrap();
        assert!(breakers.admit(&shop, now).is_err(), "one tries, the others wait");
        breakers.report(&shop, probe, Outcome::Success, now);
        assert!(breakers.admit(&shop, now).is_ok());
    }
}
