//! From the options that a call gives to those that an activity has (language page, sections 15.3 and 15.4).

use nexus_kernel::Json;
use nexus_kernel::limits::{ID_BYTES_MAX, PAYLOAD_BYTES_MAX};
use nexus_kernel::retry::RetryPolicy;
use nexus_lang::twf::machine;

use crate::activity::input::OptionsPatch;
use crate::activity::limits::json_bytes;
use crate::activity::record::{ActivityOptions, Priority};
use crate::convert::{positive, retry_policy};

/// Longest attempt of an activity whose call gives no timeout, in milliseconds (language page, H8).
pub(crate) const START_TO_CLOSE_DEFAULT_MS: u64 = 5 * 60 * 1_000;

/// Longest summary, in bytes (language page, section 15.16).
const SUMMARY_BYTES_MAX: usize = 400;
/// Longest fairness key, in bytes (language page, section 15.15).
const FAIRNESS_KEY_BYTES_MAX: usize = 64;

/// Fills in what a call left open. A timeout of zero is none; everything is capped by the run's timeout.
///
/// Schedule-to-close bounds and defaults the others. Without it, it and schedule-to-start are the run's timeout, or
/// endless. The heartbeat timeout is capped by start-to-close.
pub(crate) fn fill_in(
    given: &machine::ActivityOptions,
    run_queue: &str,
    run_timeout_ms: Option<u64>,
) -> ActivityOptions {
    let cap = |ms: u64, limit: Option<u64>| limit.map_or(ms, |limit| ms.min(limit));
    let all = timeout(given.schedule_to_close_ms).map(|ms| cap(ms, run_timeout_ms));
    let bound = all.or(run_timeout_ms);
    let start_to_close = timeout(given.start_to_close_ms).or(all).unwrap_or(START_TO_CLOSE_DEFAULT_MS);
    let start_to_close_ms = cap(start_to_close, bound);
    ActivityOptions {
        task_queue: given.task_queue.clone().unwrap_or_else(|| run_queue.to_owned()),
        start_to_close_ms,
        schedule_to_close_ms: bound,
        schedule_to_start_ms: timeout(given.schedule_to_start_ms).map(|ms| cap(ms, bound)).or(bound),
        heartbeat_ms: timeout(given.heartbeat_ms).map(|ms| ms.min(start_to_close_ms)),
        retry: given.retry.as_ref().map(retry_policy).unwrap_or_default(),
        priority: given.priority.as_ref().map(priority),
        idempotency_key: given.idempotency_key.clone(),
        summary: given.summary.clone(),
        local: given.local,
    }
}

fn timeout(given: Option<i64>) -> Option<u64> {
    given.map(positive).filter(|ms| *ms > 0)
}

/// A priority that a run was started with, as its activities have it.
pub(crate) fn of_run(given: &crate::record::Priority) -> Priority {
    let usual = Priority::default();
    Priority {
        key: given.priority_key.unwrap_or(usual.key),
        fairness_key: given.fairness_key.clone(),
        fairness_weight: given.fairness_weight.unwrap_or(usual.fairness_weight),
    }
}

fn priority(given: &machine::Priority) -> Priority {
    let usual = Priority::default();
    Priority {
        key: given.priority_key.unwrap_or(usual.key),
        fairness_key: given.fairness_key.clone(),
        fairness_weight: given.fairness_weight.unwrap_or(usual.fairness_weight),
    }
}

/// What is wrong with a call's options or input, if anything: such a call fails its workflow task.
pub(crate) fn fault(given: &machine::ActivityOptions, input: &[Json]) -> Option<String> {
    let bytes: usize = input.iter().map(json_bytes).sum();
    if bytes > PAYLOAD_BYTES_MAX {
        return Some(format!("its input has {bytes} bytes, {PAYLOAD_BYTES_MAX} are allowed"));
    }
    let retry = given.retry.as_ref().map(retry_policy);
    let priority = given.priority.as_ref().map(priority);
    retry.as_ref().and_then(retry_fault).or_else(|| priority_fault(priority?)).or_else(|| text_fault(given))
}

fn retry_fault(policy: &RetryPolicy) -> Option<String> {
    policy.fault().map(|fault| format!("its retry policy is wrong: {fault}"))
}

fn priority_fault(priority: Priority) -> Option<String> {
    let Priority { key, fairness_key, fairness_weight } = priority;
    if !(1..=5).contains(&key) {
        return Some(format!("its priority_key is {key}, but must be from 1 to 5"));
    }
    if fairness_key.is_some_and(|key| key.len() > FAIRNESS_KEY_BYTES_MAX) {
        return Some(format!("its fairness_key is longer than {FAIRNESS_KEY_BYTES_MAX} bytes"));
    }
    let fits = (0.001..=1_000.0).contains(&fairness_weight);
    (!fits).then(|| format!("its fairness_weight is {fairness_weight}, but must be from 0.001 to 1000"))
}

fn text_fault(given: &machine::ActivityOptions) -> Option<String> {
    let texts = [
        ("task_queue", &given.task_queue, ID_BYTES_MAX),
        ("idempotency_key", &given.idempotency_key, ID_BYTES_MAX),
        ("summary", &given.summary, SUMMARY_BYTES_MAX),
    ];
    texts.into_iter().find_map(|(name, text, limit)| {
        let length = text.as_ref()?.len();
        (length == 0 || length > limit)
            .then(|| format!("its {name} has {length} bytes, but must have 1 to {limit}"))
    })
}

impl OptionsPatch {
    /// The options of an activity with these changes; they must be as right as those of a call.
    pub(crate) fn applied(&self, options: &ActivityOptions) -> Result<ActivityOptions, String> {
        let mut made = options.clone();
        let changed = |new: Option<u64>, old: Option<u64>| new.map_or(old, |ms| (ms > 0).then_some(ms));
        made.schedule_to_close_ms = changed(self.schedule_to_close_ms, options.schedule_to_close_ms);
        let bound = made.schedule_to_close_ms;
        let cap = |ms: u64| bound.map_or(ms, |bound| ms.min(bound));
        let one = changed(self.start_to_close_ms, Some(options.start_to_close_ms)).or(bound);
        made.start_to_close_ms = cap(one.ok_or("start_to_close_ms or schedule_to_close_ms is needed")?);
        made.schedule_to_start_ms = changed(self.schedule_to_start_ms, options.schedule_to_start_ms).map(cap);
        let silence = changed(self.heartbeat_ms, options.heartbeat_ms);
        made.heartbeat_ms = silence.map(|ms| ms.min(made.start_to_close_ms));
        if let Some(queue) = &self.task_queue {
            made.task_queue.clone_from(queue);
        }
        if let Some(retry) = &self.retry {
            made.retry = retry.clone();
        }
        retry_fault(&made.retry).map_or(Ok(made), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(all: i64, start: i64, one: i64, silence: i64) -> machine::ActivityOptions {
        let some = |ms: i64| (ms >= 0).then_some(ms);
        machine::ActivityOptions {
            schedule_to_close_ms: some(all),
            schedule_to_start_ms: some(start),
            start_to_close_ms: some(one),
            heartbeat_ms: some(silence),
            ..machine::ActivityOptions::default()
        }
    }

    /// Schedule-to-close, schedule-to-start, start-to-close, heartbeat.
    type Times = (Option<u64>, Option<u64>, u64, Option<u64>);

    fn filled(options: machine::ActivityOptions, run: Option<u64>) -> Times {
        let made = fill_in(&options, "q", run);
        (made.schedule_to_close_ms, made.schedule_to_start_ms, made.start_to_close_ms, made.heartbeat_ms)
    }

    #[test]
    fn timeouts_are_filled_in_as_the_table_says() {
        let none = -1;
        // Schedule-to-close bounds and defaults the other two.
        assert_eq!(filled(given(60, none, none, none), None), (Some(60), Some(60), 60, None));
        assert_eq!(filled(given(60, 90, 90, none), None), (Some(60), Some(60), 60, None));
        assert_eq!(filled(given(60, 5, 10, none), None), (Some(60), Some(5), 10, None));
        // Only start-to-close: the rest is the run's timeout, or endless.
        assert_eq!(filled(given(none, none, 10, none), None), (None, None, 10, None));
        assert_eq!(filled(given(none, none, 10, none), Some(70)), (Some(70), Some(70), 10, None));
        assert_eq!(filled(given(none, 5, 10, none), None), (None, Some(5), 10, None));
        // Everything is capped by the run's timeout, and the heartbeat by start-to-close.
        assert_eq!(filled(given(90, 80, 85, none), Some(70)), (Some(70), Some(70), 70, None));
        assert_eq!(filled(given(none, none, 10, 20), None), (None, None, 10, Some(10)));
        assert_eq!(filled(given(none, none, 10, 3), None), (None, None, 10, Some(3)));
        // Neither: the project's default. Zero is none.
        assert_eq!(filled(given(none, none, none, none), None), (None, None, 300_000, None));
        assert_eq!(filled(given(0, 0, 0, 0), None), (None, None, 300_000, None));
    }

    #[test]
    fn changed_options_keep_to_the_same_bounds() {
        let options = fill_in(&given(60, -1, 10, 5), "q", None);
        let patch = OptionsPatch { schedule_to_close_ms: Some(8), ..OptionsPatch::default() };
        let made = patch.applied(&options).unwrap();
        assert_eq!(
            (made.schedule_to_close_ms, made.start_to_close_ms, made.heartbeat_ms),
            (Some(8), 8, Some(5))
        );
        let endless = OptionsPatch { schedule_to_close_ms: Some(0), ..OptionsPatch::default() };
        assert_eq!(endless.applied(&options).unwrap().schedule_to_close_ms, None);
        let neither = OptionsPatch { start_to_close_ms: Some(0), ..endless };
        assert!(neither.applied(&options).unwrap_err().contains("is needed"));
    }

    #[test]
    fn faults_are_told_one_by_one() {
        let sound = given(60, -1, -1, -1);
        assert_eq!(fault(&sound, &[Json::Null]), None);
        let told = |options: machine::ActivityOptions| fault(&options, &[]).unwrap_or_default();
        let retry = |retry| told(machine::ActivityOptions { retry: Some(retry), ..given(60, -1, -1, -1) });
        let shrinking = machine::RetryPolicy { backoff_coefficient: Some(0.5), ..Default::default() };
        assert!(retry(shrinking).contains("at least 1"));
        let initial_interval_ms = Some(5_000);
        let short = machine::RetryPolicy {
            initial_interval_ms,
            maximum_interval_ms: Some(1_000),
            ..Default::default()
        };
        assert!(retry(short).contains("shorter than initial_interval"));
        let rank =
            |priority| told(machine::ActivityOptions { priority: Some(priority), ..given(60, -1, -1, -1) });
        assert!(rank(machine::Priority { priority_key: Some(6), ..Default::default() }).contains("1 to 5"));
        assert!(
            rank(machine::Priority { fairness_weight: Some(0.0), ..Default::default() }).contains("0.001")
        );
        let long = machine::Priority { fairness_key: Some("k".repeat(65)), ..Default::default() };
        assert!(rank(long).contains("64"));
        let summary = machine::ActivityOptions { summary: Some("s".repeat(401)), ..given(60, -1, -1, -1) };
        assert!(told(summary).contains("400"));
        let large = Json::String("x".repeat(PAYLOAD_BYTES_MAX));
        assert!(fault(&given(60, -1, -1, -1), &[large]).unwrap_or_default().contains("bytes"));
    }
}
