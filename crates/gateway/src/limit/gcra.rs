//! The generic cell rate algorithm: how often something may happen, decided from one number.
//!
//! The number is the time at which everything that was allowed so far would have happened, had it come evenly. Whoever is
//! ahead of that by less than a burst is allowed. Before any decision the number is brought back to the latest that it can
//! have become by now, so a clock that jumps back keeps nobody out for longer than one that stood still would, and one that
//! jumps ahead gives away a single burst.

use std::time::Duration;

use nexus_kernel::time::Timestamp;

/// How often something may happen: so often in a period, evenly, with a burst at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    period: Duration,
    burst: u32,
}

/// The longest period of a rate.
pub const PERIOD_MAX: Duration = Duration::from_hours(24);

/// How far ahead of time a burst may be, in microseconds: 71 years, with which every number is exact for whoever counts in
/// floating point as Redis does.
const AHEAD_MAX: i64 = 1 << 51;

/// The highest rate, per second.
const PER_SECOND_MAX: u64 = 1_000_000;

impl Rate {
    /// So many in a period. As many may come at once, unless a burst is given. Nothing where that is no rate: none at all,
    /// more than a million a second, a period longer than a day, or a burst that would take a lifetime to come evenly.
    pub fn new(count: u32, period: Duration, burst: Option<u32>) -> Option<Rate> {
        let burst = burst.unwrap_or(count);
        let is_rate = count > 0 && burst > 0 && period >= Duration::from_secs(1) && period <= PERIOD_MAX;
        let is_slow = u64::from(count) <= PER_SECOND_MAX.saturating_mul(period.as_secs());
        let rate = (is_rate && is_slow).then_some(Rate { count, period, burst })?;
        (rate.tolerance() <= AHEAD_MAX).then_some(rate)
    }

    /// How many in a period.
    pub fn count(self) -> u32 {
        self.count
    }

    /// The period.
    pub fn period(self) -> Duration {
        self.period
    }

    /// How many at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Microseconds from one to the next; rounded up, so that the rate is never exceeded.
    pub(super) fn interval(self) -> i64 {
        let period = u64::try_from(self.period.as_micros()).unwrap_or(u64::MAX);
        i64::try_from(period.div_ceil(u64::from(self.count))).unwrap_or(i64::MAX).max(1)
    }

    /// How far ahead of time one may be.
    pub(super) fn tolerance(self) -> i64 {
        self.interval().saturating_mul(i64::from(self.burst))
    }
}

/// What is known of one sender: a point in time. Everything up to now is the state of whoever has sent nothing for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(i64);

impl State {
    /// Of whom nothing is known.
    pub const REST: State = State(i64::MIN);

    /// Whether it says nothing any more: forgetting it changes no decision.
    pub fn is_at_rest(self, now: Timestamp) -> bool {
        self.0 <= now.micros()
    }

    /// The number.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// From the number.
    pub fn from_micros(micros: i64) -> State {
        State(micros)
    }
}

/// A decision, and how things stand after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may happen.
    pub is_allowed: bool,
    /// How many more may at once.
    pub remaining: u32,
    /// How long until one more than those may; zero when all may.
    pub next: Duration,
    /// How long until a whole burst may.
    pub reset: Duration,
}

/// Decides about one more, and gives the state after it. What is refused changes nothing.
pub fn decide(state: State, rate: Rate, now: Timestamp) -> (State, Verdict) {
    let taken = State(state.until(rate, now).saturating_add(rate.interval()));
    let ahead = taken.0.saturating_sub(now.micros());
    if ahead <= rate.tolerance() {
        return (taken, Verdict { is_allowed: true, ..stand(taken, rate, now) });
    }
    let state = State(state.until(rate, now));
    (state, Verdict { is_allowed: false, ..stand(state, rate, now) })
}

/// How things stand, without anything happening: allowed says whether one more would be.
pub fn stand(state: State, rate: Rate, now: Timestamp) -> Verdict {
    let ahead = state.until(rate, now).saturating_sub(now.micros());
    let room = rate.tolerance().saturating_sub(ahead);
    let remaining = u32::try_from(room.div_euclid(rate.interval())).unwrap_or(0);
    let next = if ahead == 0 { 0 } else { rate.interval() - room.rem_euclid(rate.interval()) };
    Verdict { is_allowed: remaining > 0, remaining, next: micros(next), reset: micros(ahead) }
}

/// Takes one back that was allowed and did not happen.
pub fn give_back(state: State, rate: Rate) -> State {
    State(state.0.saturating_sub(rate.interval()))
}

impl State {
    /// The state within what it can be by now, so that no jump of the clock stays in it.
    fn until(self, rate: Rate, now: Timestamp) -> i64 {
        let latest = now.micros().saturating_add(rate.tolerance());
        self.0.max(now.micros()).min(latest)
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(count: u32, seconds: u64, burst: u32) -> Rate {
        Rate::new(count, Duration::from_secs(seconds), Some(burst)).unwrap()
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_hundred_and_first_of_a_minute_is_refused_and_told_when_to_come() {
        let (rate, now) = (rate(100, 60, 100), at(1_000_000));
        let mut state = State::REST;
        for left in (0..100).rev() {
            let (next, verdict) = decide(state, rate, now);
            assert_eq!((verdict.is_allowed, verdict.remaining), (true, left));
            state = next;
        }
        let (after, verdict) = decide(state, rate, now);
        assert_eq!((after, verdict.is_allowed, verdict.remaining), (state, false, 0));
        assert_eq!(verdict.next, Duration::from_millis(600));
        assert_eq!(verdict.reset, Duration::from_mins(1));
        assert!(!decide(state, rate, at(1_599_999)).1.is_allowed);
        assert!(decide(state, rate, at(1_600_000)).1.is_allowed);
    }

    #[test]
    fn what_is_no_rate_is_none() {
        let second = Duration::from_secs(1);
        assert_eq!(Rate::new(0, second, None), None);
        assert_eq!(Rate::new(1, second, Some(0)), None);
        assert_eq!(Rate::new(1, Duration::ZERO, None), None);
        assert_eq!(Rate::new(1, Duration::from_hours(25), None), None);
        assert_eq!(Rate::new(1_000_001, second, None), None);
        assert_eq!(Rate::new(1, PERIOD_MAX, Some(u32::MAX)), None);
        assert!(Rate::new(1_000_000, second, None).is_some());
    }

    #[test]
    fn one_that_was_given_back_may_come_again() {
        let (rate, now) = (rate(1, 60, 1), at(7));
        let (state, verdict) = decide(State::REST, rate, now);
        assert!(verdict.is_allowed && !decide(state, rate, now).1.is_allowed);
        assert!(decide(give_back(state, rate), rate, now).1.is_allowed);
    }

    prop_compose! {
        fn rates()(count in 1_u32..2_000, seconds in 1_u64..86_400, burst in 1_u32..2_000) -> Rate {
            rate(count, seconds, burst)
        }
    }

    proptest! {
        /// Over any span no more happen than the burst and what the rate gives in that span.
        #[test]
        fn no_more_than_the_rate_and_the_burst(rate in rates(), steps in prop::collection::vec(0_i64..5_000_000, 1..300)) {
            let (mut state, mut now, mut allowed) = (State::REST, 0_i64, 0_i64);
            for step in steps {
                now += step;
                let (next, verdict) = decide(state, rate, at(now));
                allowed += i64::from(verdict.is_allowed);
                state = next;
                prop_assert!(allowed <= i64::from(rate.burst()) + now / rate.interval());
            }
        }

        /// Whoever waits as long as they are told is let in, and not a microsecond before.
        #[test]
        fn the_wait_that_is_told_is_exact(rate in rates(), before in 0_usize..4_000, now in 0_i64..i64::MAX / 4) {
            let mut state = State::REST;
            for _ in 0..before {
                state = decide(state, rate, at(now)).0;
            }
            let (state, verdict) = decide(state, rate, at(now));
            if !verdict.is_allowed {
                let wait = i64::try_from(verdict.next.as_micros()).unwrap();
                prop_assert!(wait > 0 && wait <= rate.interval());
                prop_assert!(!decide(state, rate, at(now + wait - 1)).1.is_allowed);
                prop_assert!(decide(state, rate, at(now + wait)).1.is_allowed);
            }
        }

        /// Whatever the clock did and whatever is in the state, nobody waits for longer than one interval.
        #[test]
        fn no_jump_of_the_clock_keeps_anybody_out(rate in rates(), state: i64, now: i64) {
            let (after, verdict) = decide(State::from_micros(state), rate, at(now));
            prop_assert!(verdict.next <= micros(rate.interval()));
            prop_assert!(verdict.remaining <= rate.burst());
            prop_assert!(after.micros() <= now.saturating_add(rate.tolerance()));
        }

        /// A jump gives away one burst, not more.
        #[test]
        fn a_jump_ahead_gives_away_one_burst(rate in rates(), from in 0_i64..1 << 50, to in 0_i64..1 << 50) {
            let spend = |mut state: State, now: i64| {
                let mut allowed = 0_u32;
                for _ in 0..=2 * rate.burst() {
                    let (next, verdict) = decide(state, rate, at(now));
                    state = next;
                    allowed += u32::from(verdict.is_allowed);
                }
                (state, allowed)
            };
            let (state, first) = spend(State::REST, from);
            prop_assert_eq!(first, rate.burst());
            let (state, second) = spend(state, to);
            prop_assert!(second <= rate.burst() && (to > from || second == 0));
            prop_assert!(spend(state, from).1 <= rate.burst());
        }

        /// What is at rest decides as what is unknown does, so it may be forgotten.
        #[test]
        fn what_is_at_rest_may_be_forgotten(rate in rates(), state: i64, now: i64) {
            let state = State::from_micros(state);
            if state.is_at_rest(at(now)) {
                prop_assert_eq!(decide(state, rate, at(now)), decide(State::REST, rate, at(now)));
            }
        }
    }
}
