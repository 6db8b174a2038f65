//! Options: what each does, its unit, what holds without it.

use crate::twf::options::OptionScope;

/// What an option does, by its newest name.
pub(in crate::ide) fn key(scope: OptionScope, name: &str) -> &'static str {
    match scope {
        OptionScope::RetryPolicy => retry(name),
        OptionScope::Priority => priority(name),
        OptionScope::Worker => worker(name),
        OptionScope::Endpoint => endpoint(name),
        OptionScope::Message | OptionScope::Query => message(name),
        _ => call(name, scope),
    }
}

fn call(name: &str, scope: OptionScope) -> &'static str {
    let is_nexus = scope == OptionScope::NexusCall;
    match name {
        "task_queue" => {
            "The queue whose workers take the work. Default: that of the definition, else the caller's own."
        }
        "schedule_to_close_timeout" if is_nexus => {
            "The most time for the whole operation, attempts and waits included. Default: no limit, so give one."
        }
        "schedule_to_close_timeout" => {
            "The most time for the activity, all attempts and waits included. Default: no limit beyond the run's."
        }
        "schedule_to_start_timeout" => {
            "The most time in the queue, for each attempt; running out is not retried. Default: no limit."
        }
        "start_to_close_timeout" => {
            "The most time for one attempt; running out is retried. Default: 5 minutes."
        }
        "heartbeat_timeout" => {
            "The most silence while the activity runs: it must call `heartbeat(..)` more often. Default: none asked for."
        }
        "request_eager_execution" => "Whether the worker that asks may run it itself at once. Default: true.",
        "workflow_execution_timeout" => {
            "The most time for the whole chain of runs, retries and continue-as-new included. Default: no limit."
        }
        "workflow_run_timeout" => "The most time for one run. Default: that of the execution.",
        "workflow_task_timeout" => "The most time for one decision of the program. Default: 10 seconds.",
        "parent_close_policy" => {
            "What becomes of the child when its parent closes. Default: TERMINATE; ABANDON for `detach`."
        }
        "workflow_id_reuse_policy" => {
            "Whether a closed run with this id is in the way. Default: ALLOW_DUPLICATE."
        }
        "workflow_id_conflict_policy" => "What happens when a run with this id is open. Default: FAIL.",
        "workflow_id" => {
            "The id of the run; text may hold `{expressions}`. Default: the parent's id, the type and a number."
        }
        "retry_policy" => "How failed attempts are repeated. Default: activities are, workflows are not.",
        "priority" => "Which work in a queue goes first.",
        "on_failure" => {
            "`raise` ends the caller with the failure; `capture` makes it the result: `{failed, error}`. Default: raise."
        }
        "cancellation_type" => "What a cancelled caller waits for. Default: try_cancel.",
        "summary" => "One line that is shown with the step.",
        "memo" => "Facts for people that the run starts with.",
        "search_attributes" => "Facts to find the run by.",
        "local" => "Accepted for older files; the activity runs as any other.",
        "local_retry_threshold" => "Accepted for older files; has no effect.",
        "idempotency_key" => "What makes repeated attempts the same work. Default: run and step.",
        _ => "",
    }
}

fn retry(name: &str) -> &'static str {
    match name {
        "initial_interval" => "The wait before the second attempt. Default: 1 second.",
        "backoff_coefficient" => "How much longer each wait is than the one before; at least 1. Default: 2.",
        "maximum_interval" => "The longest wait. Default: 100 times the initial one.",
        "maximum_attempts" => {
            "How many attempts there are, the first included; 0 means any number. Default: 0."
        }
        "non_retryable_error_types" => {
            "Types of failure that end the attempts at once, compared exactly. Default: none."
        }
        _ => "",
    }
}

fn priority(name: &str) -> &'static str {
    match name {
        "priority_key" => "From 1, the most urgent, to 5. Default: 3.",
        "fairness_key" => "Work with the same key shares one portion of a queue; at most 64 bytes.",
        "fairness_weight" => "How large that portion is, from 0.001 to 1000. Default: 1.",
        _ => "",
    }
}

fn worker(name: &str) -> &'static str {
    match name {
        "task_queue" => "The queue that the worker takes its work from. Required.",
        "worker_activity_rate_limit" => "Activities started per second by one worker. Default: no limit.",
        "task_queue_activity_rate_limit" => {
            "Activities started per second on the whole queue. Default: no limit."
        }
        "worker_local_activity_rate_limit" => {
            "Local activities started per second by one worker. Default: no limit."
        }
        "max_concurrent_activity_executions" => "Activities that one worker runs at a time.",
        "max_concurrent_workflow_task_executions" => "Workflow tasks that one worker runs at a time.",
        "max_concurrent_local_activity_executions" => "Local activities that one worker runs at a time.",
        "max_concurrent_nexus_task_executions" => "Nexus tasks that one worker runs at a time.",
        "max_concurrent_workflow_task_pollers" => "Requests for workflow tasks that one worker keeps open.",
        "max_concurrent_activity_task_pollers" => "Requests for activities that one worker keeps open.",
        "max_concurrent_nexus_task_pollers" => "Requests for Nexus tasks that one worker keeps open.",
        "max_cached_workflows" => "Runs that a worker keeps in memory between tasks.",
        "max_concurrent_session_executions" => "Sessions that one worker runs at a time.",
        "sticky_schedule_to_start_timeout" => {
            "How long a task waits for the worker that has its run in memory."
        }
        "heartbeat_throttle_interval" => "The shortest time between heartbeats that are passed on.",
        "worker_shutdown_timeout" => "How long a stopping worker waits for its work to end.",
        "worker_identity" => "The name of the worker in histories.",
        "local_activity_only_mode" => {
            "Whether the worker takes no activities from the queue. Default: false."
        }
        "enable_sessions" => "Whether the worker takes sessions. Default: false.",
        "versioning" => {
            "What open runs do when the files change: `build_id` and `deployment` keep their version, `none` follows \
             the newest one that replays their history. Default: they keep it."
        }
        _ => "",
    }
}

fn endpoint(name: &str) -> &'static str {
    match name {
        "task_queue" => "The queue whose workers serve the operations. Required.",
        "allowed_caller_namespaces" => {
            "Namespaces that may call; `[\"*\"]` means all. Default: those of this project."
        }
        "target_namespace" => {
            "The namespace that serves the operations, where the endpoint stands outside of one."
        }
        "description" => "One line for people.",
        _ => "",
    }
}

fn message(name: &str) -> &'static str {
    match name {
        "unfinished_policy" => {
            "What happens when the run closes while the handler runs. Default: warn_and_abandon."
        }
        "description" => "One line for people.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_explained() {
        use OptionScope::{
            ActivityCall, Endpoint, Message, NexusCall, Priority, Query, RetryPolicy, Worker, WorkflowCall,
        };
        let scopes =
            [ActivityCall, WorkflowCall, NexusCall, Message, Query, Worker, Endpoint, RetryPolicy, Priority];
        for scope in scopes {
            for option in scope.keys() {
                assert!(!key(scope, option.name).is_empty(), "{scope:?} {}", option.name);
            }
        }
    }
}
