//! Retry policies: one vocabulary for everything that is tried again.
//!
//! Source: language page section 15.3, which gives Temporal's rules to the figure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind};
use crate::time::Timestamp;

/// When and how often to try again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait before the second attempt, in milliseconds.
    pub initial_interval_ms: u64,
    /// Factor from one wait to the next; at least 1.
    pub backoff_coefficient: f64,
    /// Longest wait, in milliseconds.
    pub maximum_interval_ms: u64,
    /// Attempts including the first; 0 means no limit.
    pub maximum_attempts: u32,
    /// Types of failures that are final, compared exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_retryable_error_types: Vec<String>,
}

impl Default for RetryPolicy {
    /// One second, doubled each time up to a hundred seconds, without end.
    fn default() -> RetryPolicy {
        RetryPolicy {
            initial_interval_ms: 1_000,
            backoff_coefficient: 2.0,
            maximum_interval_ms: 100_000,
            maximum_attempts: 0,
            non_retryable_error_types: Vec::new(),
        }
    }
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// Try again at that time.
    At(Timestamp),
    /// Stop, for this reason.
    Stop(RetryState),
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryState {
    /// The failure is final by itself or by the policy's list.
    NonRetryableFailure,
    /// Attempts are used up.
    MaximumAttemptsReached,
    /// The next attempt would begin after the last deadline.
    Timeout,
    /// The work is being cancelled.
    CancelRequested,
    /// Nothing asks for further attempts.
    RetryPolicyNotSet,
}

impl RetryPolicy {
    /// The wait after the given attempt (from 1).
    pub fn delay(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let longest = Duration::from_millis(self.maximum_interval_ms);
        let factor = self.backoff_coefficient.max(1.0).powi(exponent);
        #[expect(clippy::cast_precision_loss, reason = "waits of 285 000 years need not be exact")]
        let seconds = self.initial_interval_ms as f64 / 1_000.0 * factor;
        Duration::try_from_secs_f64(seconds).map_or(longest, |delay| delay.min(longest))
    }

    /// Decides after `attempt` (from 1) failed at `now`; `deadline` is the end of schedule-to-close.
    pub fn decide(
        &self,
        failure: &Failure,
        attempt: u32,
        now: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Retry {
        if self.is_final(failure) {
            return Retry::Stop(RetryState::NonRetryableFailure);
        }
        if self.maximum_attempts != 0 && attempt >= self.maximum_attempts {
            return Retry::Stop(RetryState::MaximumAttemptsReached);
        }
        let chosen = failure.next_retry_delay_ms().map(Duration::from_millis);
        let next = now.plus(chosen.unwrap_or_else(|| self.delay(attempt)));
        if deadline.is_some_and(|deadline| next >= deadline) {
            return Retry::Stop(RetryState::Timeout);
        }
        Retry::At(next)
    }

    /// Why no operator and no server would accept the policy; nothing when it is right.
    pub fn fault(&self) -> Option<String> {
        // Written so that a coefficient that is no number is refused as well.
        let grows = self.backoff_coefficient >= 1.0 && self.backoff_coefficient.is_finite();
        if !grows {
            return Some(format!(
                "backoff_coefficient is {}, but must be at least 1",
                self.backoff_coefficient
            ));
        }
        let (initial, maximum) = (self.initial_interval_ms, self.maximum_interval_ms);
        (maximum < initial).then(|| {
            format!("maximum_interval ({maximum} ms) is shorter than initial_interval ({initial} ms)")
        })
    }

    fn is_final(&self, failure: &Failure) -> bool {
        let never_retried = matches!(failure.kind, FailureKind::Canceled | FailureKind::Terminated)
            || failure.type_name == Failure::SCHEDULE_TO_START
            || failure.type_name == Failure::SCHEDULE_TO_CLOSE;
        failure.non_retryable || never_retried || self.non_retryable_error_types.contains(&failure.type_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(policy: &RetryPolicy, attempt: u32) -> u64 {
        policy.delay(attempt).as_secs()
    }

    #[test]
    fn the_default_doubles_from_one_second_to_a_hundred() {
        let policy = RetryPolicy::default();
        assert_eq!([1, 2, 3, 7, 8, 9999].map(|n| seconds(&policy, n)), [1, 2, 4, 64, 100, 100]);
    }

    #[test]
    fn stops_for_each_reason() {
        let now = Timestamp::from_millis(0);
        let failure = Failure::application("Declined", "no");
        let mut policy = RetryPolicy { maximum_attempts: 2, ..RetryPolicy::default() };
        assert_eq!(policy.decide(&failure, 1, now, None), Retry::At(Timestamp::from_millis(1_000)));
        assert_eq!(policy.decide(&failure, 2, now, None), Retry::Stop(RetryState::MaximumAttemptsReached));
        let soon = Some(Timestamp::from_millis(1_000));
        assert_eq!(policy.decide(&failure, 1, now, soon), Retry::Stop(RetryState::Timeout));
        policy.non_retryable_error_types.push("Declined".into());
        assert_eq!(policy.decide(&failure, 1, now, None), Retry::Stop(RetryState::NonRetryableFailure));
    }

    #[test]
    fn a_failure_may_choose_the_wait_before_the_next_attempt() {
        let now = Timestamp::from_millis(0);
        let failure = Failure::application("Busy", "come back in a minute").retry_in_ms(Some(60_000));
        let policy =
            RetryPolicy { maximum_interval_ms: 5_000, maximum_attempts: 2, ..RetryPolicy::default() };
        assert_eq!(policy.decide(&failure, 1, now, None), Retry::At(Timestamp::from_millis(60_000)));
        let soon = Some(Timestamp::from_millis(30_000));
        assert_eq!(policy.decide(&failure, 1, now, soon), Retry::Stop(RetryState::Timeout));
        assert_eq!(policy.decide(&failure, 2, now, None), Retry::Stop(RetryState::MaximumAttemptsReached));
    }

    #[test]
    fn policies_that_shrink_or_contradict_themselves_are_faulty() {
        assert_eq!(RetryPolicy::default().fault(), None);
        let shrinking = RetryPolicy { backoff_coefficient: 0.9, ..RetryPolicy::default() };
        assert!(shrinking.fault().unwrap().contains("backoff_coefficient"));
        let nonsense = RetryPolicy { backoff_coefficient: f64::NAN, ..RetryPolicy::default() };
        assert!(nonsense.fault().is_some());
        let short = RetryPolicy { maximum_interval_ms: 999, ..RetryPolicy::default() };
        assert!(short.fault().unwrap().contains("maximum_interval"));
    }

    #[test]
    fn heartbeat_timeouts_are_retried_unless_listed() {
        let silent = Failure::new(FailureKind::Timeout, Failure::HEARTBEAT, "silence");
        let now = Timestamp::from_millis(0);
        let mut policy = RetryPolicy::default();
        assert!(matches!(policy.decide(&silent, 1, now, None), Retry::At(_)));
        policy.non_retryable_error_types.push("TemporalTimeout:Heartbeat".into());
        assert_eq!(policy.decide(&silent, 1, now, None), Retry::Stop(RetryState::NonRetryableFailure));
    }

    #[test]
    fn start_to_close_timeouts_are_retried_unless_listed() {
        let timeout = Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, "too slow");
        let now = Timestamp::from_millis(0);
        assert!(matches!(RetryPolicy::default().decide(&timeout, 1, now, None), Retry::At(_)));
        let waited = Failure::new(FailureKind::Timeout, Failure::SCHEDULE_TO_START, "nobody came");
        let decision = RetryPolicy::default().decide(&waited, 1, now, None);
        assert_eq!(decision, Retry::Stop(RetryState::NonRetryableFailure));
    }

    proptest::proptest! {
        /// Whatever a program asks for, waits never shrink, never exceed the longest, and no attempt begins after
        /// the deadline.
        #[test]
        fn waits_grow_within_their_bounds(
            initial_interval_ms in 0_u64..1 << 40,
            backoff_coefficient in proptest::num::f64::ANY,
            maximum_interval_ms in 0_u64..1 << 40,
            attempt in 1_u32..2_000_000_000,
            deadline in 0_i64..1 << 50,
        ) {
            let policy = RetryPolicy {
                initial_interval_ms,
                backoff_coefficient,
                maximum_interval_ms,
                ..RetryPolicy::default()
            };
            let (wait, next) = (policy.delay(attempt), policy.delay(attempt + 1));
            proptest::prop_assert!(wait <= next && next <= Duration::from_millis(maximum_interval_ms));
            let (now, deadline) = (Timestamp::from_millis(0), Timestamp::from_micros(deadline));
            let failure = Failure::application("Flaky", "no");
            if let Retry::At(at) = policy.decide(&failure, attempt, now, Some(deadline)) {
                proptest::prop_assert!(now <= at && at < deadline);
            }
        }
    }
}
