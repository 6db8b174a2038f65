//! Options of a start: what is decided about a run beside its workflow and its input.

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{RunId, SessionId};
use nexus_kernel::retry::RetryPolicy;
use nexus_kernel::trace::{SpanId, TraceContext};
use serde::{Deserialize, Serialize};
use serde_json::Map;

/// Options that a run keeps, and hands on to the runs that continue it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Longest time of the whole chain of runs, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_ms: Option<u64>,
    /// Longest time of one run, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_timeout_ms: Option<u64>,
    /// Longest time of one workflow task, in milliseconds. Kept and shown only: a task is bounded by its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_timeout_ms: Option<u64>,
    /// When a failed run is followed by another attempt; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Order among tasks of one queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The session of the call that started it. Runs that continue it and its children carry it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Where it stands in a trace: below what has started it. Runs that continue it stand there as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceRecord>,
}

/// A place in a trace, as the headers of the W3C have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// `traceparent`.
    pub parent: String,
    /// `tracestate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl TraceRecord {
    /// What is kept of a context.
    pub fn of(context: &TraceContext) -> TraceRecord {
        TraceRecord { parent: context.parent(), state: context.state.as_deref().map(str::to_owned) }
    }

    /// The context, when it is one.
    pub fn context(&self) -> Option<TraceContext> {
        TraceContext::parse(&self.parent, self.state.as_deref())
    }
}

impl RunOptions {
    /// Where a run with these options stands: its own span, in the trace of what has started it.
    pub fn trace_of(&self, run: &RunId) -> Option<TraceContext> {
        Some(self.trace.as_ref()?.context()?.within(SpanId::of(run.as_str())))
    }
}

/// Order among tasks of one queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// 1 is the most urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_key: Option<u32>,
    /// Tasks of one key share a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// 0.001 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_weight: Option<f64>,
}

impl Priority {
    /// What somebody set, each field that he left open as the run has it that calls.
    pub(crate) fn inherited(own: Option<Priority>, from: Option<&Priority>) -> Option<Priority> {
        let (Some(own), Some(from)) = (&own, from) else { return own.or_else(|| from.cloned()) };
        Some(Priority {
            priority_key: own.priority_key.or(from.priority_key),
            fairness_key: own.fairness_key.clone().or_else(|| from.fairness_key.clone()),
            fairness_weight: own.fairness_weight.or(from.fairness_weight),
        })
    }
}

/// Options of a request to start a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StartOptions {
    /// What the run keeps.
    #[serde(flatten)]
    pub run: RunOptions,
    /// Facts for people, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub memo: Map<String, Json>,
    /// Facts for searching, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub search_attributes: Map<String, Json>,
    /// Queue of its activities unless a call says otherwise; the one it is deployed on when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_queue: Option<String>,
    /// Whether the id of a closed run may be used again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reuse: IdReusePolicy,
    /// What happens when a run of the id is open.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conflict: IdConflictPolicy,
    /// How long the first workflow task waits, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_delay_ms: Option<u64>,
    /// What the last run of the same schedule that completed returned.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub last_result: Json,
    /// Why the run of the same schedule before failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// Whether the workflow id of a closed run may be used again (language page, section 15.8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdReusePolicy {
    /// Always.
    #[default]
    AllowDuplicate,
    /// When the last run failed, was cancelled or terminated, or ran out of time.
    AllowDuplicateFailedOnly,
    /// Never.
    RejectDuplicate,
    /// Always, and an open run is terminated first.
    TerminateIfRunning,
}

/// What happens to a start when a run of its workflow id is open (language page, section 15.8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdConflictPolicy {
    /// It is refused.
    #[default]
    Fail,
    /// It gets the open run.
    UseExisting,
    /// The open run is terminated first.
    TerminateExisting,
}

impl IdReusePolicy {
    /// The names of all policies.
    pub const NAMES: [&'static str; 4] =
        ["allow_duplicate", "allow_duplicate_failed_only", "reject_duplicate", "terminate_if_running"];

    /// The policy of a program's word; the default for what is none.
    pub fn of_word(word: &str) -> IdReusePolicy {
        match word {
            "ALLOW_DUPLICATE_FAILED_ONLY" => IdReusePolicy::AllowDuplicateFailedOnly,
            "REJECT_DUPLICATE" => IdReusePolicy::RejectDuplicate,
            "TERMINATE_IF_RUNNING" => IdReusePolicy::TerminateIfRunning,
            _ => IdReusePolicy::AllowDuplicate,
        }
    }
}

impl IdConflictPolicy {
    /// The names of all policies.
    pub const NAMES: [&'static str; 3] = ["fail", "use_existing", "terminate_existing"];

    /// The policy of a program's word; the default for what is none.
    pub fn of_word(word: &str) -> IdConflictPolicy {
        match word {
            "USE_EXISTING" => IdConflictPolicy::UseExisting,
            "TERMINATE_EXISTING" => IdConflictPolicy::TerminateExisting,
            _ => IdConflictPolicy::Fail,
        }
    }
}

/// Whether a value is its type's default, which stored forms leave out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_not_written() {
        assert_eq!(serde_json::to_value(StartOptions::default()).unwrap(), json!({}));
        let options = StartOptions {
            run: RunOptions { run_timeout_ms: Some(5), ..RunOptions::default() },
            conflict: IdConflictPolicy::UseExisting,
            ..StartOptions::default()
        };
        let stored = serde_json::to_value(&options).unwrap();
        assert_eq!(stored, json!({ "run_timeout_ms": 5, "conflict": "use_existing" }));
        assert_eq!(serde_json::from_value::<StartOptions>(stored).unwrap(), options);
    }

    #[test]
    fn the_words_of_programs_are_the_names_of_the_wire() {
        for name in IdReusePolicy::NAMES {
            let policy = IdReusePolicy::of_word(&name.to_ascii_uppercase());
            assert_eq!(serde_json::to_value(policy).unwrap(), json!(name));
        }
        for name in IdConflictPolicy::NAMES {
            let policy = IdConflictPolicy::of_word(&name.to_ascii_uppercase());
            assert_eq!(serde_json::to_value(policy).unwrap(), json!(name));
        }
    }
}
