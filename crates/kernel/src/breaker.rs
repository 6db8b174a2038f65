//! A circuit breaker as a state machine: closed while calls succeed, open when too many fail, half open while a few of them
//! try whether that is over. Pure: it is told the time and what became of each call.

use std::time::Duration;

use crate::time::Timestamp;

/// When a breaker opens, and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Opens after so many failures in a window.
    pub failures: u32,
    /// Opens when so many of a hundred calls of a window fail, once there are enough of them; never for that when absent.
    pub percent: Option<u8>,
    /// How many calls are enough for that.
    pub calls_min: u32,
    /// The window.
    pub window: Duration,
    /// How long it stays open before it is tried again.
    pub rest: Duration,
    /// How many calls try it, and must all succeed.
    pub probes: u32,
    /// Whether only failures count that follow each other: a success begins the count anew.
    pub consecutive: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            failures: 5,
            percent: None,
            calls_min: 20,
            window: Duration::from_secs(30),
            rest: Duration::from_secs(30),
            probes: 1,
            consecutive: false,
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Success,
    /// It was not, and not for anything that its caller did.
    Failure,
    /// Nobody knows, or it says nothing: the caller's mistakes, and calls that nobody waited for.
    Unknown,
}

/// What is to be reported of: which life of the breaker let the call pass. What comes from an earlier one is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// The breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    phase: Phase,
    life: u64,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Calls pass and are counted.
    Closed {
        /// When the window began.
        since: Timestamp,
        /// Calls of it.
        calls: u32,
        /// Those that failed.
        failures: u32,
    },
    /// No call passes.
    Open {
        /// Until then.
        until: Timestamp,
    },
    /// Some calls pass and tell how it is.
    HalfOpen {
        /// Those under way.
        under_way: u32,
        /// Those that succeeded.
        succeeded: u32,
    },
}

/// How long whoever comes while others try should wait: they may be done at any moment.
const PROBE_WAIT: Duration = Duration::from_secs(1);

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { phase: Phase::Closed { since: Timestamp::default(), calls: 0, failures: 0 }, life: 0 }
    }
}

impl Breaker {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether forgetting it changes nothing.
    pub fn is_fresh(&self, settings: &Settings, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Closed { since, failures, .. } if failures == 0 || is_over(since, settings.window, now))
    }

    /// Lets a call pass, or says how long to wait.
    pub fn admit(&mut self, settings: &Settings, now: Timestamp) -> Result<Ticket, Duration> {
        if let Phase::Open { until } = self.phase {
            // A clock that jumped back must not keep it open for longer than it was to be.
            let left = until.since(now).min(settings.rest);
            if left > Duration::ZERO {
                return Err(left);
            }
            self.enter(Phase::HalfOpen { under_way: 0, succeeded: 0 });
        }
        if let Phase::HalfOpen { under_way, succeeded } = &mut self.phase {
            if under_way.saturating_add(*succeeded) >= settings.probes.max(1) {
                return Err(PROBE_WAIT);
            }
            *under_way += 1;
        }
        Ok(Ticket(self.life))
    }

    /// Takes note of what became of a call.
    pub fn report(&mut self, settings: &Settings, ticket: Ticket, outcome: Outcome, now: Timestamp) {
        if ticket.0 != self.life {
            return;
        }
        match (self.phase, outcome) {
            (Phase::Closed { since, calls, failures }, Outcome::Success | Outcome::Failure) => {
                self.count(settings, (since, calls, failures), outcome, now);
            }
            (Phase::HalfOpen { .. }, Outcome::Failure) => self.open(settings, now),
            (Phase::HalfOpen { under_way, succeeded }, Outcome::Success) => {
                let succeeded = succeeded + 1;
                if succeeded >= settings.probes.max(1) {
                    self.enter(Phase::Closed { since: now, calls: 0, failures: 0 });
                } else {
                    self.phase = Phase::HalfOpen { under_way: under_way.saturating_sub(1), succeeded };
                }
            }
            (Phase::HalfOpen { under_way, succeeded }, Outcome::Unknown) => {
                self.phase = Phase::HalfOpen { under_way: under_way.saturating_sub(1), succeeded };
            }
            (Phase::Closed { .. }, Outcome::Unknown) | (Phase::Open { .. }, _) => {}
        }
    }

    fn count(
        &mut self,
        settings: &Settings,
        (since, calls, failures): (Timestamp, u32, u32),
        outcome: Outcome,
        now: Timestamp,
    ) {
        let (since, calls, failures) =
            if is_over(since, settings.window, now) { (now, 0, 0) } else { (since, calls, failures) };
        let calls = calls.saturating_add(1);
        let failures = match outcome {
            Outcome::Failure => failures.saturating_add(1),
            _ if settings.consecutive => 0,
            _ => failures,
        };
        let too_many = failures >= settings.failures.max(1);
        let share = u64::from(failures) * 100 / u64::from(calls);
        let too_great = settings.percent.is_some_and(|percent| share >= u64::from(percent));
        if outcome == Outcome::Failure && (too_many || (too_great && calls >= settings.calls_min)) {
            self.open(settings, now);
        } else {
            self.phase = Phase::Closed { since, calls, failures };
        }
    }

    fn open(&mut self, settings: &Settings, now: Timestamp) {
        self.enter(Phase::Open { until: now.plus(settings.rest) });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.life += 1;
    }
}

/// Whether a window has ended, or the clock has jumped back behind its beginning.
fn is_over(since: Timestamp, window: Duration, now: Timestamp) -> bool {
    now < since || now.since(since) >= window
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: Settings = Settings {
        failures: 3,
        percent: None,
        calls_min: 10,
        window: Duration::from_secs(10),
        rest: Duration::from_secs(30),
        probes: 2,
        consecutive: false,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn call(breaker: &mut Breaker, outcome: Outcome, now: Timestamp) -> Result<(), Duration> {
        let ticket = breaker.admit(&SETTINGS, now)?;
        breaker.report(&SETTINGS, ticket, outcome, now);
        Ok(())
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        (0..3).for_each(|_| call(&mut breaker, Outcome::Failure, at(0)).unwrap());
        breaker
    }

    #[test]
    fn it_opens_after_so_many_failures_rests_and_closes_after_its_probes() {
        let mut breaker = opened();
        assert_eq!(breaker.phase(), Phase::Open { until: at(30) });
        assert_eq!(breaker.admit(&SETTINGS, at(10)), Err(Duration::from_secs(20)));
        let first = breaker.admit(&SETTINGS, at(30)).unwrap();
        let second = breaker.admit(&SETTINGS, at(30)).unwrap();
        assert_eq!(breaker.admit(&SETTINGS, at(30)), Err(PROBE_WAIT), "two try it at a time");
        breaker.report(&SETTINGS, first, Outcome::Success, at(31));
        breaker.report(&SETTINGS, second, Outcome::Success, at(32));
        assert!(matches!(breaker.phase(), Phase::Closed { failures: 0, .. }));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_is_lost_gives_its_place_back() {
        let mut breaker = opened();
        for _ in 0..5 {
            assert_eq!(call(&mut breaker, Outcome::Unknown, at(30)), Ok(()));
        }
        assert_eq!(call(&mut breaker, Outcome::Failure, at(31)), Ok(()));
        assert_eq!(breaker.phase(), Phase::Open { until: at(61) });
    }

    #[test]
    fn what_began_before_says_nothing_about_now() {
        let mut breaker = Breaker::default();
        let old = breaker.admit(&SETTINGS, at(0)).unwrap();
        (0..3).for_each(|_| call(&mut breaker, Outcome::Failure, at(0)).unwrap());
        let probe = breaker.admit(&SETTINGS, at(30)).unwrap();
        breaker.report(&SETTINGS, old, Outcome::Failure, at(30));
        breaker.report(&SETTINGS, old, Outcome::Success, at(30));
        assert_eq!(breaker.phase(), Phase::HalfOpen { under_way: 1, succeeded: 0 });
        breaker.report(&SETTINGS, probe, Outcome::Failure, at(30));
        assert!(matches!(breaker.phase(), Phase::Open { .. }));
    }

    #[test]
    fn failures_of_another_window_are_forgotten_and_a_share_needs_enough_calls() {
        let mut breaker = Breaker::default();
        for second in [0, 5, 10, 15, 20] {
            call(&mut breaker, Outcome::Failure, at(second)).unwrap();
        }
        assert!(matches!(breaker.phase(), Phase::Closed { .. }));
        let share = Settings { failures: 1_000, percent: Some(50), ..SETTINGS };
        let mut breaker = Breaker::default();
        for number in 0..10 {
            assert!(matches!(breaker.phase(), Phase::Closed { .. }), "{number}");
            let ticket = breaker.admit(&share, at(0)).unwrap();
            let outcome = if number % 2 == 0 { Outcome::Success } else { Outcome::Failure };
            breaker.report(&share, ticket, outcome, at(0));
        }
        assert!(matches!(breaker.phase(), Phase::Open { .. }), "five of ten");
    }

    #[test]
    fn a_clock_that_jumps_back_keeps_it_open_no_longer() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(&SETTINGS, at(-1_000_000)), Err(SETTINGS.rest));
    }

    #[test]
    fn a_success_begins_the_count_anew_where_failures_must_follow_each_other() {
        let settings = Settings { failures: 2, consecutive: true, ..SETTINGS };
        let (mut breaker, now) = (Breaker::default(), Timestamp::from_millis(1));
        for outcome in [Outcome::Failure, Outcome::Success, Outcome::Failure, Outcome::Failure] {
            let ticket = breaker.admit(&settings, now).unwrap();
            breaker.report(&settings, ticket, outcome, now);
        }
        assert!(matches!(breaker.phase(), Phase::Open { .. }));
    }

    proptest! {
        /// While it is open nothing passes, and it never stays open for longer than it rests.
        #[test]
        fn it_is_never_stuck(steps in prop::collection::vec((0_i64..40, 0_u8..3, any::<bool>()), 1..200)) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (step, outcome, is_lost) in steps {
                now += step;
                if let Ok(ticket) = breaker.admit(&SETTINGS, at(now)) {
                    let is_open = matches!(breaker.phase(), Phase::Open { .. });
                    prop_assert!(!is_open);
                    let outcome = [Outcome::Success, Outcome::Failure, Outcome::Unknown][usize::from(outcome)];
                    let outcome = if is_lost { Outcome::Unknown } else { outcome };
                    breaker.report(&SETTINGS, ticket, outcome, at(now));
                }
            }
            prop_assert!(breaker.admit(&SETTINGS, at(now + 30)).is_ok());
        }
    }
}
