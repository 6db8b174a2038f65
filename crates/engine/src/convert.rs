//! The language's plain types and the engine's stored types, one into the other.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::Namespace;
use nexus_kernel::retry::RetryPolicy;
use nexus_lang::twf::machine;

use crate::record::{OperationTarget, ParentClosePolicy};

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
        suppressed: Vec::new(),
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
    }
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
