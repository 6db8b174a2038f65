//! The tables of options.

use super::{OptionKey, OptionScope, OptionType};
use OptionType::{Any, Block, Bool, Duration, Enum, Number, Str, StrList};

const fn key(name: &'static str, ty: OptionType) -> OptionKey {
    OptionKey { name, ty, is_extension: false }
}

const fn ours(name: &'static str, ty: OptionType) -> OptionKey {
    OptionKey { name, ty, is_extension: true }
}

const RETRY: OptionKey = key("retry_policy", Block(OptionScope::RetryPolicy));
const RANK: OptionKey = key("priority", Block(OptionScope::Priority));
const ON_FAILURE: OptionKey = ours("on_failure", Enum(&["raise", "capture"]));
const CANCELLATION: OptionKey =
    ours("cancellation_type", Enum(&["try_cancel", "wait_cancellation_completed", "abandon"]));

pub(super) const ACTIVITY: &[OptionKey] = &[
    key("task_queue", Str),
    key("schedule_to_close_timeout", Duration),
    key("schedule_to_start_timeout", Duration),
    key("start_to_close_timeout", Duration),
    key("heartbeat_timeout", Duration),
    key("request_eager_execution", Bool),
    RETRY,
    RANK,
    ON_FAILURE,
    CANCELLATION,
    ours("summary", Str),
    ours("local", Bool),
    ours("local_retry_threshold", Duration),
    ours("idempotency_key", Str),
];

pub(super) const WORKFLOW: &[OptionKey] = &[
    key("task_queue", Str),
    key("workflow_execution_timeout", Duration),
    key("workflow_run_timeout", Duration),
    key("workflow_task_timeout", Duration),
    key("parent_close_policy", Enum(&["TERMINATE", "REQUEST_CANCEL", "ABANDON"])),
    key(
        "workflow_id_reuse_policy",
        Enum(&["ALLOW_DUPLICATE", "ALLOW_DUPLICATE_FAILED_ONLY", "REJECT_DUPLICATE", "TERMINATE_IF_RUNNING"]),
    ),
    RETRY,
    RANK,
    ours("workflow_id", Any),
    ours("workflow_id_conflict_policy", Enum(&["FAIL", "USE_EXISTING", "TERMINATE_EXISTING"])),
    ON_FAILURE,
    CANCELLATION,
    ours("summary", Str),
    ours("memo", Any),
    ours("search_attributes", Any),
];

pub(super) const NEXUS: &[OptionKey] = &[
    key("schedule_to_close_timeout", Duration),
    key("schedule_to_start_timeout", Duration),
    key("start_to_close_timeout", Duration),
    RETRY,
    RANK,
    ours("workflow_id", Any),
    ON_FAILURE,
    CANCELLATION,
    ours("summary", Str),
];

pub(super) const RETRY_POLICY: &[OptionKey] = &[
    key("initial_interval", Duration),
    key("backoff_coefficient", Number),
    key("maximum_interval", Duration),
    key("maximum_attempts", Number),
    key("non_retryable_error_types", StrList),
];

pub(super) const PRIORITY: &[OptionKey] =
    &[key("priority_key", Number), key("fairness_key", Str), key("fairness_weight", Number)];

pub(super) const MESSAGE: &[OptionKey] =
    &[key("unfinished_policy", Enum(&["warn_and_abandon", "abandon"])), key("description", Str)];

pub(super) const QUERY: &[OptionKey] = &[key("description", Str)];

pub(super) const WORKER: &[OptionKey] = &[
    key("task_queue", Str),
    key("worker_activity_rate_limit", Number),
    key("task_queue_activity_rate_limit", Number),
    key("worker_local_activity_rate_limit", Number),
    key("max_concurrent_activity_executions", Number),
    key("max_concurrent_workflow_task_executions", Number),
    key("max_concurrent_local_activity_executions", Number),
    key("max_concurrent_nexus_task_executions", Number),
    key("max_concurrent_workflow_task_pollers", Number),
    key("max_concurrent_activity_task_pollers", Number),
    key("max_concurrent_nexus_task_pollers", Number),
    key("max_cached_workflows", Number),
    key("max_concurrent_session_executions", Number),
    key("sticky_schedule_to_start_timeout", Duration),
    key("heartbeat_throttle_interval", Duration),
    key("worker_shutdown_timeout", Duration),
    key("worker_identity", Str),
    key("local_activity_only_mode", Bool),
    key("enable_sessions", Bool),
    key("versioning", Enum(&["none", "build_id", "deployment"])),
];

pub(super) const ENDPOINT: &[OptionKey] = &[
    key("task_queue", Str),
    ours("allowed_caller_namespaces", StrList),
    ours("target_namespace", Str),
    ours("description", Str),
];

pub(super) const ACTIVITY_ALIASES: &[(&str, &str)] = &[
    ("timeout", "start_to_close_timeout"),
    ("taskQueue", "task_queue"),
    ("scheduleToCloseTimeout", "schedule_to_close_timeout"),
    ("scheduleToStartTimeout", "schedule_to_start_timeout"),
    ("startToCloseTimeout", "start_to_close_timeout"),
    ("heartbeatTimeout", "heartbeat_timeout"),
    ("retryPolicy", "retry_policy"),
    ("retry", "retry_policy"),
    ("idempotencyKey", "idempotency_key"),
];

pub(super) const WORKFLOW_ALIASES: &[(&str, &str)] = &[
    ("timeout", "workflow_execution_timeout"),
    ("taskQueue", "task_queue"),
    ("workflowExecutionTimeout", "workflow_execution_timeout"),
    ("workflowRunTimeout", "workflow_run_timeout"),
    ("workflowTaskTimeout", "workflow_task_timeout"),
    ("execution_timeout", "workflow_execution_timeout"),
    ("run_timeout", "workflow_run_timeout"),
    ("task_timeout", "workflow_task_timeout"),
    ("parentClosePolicy", "parent_close_policy"),
    ("workflowIdReusePolicy", "workflow_id_reuse_policy"),
    ("workflowId", "workflow_id"),
    ("retryPolicy", "retry_policy"),
    ("retry", "retry_policy"),
];

pub(super) const NEXUS_ALIASES: &[(&str, &str)] = &[
    ("timeout", "schedule_to_close_timeout"),
    ("scheduleToCloseTimeout", "schedule_to_close_timeout"),
    ("scheduleToStartTimeout", "schedule_to_start_timeout"),
    ("startToCloseTimeout", "start_to_close_timeout"),
    ("workflowId", "workflow_id"),
    ("retryPolicy", "retry_policy"),
    ("retry", "retry_policy"),
];

pub(super) const RETRY_POLICY_ALIASES: &[(&str, &str)] = &[
    ("maxAttempts", "maximum_attempts"),
    ("max_attempts", "maximum_attempts"),
    ("maximumAttempts", "maximum_attempts"),
    ("initialInterval", "initial_interval"),
    ("backoffCoefficient", "backoff_coefficient"),
    ("maxInterval", "maximum_interval"),
    ("max_interval", "maximum_interval"),
    ("maximumInterval", "maximum_interval"),
    ("nonRetryableErrorTypes", "non_retryable_error_types"),
];

pub(super) const ENDPOINT_ALIASES: &[(&str, &str)] = &[
    ("target_task_queue", "task_queue"),
    ("taskQueue", "task_queue"),
    ("allow_callers", "allowed_caller_namespaces"),
];
