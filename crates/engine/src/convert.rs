//! The language's plain types and the engine's stored types, one into the other.

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::Namespace;
use nexus_kernel::retry::RetryPolicy;
use nexus_lang::twf::machine;

use crate::record::{
    IdConflictPolicy, IdReusePolicy, OperationTarget, ParentClosePolicy, Priority, RunOptions, StartOptions,
};

/// A failure as programs see it.
pub(crate) fn to_program(failure: &Failure) -> machine::Failure {
    machine::Failure {
        kind: failure.kind.as_str().to_owned(),
        type_name: failure.type_name.clone(),
        message: failure.message.clone(),
        details: failure.details.clone(),
        non_retryable: failure.non_retryable,
        at: failure.at.clone(),
        host: failure.info.as_ref().and_then(|info| serde_json::to_value(info).ok()).map(Box::new),
        cause: failure.cause.as_deref().map(|cause| Box::new(to_program(cause))),
        suppressed: failure.others().iter().map(to_program).collect(),
    }
}

/// A failure as histories hold it.
pub(crate) fn from_program(failure: &machine::Failure) -> Failure {
    Failure {
        kind: FailureKind::from_wire(&failure.kind),
        type_name: failure.type_name.clone(),
        message: failure.message.clone(),
        details: failure.details.clone(),
        non_retryable: failure.non_retryable,
        benign: false,
        info: failure.host.as_ref().and_then(|host| serde_json::from_value((**host).clone()).ok()),
        at: failure.at.clone(),
        cause: failure.cause.as_deref().map(|cause| Box::new(from_program(cause))),
        suppressed: None,
    }
    .beside(failure.suppressed.iter().map(from_program).collect())
}

/// A retry policy with Temporal's defaults for what was left out.
pub(crate) fn retry_policy(given: &machine::RetryPolicy) -> RetryPolicy {
    let defaults = RetryPolicy::default();
    // Zero is what a field holds that nobody filled in.
    let filled = |ms: Option<i64>| ms.map(positive).filter(|ms| *ms > 0);
    let initial_interval_ms = filled(given.initial_interval_ms).unwrap_or(defaults.initial_interval_ms);
    let hundredfold = || initial_interval_ms.saturating_mul(100);
    RetryPolicy {
        initial_interval_ms,
        backoff_coefficient: given
            .backoff_coefficient
            .filter(|it| *it != 0.0)
            .unwrap_or(defaults.backoff_coefficient),
        maximum_interval_ms: filled(given.maximum_interval_ms).unwrap_or_else(hundredfold),
        maximum_attempts: given.maximum_attempts.unwrap_or(defaults.maximum_attempts),
        non_retryable_error_types: given.non_retryable_error_types.clone(),
    }
}

/// Options of a child as its start takes them.
pub(crate) fn child_options(given: &machine::ChildOptions) -> StartOptions {
    let facts = |given: &Option<Json>| given.as_ref().and_then(Json::as_object).cloned().unwrap_or_default();
    StartOptions {
        run: RunOptions {
            execution_timeout_ms: given.execution_timeout_ms.map(positive),
            run_timeout_ms: given.run_timeout_ms.map(positive),
            task_timeout_ms: given.task_timeout_ms.map(positive),
            retry: given.retry.as_ref().map(retry_policy),
            priority: given.priority.as_ref().map(priority),
            summary: given.summary.clone(),
            session: None,
            trace: None,
        },
        memo: facts(&given.memo),
        search_attributes: facts(&given.search_attributes),
        task_queue: given.task_queue.clone(),
        reuse: given.workflow_id_reuse_policy.as_deref().map(IdReusePolicy::of_word).unwrap_or_default(),
        conflict: given
            .workflow_id_conflict_policy
            .as_deref()
            .map(IdConflictPolicy::of_word)
            .unwrap_or_default(),
        ..StartOptions::default()
    }
}

/// Options of a Nexus call as the start of its backing run takes them.
pub(crate) fn nexus_options(given: &machine::NexusOptions) -> StartOptions {
    let (priority, summary) = (given.priority.as_ref().map(priority), given.summary.clone());
    StartOptions { run: RunOptions { priority, summary, ..RunOptions::default() }, ..StartOptions::default() }
}

/// A priority as starts hold it.
pub(crate) fn priority(given: &machine::Priority) -> Priority {
    Priority {
        priority_key: given.priority_key,
        fairness_key: given.fairness_key.clone(),
        fairness_weight: given.fairness_weight,
    }
}

/// Milliseconds of a program; a negative duration is none.
pub(crate) fn positive(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

/// A Nexus target as histories hold it.
pub(crate) fn operation_target(target: &machine::NexusTarget) -> OperationTarget {
    match target {
        machine::NexusTarget::Operation { endpoint, service, operation } => OperationTarget::Endpoint {
            endpoint: endpoint.clone(),
            service: service.clone(),
            operation: operation.clone(),
        },
        machine::NexusTarget::Workflow { namespace, workflow } => OperationTarget::Workflow {
            target_namespace: Namespace::new(namespace).unwrap_or_default(),
            workflow: workflow.clone(),
        },
    }
}

/// A child's policy, as the program always fills it in.
pub(crate) fn close_policy(given: &str) -> ParentClosePolicy {
    match given {
        "ABANDON" => ParentClosePolicy::Abandon,
        "REQUEST_CANCEL" => ParentClosePolicy::RequestCancel,
        _ => ParentClosePolicy::Terminate,
    }
}
