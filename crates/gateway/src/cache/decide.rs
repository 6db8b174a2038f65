//! Decisions about kept answers: pure functions of times and rules.

use std::time::Duration;

use nexus_kernel::cache::{CacheRule, CacheUse};
use nexus_kernel::call::Answer;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;

use crate::limits::CACHE_SKEW_MILLIS;

/// What an answer of some age is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As good as a new one.
    Fresh { age: Duration, left: Duration },
    /// It is given while a new one is made.
    Stale { age: Duration, late: Duration },
    /// It is not given.
    Gone,
}

/// What an answer is worth to a caller. The rule counts as it is now, not as it was when the answer was made.
pub(super) fn state(made: Timestamp, now: Timestamp, rule: &CacheRule, wanted: CacheUse) -> State {
    // A clock that was set back would make an answer live as long again.
    if made.since(now) > Duration::from_millis(CACHE_SKEW_MILLIS) {
        return State::Gone;
    }
    let age = now.since(made);
    let most = match wanted {
        CacheUse::Any => None,
        CacheUse::Within(most) => Some(most),
        CacheUse::Renew | CacheUse::Never => return State::Gone,
    };
    if most.is_some_and(|most| age > most) {
        return State::Gone;
    }
    if age < rule.ttl {
        return State::Fresh { age, left: rule.ttl.saturating_sub(age) };
    }
    // Whoever says how old it may be wants none that is past its time.
    let late = age.saturating_sub(rule.ttl);
    if late < rule.stale && most.is_none() { State::Stale { age, late } } else { State::Gone }
}

/// When an answer is worth nothing any more.
pub(super) fn ends(made: Timestamp, rule: &CacheRule) -> Timestamp {
    made.plus(rule.ttl).plus(rule.stale)
}

/// Whether it is what the work came to: neither a run that goes on nor one that ended otherwise than well.
pub(super) fn is_answer(answer: &Answer) -> bool {
    answer.run.as_ref().is_none_or(|run| run.status == RunStatus::Completed && run.failure.is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(ttl: u64, stale: u64) -> CacheRule {
        CacheRule {
            ttl: Duration::from_secs(ttl),
            stale: Duration::from_secs(stale),
            is_public: false,
            tags: Vec::new(),
            key: None,
            code: "".into(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn an_answer_is_fresh_then_stale_then_gone() {
        let seconds = Duration::from_secs;
        let of = |age: i64| state(at(100), at(100 + age), &rule(10, 5), CacheUse::Any);
        assert_eq!(of(0), State::Fresh { age: seconds(0), left: seconds(10) });
        assert_eq!(of(9), State::Fresh { age: seconds(9), left: seconds(1) });
        assert_eq!(of(10), State::Stale { age: seconds(10), late: seconds(0) });
        assert_eq!(of(14), State::Stale { age: seconds(14), late: seconds(4) });
        assert_eq!(of(15), State::Gone);
        assert_eq!(of(-1), State::Fresh { age: seconds(0), left: seconds(10) });
        assert_eq!(of(-2), State::Gone, "from the future");
    }

    #[test]
    fn a_caller_may_want_a_younger_one_or_none() {
        let of = |age, wanted| state(at(0), at(age), &rule(10, 10), wanted);
        let within = |most| CacheUse::Within(Duration::from_secs(most));
        assert!(matches!(of(3, within(3)), State::Fresh { .. }));
        assert_eq!(of(4, within(3)), State::Gone);
        assert_eq!(of(12, within(15)), State::Gone, "not past its time");
        assert_eq!(of(0, CacheUse::Renew), State::Gone);
        assert_eq!(of(0, CacheUse::Never), State::Gone);
    }

    proptest! {
        #[test]
        fn age_only_makes_it_worse(ttl in 0_u64..50, stale in 0_u64..50, early in 0_i64..120, more in 0_i64..120) {
            let worth = |age: i64| match state(at(0), at(age), &rule(ttl, stale), CacheUse::Any) {
                State::Fresh { .. } => 2,
                State::Stale { .. } => 1,
                State::Gone => 0,
            };
            prop_assert!(worth(early + more) <= worth(early));
            prop_assert_eq!(worth(early) == 0, at(early) >= ends(at(0), &rule(ttl, stale)));
        }
    }
}
